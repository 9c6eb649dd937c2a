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
