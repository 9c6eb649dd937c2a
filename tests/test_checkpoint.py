"""Checkpoints: every value comes back as it was, from any moment at which a process may die, and from no damaged file."""

import os
import sys
from collections import namedtuple

import numpy as np
import pytest

import tracejit as tj
from tracejit import io
from tracejit.errors import ArgumentError, CheckpointError, MissingExtraError

DTYPES = ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16"]


def sample(dtype, shape=(3, 4)):
    rng = np.random.default_rng(7)
    real = rng.uniform(-100, 100, shape)
    return (real + 1j * rng.uniform(-100, 100, shape)).astype(dtype) if dtype[0] == "c" else real.astype(dtype)


def equal(x, y):
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def variables():
    return {
        "dense/w": tj.Variable(sample("f4"), name="w"),
        "dense/b": tj.Variable(sample("f8", 4), name="b"),
        "step": tj.Variable(3, name="step"),
    }


def files(folder):
    return sorted(os.listdir(folder))


# values


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_comes_back_bit_for_bit(tmp_path, dtype):
    arrays = {
        "matrix": sample(dtype),
        "scalar": sample(dtype, ()),
        "empty": sample(dtype, (0, 3)),
        "cube": sample(dtype, (2, 1, 3)),
    }
    io.save(tmp_path / "a", arrays)
    loaded = io.load(tmp_path / "a")
    assert loaded.keys() == arrays.keys()
    assert all(equal(loaded[name], arrays[name]) for name in arrays)


def test_special_values_come_back(tmp_path):
    nan = np.array([0x7FC00001, 0xFF800000, 0x80000000, 0x00000001], np.uint32).view(np.float32)
    io.save(tmp_path / "a", {"x": nan})
    assert equal(io.load(tmp_path / "a")["x"], nan)


@pytest.mark.parametrize(
    "arranged",
    [
        np.asfortranarray,
        lambda x: x.T,
        lambda x: x[::-1],
        lambda x: x[:, ::2],
        lambda x: np.broadcast_to(x[0], x.shape),
        lambda x: x.astype(x.dtype.newbyteorder(">")),
        lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),  # not aligned
        lambda x: x.view(type("Special", (np.ndarray,), {})),
    ],
)
@pytest.mark.parametrize("dtype", ["f4", "c16", "i8"])
def test_every_layout_is_saved_as_the_values_that_it_shows(tmp_path, arranged, dtype):
    x = arranged(sample(dtype))
    io.save(tmp_path / "a", {"x": x})
    loaded = io.load(tmp_path / "a")["x"]
    assert loaded.shape == x.shape and loaded.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(loaded, np.asarray(x))


def test_trees_are_named_by_their_paths(tmp_path):
    Layer = namedtuple("Layer", "w b")
    tree = {"layers": [Layer(tj.Variable([1.0]), 2.0), Layer(tj.tensor([3.0]), np.float32(4))], "lr": 5}
    io.save(tmp_path / "a", tree)
    loaded = io.load(tmp_path / "a")
    assert sorted(loaded) == ["layers/0/b", "layers/0/w", "layers/1/b", "layers/1/w", "lr"]
    assert loaded["layers/1/w"].tolist() == [3.0] and loaded["layers/1/b"].dtype == np.float32 and loaded["lr"] == 5


def test_a_list_of_variables_is_named_by_the_variables(tmp_path):
    a, b = tj.Variable(1.0, name="a"), tj.Variable(2.0, name="net/b")
    io.save(tmp_path / "a", [a, b])
    a.assign(7), b.assign(8)
    io.restore(tmp_path / "a", [b, a])
    assert (float(a), float(b)) == (1, 2)


def test_metadata_comes_back_from_restore(tmp_path):
    about = {"accuracy": 0.5, "labels": ["a", "ü\n"], "nested": {"x": None}}
    io.save(tmp_path / "a", variables(), about)
    assert io.restore(tmp_path / "a", variables()) == about


def test_other_programs_read_the_file(tmp_path):
    from safetensors.numpy import load_file

    io.save(tmp_path / "a.safetensors", {"x": sample("f4")})
    assert equal(load_file(tmp_path / "a.safetensors")["x"], sample("f4"))


def test_files_of_other_programs_are_read_when_asked(tmp_path):
    from safetensors.numpy import save_file

    save_file({"x": sample("f4")}, tmp_path / "a")
    with pytest.raises(CheckpointError, match="no SHA-256"):
        io.load(tmp_path / "a")
    assert equal(io.load(tmp_path / "a", verify=False)["x"], sample("f4"))


# what cannot be saved


