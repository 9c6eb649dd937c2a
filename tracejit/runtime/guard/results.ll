; What a call gives: trees, arrays on memory that is used again, numbers.

define private i64 @made_tuple(i64 %elements, i64 %count) {
start:
  %tuple = call i64 @PyTuple_New(i64 %count)
  %failed = icmp eq i64 %tuple, 0
  br i1 %failed, label %done, label %fill
fill:
  %to = add i64 %tuple, 24
  call void @take_all(i64 %to, i64 %elements, i64 %count)
  br label %done
done:
  ret i64 %tuple
}

define private i64 @made_list(i64 %elements, i64 %count) {
start:
  %list = call i64 @PyList_New(i64 %count)
  %failed = icmp eq i64 %list, 0
  br i1 %failed, label %done, label %fill
fill:
  %to = call i64 @word(i64 %list, i64 24)
  call void @take_all(i64 %to, i64 %elements, i64 %count)
  br label %done
done:
  ret i64 %list
}

define private i64 @made_dict(i64 %keys, i64 %elements, i64 %count) {
start:
  %dict = call i64 @PyDict_New()
  %failed = icmp eq i64 %dict, 0
  br i1 %failed, label %none, label %loop
loop:
  %i = phi i64 [0, %start], [%next, %fill]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %fill, label %done
fill:
  %key_elements = add i64 %keys, 24
  %key = call i64 @at(i64 %key_elements, i64 %i)
  %value = call i64 @at(i64 %elements, i64 %i)
  %refused = call i32 @PyDict_SetItem(i64 %dict, i64 %key, i64 %value)
  %next = add i64 %i, 1
  %is_set = icmp eq i32 %refused, 0
  br i1 %is_set, label %loop, label %give_up
give_up:
  call void @drop(i64 %dict)
  ret i64 0
done:
  ret i64 %dict
none:
  ret i64 0
}

; The first object of a list to which nobody else refers, owned; 0 where there is none. Of arrays, one that is unchanged.
define private i64 @spare(i64 %list, i64 %record, i1 %is_array) alwaysinline {
start:
  %count = call i64 @word(i64 %list, i64 16)
  %elements = call i64 @word(i64 %list, i64 24)
  br label %loop
loop:
  %i = phi i64 [0, %start], [%next, %look], [%next, %array]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %look, label %none
look:
  %spare = call i64 @at(i64 %elements, i64 %i)
  %pointer = inttoptr i64 %spare to ptr
  %references = load i32, ptr %pointer
  %next = add i64 %i, 1
  %alone = icmp eq i32 %references, 1           ; only the list refers to it
  br i1 %alone, label %which, label %loop
which:
  br i1 %is_array, label %array, label %take
array:
  %unchanged = call i1 @is_unchanged(i64 %spare, i64 %record)
  br i1 %unchanged, label %take, label %loop
take:
  store i32 2, ptr %pointer
  ret i64 %spare
none:
  ret i64 0
}

; Whether an array that was a result is as new ones are.
define private i1 @is_unchanged(i64 %array, i64 %record) alwaysinline {
start:
  %dtype = call i64 @at(i64 %record, i64 1)
  %descr = call i64 @word(i64 %array, i64 56)
  %same_dtype = icmp eq i64 %descr, %dtype
  %flags_word = call i64 @word(i64 %array, i64 64)
  %flags = and i64 %flags_word, 4294967293      ; but for contiguous in Fortran's order, which some shapes are
  %fresh = icmp eq i64 %flags, 1285             ; pool.FRESH
  %watchers = call i64 @word(i64 %array, i64 72)
  %unwatched = icmp eq i64 %watchers, 0
  %rank = call i64 @at(i64 %record, i64 2)
  %rank_word = call i64 @word(i64 %array, i64 24)
  %found_rank = and i64 %rank_word, 4294967295
  %same_rank = icmp eq i64 %found_rank, %rank
  %a = and i1 %same_dtype, %fresh
  %b = and i1 %unwatched, %same_rank
  %both = and i1 %a, %b
  br i1 %both, label %shape, label %no
shape:
  %dims = call i64 @word(i64 %array, i64 32)
  %expected = call i64 @at(i64 %record, i64 3)
  %same_shape = call i1 @equal_words(i64 %dims, i64 %expected, i64 %rank)
  ret i1 %same_shape
no:
  ret i1 false
}

