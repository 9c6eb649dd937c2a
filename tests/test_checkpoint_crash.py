"""Damaged checkpoints are refused, and no crash leaves one."""

import fcntl
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import tracejit as tj
from tracejit import io
from tracejit.errors import CheckpointError
from tracejit.io.tensors import digest


def variables():
    return {"w": tj.Variable(np.arange(6.0).reshape(2, 3)), "step": tj.Variable(3)}


def files(folder):
    return sorted(os.listdir(folder))


# damage


def small(folder):
    path = folder / "small"
    io.save(path, {"w": np.arange(3, dtype=np.float32), "on": np.array([True])}, {"epoch": 3})
    return path


def test_every_flipped_bit_is_refused(tmp_path):
    path = small(tmp_path)
    whole = path.read_bytes()
    with open(path, "r+b", buffering=0) as file:
        for place in range(len(whole)):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([whole[place] ^ 1 << bit]), place)
                with pytest.raises(CheckpointError) as caught:
                    io.load(path)
                assert str(path) in str(caught.value), (place, bit)
            os.pwrite(file.fileno(), whole[place : place + 1], place)
    assert io.load(path).keys() == {"w", "on"}


def test_every_truncated_file_is_refused(tmp_path):
    path = small(tmp_path)
    whole = path.read_bytes()
    for length in reversed(range(len(whole))):
        os.truncate(path, length)
        with pytest.raises(CheckpointError, match="small"):
            io.load(path)
    for more in (b"\0", b"garbage" * 100):
        path.write_bytes(whole + more)
        with pytest.raises(CheckpointError, match="small"):
            io.load(path)


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def signed(entries, arrays, **about):
    """A header with a right digest, as someone would write it who means harm."""
    text = json.dumps({"version": 1, "step": None, "metadata": {}, "complex128": [], **about})
    return {"__metadata__": {"tracejit": text, "sha256": digest(arrays, text)}, **entries}


