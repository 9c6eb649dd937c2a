"""The scalar words of generated files as LLVM IR, on any machine. ``backends/python/prelude.py`` says what each means."""

from __future__ import annotations

from tracejit.backends.llvm import (
    complex_words,
    libm,
    routines,
    value,
    vector_erf,
    vector_gamma,
    vector_hyperbolic,
    vector_inverse,
    vector_log,
    vector_math,
    vector_power,
    vector_trig,
    words,
)
from tracejit.backends.llvm.intrinsics import ANY, FLOATS, REALS, select_word, word
from tracejit.backends.llvm.memory import as_f64 as as_f64
from tracejit.backends.llvm.memory import cast_word, complex_cast_word
from tracejit.backends.llvm.routines import looping_word
from tracejit.backends.llvm.value import B1, BF16, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64

inf = float("inf")
nan = float("nan")
INTEGERS = REALS - FLOATS
BY_TABLE = frozenset((F32,))

# -- types ------------------------------------------------------------------------------------------------------------

b1, i8, i16, i32, i64 = (cast_word(kind) for kind in (B1, I8, I16, I32, I64))
u8, u16, u32, u64 = (cast_word(kind) for kind in (U8, U16, U32, U64))
f16, bf16, f32, f64 = (cast_word(kind) for kind in (F16, BF16, F32, F64))
c64, c128 = complex_cast_word(F32), complex_cast_word(F64)

# -- arithmetic ------------------------------------------------------------------------------------------------------

select = select_word
plus = word("plus", words.plus, ANY, of_complex=complex_words.plus)
times = word("times", words.times, ANY, of_complex=complex_words.times)
quotient = word("quotient", lambda x, y: x / y, of_complex=complex_words.quotient)
max_of, min_of = word("max_of", words.max_of, ANY), word("min_of", words.min_of, ANY)
absolute = word("absolute", value.absolute, ANY, of_complex=complex_words.absolute)
sign = word("sign", words.sign, REALS)
floor, ceil = word("floor", value.floor, ANY), word("ceil", value.ceil, ANY)
trunc, rint = word("trunc", value.trunc, ANY), word("rint", value.rint)
isnan, isinf = word("isnan", words.isnan, ANY, B1), word("isinf", words.isinf, ANY, B1)
isfinite, signbit = word("isfinite", words.isfinite, ANY, B1), word("signbit", words.signbit, FLOATS, B1)
maximum, minimum = word("maximum", words.maximum, ANY), word("minimum", words.minimum, ANY)
fmax, fmin = word("fmax", words.fmax, ANY), word("fmin", words.fmin, ANY)
floor_divide = word("floor_divide", words.floor_divide, REALS, share=True)
remainder = word("remainder", words.remainder, REALS, share=True)
fmod = word("fmod", words.fmod, REALS, share=True)
copysign, heaviside = word("copysign", value.copysign), word("heaviside", words.heaviside)
nextafter = word("nextafter", words.nextafter)
left_shift, right_shift = word("left_shift", words.left_shift, INTEGERS), word("right_shift", words.right_shift, INTEGERS)
gcd = looping_word("gcd", routines.gcd_loop, U64, routines.gcd_formula, INTEGERS, 2)
lcm = looping_word("lcm", routines.gcd_loop, U64, routines.lcm_formula, INTEGERS, 2)
philox = word("philox", words.philox, frozenset((I64,)), U32, share=True)
conjugate = word("conjugate", lambda x: x, REALS, of_complex=complex_words.conjugate)
real = word("real", lambda x: x, REALS, of_complex=complex_words.real)
imag = word("imag", lambda x: x.constant(0), REALS, of_complex=complex_words.imag)

# -- transcendental functions ----------------------------------------------------------------------------------------

exp = word("exp", vector_math.exp, share=True, of_complex=complex_words.exp)
log = word("log", vector_log.log, share=True, tables=BY_TABLE, of_complex=complex_words.log)
sqrt = word("sqrt", value.sqrt, of_complex=complex_words.square_root)
exp2, expm1 = word("exp2", vector_math.exp2, share=True), word("expm1", vector_math.expm1, share=True)
log2, log10 = (
    word("log2", vector_log.log2, share=True, tables=BY_TABLE),
    word("log10", vector_log.log10, share=True, tables=BY_TABLE),
)
log1p, tanh = word("log1p", vector_log.log1p, share=True), word("tanh", vector_hyperbolic.tanh, share=True)
sinh, cosh = word("sinh", vector_hyperbolic.sinh, share=True), word("cosh", vector_hyperbolic.cosh, share=True)
sigmoid = word("sigmoid", vector_hyperbolic.sigmoid, share=True)
softplus = word("softplus", vector_hyperbolic.softplus, share=True)
sin, cos = word("sin", vector_trig.sin, share=True), word("cos", vector_trig.cos, share=True)
tan = word("tan", vector_trig.tan, share=True)
erf = word("erf", vector_erf.erf, share=True, tables=BY_TABLE)
erfc = word("erfc", vector_erf.erfc, share=True, tables=BY_TABLE)
power = looping_word("power", routines.power_loop, U64, routines.power_formula, REALS, 2)
logaddexp = word("logaddexp", vector_log.logaddexp, share=True)
logaddexp2 = word("logaddexp2", vector_log.logaddexp2, share=True)
hypot = word("hypot", complex_words.hypot)
lgamma, digamma = word("lgamma", vector_gamma.lgamma, share=True), word("digamma", vector_gamma.digamma, share=True)
arcsin, arccos = word("arcsin", vector_inverse.arcsin, share=True), word("arccos", vector_inverse.arccos, share=True)
arctan, arctan2 = word("arctan", vector_inverse.arctan, share=True), word("arctan2", vector_inverse.arctan2, share=True)
arcsinh, arccosh = word("arcsinh", vector_inverse.arcsinh, share=True), word("arccosh", vector_inverse.arccosh, share=True)
arctanh, cbrt = word("arctanh", vector_inverse.arctanh, share=True), word("cbrt", vector_power.cbrt, share=True)

exp_libm, log_libm = word("exp_libm", libm.unary("exp")), word("log_libm", libm.unary("log"))
tanh_libm, erf_libm = word("tanh_libm", libm.unary("tanh")), word("erf_libm", libm.unary("erf"))
sin_libm, cos_libm = word("sin_libm", libm.unary("sin")), word("cos_libm", libm.unary("cos"))
sigmoid_libm, power_libm = word("sigmoid_libm", libm.sigmoid), word("power_libm", libm.binary("pow"))