; Keep an object, which may be 0, in a list of spares, if need be in place of one of the four that are there.
define private void @keep(i64 %list, i64 %record, i64 %object) {
start:
  %nothing = icmp eq i64 %object, 0
  br i1 %nothing, label %done, label %room
room:
  %count = call i64 @word(i64 %list, i64 16)
  %full = icmp sge i64 %count, 4                ; pool.MOST_SPARES
  br i1 %full, label %replace, label %append
append:
  %refused = call i32 @PyList_Append(i64 %list, i64 %object)
  %failed = icmp ne i32 %refused, 0
  br i1 %failed, label %forget, label %done
forget:                                         ; a spare less
  call void @PyErr_Clear()
  ret void
replace:
  %elements = call i64 @word(i64 %list, i64 24)
  %turn = call i64 @at(i64 %record, i64 7)
  %place = and i64 %turn, 3
  %next = add i64 %turn, 1
  call void @set(i64 %record, i64 7, i64 %next)
  %before = call i64 @at(i64 %elements, i64 %place)
  call void @own(i64 %object)
  call void @set(i64 %elements, i64 %place, i64 %object)
  call void @drop(i64 %before)
  ret void
done:
  ret void
}

; An array as an output record says: one that was a result, or a new one.
define private i64 @made_array(i64 %record) alwaysinline {
start:
  %list = call i64 @at(i64 %record, i64 4)
  %spare = call i64 @spare(i64 %list, i64 %record, i1 true)
  %none = icmp eq i64 %spare, 0
  br i1 %none, label %fresh, label %done
fresh:
  %new = call i64 @new_array(i64 %record)
  call void @keep(i64 %list, i64 %record, i64 %new)
  br label %done
done:
  %array = phi i64 [%spare, %start], [%new, %fresh]
  ret i64 %array
}

define private i64 @new_array(i64 %record) {
  %dtype = call i64 @at(i64 %record, i64 1)
  %rank = call i64 @at(i64 %record, i64 2)
  %dims = call i64 @at(i64 %record, i64 3)
  %rank32 = trunc i64 %rank to i32
  %ndarray = call i64 @fact(i64 0)
  %new = call i64 @fact(i64 10)
  %function = inttoptr i64 %new to ptr
  call void @own(i64 %dtype)
  %array = call i64 %function(i64 %ndarray, i64 %dtype, i32 %rank32, i64 %dims, i64 0, i64 0, i32 0, i64 0)
  ret i64 %array
}

; A scalar of NumPy for the program to write to: one that was a result and that nobody refers to any more, or a new one.
define private i64 @made_number(i64 %record) alwaysinline {
start:
  %list = call i64 @at(i64 %record, i64 6)
  %spare = call i64 @spare(i64 %list, i64 %record, i1 false)
  %none = icmp eq i64 %spare, 0
  br i1 %none, label %fresh, label %done
fresh:
  %new = call i64 @made_scalar(i64 %record, i64 1)
  call void @keep(i64 %list, i64 %record, i64 %new)
  br label %done
done:
  %number = phi i64 [%spare, %start], [%new, %fresh]
  ret i64 %number
}

; The object for an output before the program runs: 0 of one that is made when it has run, -1 with an exception.
define private i64 @made_output(i64 %record, i64 %kind) alwaysinline {
start:
  %numbers = call i64 @at(i64 %record, i64 6)
  %is_array = icmp eq i64 %kind, 0
  br i1 %is_array, label %array, label %number
array:
  %new = call i64 @made_array(i64 %record)
  br label %made
number:
  %is_scalar = icmp eq i64 %kind, 1
  %kept = icmp ne i64 %numbers, 0
  %now = and i1 %is_scalar, %kept
  br i1 %now, label %scalar, label %later
scalar:
  %scalar_made = call i64 @made_number(i64 %record)
  br label %made
later:
  ret i64 0
made:
  %object = phi i64 [%new, %array], [%scalar_made, %scalar]
  %failed = icmp eq i64 %object, 0
  %out = select i1 %failed, i64 -1, i64 %object
  ret i64 %out
}

; The scalar that an output record says, after the program has run: of NumPy for kind 1, an int for kind 2.
define private i64 @made_scalar(i64 %record, i64 %kind) {
start:
  %dtype = call i64 @at(i64 %record, i64 1)
  %address = call i64 @at(i64 %record, i64 5)
  %is_int = icmp eq i64 %kind, 2
  br i1 %is_int, label %int, label %scalar
int:
  %value = call i64 @word(i64 %address, i64 0)
  %integer = call i64 @PyLong_FromLongLong(i64 %value)
  ret i64 %integer
scalar:
  %make = call i64 @fact(i64 11)
  %function = inttoptr i64 %make to ptr
  %number = call i64 %function(i64 %address, i64 %dtype, i64 0)
  ret i64 %number
}
