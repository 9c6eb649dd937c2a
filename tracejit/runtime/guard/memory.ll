; The guard as machine code: what enter.py defines, on routes and bindings in the words that builtin.py makes of them.
;
; Every object and address is an i64. Objects are read at the places that 64-bit CPython and NumPy give them, which layout.py
; checks; i32 are marked:
;   object: references 0 (i32), type 8        number of variable size, tuple, list, dict: count 16
;   tuple: elements 24                        list: address of elements 24
;   dict: keys 32, values if they lie elsewhere 40
;   its keys: log2 of bytes of indices 9 (i8), kind 10 (i8: 1 if all are str), entries used 24, indices 32, then entries
;   its entry: key 0, value 8                 (of those with str keys)
;   float: value 16                           cell: content 16
;   weak reference: object 16                 first slot: 16
;   array: data 16, rank 24 (i32), dimensions 32, descr 56, flags 64 (i32), weak references 72
;   scalar of NumPy: value 16
;   descr: kind, type, byte order 24, number 28 (i32)
; A register owns what it holds, but for those of the arguments. Results: 0 is an exception, 1 a miss, all else an object.
; What most calls run through says alwaysinline, so that no optimizer is needed.

; Filled by builtin.py, in this order: the types ndarray, float, int; True, False, None; list, dict, str, Exception; the functions
; PyArray_NewFromDescr, PyArray_Scalar; the address of TURN.running, TURN; names of methods.
@facts = global [18 x i64] zeroinitializer

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

define private i64 @word(i64 %address, i64 %offset) alwaysinline {
  %at = add i64 %address, %offset
  %pointer = inttoptr i64 %at to ptr
  %value = load i64, ptr %pointer
  ret i64 %value
}

define private i8 @byte(i64 %address, i64 %offset) alwaysinline {
  %at = add i64 %address, %offset
  %pointer = inttoptr i64 %at to ptr
  %value = load i8, ptr %pointer
  ret i8 %value
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
