; What a step asks of an object.

define private i1 @is_array(i64 %object, i64 %dtype, i64 %rank, i64 %flags) alwaysinline {
start:
  %type = call i64 @word(i64 %object, i64 8)
  %ndarray = call i64 @fact(i64 0)
  %is_array = icmp eq i64 %type, %ndarray
  br i1 %is_array, label %header, label %no
header:
  %descr = call i64 @word(i64 %object, i64 56)
  %same = icmp eq i64 %descr, %dtype
  br i1 %same, label %layout, label %equal
equal:                                            ; an unpickled array has a dtype object of its own
  %kind = call i64 @word(i64 %descr, i64 24)
  %expected_kind = call i64 @word(i64 %dtype, i64 24)
  %alike = icmp eq i64 %kind, %expected_kind
  br i1 %alike, label %layout, label %no
layout:
  %rank_word = call i64 @word(i64 %object, i64 24)
  %found_rank = and i64 %rank_word, 4294967295
  %flag_word = call i64 @word(i64 %object, i64 64)
  %found_flags = and i64 %flag_word, %flags
  %rank_fits = icmp eq i64 %found_rank, %rank
  %flags_fit = icmp eq i64 %found_flags, %flags
  %fits = and i1 %rank_fits, %flags_fit
  ret i1 %fits
no:
  ret i1 false
}

; Whether two contiguous arrays have no byte in common.
define private i1 @apart(i64 %a, i64 %b, i64 %a_item, i64 %b_item) {
  %a_begin = call i64 @word(i64 %a, i64 16)
  %b_begin = call i64 @word(i64 %b, i64 16)
  %a_bytes = call i64 @bytes(i64 %a, i64 %a_item)
  %b_bytes = call i64 @bytes(i64 %b, i64 %b_item)
  %a_end = add i64 %a_begin, %a_bytes
  %b_end = add i64 %b_begin, %b_bytes
  %before = icmp ule i64 %a_end, %b_begin
  %after = icmp ule i64 %b_end, %a_begin
  %a_empty = icmp eq i64 %a_bytes, 0
  %b_empty = icmp eq i64 %b_bytes, 0
  %disjoint = or i1 %before, %after
  %empty = or i1 %a_empty, %b_empty
  %apart = or i1 %disjoint, %empty
  ret i1 %apart
}

define private i64 @bytes(i64 %array, i64 %item) {
start:
  %rank_word = call i64 @word(i64 %array, i64 24)
  %rank = and i64 %rank_word, 4294967295
  %dims = call i64 @word(i64 %array, i64 32)
  br label %loop
loop:
  %axis = phi i64 [0, %start], [%next, %multiply]
  %bytes = phi i64 [%item, %start], [%more_bytes, %multiply]
  %more = icmp slt i64 %axis, %rank
  br i1 %more, label %multiply, label %done
multiply:
  %size = call i64 @at(i64 %dims, i64 %axis)
  %more_bytes = mul i64 %bytes, %size
  %next = add i64 %axis, 1
  br label %loop
done:
  ret i64 %bytes
}

; Whether two objects are one, or equal as two str or two int are: 1 or 0; -1 with an exception; 2 for all other objects.
define private i32 @compared(i64 %a, i64 %b) {
start:
  %same = icmp eq i64 %a, %b
  br i1 %same, label %yes, label %types
types:
  %type = call i64 @word(i64 %a, i64 8)
  %other_type = call i64 @word(i64 %b, i64 8)
  %str = call i64 @fact(i64 8)
  %int = call i64 @fact(i64 2)
  %same_type = icmp eq i64 %type, %other_type
  %is_str = icmp eq i64 %type, %str
  %is_int = icmp eq i64 %type, %int
  %plain = or i1 %is_str, %is_int
  %comparable = and i1 %same_type, %plain
  br i1 %comparable, label %compare, label %unknown
compare:
  %equal = call i32 @PyObject_RichCompareBool(i64 %a, i64 %b, i32 2)
  ret i32 %equal
yes:
  ret i32 1
unknown:
  ret i32 2
}

