; The run of a program on one of its bindings.

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
  %lock = call i64 @fact(i64 13)
  %name = call i64 @fact(i64 14)
  %done = call i64 @call_method(i64 %lock, i64 %name)
  ret i64 %done
}

define private i64 @release() {
  %lock = call i64 @fact(i64 13)
  %name = call i64 @fact(i64 15)
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
  %cell = call i64 @fact(i64 12)
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
define private void @fill(i64 %binding, i64 %values, i64 %results, i64 %kinds) alwaysinline {
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
  %object = call i64 @at(i64 %results, i64 %k)
  %kind = call i64 @at(i64 %kinds, i64 %k)
  %later = icmp eq i64 %object, 0               ; made when the program has run
  br i1 %later, label %memory, label %made
memory:
  %own = call i64 @at(i64 %record, i64 5)
  br label %store
made:
  %is_array = icmp eq i64 %kind, 0
  br i1 %is_array, label %array, label %scalar
array:
  %data = call i64 @word(i64 %object, i64 16)
  br label %store
scalar:
  %content = add i64 %object, 16
  br label %store
store:
  %address = phi i64 [%own, %memory], [%data, %array], [%content, %scalar]
  call void @set(i64 %table, i64 %word, i64 %address)
  %next_output = add i64 %k, 1
  %next_record = add i64 %record, 64
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
  br label %objects_left
objects_left:
  %k = phi i64 [0, %prepare], [%next_k, %objects]
  %record_offset = shl i64 %k, 6
  %record = add i64 %records, %record_offset
  %another = icmp slt i64 %k, %output_count
  br i1 %another, label %object, label %enter
object:
  %kind = call i64 @at(i64 %kinds, i64 %k)
  %new = call i64 @made_output(i64 %record, i64 %kind)
  %no_memory = icmp eq i64 %new, -1
  br i1 %no_memory, label %exception, label %objects
objects:
  call void @set(i64 %results, i64 %k, i64 %new)
  %next_k = add i64 %k, 1
  br label %objects_left

enter:
  %mode = call i64 @at(i64 %binding, i64 3)
  %cell = call i64 @fact(i64 12)
  %running = call i64 @word(i64 %cell, i64 0)
  %open_or_waiting = or i64 %mode, %running
  %alone = icmp eq i64 %open_or_waiting, 0
  br i1 %alone, label %quick, label %slow
quick:
  call void @fill(i64 %binding, i64 %values, i64 %results, i64 %kinds)
  %quick_status = call i64 @step(i64 %binding)
  br label %ran
slow:
  %acquired = call i64 @acquire()
  %refused = icmp eq i64 %acquired, 0
  br i1 %refused, label %exception, label %slow_step
slow_step:
  call void @fill(i64 %binding, i64 %values, i64 %results, i64 %kinds)
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
  %name = call i64 @fact(i64 17)
  %nothing = call i64 @PyObject_VectorcallMethod(i64 %name, i64 %arguments, i64 2, i64 0)
  call void @drop(i64 %number)
  call void @drop(i64 %nothing)
  br label %exception

scalars_left:
  %j = phi i64 [0, %ran], [%next_j, %scalar], [%next_j, %later]
  %one_more = icmp slt i64 %j, %output_count
  br i1 %one_more, label %later, label %done
later:
  %result = call i64 @at(i64 %results, i64 %j)
  %next_j = add i64 %j, 1
  %made_before = icmp ne i64 %result, 0
  br i1 %made_before, label %scalars_left, label %scalar
scalar:
  %scalar_kind = call i64 @at(i64 %kinds, i64 %j)
  %scalar_offset = shl i64 %j, 6
  %scalar_record = add i64 %records, %scalar_offset
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
