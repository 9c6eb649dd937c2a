; The guard as machine code: what enter.py defines, on routes and bindings in the words that builtin.py makes of them.
;
; Every object and address is an i64. Objects are read at the places that 64-bit CPython and NumPy give them, which layout.py
; checks; i32 are marked:
;   object: references 0 (i32), type 8        number of variable size, tuple, list, dict: count 16
;   tuple: elements 24                        list: address of elements 24
;   float: value 16                           cell: content 16
;   weak reference: object 16                 first slot: 16
;   array: data 16, rank 24 (i32), dimensions 32, descr 56, flags 64 (i32)
;   descr: kind, type, byte order 24, number 28 (i32)
; A register owns what it holds, but for those of the arguments. Results: 0 is an exception, 1 a miss, all else an object.
; What most calls run through says alwaysinline, so that no optimizer is needed.

; Filled by builtin.py, in this order: the types ndarray, float, int; True, False, None; list, dict, str, Exception; the functions
; PyArray_NewFromDescr, PyArray_Scalar, PyArray_SetBaseObject; the address of TURN.running, TURN; names of methods.
@facts = global [20 x i64] zeroinitializer

declare void @_Py_Dealloc(i64)
declare i64 @PyObject_Vectorcall(i64, i64, i64, i64)
declare i64 @PyObject_VectorcallMethod(i64, i64, i64, i64)
declare i32 @PyObject_IsTrue(i64)
declare i32 @PyObject_RichCompareBool(i64, i64, i32)
declare i64 @PyObject_GetAttr(i64, i64)
declare i64 @PyObject_GetItem(i64, i64)
declare i64 @PyDict_GetItemWithError(i64, i64)
declare i32 @PyDict_Next(i64, ptr, ptr, ptr)
declare i64 @PyDict_New()
declare i32 @PyDict_SetItem(i64, i64, i64)
declare i64 @PyTuple_New(i64)
declare i64 @PyList_New(i64)
declare i32 @PyList_Append(i64, i64)
declare i64 @PyLong_AsLongLongAndOverflow(i64, ptr)
declare i64 @PyLong_FromLongLong(i64)
declare i32 @PyContextVar_Get(i64, i64, ptr)
declare i64 @PyErr_Occurred()
declare i32 @PyErr_ExceptionMatches(i64)
declare void @PyErr_Clear()
declare i64 @PyEval_SaveThread()
declare void @PyEval_RestoreThread(i64)

; ---------------------------------------------------------------------------------------------------------------- memory

define private i64 @word(i64 %address, i64 %offset) alwaysinline {
  %at = add i64 %address, %offset
  %pointer = inttoptr i64 %at to ptr
  %value = load i64, ptr %pointer
  ret i64 %value
}

define private void @put(i64 %address, i64 %offset, i64 %value) alwaysinline {
  %at = add i64 %address, %offset
  %pointer = inttoptr i64 %at to ptr
  store i64 %value, ptr %pointer
  ret void
}

define private i64 @at(i64 %words, i64 %i) alwaysinline {
  %offset = shl i64 %i, 3
  %value = call i64 @word(i64 %words, i64 %offset)
  ret i64 %value
}

define private void @set(i64 %words, i64 %i, i64 %value) alwaysinline {
  %offset = shl i64 %i, 3
  call void @put(i64 %words, i64 %offset, i64 %value)
  ret void
}

define private i64 @fact(i64 %i) alwaysinline {
  %place = getelementptr i64, ptr @facts, i64 %i
  %value = load i64, ptr %place
  ret i64 %value
}

; The words of a Block: the data of the array in its first slot.
define private i64 @words_of(i64 %block) alwaysinline {
  %array = call i64 @word(i64 %block, i64 16)
  %words = call i64 @word(i64 %array, i64 16)
  ret i64 %words
}

define private void @copy_words(i64 %to, i64 %from, i64 %count) alwaysinline {
start:
  br label %loop
loop:
  %i = phi i64 [0, %start], [%next, %copy]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %copy, label %done
copy:
  %value = call i64 @at(i64 %from, i64 %i)
  call void @set(i64 %to, i64 %i, i64 %value)
  %next = add i64 %i, 1
  br label %loop
done:
  ret void
}

define private i1 @equal_words(i64 %a, i64 %b, i64 %count) alwaysinline {
start:
  br label %loop
loop:
  %i = phi i64 [0, %start], [%next, %compare]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %compare, label %done
compare:
  %x = call i64 @at(i64 %a, i64 %i)
  %y = call i64 @at(i64 %b, i64 %i)
  %next = add i64 %i, 1
  %equal = icmp eq i64 %x, %y
  br i1 %equal, label %loop, label %done
done:
  %all = phi i1 [true, %loop], [false, %compare]
  ret i1 %all
}

