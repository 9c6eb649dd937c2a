; A call: its routes one after the other, and missed where none fits.

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
  %spare_count = call i64 @at(i64 %route, i64 8)
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
  %register = call i64 @at(i64 %route, i64 7)
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
  %name = call i64 @fact(i64 16)
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