ZERO = np.zeros(1, np.float32)
HOSTILE = {
    "no file at all": b"",
    "garbage": bytes(range(256)) * 10,
    "pickle": pickle.dumps({"w": list(range(100))}),
    "zip": b"PK\x03\x04" + bytes(100),
    "header of 2**63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "header of 4 GiB": struct.pack("<Q", 2**32) + b"{}",
    "deeply nested": b"[" * 100_000,
    "nested dicts": b'{"a":' * 50_000,
    "no dict": [],
    "huge shape": {"a": entry(shape=(2**40, 2**40))},
    "shape that overflows to 0": {"a": entry(shape=(2**63, 2, 1), offsets=(0, 0))},
    "data of 4 TiB": {"a": entry(shape=(2**40,), offsets=(0, 2**42))},
    "negative size": {"a": entry(shape=(-1,))},
    "negative offset": {"a": entry(offsets=(-4, 0))},
    "overlapping": {"a": entry(), "b": entry()},
    "partly overlapping": {"a": entry(shape=(2,), offsets=(0, 8)), "b": entry(offsets=(4, 8))},
    "hole": {"a": entry(offsets=(4, 8))},
    "backwards": {"a": entry(offsets=(4, 0))},
    "fewer bytes than the shape": {"a": entry(shape=(2,))},
    "unknown dtype": {"a": entry("O")},
    "dtype that NumPy lacks": {"a": entry("BF16", (2,))},
    "text in sizes": {"a": entry(shape=("1",))},
    "way out of the folder": signed({"../../a": entry()}, {"../../a": ZERO}),
    "absolute name": signed({"/etc/a": entry()}, {"/etc/a": ZERO}),
    "name with a newline": signed({"a\nb": entry()}, {"a\nb": ZERO}),
    "complex that is none": signed({"a": entry()}, {"a": ZERO}, complex128=["a"]),
    "complex that is nowhere": signed({"a": entry()}, {"a": ZERO}, complex128=["b"]),
    "a later layout": signed({"a": entry()}, {"a": ZERO}, version=2),
    "text for a step": signed({"a": entry()}, {"a": ZERO}, step="1"),
    "bool that is neither": signed({"a": entry("BOOL", (4,))}, {"a": np.frombuffer(b"\2\0\1\xff", np.bool_)}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_by_name(tmp_path, case):
    header = HOSTILE[case]
    path = tmp_path / "hostile"
    if isinstance(header, bytes):
        path.write_bytes(header)
    else:
        text = json.dumps(header).encode()
        data = b"\2\0\1\xff" if "bool" in case else bytes(4)
        path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    for read in (io.load, lambda path: io.restore(path, {"a": tj.Variable(np.float32(1))})):
        with pytest.raises(CheckpointError, match="hostile"):
            read(path)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(CheckpointError, match="is no file"):
            io.load(path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.load(tmp_path / "nowhere")


# crashes


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path):
    script = """
import resource, signal, sys
import numpy as np
from tracejit import io
io.save(sys.argv[1], {"x": np.ones(3)})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    io.save(sys.argv[1], {"x": np.ones(10000)})
except OSError as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", script, tmp_path / "a"], capture_output=True, text=True, check=True)
    assert "could not be written" in out.stdout and str(tmp_path / "a") in out.stdout
    assert io.load(tmp_path / "a")["x"].tolist() == [1, 1, 1] and files(tmp_path) == ["a"]


def test_a_folder_that_is_missing_or_read_only_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.save(tmp_path / "nowhere" / "a", {"x": 1.0})


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    left, living = tmp_path / ".checkpoint-1.safetensors.0123.partial", tmp_path / ".checkpoint-2.safetensors.4567.partial"
    for folder in (left, living):
        folder.mkdir()
        (folder / "values").write_text("half")
    lock = os.open(living, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    io.Checkpoint(tmp_path, variables()).save(3)
    os.close(lock)
    assert files(tmp_path) == [living.name, "checkpoint-3.safetensors"] and files(living) == ["values"]


def test_many_may_write_to_one_folder_at_once(tmp_path):
    def write(worker):
        for i in range(25):
            io.Checkpoint(tmp_path, variables(), max_to_keep=None).save(100 * worker + i)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(tmp_path)) == 100
    assert all(io.load(tmp_path / name) for name in files(tmp_path))


def test_a_checkpoint_may_be_read_by_whom_the_user_lets_read_files(tmp_path):
    (tmp_path / "other").touch()
    io.save(tmp_path / "a", {"x": 1.0})
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode


WRITERS = """
import os
import sys
import numpy as np
import tracejit as tj
from tracejit import io

def write():
    values = {"w": tj.Variable(np.zeros(50_000)), "b": tj.Variable(np.zeros(3, np.float32)), "step": tj.Variable(0)}
    checkpoint = io.Checkpoint(sys.argv[1], values, max_to_keep=2)
    done = checkpoint.restore() if checkpoint.latest() else 0
    for step in range(done + 1, 10**9):
        values["w"].assign(np.full(50_000, float(step)))
        values["b"].assign(np.full(3, step, np.float32))
        values["step"].assign(step)
        checkpoint.save(step)

while sys.stdin.readline():
    writer = os.fork()
    if not writer:
        write()
    print(writer, flush=True)
    os.waitpid(writer, 0)
    print("gone", flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_checkpoint_that_loads(tmp_path):
    """Each writer goes on from what the one before has left, until it is killed in its turn."""
    rng = np.random.default_rng(0)
    values = {"w": tj.Variable(np.zeros(50_000)), "b": tj.Variable(np.zeros(3, np.float32)), "step": tj.Variable(0)}
    start = time.perf_counter()
    io.Checkpoint(tmp_path / "other", values).save(0)
    patience = 6 * (time.perf_counter() - start)
    checkpoint = io.Checkpoint(tmp_path / "runs", values)
    command = [sys.executable, "-c", WRITERS, tmp_path / "runs"]
    kills = before = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writers:
        while kills < 40 or (before < 20 and kills < 400):
            print("next", file=writers.stdin, flush=True)
            writer = int(writers.stdout.readline())
            time.sleep(rng.uniform(0, patience))
            os.kill(writer, signal.SIGKILL)
            assert writers.stdout.readline() == "gone\n"
            kills += 1
            patience *= 1.05  # a busy machine may need it to write anything at all
            if checkpoint.latest() is not None:  # it would warn of a damaged file; there are none at all
                step = checkpoint.restore()
                assert step >= before
                before = step
                assert all((v.numpy() == step).all() for v in values.values())
        writers.stdin.close()
    assert before >= 20
    io.Checkpoint(tmp_path / "runs", values, max_to_keep=2).save(before + 1)  # clears away what the killed ones left
    assert files(tmp_path / "runs") == [f"checkpoint-{n}.safetensors" for n in sorted((before, before + 1), key=str)]