@pytest.mark.parametrize("name", ["", "../w", "a/../b", "/w", "a//b", "a/", ".", "a\\b", "a\nb", "a\0b"])
def test_names_that_could_mean_something_else_are_refused(tmp_path, name):
    with pytest.raises(ArgumentError, match="name"):
        io.save(tmp_path / "a", {name: 1.0})
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"a": {"b": 1}, "a/b": 2}, "two values go by the name 'a/b'"),
        ([tj.Variable(1.0), tj.Variable(2.0)], "two values go by the name 'variable'"),
        (np.ones(3), "ndarray, which has no name"),
        ({"a": "text"}, "a is a str"),
        ({"a": {"b": None}}, "a/b is a NoneType"),
        ({"a": np.array([None])}, "a has dtype object"),
        ({"a": np.ones(2, np.longdouble)}, "a has dtype"),
        ({"a": np.array(["x"])}, "a has dtype"),
    ],
)
def test_what_is_no_array_is_refused(tmp_path, values, text):
    with pytest.raises((ArgumentError, tj.DTypeError), match=text):
        io.save(tmp_path / "a", values)
    assert files(tmp_path) == []


def test_metadata_that_json_lacks_is_refused(tmp_path):
    for about in ({"x": object()}, {"x": float("nan")}):
        with pytest.raises(ArgumentError, match="metadata"):
            io.save(tmp_path / "a", {"w": 1.0}, about)


def test_without_safetensors_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for use in (lambda: io.save(tmp_path / "a", {"x": 1.0}), lambda: io.load(tmp_path / "a")):
        with pytest.raises(MissingExtraError, match=r'pip install "tracejit\[io\]"'):
            use()


def test_a_traced_function_neither_saves_nor_restores(tmp_path):
    held = variables()
    io.save(tmp_path / "a", held)

    @tj.function
    def saves(x):
        io.save(tmp_path / "b", {"x": x, **held})
        return x

    @tj.function
    def restores(x):
        io.restore(tmp_path / "a", held)
        return x

    for f in (saves, restores):
        with pytest.raises(tj.TraceError):
            f(np.ones(3))
    assert files(tmp_path) == ["a"]


# all or nothing


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda held: held.pop("step"), r"step: int64\[\] in the file, not asked for"),
        (lambda held: held.update(more=tj.Variable(1.0)), r"more: asked for as float64\[\], not in the file"),
        (lambda held: held.update(step=tj.Variable(1.0)), r"step: asked for as float64\[\], int64\[\] in the file"),
        (
            lambda held: held.update({"dense/b": tj.Variable(np.ones(5))}),
            r"dense/b: asked for as float64\[5\], float64\[4\] in the",
        ),
    ],
)
def test_nothing_is_restored_unless_everything_fits(tmp_path, change, text):
    io.save(tmp_path / "a", variables())
    held = variables()
    change(held)
    for v in held.values():
        v.assign(np.zeros(v.shape, v.dtype))
    with pytest.raises(CheckpointError, match=text) as caught:
        io.restore(tmp_path / "a", held)
    assert str(tmp_path / "a") in str(caught.value)
    assert all(not v.numpy().any() for v in held.values())


def test_a_part_is_restored_when_asked(tmp_path):
    io.save(tmp_path / "a", variables())
    b = tj.Variable(np.zeros(4))
    io.restore(tmp_path / "a", {"dense/b": b}, strict=False)
    assert equal(b.numpy(), sample("f8", 4))


def test_only_variables_are_restored(tmp_path):
    io.save(tmp_path / "a", {"x": 1.0})
    with pytest.raises(ArgumentError, match="x is a ndarray"):
        io.restore(tmp_path / "a", {"x": np.ones(())})


def test_programs_see_what_was_restored(tmp_path):
    w = tj.Variable([1.0, 2.0], name="w")
    double = tj.function(lambda: w * 2)
    io.save(tmp_path / "a", [w])
    assert np.asarray(double()).tolist() == [2, 4]
    w.assign([5, 5])
    before = w * 1
    io.restore(tmp_path / "a", [w])
    assert np.asarray(double()).tolist() == [2, 4] and before.numpy().tolist() == [5, 5] and (w * 1).numpy().tolist() == [1, 2]


# a folder of checkpoints


def test_checkpoints_of_the_highest_steps_are_kept(tmp_path):
    checkpoint = io.Checkpoint(tmp_path / "new" / "folder", variables(), max_to_keep=2)
    assert checkpoint.latest() is None
    for step in (1, 2, 10, 9):
        assert checkpoint.save(step) == tmp_path / "new" / "folder" / f"checkpoint-{step}.safetensors"
    assert files(tmp_path / "new" / "folder") == ["checkpoint-10.safetensors", "checkpoint-9.safetensors"]
    checkpoint.save(3)  # the run went back to an early step
    assert "checkpoint-3.safetensors" in files(tmp_path / "new" / "folder")


def test_other_files_of_the_folder_are_left_alone(tmp_path):
    names = ["notes.txt", "checkpoint-x.safetensors", "checkpoint-1.safetensors.bak", "xcheckpoint-1.safetensors"]
    for name in names:
        (tmp_path / name).write_text("mine")
    checkpoint = io.Checkpoint(tmp_path, variables(), max_to_keep=1)
    checkpoint.save(1), checkpoint.save(2)
    assert files(tmp_path) == sorted([*names, "checkpoint-2.safetensors"])
    io.Checkpoint(tmp_path, variables(), max_to_keep=None).save(0)
    assert "checkpoint-2.safetensors" in files(tmp_path)