; Give registers a number of objects that lie one after the other.
define private void @take_all(i64 %to, i64 %from, i64 %count) {
start:
  br label %loop
loop:
  %i = phi i64 [0, %start], [%next, %take]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %take, label %done
take:
  %object = call i64 @at(i64 %from, i64 %i)
  call void @own(i64 %object)
  call void @set(i64 %to, i64 %i, i64 %object)
  %next = add i64 %i, 1
  br label %loop
done:
  ret void
}

; The registers that a list of numbers names, one after the other.
define private void @gather(i64 %to, i64 %registers, i64 %list, i64 %count) {
start:
  br label %loop
loop:
  %i = phi i64 [0, %start], [%next, %take]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %take, label %done
take:
  %register = call i64 @at(i64 %list, i64 %i)
  %object = call i64 @at(i64 %registers, i64 %register)
  call void @set(i64 %to, i64 %i, i64 %object)
  %next = add i64 %i, 1
  br label %loop
done:
  ret void
}

; One reference more to an object, if it is one. Its count is an i32; those below 0 are of objects that live for ever.
define private void @own(i64 %object) alwaysinline {
start:
  %nothing = icmp eq i64 %object, 0
  br i1 %nothing, label %done, label %look
look:
  %pointer = inttoptr i64 %object to ptr
  %count = load i32, ptr %pointer
  %lives_on = icmp slt i32 %count, 0
  br i1 %lives_on, label %done, label %add
add:
  %more = add i32 %count, 1
  store i32 %more, ptr %pointer
  br label %done
done:
  ret void
}

; One less.
define private void @drop(i64 %object) alwaysinline {
start:
  %nothing = icmp eq i64 %object, 0
  br i1 %nothing, label %done, label %look
look:
  %pointer = inttoptr i64 %object to ptr
  %count = load i32, ptr %pointer
  %lives_on = icmp slt i32 %count, 0
  br i1 %lives_on, label %done, label %subtract
subtract:
  %less = sub i32 %count, 1
  store i32 %less, ptr %pointer
  %was_last = icmp eq i32 %less, 0
  br i1 %was_last, label %free, label %done
free:
  call void @_Py_Dealloc(i64 %object)
  br label %done
done:
  ret void
}

; ---------------------------------------------------------------------------------------------------------------- checks

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

