"""A pinned file is the program."""

import numpy as np
import pytest

import tracejit as tj


def double(x):
    return x * 2 + 1


def test_a_pin_is_written_once_and_then_is_the_program_with_its_edits(tmp_path):
    path = tmp_path / "double.py"
    x = np.arange(3.0)
    f = tj.function(double, pin=path)
    assert f(x).tolist() == [1, 3, 5] and f.source().path == str(path)
    path.write_text(path.read_text().replace("f64(1.0)", "f64(10.0)"))
    edited = tj.function(double, pin=path)
    assert edited(x).tolist() == [10, 12, 14]
    assert edited.debug(x).tolist() == [10, 12, 14]


def test_another_size_keeps_the_pin_and_another_graph_is_refused(tmp_path):
    path = tmp_path / "double.py"
    f = tj.function(double, pin=path)
    f(np.arange(3.0))
    assert f(np.arange(7.0))[6] == 13
    with pytest.raises(tj.PinError, match=r"double\.py: the pinned file is for another program") as caught:
        tj.function(lambda x: x * 3, pin=path)(np.arange(3.0))
    assert "cure" in str(caught.value)
    with pytest.raises(tj.PinError):
        f(np.arange(3, dtype=np.float32))


def test_a_pin_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        tj.function(double, pin=tmp_path / "nowhere" / "double.py")(np.arange(3.0))


def test_the_steps_of_a_pinned_file_are_not_timed(tmp_path):
    f = tj.function(double, pin=tmp_path / "double.py")
    f(np.arange(3.0))
    with pytest.raises(tj.PinError, match="profile the function without its pin"):
        f.profile(np.arange(3.0))
    assert len(f.explain().steps) == 1