def test_restore_gives_the_step_and_the_values(tmp_path):
    held = variables()
    checkpoint = io.Checkpoint(tmp_path, held)
    for step in (5, 6):
        held["step"].assign(step)
        checkpoint.save(held["step"])
    fresh = variables()
    assert io.Checkpoint(tmp_path, fresh).restore() == 6 and int(fresh["step"]) == 6
    assert io.Checkpoint(tmp_path, fresh).restore(tmp_path / "checkpoint-5.safetensors") == 5 and int(fresh["step"]) == 5


def test_damaged_checkpoints_are_passed_over_with_a_warning(tmp_path):
    checkpoint = io.Checkpoint(tmp_path, variables())
    good, bad, worse = checkpoint.save(1), checkpoint.save(2), checkpoint.save(3)
    bad.write_bytes(bad.read_bytes()[:-1])
    worse.write_bytes(b"")
    with pytest.warns(RuntimeWarning, match=r"checkpoint-[23]\.safetensors"):
        assert checkpoint.latest() == good == io.latest(tmp_path)
    with pytest.warns(RuntimeWarning):
        assert checkpoint.restore() == 1
    with pytest.raises(CheckpointError, match=r"checkpoint-2\.safetensors"):
        checkpoint.restore(bad)
    good.unlink()
    with pytest.warns(RuntimeWarning), pytest.raises(CheckpointError, match="no usable checkpoint"):
        checkpoint.restore()


def test_a_checkpoint_under_the_name_of_another_step_is_refused(tmp_path):
    checkpoint = io.Checkpoint(tmp_path, variables())
    os.rename(checkpoint.save(1), tmp_path / "checkpoint-7.safetensors")
    with pytest.raises(CheckpointError, match="holds step 1; its name says 7"):
        checkpoint.restore(tmp_path / "checkpoint-7.safetensors")


def test_a_checkpoint_that_does_not_fit_is_an_error_and_not_passed_over(tmp_path):
    io.Checkpoint(tmp_path, variables()).save(1)
    with pytest.raises(CheckpointError, match="does not fit"):
        io.Checkpoint(tmp_path, {"w": tj.Variable(1.0)}).restore()


@pytest.mark.parametrize("step", [-1, 1.0, "1", None])
def test_a_step_is_a_number_from_zero(tmp_path, step):
    with pytest.raises(ArgumentError, match="step is"):
        io.Checkpoint(tmp_path, variables()).save(step)


@pytest.mark.parametrize("count", [0, -1, 2.5])
def test_at_least_one_checkpoint_is_kept(tmp_path, count):
    with pytest.raises(ArgumentError, match="max_to_keep"):
        io.Checkpoint(tmp_path, variables(), max_to_keep=count)


def test_variables_made_later_can_be_put_in_later(tmp_path):
    held = variables()
    checkpoint = io.Checkpoint(tmp_path, held)
    held["dense/w/momentum"] = tj.Variable(np.ones(2))
    assert "dense/w/momentum" in io.load(checkpoint.save(1))


# whole runs


def trained(folder, steps, kill_at=None):
    """Weights after ``steps`` of a run with an optimizer that remembers and with random numbers, which goes on where it can."""
    w, b = tj.Variable(np.ones((4, 3), np.float32), name="w"), tj.Variable(np.zeros(3, np.float32), name="b")
    optimizer, generator = tj.optim.Adam(0.1), tj.random.Generator(3)
    optimizer.build([w, b])

    @tj.function
    def step(x):
        with tj.GradientTape() as tape:
            noise = tj.random.normal(0, 0.1, (5, 3), generator=generator)
            loss = np.mean(np.tanh(x @ w + b + noise) ** 2)
        optimizer.apply(tape.gradient(loss, [w, b]), [w, b])

    checkpoint = io.Checkpoint(folder, [w, b, *optimizer.variables(), generator.state], max_to_keep=2)
    done = checkpoint.restore() if checkpoint.latest() else 0
    for i in range(done, steps):
        if i == kill_at:
            return None
        step(np.full((5, 4), np.float32(i)))
        if i % 3 == 2:
            checkpoint.save(i + 1)
    return [v.numpy() for v in (w, b, *optimizer.variables(), generator.state)]


def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path):
    whole = trained(tmp_path / "whole", 20)
    for stop in (2, 7, 8, 15):
        assert trained(tmp_path / "parts", 20, kill_at=stop) is None
    assert all(equal(x, y) for x, y in zip(trained(tmp_path / "parts", 20), whole, strict=True))


def test_slots_are_named_after_their_variable_whatever_scope_they_are_made_in():
    with tj.name_scope("dense"):
        w = tj.Variable(np.ones(3, np.float32), name="w")
    optimizer = tj.optim.Adam(0.1)
    with tj.name_scope("dense"), tj.name_scope("train"):
        optimizer.build([w])
    assert sorted(v.name for v in optimizer.variables() if "/w/" in v.name)[0].startswith("dense/w/")
