; The steps of a route.

; Follow the steps of a route: 1, 0 for a miss, -1 with an exception.
define private i64 @follow(i64 %route, i64 %r, i64 %spare, i64 %values, i64 %key) alwaysinline {
start:
  %ran = alloca i1
  store i1 false, ptr %ran
  %steps = call i64 @at(i64 %route, i64 6)
  br label %loop
loop:
  %step = phi i64 [%steps, %start], [%next_step, %next]
  %sizes = phi i64 [%key, %start], [%next_sizes, %next]
  %op = call i64 @at(i64 %step, i64 0)
  %a = call i64 @at(i64 %step, i64 1)
  %b = call i64 @at(i64 %step, i64 2)
  %next_step = add i64 %step, 64
  switch i64 %op, label %unknown [
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
    i64 14, label %cell_is
    i64 15, label %global_is
    i64 16, label %constant
    i64 17, label %global
    i64 18, label %cell
    i64 19, label %slot
    i64 20, label %attribute
    i64 21, label %item
    i64 22, label %call
    i64 23, label %run
    i64 24, label %store
    i64 25, label %make_tuple
    i64 26, label %make_list
    i64 27, label %make_dict
    i64 28, label %queue
    i64 29, label %done                                          ; the end
  ]
unknown:                                                         ; there are no others
  unreachable

array:                                                           ; register, value, dtype, rank, flags, count
  %dtype = call i64 @at(i64 %step, i64 3)
  %rank = call i64 @at(i64 %step, i64 4)
  %flags = call i64 @at(i64 %step, i64 5)
  %array_count = call i64 @at(i64 %step, i64 6)
  br label %array_check
array_check:
  %n = phi i64 [0, %array], [%next_n, %array_value]
  %n_sizes = phi i64 [%sizes, %array], [%after_dims, %array_value]
  %x_at = add i64 %a, %n
  %x = call i64 @at(i64 %r, i64 %x_at)
  %x_fits = call i1 @is_array(i64 %x, i64 %dtype, i64 %rank, i64 %flags)
  br i1 %x_fits, label %array_value, label %no
array_value:
  %data = call i64 @word(i64 %x, i64 16)
  %data_at = add i64 %b, %n
  call void @set(i64 %values, i64 %data_at, i64 %data)
  %dims = call i64 @word(i64 %x, i64 32)
  call void @copy_words(i64 %n_sizes, i64 %dims, i64 %rank)
  %dims_bytes = shl i64 %rank, 3
  %after_dims = add i64 %n_sizes, %dims_bytes
  %next_n = add i64 %n, 1
  %more_arrays = icmp slt i64 %next_n, %array_count
  br i1 %more_arrays, label %array_check, label %next

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
  %least = call i64 @at(i64 %step, i64 3)
  %most = call i64 @at(i64 %step, i64 4)
  %integer = call i64 @at(i64 %r, i64 %a)
  %answer = call {i1, i64} @integer(i64 %integer, i64 %least, i64 %most)
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
  %function = call i64 @at(i64 %step, i64 3)
  %found = call i64 @at(i64 %r, i64 %a)
  %compared = call i32 @compared(i64 %found, i64 %b)
  %known = icmp ne i32 %compared, 2
  br i1 %known, label %tested, label %ask
ask:
  %holds = call i32 @holds(i64 %function, i64 %found, i64 %b)
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
  %like_rank = call i64 @at(i64 %step, i64 3)
  %like_dims = call i64 @at(i64 %step, i64 4)
  %held = call i64 @at(i64 %r, i64 %a)
  %header_fits = call i1 @is_array(i64 %held, i64 %b, i64 %like_rank, i64 0)
  br i1 %header_fits, label %like_shape, label %no
like_shape:
  %held_dims = call i64 @word(i64 %held, i64 32)
  %shape_fits = call i1 @equal_words(i64 %held_dims, i64 %like_dims, i64 %like_rank)
  br i1 %shape_fits, label %next, label %no
apart:                                                           ; register, register, bytes of their elements
  %one_item = call i64 @at(i64 %step, i64 3)
  %other_item = call i64 @at(i64 %step, i64 4)
  %one = call i64 @at(i64 %r, i64 %a)
  %other = call i64 @at(i64 %r, i64 %b)
  %are_apart = call i1 @apart(i64 %one, i64 %other, i64 %one_item, i64 %other_item)
  br i1 %are_apart, label %next, label %no

tuple:                                                           ; register, first, count, class
  %class = call i64 @at(i64 %step, i64 4)
  %t = call i64 @at(i64 %r, i64 %a)
  %t_type = call i64 @word(i64 %t, i64 8)
  %t_is_tuple = icmp eq i64 %t_type, %class
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
  %wanted = call i64 @at(i64 %step, i64 3)
  %length_fits = icmp eq i64 %length, %wanted
  br i1 %length_fits, label %children, label %no
children:
  %first_offset = shl i64 %b, 3
  %first = add i64 %r, %first_offset
  call void @take_all(i64 %first, i64 %elements, i64 %wanted)
  br label %next
dict:                                                            ; register, first, keys
  %keys = call i64 @at(i64 %step, i64 3)
  %mapping = call i64 @at(i64 %r, i64 %a)
  %first_value_offset = shl i64 %b, 3
  %first_value = add i64 %r, %first_value_offset
  %keys_fit = call i32 @dict_values(i64 %mapping, i64 %keys, i64 %first_value)
  br label %tested
untraced:                                                        ; list, context variable
  %going_on = call i64 @word(i64 %a, i64 16)
  %none_goes_on = icmp eq i64 %going_on, 0
  br i1 %none_goes_on, label %next, label %untraced_here
untraced_here:
  %is_untraced = call i32 @holds_none(i64 %b)
  br label %tested
tested:
  %test = phi i32 [%compared, %equal], [%holds, %ask], [%keys_fit, %dict], [%is_untraced, %untraced_here]
  switch i32 %test, label %failed [
    i32 0, label %no
    i32 1, label %next
  ]

cell_is:                                                         ; cell, object
  %cell_content = call i64 @word(i64 %a, i64 16)
  %holds_it = icmp eq i64 %cell_content, %b
  br i1 %holds_it, label %next, label %no
global_is:                                                       ; dict, name, object
  %expected_element = call i64 @at(i64 %step, i64 3)
  %element_memo = add i64 %step, 56
  %element = call i64 @element(i64 %a, i64 %b, i64 %element_memo)
  %element_is = icmp eq i64 %element, %expected_element
  br i1 %element_is, label %next, label %element_other
element_other:
  %element_none = icmp eq i64 %element, 0
  br i1 %element_none, label %failed, label %no

constant:                                                        ; target, object
  call void @own(i64 %b)
  br label %keep
global:                                                          ; target, dict, name
  %global_name = call i64 @at(i64 %step, i64 3)
  %global_memo = add i64 %step, 56
  %global_value = call i64 @element(i64 %b, i64 %global_name, i64 %global_memo)
  br label %borrow
cell:                                                            ; target, cell
  %content = call i64 @word(i64 %b, i64 16)
  br label %borrow
slot:                                                            ; target, register, offset
  %slot_offset = call i64 @at(i64 %step, i64 3)
  %owner = call i64 @at(i64 %r, i64 %b)
  %slot_value = call i64 @word(i64 %owner, i64 %slot_offset)
  br label %borrow
borrow:
  %borrowed = phi i64 [%global_value, %global], [%content, %cell], [%slot_value, %slot]
  call void @own(i64 %borrowed)
  br label %keep
attribute:                                                       ; target, register, name
  %attribute_name = call i64 @at(i64 %step, i64 3)
  %holder = call i64 @at(i64 %r, i64 %b)
  %attribute_value = call i64 @PyObject_GetAttr(i64 %holder, i64 %attribute_name)
  br label %keep
item:                                                            ; target, register, key
  %item_key = call i64 @at(i64 %step, i64 3)
  %container = call i64 @at(i64 %r, i64 %b)
  %item_value = call i64 @PyObject_GetItem(i64 %container, i64 %item_key)
  br label %keep
call:                                                            ; target, function, count, registers
  %operand_count = call i64 @at(i64 %step, i64 3)
  %operands = call i64 @at(i64 %step, i64 4)
  call void @gather(i64 %spare, i64 %r, i64 %operands, i64 %operand_count)
  %returned = call i64 @PyObject_Vectorcall(i64 %b, i64 %spare, i64 %operand_count, i64 0)
  br label %keep
make_tuple:                                                      ; target, count, registers
  %tuple_registers = call i64 @at(i64 %step, i64 3)
  call void @gather(i64 %spare, i64 %r, i64 %tuple_registers, i64 %b)
  %made_tuple = call i64 @made_tuple(i64 %spare, i64 %b)
  br label %keep
make_list:                                                       ; target, count, registers
  %list_registers = call i64 @at(i64 %step, i64 3)
  call void @gather(i64 %spare, i64 %r, i64 %list_registers, i64 %b)
  %made_list = call i64 @made_list(i64 %spare, i64 %b)
  br label %keep
make_dict:                                                       ; target, keys, count, registers
  %dict_count = call i64 @at(i64 %step, i64 3)
  %dict_registers = call i64 @at(i64 %step, i64 4)
  call void @gather(i64 %spare, i64 %r, i64 %dict_registers, i64 %dict_count)
  %made_dict = call i64 @made_dict(i64 %b, i64 %spare, i64 %dict_count)
  br label %keep
keep:
  %kept = phi i64 [%b, %constant], [%borrowed, %borrow], [%attribute_value, %attribute], [%item_value, %item],
    [%returned, %call], [%made_tuple, %make_tuple], [%made_list, %make_list], [%made_dict, %make_dict]
  call void @set(i64 %r, i64 %a, i64 %kept)
  %nothing = icmp eq i64 %kept, 0
  br i1 %nothing, label %failed, label %next

store:                                                           ; object, offset, value
  %new_content = call i64 @at(i64 %step, i64 3)
  %before = call i64 @word(i64 %a, i64 %b)
  %unchanged = icmp eq i64 %before, %new_content
  br i1 %unchanged, label %next, label %replace
replace:
  call void @own(i64 %new_content)
  call void @put(i64 %a, i64 %b, i64 %new_content)
  call void @drop(i64 %before)
  br label %next

run:                                                             ; first, program, kinds
  %kinds = call i64 @at(i64 %step, i64 3)
  %result_offset = shl i64 %a, 3
  %results = add i64 %r, %result_offset
  %key_bytes = sub i64 %sizes, %key
  %key_length = lshr i64 %key_bytes, 3
  %outcome = call i64 @run(i64 %b, i64 %kinds, i64 %results, i64 %values, i64 %key, i64 %key_length)
  switch i64 %outcome, label %raised [
    i64 0, label %no
    i64 1, label %has_run
  ]
has_run:
  store i1 true, ptr %ran
  br label %next

queue:                                                           ; first, function, count, registers
  %given_count = call i64 @at(i64 %step, i64 3)
  %given = call i64 @at(i64 %step, i64 4)
  call void @gather(i64 %spare, i64 %r, i64 %given, i64 %given_count)
  store i1 true, ptr %ran
  %queued = call i64 @PyObject_Vectorcall(i64 %b, i64 %spare, i64 %given_count, i64 0)
  %refused = icmp eq i64 %queued, 0
  br i1 %refused, label %failed, label %queue_results
queue_results:
  %none_at_all = call i64 @fact(i64 5)
  %is_missed = icmp eq i64 %queued, %none_at_all
  br i1 %is_missed, label %queue_missed, label %queue_spread
queue_missed:
  call void @drop(i64 %queued)
  br label %no
queue_spread:
  %queued_elements = add i64 %queued, 24
  %queued_count = call i64 @word(i64 %queued, i64 16)
  %queue_offset = shl i64 %a, 3
  %queue_first = add i64 %r, %queue_offset
  call void @take_all(i64 %queue_first, i64 %queued_elements, i64 %queued_count)
  call void @drop(i64 %queued)
  br label %next

next:
  %next_sizes = phi i64 [%after_dims, %array_value], [%after_number, %value], [%sizes, %same], [%sizes, %type],
    [%sizes, %live], [%sizes, %like_shape], [%sizes, %apart], [%sizes, %children], [%sizes, %tested], [%sizes, %untraced],
    [%sizes, %cell_is],
    [%sizes, %global_is], [%sizes, %keep], [%sizes, %store], [%sizes, %replace], [%sizes, %has_run], [%sizes, %queue_spread]
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
  %has_ran = load i1, ptr %ran
  %not_ran = xor i1 %has_ran, true
  %forgiven = and i1 %plain, %not_ran
  br i1 %forgiven, label %forget, label %raised
forget:
  call void @PyErr_Clear()
  ret i64 0
raised:
  ret i64 -1
}
