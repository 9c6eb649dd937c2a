"""The switches of the environment."""

from pathlib import Path

import pytest

from tracejit.config import config


def test_an_empty_environment_gives_the_defaults():
    found = config({})
    assert (found.debug, found.check, found.guard, found.blas, found.math) == (0, False, "native", "auto", "accurate")
    assert (found.device, found.cuda, found.tf32, found.scatter) == ("auto", "driver", False, "ordered")
    assert found.num_threads >= 1
    assert found.cache_dir.name == "tracejit"


def test_every_switch_is_read():
    environment = {
        "TRACEJIT_DEBUG": "4",
        "TRACEJIT_CHECK": "1",
        "TRACEJIT_CACHE_DIR": "/somewhere",
        "TRACEJIT_NUM_THREADS": "3",
        "TRACEJIT_GUARD": "python",
        "TRACEJIT_BLAS": "matmul",
        "TRACEJIT_MATH": "libm",
        "TRACEJIT_DEVICE": "cuda",
        "TRACEJIT_CUDA": "emulate",
        "TRACEJIT_TF32": "1",
        "TRACEJIT_SCATTER": "atomic",
    }
    found = config(environment)
    assert (found.debug, found.check, found.cache_dir, found.num_threads) == (4, True, Path("/somewhere"), 3)
    assert (found.guard, found.blas, found.math) == ("python", "matmul", "libm")
    assert (found.device, found.cuda, found.tf32, found.scatter) == ("cuda", "emulate", True, "atomic")


def test_the_cache_follows_the_desktop_standard():
    assert config({"XDG_CACHE_HOME": "/caches"}).cache_dir == Path("/caches/tracejit")


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("TRACEJIT_DEBUG", "5", "an integer from 0 to 4"),
        ("TRACEJIT_CHECK", "yes", "an integer from 0 to 1"),
        ("TRACEJIT_NUM_THREADS", "0", "an integer from 1 to 1024"),
        ("TRACEJIT_NUM_THREADS", "-2", "an integer from 1 to 1024"),
        ("TRACEJIT_GUARD", "c", "one of native, python"),
        ("TRACEJIT_BLAS", "mkl", "one of auto, numpy, scipy, matmul"),
        ("TRACEJIT_MATH", "fast", "one of accurate, libm"),
        ("TRACEJIT_DEVICE", "gpu", "one of auto, cpu, cuda"),
        ("TRACEJIT_CUDA", "on", "one of driver, emulate"),
        ("TRACEJIT_TF32", "2", "an integer from 0 to 1"),
        ("TRACEJIT_SCATTER", "sorted", "one of ordered, atomic"),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(name, value, rule):
    with pytest.raises(ValueError, match=f"{name}: is '{value}'; it must be {rule}"):
        config({name: value})
