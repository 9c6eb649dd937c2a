; What a dict holds.

; The entries of a dict whose keys are all str; 0 of any other.
define private i64 @entries(i64 %dict) alwaysinline {
start:
  %keys = call i64 @word(i64 %dict, i64 32)
  %elsewhere = call i64 @word(i64 %dict, i64 40)
  %kind = call i8 @byte(i64 %keys, i64 10)
  %is_str = icmp eq i8 %kind, 1
  %is_here = icmp eq i64 %elsewhere, 0
  %is_plain = and i1 %is_str, %is_here
  %log2_bytes = call i8 @byte(i64 %keys, i64 9)
  %log2 = zext i8 %log2_bytes to i64
  %bytes = shl i64 1, %log2
  %indices = add i64 %keys, 32
  %entries = add i64 %indices, %bytes
  %out = select i1 %is_plain, i64 %entries, i64 0
  ret i64 %out
}

; How many entries the keys of a dict use, those of deleted elements included.
define private i64 @used(i64 %dict) alwaysinline {
  %keys = call i64 @word(i64 %dict, i64 32)
  %used = call i64 @word(i64 %keys, i64 24)
  ret i64 %used
}

; The values of a dict whose keys are as expected and in that order, into registers.
define private i32 @dict_values(i64 %dict, i64 %keys, i64 %to) {
start:
  %type = call i64 @word(i64 %dict, i64 8)
  %dict_type = call i64 @fact(i64 7)
  %is_dict = icmp eq i64 %type, %dict_type
  br i1 %is_dict, label %lengths, label %no
lengths:
  %count = call i64 @word(i64 %dict, i64 16)
  %expected_count = call i64 @word(i64 %keys, i64 16)
  %fits = icmp eq i64 %count, %expected_count
  br i1 %fits, label %open, label %no
open:
  %elements = add i64 %keys, 24
  %entries = call i64 @entries(i64 %dict)
  %is_plain = icmp ne i64 %entries, 0
  br i1 %is_plain, label %names, label %slow
names:                                                   ; mostly the very objects that the route names; 0 of deleted elements
  %i = phi i64 [0, %open], [%next, %name]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %name, label %take_all
name:
  %offset = shl i64 %i, 4
  %key = call i64 @word(i64 %entries, i64 %offset)
  %expected = call i64 @at(i64 %elements, i64 %i)
  %next = add i64 %i, 1
  %is_same = icmp eq i64 %key, %expected
  br i1 %is_same, label %names, label %slow
take_all:
  %k = phi i64 [0, %names], [%next_k, %take]
  %another = icmp slt i64 %k, %count
  br i1 %another, label %take, label %yes
take:
  %entry_offset = shl i64 %k, 4
  %entry = add i64 %entries, %entry_offset
  %value = call i64 @word(i64 %entry, i64 8)
  call void @own(i64 %value)
  call void @set(i64 %to, i64 %k, i64 %value)
  %next_k = add i64 %k, 1
  br label %take_all
slow:
  %answer = call i32 @compared_values(i64 %dict, i64 %elements, i64 %to)
  ret i32 %answer
yes:
  ret i32 1
no:
  ret i32 0
}

; The same for keys of any kind, one by one.
define private i32 @compared_values(i64 %dict, i64 %elements, i64 %to) {
start:
  %position = alloca i64
  %key_at = alloca i64
  %value_at = alloca i64
  store i64 0, ptr %position
  br label %loop
loop:
  %i = phi i64 [0, %start], [%next, %take]
  %more = call i32 @PyDict_Next(i64 %dict, ptr %position, ptr %key_at, ptr %value_at)
  %is_more = icmp ne i32 %more, 0
  br i1 %is_more, label %compare, label %yes
compare:
  %key = load i64, ptr %key_at
  %expected = call i64 @at(i64 %elements, i64 %i)
  %equal = call i32 @same_key(i64 %key, i64 %expected)
  %is_equal = icmp eq i32 %equal, 1
  br i1 %is_equal, label %take, label %other
take:
  %value = load i64, ptr %value_at
  call void @own(i64 %value)
  call void @set(i64 %to, i64 %i, i64 %value)
  %next = add i64 %i, 1
  br label %loop
other:
  ret i32 %equal
yes:
  ret i32 1
}

; The element of a dict, borrowed, or 0. The number at an address is that of the entry where the name was found last.
define private i64 @element(i64 %dict, i64 %name, i64 %memo) alwaysinline {
start:
  %entries = call i64 @entries(i64 %dict)
  %used = call i64 @used(i64 %dict)
  %guess = call i64 @word(i64 %memo, i64 0)
  %is_plain = icmp ne i64 %entries, 0
  %is_entry = icmp ult i64 %guess, %used
  %known = and i1 %is_plain, %is_entry
  br i1 %known, label %look, label %search
look:
  %offset = shl i64 %guess, 4
  %entry = add i64 %entries, %offset
  %key = call i64 @word(i64 %entry, i64 0)
  %is_it = icmp eq i64 %key, %name
  br i1 %is_it, label %found, label %search
found:
  %value = call i64 @word(i64 %entry, i64 8)
  ret i64 %value
search:
  %searched = call i64 @searched(i64 %dict, i64 %name, i64 %memo)
  ret i64 %searched
}

define private i64 @searched(i64 %dict, i64 %name, i64 %memo) {
start:
  %value = call i64 @PyDict_GetItemWithError(i64 %dict, i64 %name)
  %guess = call i64 @word(i64 %memo, i64 0)
  %entries = call i64 @entries(i64 %dict)
  %used = call i64 @used(i64 %dict)
  %is_plain = icmp ne i64 %entries, 0
  %is_found = icmp ne i64 %value, 0
  %is_hopeful = icmp ne i64 %guess, -1                   ; a key that is no such object is not sought again
  %both = and i1 %is_plain, %is_found
  %all = and i1 %both, %is_hopeful
  br i1 %all, label %loop, label %done
loop:
  %i = phi i64 [0, %start], [%next, %look]
  %more = icmp slt i64 %i, %used
  br i1 %more, label %look, label %remember
look:
  %offset = shl i64 %i, 4
  %key = call i64 @word(i64 %entries, i64 %offset)
  %next = add i64 %i, 1
  %is_it = icmp eq i64 %key, %name
  br i1 %is_it, label %remember, label %loop
remember:
  %place = phi i64 [-1, %loop], [%i, %look]
  call void @put(i64 %memo, i64 0, i64 %place)
  br label %done
done:
  ret i64 %value
}
