"""The same program by NumPy, as generated Python, and compiled: one meaning."""

from backend_tools import run_cpu, run_python
from hypothesis import HealthCheck, given, settings
from program_tools import assert_agree, programs

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(programs())
def test_generated_python_means_what_numpy_says(program):
    assert_agree(run_python(program), program.evaluated(), program)


@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@given(programs(steps=16))
def test_compiled_programs_mean_what_numpy_says(program):
    assert_agree(run_cpu(program), program.evaluated(), program)