; The values of a dict whose keys are as expected and in that order, into registers.
define private i32 @dict_values(i64 %dict, i64 %keys, i64 %to) {
start:
  %position = alloca i64
  %key_at = alloca i64
  %value_at = alloca i64
  store i64 0, ptr %position
  %type = call i64 @word(i64 %dict, i64 8)
  %dict_type = call i64 @fact(i64 7)
  %is_dict = icmp eq i64 %type, %dict_type
  br i1 %is_dict, label %lengths, label %no
lengths:
  %count = call i64 @word(i64 %dict, i64 16)
  %expected_count = call i64 @word(i64 %keys, i64 16)
  %fits = icmp eq i64 %count, %expected_count
  br i1 %fits, label %loop, label %no
loop:
  %i = phi i64 [0, %lengths], [%next, %take]
  %more = call i32 @PyDict_Next(i64 %dict, ptr %position, ptr %key_at, ptr %value_at)
  %is_more = icmp ne i32 %more, 0
  br i1 %is_more, label %compare, label %yes
compare:
  %key = load i64, ptr %key_at
  %elements = add i64 %keys, 24
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
no:
  ret i32 0
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

; --------------------------------------------------------------------------------------------------------------- results

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

; A new array as an output record says. It shows memory that is used again, which costs less than an array with memory of its
; own: that of a spare which nobody else refers to. Where there is none, a few small ones are made; a pool sees to large ones.
define private i64 @made_array(i64 %record) alwaysinline {
start:
  %one = alloca i64
  %dtype = call i64 @at(i64 %record, i64 1)
  %rank = call i64 @at(i64 %record, i64 2)
  %dims = call i64 @at(i64 %record, i64 3)
  %pool = call i64 @at(i64 %record, i64 4)
  %list = call i64 @at(i64 %record, i64 5)
  %number = icmp eq i64 %rank, 0
  br i1 %number, label %fresh, label %spares
spares:
  %count = call i64 @word(i64 %list, i64 16)
  %elements = call i64 @word(i64 %list, i64 24)
  br label %loop
loop:
  %i = phi i64 [0, %spares], [%next, %look]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %look, label %none
look:
  %spare = call i64 @at(i64 %elements, i64 %i)
  %references_word = call i64 @word(i64 %spare, i64 0)
  %references = trunc i64 %references_word to i32
  %next = add i64 %i, 1
  %alone = icmp eq i32 %references, 1           ; only the list of spares refers to it
  br i1 %alone, label %reuse, label %loop
reuse:
  call void @own(i64 %spare)
  br label %show
none:
  %small = icmp eq i64 %pool, 0
  br i1 %small, label %few, label %take
few:
  %room = icmp slt i64 %count, 4
  br i1 %room, label %keep, label %fresh
keep:
  %kept = call i64 @new_array(i64 %dtype, i64 %rank, i64 %dims, i64 0, i32 0)
  %no_memory = icmp eq i64 %kept, 0
  br i1 %no_memory, label %failed, label %append
append:
  %refused = call i32 @PyList_Append(i64 %list, i64 %kept)
  %appended = icmp eq i32 %refused, 0
  br i1 %appended, label %show, label %give_up
show:
  %base = phi i64 [%spare, %reuse], [%kept, %append]
  %data = call i64 @word(i64 %base, i64 16)
  %view = call i64 @new_array(i64 %dtype, i64 %rank, i64 %dims, i64 %data, i32 1281)
  %no_view = icmp eq i64 %view, 0
  br i1 %no_view, label %give_up, label %attach
give_up:
  %owned = phi i64 [%kept, %append], [%base, %show]
  call void @drop(i64 %owned)
  br label %failed
attach:                                         ; which takes over the reference to the base, or drops it
  %set_base = call i64 @fact(i64 12)
  %set_base_function = inttoptr i64 %set_base to ptr
  %unattached = call i32 %set_base_function(i64 %view, i64 %base)
  %attached = icmp eq i32 %unattached, 0
  br i1 %attached, label %shown, label %lose
shown:
  ret i64 %view
lose:
  call void @drop(i64 %view)
  br label %failed
failed:
  ret i64 0
fresh:
  %new = call i64 @new_array(i64 %dtype, i64 %rank, i64 %dims, i64 0, i32 0)
  ret i64 %new
take:
  store i64 %pool, ptr %one
  %arguments = ptrtoint ptr %one to i64
  %name = call i64 @fact(i64 19)
  %taken = call i64 @PyObject_VectorcallMethod(i64 %name, i64 %arguments, i64 1, i64 0)
  ret i64 %taken
}

define private i64 @new_array(i64 %dtype, i64 %rank, i64 %dims, i64 %data, i32 %flags) alwaysinline {
  %rank32 = trunc i64 %rank to i32
  %ndarray = call i64 @fact(i64 0)
  %new = call i64 @fact(i64 10)
  %function = inttoptr i64 %new to ptr
  call void @own(i64 %dtype)
  %array = call i64 %function(i64 %ndarray, i64 %dtype, i32 %rank32, i64 %dims, i64 0, i64 %data, i32 %flags, i64 0)
  ret i64 %array
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

; --------------------------------------------------------------------------------------------------------------- the run

define private i64 @call_method(i64 %object, i64 %name) {
  %one = alloca i64
  store i64 %object, ptr %one
  %arguments = ptrtoint ptr %one to i64
  %answer = call i64 @PyObject_VectorcallMethod(i64 %name, i64 %arguments, i64 1, i64 0)
  call void @drop(i64 %answer)
  ret i64 %answer
}

; Take the lock of all programs; 0 with an exception.
define private i64 @acquire() {
  %lock = call i64 @fact(i64 14)
  %name = call i64 @fact(i64 15)
  %done = call i64 @call_method(i64 %lock, i64 %name)
  ret i64 %done
}

define private i64 @release() {
  %lock = call i64 @fact(i64 14)
  %name = call i64 @fact(i64 16)
  %done = call i64 @call_method(i64 %lock, i64 %name)
  ret i64 %done
}

; Call a step on its table: the status that it left, or -3.
define private i64 @step(i64 %binding) alwaysinline {
  %scratch = alloca [2 x i64]
  %step = call i64 @at(i64 %binding, i64 0)
  %table = call i64 @at(i64 %binding, i64 1)
  %function = inttoptr i64 %step to ptr
  %exception = getelementptr i64, ptr %scratch, i64 1
  %failed = call i32 %function(ptr %scratch, ptr %exception, i64 %table)
  %status = call i64 @word(i64 %table, i64 0)
  %raised = icmp ne i32 %failed, 0
  %outcome = select i1 %raised, i64 -3, i64 %status
  ret i64 %outcome
}

; The same in turn, while other threads may run: those of Python, in mode 2, and those that the step itself lets in.
define private i64 @open_step(i64 %binding, i64 %mode) {
start:
  %cell = call i64 @fact(i64 13)
  %before = call i64 @word(i64 %cell, i64 0)
  call void @put(i64 %cell, i64 0, i64 1)
  %release = icmp eq i64 %mode, 2
  br i1 %release, label %without_lock, label %with_lock
without_lock:
  %state = call i64 @PyEval_SaveThread()
  %outcome = call i64 @step(i64 %binding)
  call void @PyEval_RestoreThread(i64 %state)
  br label %done
with_lock:
  %held_outcome = call i64 @step(i64 %binding)
  br label %done
done:
  %status = phi i64 [%outcome, %without_lock], [%held_outcome, %with_lock]
  call void @put(i64 %cell, i64 0, i64 %before)
  call i64 @release()
  ret i64 %status
}

; Fill the table of a binding with the values of arguments and the addresses of results.
define private void @fill(i64 %binding, i64 %values, i64 %results) alwaysinline {
start:
  %table = call i64 @at(i64 %binding, i64 1)
  %threads_at = call i64 @at(i64 %binding, i64 2)
  %threads = call i64 @word(i64 %threads_at, i64 0)
  call void @set(i64 %table, i64 0, i64 0)
  call void @set(i64 %table, i64 1, i64 %threads)
  %value_count = call i64 @at(i64 %binding, i64 6)
  %places = call i64 @at(i64 %binding, i64 7)
  br label %values_left
values_left:
  %i = phi i64 [0, %start], [%next, %value]
  %more = icmp slt i64 %i, %value_count
  br i1 %more, label %value, label %outputs
value:
  %bits = call i64 @at(i64 %values, i64 %i)
  %place = call i64 @at(i64 %places, i64 %i)
  call void @set(i64 %table, i64 %place, i64 %bits)
  %next = add i64 %i, 1
  br label %values_left
outputs:
  %output_count = call i64 @at(i64 %binding, i64 8)
  %records = call i64 @at(i64 %binding, i64 9)
  br label %outputs_left
outputs_left:
  %k = phi i64 [0, %outputs], [%next_output, %store]
  %record = phi i64 [%records, %outputs], [%next_record, %store]
  %another = icmp slt i64 %k, %output_count
  br i1 %another, label %output, label %done
output:
  %word = call i64 @at(i64 %record, i64 0)
  %array = call i64 @at(i64 %results, i64 %k)
  %is_scalar = icmp eq i64 %array, 0            ; made when the program has run
  br i1 %is_scalar, label %scalar, label %data
scalar:
  %own = call i64 @at(i64 %record, i64 5)
  br label %store
data:
  %memory = call i64 @word(i64 %array, i64 16)
  br label %store
store:
  %address = phi i64 [%own, %scalar], [%memory, %data]
  call void @set(i64 %table, i64 %word, i64 %address)
  %next_output = add i64 %k, 1
  %next_record = add i64 %record, 48
  br label %outputs_left
done:
  ret void
}

; Run a program on its binding for these sizes, the results into registers: 1, 0 for a miss, or -1.
define private i64 @run(i64 %program, i64 %kinds, i64 %results, i64 %values, i64 %key, i64 %key_length) alwaysinline {
start:
  %pair = alloca [2 x i64]
  %bindings = call i64 @word(i64 %program, i64 16)
  %count = call i64 @word(i64 %bindings, i64 16)
  br label %search
search:
  %i = phi i64 [0, %start], [%next, %look], [%next, %sizes]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %look, label %miss
look:
  %elements = add i64 %bindings, 24
  %block = call i64 @at(i64 %elements, i64 %i)
  %binding = call i64 @words_of(i64 %block)
  %length = call i64 @at(i64 %binding, i64 4)
  %next = add i64 %i, 1
  %same_length = icmp eq i64 %length, %key_length
  br i1 %same_length, label %sizes, label %search
sizes:
  %expected = call i64 @at(i64 %binding, i64 5)
  %fits = call i1 @equal_words(i64 %key, i64 %expected, i64 %key_length)
  br i1 %fits, label %prepare, label %search
miss:
  ret i64 0

prepare:
  call void @own(i64 %block)
  %output_count = call i64 @at(i64 %binding, i64 8)
  %records = call i64 @at(i64 %binding, i64 9)
  br label %arrays_left
arrays_left:
  %k = phi i64 [0, %prepare], [%next_k, %array], [%next_k, %arrays]
  %record_offset = mul i64 %k, 48
  %record = add i64 %records, %record_offset
  %another = icmp slt i64 %k, %output_count
  br i1 %another, label %arrays, label %enter
arrays:
  %kind = call i64 @at(i64 %kinds, i64 %k)
  %next_k = add i64 %k, 1
  %is_array = icmp eq i64 %kind, 0
  br i1 %is_array, label %array, label %arrays_left
array:
  %new = call i64 @made_array(i64 %record)
  call void @set(i64 %results, i64 %k, i64 %new)
  %no_memory = icmp eq i64 %new, 0
  br i1 %no_memory, label %exception, label %arrays_left

enter:
  %mode = call i64 @at(i64 %binding, i64 3)
  %cell = call i64 @fact(i64 13)
  %running = call i64 @word(i64 %cell, i64 0)
  %open_or_waiting = or i64 %mode, %running
  %alone = icmp eq i64 %open_or_waiting, 0
  br i1 %alone, label %quick, label %slow
quick:
  call void @fill(i64 %binding, i64 %values, i64 %results)
  %quick_status = call i64 @step(i64 %binding)
  br label %ran
slow:
  %acquired = call i64 @acquire()
  %refused = icmp eq i64 %acquired, 0
  br i1 %refused, label %exception, label %slow_step
slow_step:
  call void @fill(i64 %binding, i64 %values, i64 %results)
  %slow_status = call i64 @open_step(i64 %binding, i64 %mode)
  br label %ran
ran:
  %status = phi i64 [%quick_status, %quick], [%slow_status, %slow_step]
  %good = icmp eq i64 %status, 0
  br i1 %good, label %scalars_left, label %bad
bad:
  %arguments = ptrtoint ptr %pair to i64
  %number = call i64 @PyLong_FromLongLong(i64 %status)
  call void @set(i64 %arguments, i64 0, i64 %program)
  call void @set(i64 %arguments, i64 1, i64 %number)
  %name = call i64 @fact(i64 18)
  %nothing = call i64 @PyObject_VectorcallMethod(i64 %name, i64 %arguments, i64 2, i64 0)
  call void @drop(i64 %number)
  call void @drop(i64 %nothing)
  br label %exception

scalars_left:
  %j = phi i64 [0, %ran], [%next_j, %scalar], [%next_j, %scalars]
  %scalar_offset = mul i64 %j, 48
  %scalar_record = add i64 %records, %scalar_offset
  %one_more = icmp slt i64 %j, %output_count
  br i1 %one_more, label %scalars, label %done
scalars:
  %scalar_kind = call i64 @at(i64 %kinds, i64 %j)
  %next_j = add i64 %j, 1
  %made_before = icmp eq i64 %scalar_kind, 0
  br i1 %made_before, label %scalars_left, label %scalar
scalar:
  %made = call i64 @made_scalar(i64 %scalar_record, i64 %scalar_kind)
  call void @set(i64 %results, i64 %j, i64 %made)
  %none_made = icmp eq i64 %made, 0
  br i1 %none_made, label %exception, label %scalars_left
done:
  call void @drop(i64 %block)
  ret i64 1
exception:
  call void @drop(i64 %block)
  ret i64 -1
}

; ------------------------------------------------------------------------------------------------------------- the route

; Follow the steps of a route: 1, 0 for a miss, -1 with an exception.
define private i64 @follow(i64 %route, i64 %r, i64 %spare, i64 %values, i64 %key) alwaysinline {
start:
  %steps = call i64 @at(i64 %route, i64 6)
  %count = call i64 @at(i64 %route, i64 7)
  %steps_bytes = mul i64 %count, 48
  %end = add i64 %steps, %steps_bytes
  br label %loop
loop:
  %step = phi i64 [%steps, %start], [%next_step, %next]
  %sizes = phi i64 [%key, %start], [%next_sizes, %next]
  %ran = phi i1 [false, %start], [%next_ran, %next]
  %more = icmp ult i64 %step, %end
  br i1 %more, label %perform, label %done
perform:
  %op = call i64 @at(i64 %step, i64 0)
  %a = call i64 @at(i64 %step, i64 1)
  %b = call i64 @at(i64 %step, i64 2)
  %c = call i64 @at(i64 %step, i64 3)
  %d = call i64 @at(i64 %step, i64 4)
  %e = call i64 @at(i64 %step, i64 5)
  %next_step = add i64 %step, 48
  switch i64 %op, label %no [
    i64 0, label %array
    i64 1, label %float
    i64 2, label %int
    i64 3, label %bool
    i64 4, label %same
    i64 5, label %equal
    i64 6, label %type
    i64 7, label %live
    i64 8, label %like
    i64 9, label %apart
    i64 10, label %tuple
    i64 11, label %list
    i64 12, label %dict
    i64 13, label %untraced
    i64 14, label %constant
    i64 15, label %global
    i64 16, label %cell
    i64 17, label %slot
    i64 18, label %attribute
    i64 19, label %item
    i64 20, label %call
    i64 21, label %run
    i64 22, label %store
    i64 23, label %make_tuple
    i64 24, label %make_list
    i64 25, label %make_dict
  ]

array:                                                           ; register, value, dtype, rank, flags
  %x = call i64 @at(i64 %r, i64 %a)
  %x_fits = call i1 @is_array(i64 %x, i64 %c, i64 %d, i64 %e)
  br i1 %x_fits, label %array_value, label %no
array_value:
  %data = call i64 @word(i64 %x, i64 16)
  call void @set(i64 %values, i64 %b, i64 %data)
  %dims = call i64 @word(i64 %x, i64 32)
  call void @copy_words(i64 %sizes, i64 %dims, i64 %d)
  %dims_bytes = shl i64 %d, 3
  %after_dims = add i64 %sizes, %dims_bytes
  br label %next

float:                                                           ; register, value
  %number = call i64 @at(i64 %r, i64 %a)
  %number_type = call i64 @word(i64 %number, i64 8)
  %float_type = call i64 @fact(i64 1)
  %is_float = icmp eq i64 %number_type, %float_type
  br i1 %is_float, label %float_value, label %no
float_value:
  %bits = call i64 @word(i64 %number, i64 16)
  br label %value
int:                                                             ; register, value, least, most
  %integer = call i64 @at(i64 %r, i64 %a)
  %answer = call {i1, i64} @integer(i64 %integer, i64 %c, i64 %d)
  %int_fits = extractvalue {i1, i64} %answer, 0
  %int_value = extractvalue {i1, i64} %answer, 1
  br i1 %int_fits, label %value, label %no
bool:                                                            ; register, value
  %truth = call i64 @at(i64 %r, i64 %a)
  %true = call i64 @fact(i64 3)
  %false = call i64 @fact(i64 4)
  %is_true = icmp eq i64 %truth, %true
  %is_false = icmp eq i64 %truth, %false
  %is_bool = or i1 %is_true, %is_false
  %bool_value = zext i1 %is_true to i64
  br i1 %is_bool, label %value, label %no
value:
  %number_bits = phi i64 [%bits, %float_value], [%int_value, %int], [%bool_value, %bool]
  call void @set(i64 %values, i64 %b, i64 %number_bits)
  call void @set(i64 %sizes, i64 0, i64 -1)                      ; tells a number from an array without dimensions
  %after_number = add i64 %sizes, 8
  br label %next

same:                                                            ; register, object
  %object = call i64 @at(i64 %r, i64 %a)
  %is_same = icmp eq i64 %object, %b
  br i1 %is_same, label %next, label %no
equal:                                                           ; register, object, function
  %found = call i64 @at(i64 %r, i64 %a)
  %compared = call i32 @compared(i64 %found, i64 %b)
  %known = icmp ne i32 %compared, 2
  br i1 %known, label %tested, label %ask
ask:
  %holds = call i32 @holds(i64 %c, i64 %found, i64 %b)
  br label %tested
type:                                                            ; register, class
  %typed = call i64 @at(i64 %r, i64 %a)
  %its_type = call i64 @word(i64 %typed, i64 8)
  %type_fits = icmp eq i64 %its_type, %b
  br i1 %type_fits, label %next, label %no
live:                                                            ; register, weak reference
  %referred = call i64 @at(i64 %r, i64 %a)
  %referent = call i64 @word(i64 %b, i64 16)
  %none = call i64 @fact(i64 5)
  %is_referent = icmp eq i64 %referred, %referent
  %is_alive = icmp ne i64 %referent, %none
  %is_live = and i1 %is_referent, %is_alive
  br i1 %is_live, label %next, label %no
like:                                                            ; register, dtype, rank, dimensions
  %held = call i64 @at(i64 %r, i64 %a)
  %header_fits = call i1 @is_array(i64 %held, i64 %b, i64 %c, i64 0)
  br i1 %header_fits, label %like_shape, label %no
like_shape:
  %held_dims = call i64 @word(i64 %held, i64 32)
  %shape_fits = call i1 @equal_words(i64 %held_dims, i64 %d, i64 %c)
  br i1 %shape_fits, label %next, label %no
apart:                                                           ; register, register, bytes of their elements
  %one = call i64 @at(i64 %r, i64 %a)
  %other = call i64 @at(i64 %r, i64 %b)
  %are_apart = call i1 @apart(i64 %one, i64 %other, i64 %c, i64 %d)
  br i1 %are_apart, label %next, label %no

tuple:                                                           ; register, first, count, class
  %t = call i64 @at(i64 %r, i64 %a)
  %t_type = call i64 @word(i64 %t, i64 8)
  %t_is_tuple = icmp eq i64 %t_type, %d
  br i1 %t_is_tuple, label %tuple_length, label %no
tuple_length:
  %t_elements = add i64 %t, 24
  %t_length = call i64 @word(i64 %t, i64 16)
  br label %sequence
list:                                                            ; register, first, count
  %l = call i64 @at(i64 %r, i64 %a)
  %l_type = call i64 @word(i64 %l, i64 8)
  %list_type = call i64 @fact(i64 6)
  %l_is_list = icmp eq i64 %l_type, %list_type
  br i1 %l_is_list, label %list_length, label %no
list_length:
  %l_elements = call i64 @word(i64 %l, i64 24)
  %l_length = call i64 @word(i64 %l, i64 16)
  br label %sequence
sequence:
  %elements = phi i64 [%t_elements, %tuple_length], [%l_elements, %list_length]
  %length = phi i64 [%t_length, %tuple_length], [%l_length, %list_length]
  %length_fits = icmp eq i64 %length, %c
  br i1 %length_fits, label %children, label %no
children:
  %first_offset = shl i64 %b, 3
  %first = add i64 %r, %first_offset
  call void @take_all(i64 %first, i64 %elements, i64 %c)
  br label %next
dict:                                                            ; register, first, keys
  %mapping = call i64 @at(i64 %r, i64 %a)
  %first_value_offset = shl i64 %b, 3
  %first_value = add i64 %r, %first_value_offset
  %keys_fit = call i32 @dict_values(i64 %mapping, i64 %c, i64 %first_value)
  br label %tested
untraced:                                                        ; context variable
  %is_untraced = call i32 @holds_none(i64 %a)
  br label %tested
tested:
  %test = phi i32 [%compared, %equal], [%holds, %ask], [%keys_fit, %dict], [%is_untraced, %untraced]
  switch i32 %test, label %failed [
    i32 0, label %no
    i32 1, label %next
  ]

constant:                                                        ; target, object
  call void @own(i64 %b)
  br label %keep
global:                                                          ; target, dict, name
  %global_value = call i64 @PyDict_GetItemWithError(i64 %b, i64 %c)
  br label %borrow
cell:                                                            ; target, cell
  %content = call i64 @word(i64 %b, i64 16)
  br label %borrow
slot:                                                            ; target, register, offset
  %owner = call i64 @at(i64 %r, i64 %b)
  %slot_value = call i64 @word(i64 %owner, i64 %c)
  br label %borrow
borrow:
  %borrowed = phi i64 [%global_value, %global], [%content, %cell], [%slot_value, %slot]
  call void @own(i64 %borrowed)
  br label %keep
attribute:                                                       ; target, register, name
  %holder = call i64 @at(i64 %r, i64 %b)
  %attribute_value = call i64 @PyObject_GetAttr(i64 %holder, i64 %c)
  br label %keep
item:                                                            ; target, register, key
  %container = call i64 @at(i64 %r, i64 %b)
  %item_value = call i64 @PyObject_GetItem(i64 %container, i64 %c)
  br label %keep
call:                                                            ; target, function, count, registers
  call void @gather(i64 %spare, i64 %r, i64 %d, i64 %c)
  %returned = call i64 @PyObject_Vectorcall(i64 %b, i64 %spare, i64 %c, i64 0)
  br label %keep
make_tuple:                                                      ; target, count, registers
  call void @gather(i64 %spare, i64 %r, i64 %c, i64 %b)
  %made_tuple = call i64 @made_tuple(i64 %spare, i64 %b)
  br label %keep
make_list:                                                       ; target, count, registers
  call void @gather(i64 %spare, i64 %r, i64 %c, i64 %b)
  %made_list = call i64 @made_list(i64 %spare, i64 %b)
  br label %keep
make_dict:                                                       ; target, keys, count, registers
  call void @gather(i64 %spare, i64 %r, i64 %d, i64 %c)
  %made_dict = call i64 @made_dict(i64 %b, i64 %spare, i64 %c)
  br label %keep
keep:
  %kept = phi i64 [%b, %constant], [%borrowed, %borrow], [%attribute_value, %attribute], [%item_value, %item],
    [%returned, %call], [%made_tuple, %make_tuple], [%made_list, %make_list], [%made_dict, %make_dict]
  call void @set(i64 %r, i64 %a, i64 %kept)
  %nothing = icmp eq i64 %kept, 0
  br i1 %nothing, label %failed, label %next

store:                                                           ; object, offset, value
  %before = call i64 @word(i64 %a, i64 %b)
  %unchanged = icmp eq i64 %before, %c
  br i1 %unchanged, label %next, label %replace
replace:
  call void @own(i64 %c)
  call void @put(i64 %a, i64 %b, i64 %c)
  call void @drop(i64 %before)
  br label %next

run:                                                             ; first, program, kinds
  %result_offset = shl i64 %a, 3
  %results = add i64 %r, %result_offset
  %key_bytes = sub i64 %sizes, %key
  %key_length = lshr i64 %key_bytes, 3
  %outcome = call i64 @run(i64 %b, i64 %c, i64 %results, i64 %values, i64 %key, i64 %key_length)
  switch i64 %outcome, label %raised [
    i64 0, label %no
    i64 1, label %next
  ]

next:
  %next_sizes = phi i64 [%after_dims, %array_value], [%after_number, %value], [%sizes, %same], [%sizes, %type],
    [%sizes, %live], [%sizes, %like_shape], [%sizes, %apart], [%sizes, %children], [%sizes, %tested], [%sizes, %keep],
    [%sizes, %store], [%sizes, %replace], [%sizes, %run]
  %next_ran = phi i1 [%ran, %array_value], [%ran, %value], [%ran, %same], [%ran, %type], [%ran, %live],
    [%ran, %like_shape], [%ran, %apart], [%ran, %children], [%ran, %tested], [%ran, %keep], [%ran, %store], [%ran, %replace],
    [true, %run]
  br label %loop
done:
  ret i64 1
no:
  ret i64 0
failed:                                       ; before the program runs, an exception of what is read is a miss
  %error = call i64 @PyErr_Occurred()
  %missing = icmp eq i64 %error, 0
  br i1 %missing, label %no, label %which
which:
  %exception = call i64 @fact(i64 9)
  %matches = call i32 @PyErr_ExceptionMatches(i64 %exception)
  %plain = icmp ne i32 %matches, 0
  %not_ran = xor i1 %ran, true
  %forgiven = and i1 %plain, %not_ran
  br i1 %forgiven, label %forget, label %raised
forget:
  call void @PyErr_Clear()
  ret i64 0
raised:
  ret i64 -1
}

; Try one route: the result, 0 with an exception, 1 for a miss.
define private i64 @attempt(i64 %route, i64 %arguments, i64 %count, i64 %names) noinline {
start:
  %expected_count = call i64 @at(i64 %route, i64 0)
  %count_fits = icmp eq i64 %count, %expected_count
  br i1 %count_fits, label %keywords, label %miss
keywords:
  %expected_names = call i64 @at(i64 %route, i64 1)
  %named = call i32 @same_names(i64 %names, i64 %expected_names)
  switch i32 %named, label %exception [
    i32 0, label %miss
    i32 1, label %begin
  ]
begin:
  %total = call i64 @at(i64 %route, i64 2)
  %registers = call i64 @at(i64 %route, i64 3)
  %value_count = call i64 @at(i64 %route, i64 4)
  %key_count = call i64 @at(i64 %route, i64 5)
  %spare_count = call i64 @at(i64 %route, i64 9)
  %area_a = add i64 %registers, %value_count
  %area_b = add i64 %key_count, %spare_count
  %area = add i64 %area_a, %area_b
  %memory = alloca i64, i64 %area
  %r = ptrtoint ptr %memory to i64
  %registers_bytes = shl i64 %registers, 3
  %values = add i64 %r, %registers_bytes
  %values_bytes = shl i64 %value_count, 3
  %key = add i64 %values, %values_bytes
  %key_bytes = shl i64 %key_count, 3
  %spare = add i64 %key, %key_bytes
  call void @copy_words(i64 %r, i64 %arguments, i64 %total)
  br label %clear
clear:
  %i = phi i64 [%total, %begin], [%next, %clear_one]
  %more = icmp slt i64 %i, %registers
  br i1 %more, label %clear_one, label %walk
clear_one:
  call void @set(i64 %r, i64 %i, i64 0)
  %next = add i64 %i, 1
  br label %clear
walk:
  %went = call i64 @follow(i64 %route, i64 %r, i64 %spare, i64 %values, i64 %key)
  %arrived = icmp eq i64 %went, 1
  br i1 %arrived, label %result, label %release
result:
  %register = call i64 @at(i64 %route, i64 8)
  %object = call i64 @at(i64 %r, i64 %register)
  call void @own(i64 %object)
  br label %release
release:
  %found = phi i64 [0, %walk], [%object, %result]
  br label %release_loop
release_loop:
  %j = phi i64 [%total, %release], [%next_j, %release_one]
  %left = icmp slt i64 %j, %registers
  br i1 %left, label %release_one, label %end
release_one:
  %owned = call i64 @at(i64 %r, i64 %j)
  call void @drop(i64 %owned)
  %next_j = add i64 %j, 1
  br label %release_loop
end:
  %missed = icmp eq i64 %went, 0
  %out = select i1 %missed, i64 1, i64 %found
  ret i64 %out
miss:
  ret i64 1
exception:
  ret i64 0
}

; self.missed(*arguments)
define private i64 @missed(i64 %self, i64 %arguments, i64 %count, i64 %names) noinline {
  %name_count = call i64 @length(i64 %names)
  %given = add i64 %count, %name_count
  %total = add i64 %given, 1
  %memory = alloca i64, i64 %total
  %all = ptrtoint ptr %memory to i64
  call void @set(i64 %all, i64 0, i64 %self)
  %rest = add i64 %all, 8
  call void @copy_words(i64 %rest, i64 %arguments, i64 %given)
  %name = call i64 @fact(i64 17)
  %positional = add i64 %count, 1
  %out = call i64 @PyObject_VectorcallMethod(i64 %name, i64 %all, i64 %positional, i64 %names)
  ret i64 %out
}

; The vectorcall of an Entrance: its routes one after the other, then self.missed.
define i64 @enter(i64 %self, i64 %arguments, i64 %count_and_flag, i64 %names) {
start:
  %count = and i64 %count_and_flag, 9223372036854775807
  %routes = call i64 @word(i64 %self, i64 24)
  call void @own(i64 %routes)
  %route_count = call i64 @word(i64 %routes, i64 16)
  %elements = add i64 %routes, 24
  br label %loop
loop:
  %i = phi i64 [0, %start], [%next, %try]
  %more = icmp slt i64 %i, %route_count
  br i1 %more, label %try, label %none
try:
  %block = call i64 @at(i64 %elements, i64 %i)
  %route = call i64 @words_of(i64 %block)
  %out = call i64 @attempt(i64 %route, i64 %arguments, i64 %count, i64 %names)
  %next = add i64 %i, 1
  %miss = icmp eq i64 %out, 1
  br i1 %miss, label %loop, label %done
done:
  call void @drop(i64 %routes)
  ret i64 %out
none:
  call void @drop(i64 %routes)
  %slow = call i64 @missed(i64 %self, i64 %arguments, i64 %count, i64 %names)
  ret i64 %slow
}