; Whether a key is the expected one: the same object, or an equal str or int; -1 with an exception.
define private i32 @same_key(i64 %key, i64 %expected) {
  %compared = call i32 @compared(i64 %key, i64 %expected)
  %unknown = icmp eq i32 %compared, 2
  %answer = select i1 %unknown, i32 0, i32 %compared
  ret i32 %answer
}

; Whether the names of a call's keywords, a tuple or 0, are the expected ones.
define private i32 @same_names(i64 %names, i64 %expected) alwaysinline {
start:
  %same = icmp eq i64 %names, %expected
  br i1 %same, label %yes, label %lengths
lengths:
  %count = call i64 @length(i64 %names)
  %expected_count = call i64 @length(i64 %expected)
  %fits = icmp eq i64 %count, %expected_count
  br i1 %fits, label %loop, label %no
loop:
  %i = phi i64 [0, %lengths], [%next, %compare]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %compare, label %yes
compare:
  %elements = add i64 %names, 24
  %expected_elements = add i64 %expected, 24
  %name = call i64 @at(i64 %elements, i64 %i)
  %expected_name = call i64 @at(i64 %expected_elements, i64 %i)
  %equal = call i32 @same_key(i64 %name, i64 %expected_name)
  %next = add i64 %i, 1
  %is_equal = icmp eq i32 %equal, 1
  br i1 %is_equal, label %loop, label %other
other:
  ret i32 %equal
yes:
  ret i32 1
no:
  ret i32 0
}

; Length of a tuple, or 0 of none.
define private i64 @length(i64 %tuple) alwaysinline {
start:
  %none = icmp eq i64 %tuple, 0
  br i1 %none, label %empty, label %count
empty:
  ret i64 0
count:
  %length = call i64 @word(i64 %tuple, i64 16)
  ret i64 %length
}

; The truth of function(value, expected); -1 with an exception.
define private i32 @holds(i64 %function, i64 %value, i64 %expected) {
start:
  %pair = alloca [2 x i64]
  %arguments = ptrtoint ptr %pair to i64
  call void @set(i64 %arguments, i64 0, i64 %value)
  call void @set(i64 %arguments, i64 1, i64 %expected)
  %answer = call i64 @PyObject_Vectorcall(i64 %function, i64 %arguments, i64 2, i64 0)
  %raised = icmp eq i64 %answer, 0
  br i1 %raised, label %failed, label %truth
truth:
  %true = call i32 @PyObject_IsTrue(i64 %answer)
  call void @drop(i64 %answer)
  ret i32 %true
failed:
  ret i32 -1
}

; Whether a context variable holds None; -1 with an exception.
define private i32 @holds_none(i64 %variable) {
start:
  %value_at = alloca i64
  %failed = call i32 @PyContextVar_Get(i64 %variable, i64 0, ptr %value_at)
  %raised = icmp ne i32 %failed, 0
  br i1 %raised, label %exception, label %compare
compare:
  %value = load i64, ptr %value_at
  call void @drop(i64 %value)
  %none = call i64 @fact(i64 5)
  %is_none = icmp eq i64 %value, %none
  %answer = zext i1 %is_none to i32
  ret i32 %answer
exception:
  ret i32 -1
}

; An int as an i64 within limits: a pair of 1 and the value, or of 0 and anything.
define private {i1, i64} @integer(i64 %object, i64 %low, i64 %high) {
start:
  %overflow = alloca i32
  %type = call i64 @word(i64 %object, i64 8)
  %int = call i64 @fact(i64 2)
  %is_int = icmp eq i64 %type, %int
  br i1 %is_int, label %read, label %no
read:
  %value = call i64 @PyLong_AsLongLongAndOverflow(i64 %object, ptr %overflow)
  %beyond = load i32, ptr %overflow
  %held = icmp eq i32 %beyond, 0
  %least = icmp sge i64 %value, %low
  %most = icmp sle i64 %value, %high
  %between = and i1 %least, %most
  %fits = and i1 %held, %between
  %with_fit = insertvalue {i1, i64} poison, i1 %fits, 0
  %pair = insertvalue {i1, i64} %with_fit, i64 %value, 1
  ret {i1, i64} %pair
no:
  ret {i1, i64} zeroinitializer
}
