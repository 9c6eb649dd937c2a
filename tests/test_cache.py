"""The cache: kept once for all processes, safe from damage and from other users, and never the cause of an error."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracejit.backends.cpu.compile import CompiledObject
from tracejit.runtime import cache

OBJECT = CompiledObject(bytes(range(256)) * 8, "step")
SOURCE = '''"""Made for a test."""
from prelude import f32, program


@program
def step(table):
    """Doubles."""
    x = table[8]  # model.py:3

    table[9] = x + x
'''


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, and no warning given yet."""
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", set())
    return tmp_path / "cache"


@contextmanager
def one_warning(text):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield
    assert [text in str(warning.message) for warning in seen] == [True]


def as_user(monkeypatch, number):
    """Folders are owned by who runs the tests; have that be somebody else."""
    monkeypatch.setattr(os, "geteuid", lambda: number)


# ---------------------------------------------------------------------------------------------------------- the folder


def test_the_folder_is_private_and_is_made_when_needed(folder):
    assert cache.cache_dir() == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_can_write_is_refused_with_one_warning(folder, mode):
    folder.mkdir()
    folder.chmod(mode)
    (folder / "key.obj").write_bytes(b"planted")
    with one_warning("written by other users"):
        used = cache.cache_dir()
        assert cache.load_object("key") is None
        cache.store_object("key", OBJECT.object_code, OBJECT.symbol)
        cache.write_source(SOURCE)
    assert used != folder and stat.S_IMODE(used.stat().st_mode) == 0o700
    assert cache.load_object("key") == OBJECT
    assert os.listdir(folder) == ["key.obj"] and (folder / "key.obj").read_bytes() == b"planted"


def test_a_folder_of_another_user_is_refused_with_one_warning(folder, monkeypatch):
    folder.mkdir()
    as_user(monkeypatch, 12345)
    with one_warning("another user"):
        assert cache.cache_dir() == cache.cache_dir() != folder


def test_a_folder_that_others_can_only_read_is_taken(folder):
    folder.mkdir(mode=0o755)
    assert cache.cache_dir() == folder


def test_a_file_in_the_place_of_the_folder_is_a_warning(folder):
    folder.write_text("")
    with one_warning("cannot be used"):
        assert cache.compiled("key", lambda: OBJECT) == OBJECT


def full_disk(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)


def test_a_full_disk_costs_speed_and_one_warning(folder, monkeypatch):
    full_disk(monkeypatch)
    with one_warning("No space left"):
        for _ in range(3):
            assert cache.compiled("key", lambda: OBJECT) == OBJECT
            cache.write_source(SOURCE)
    assert cache.load_object("key") is None


def test_a_read_only_folder_is_read_and_costs_one_warning(folder, monkeypatch):
    cache.store_object("kept", OBJECT.object_code, OBJECT.symbol)
    source = cache.write_source(SOURCE)
    before = sorted(os.listdir(folder))
    refuse_writes(monkeypatch, folder)
    assert cache.load_object("kept") == OBJECT and cache.write_source(SOURCE) == source
    with one_warning("cannot be written"):
        assert cache.compiled("new", lambda: OBJECT) == OBJECT
        elsewhere = cache.write_source(SOURCE + "# another\n")
    assert elsewhere.read_text() == SOURCE + "# another\n"
    assert sorted(os.listdir(folder)) == before


def refuse_writes(monkeypatch, folder):
    """Take the right to write; root has it all the same, so the calls that make files refuse too."""
    folder.chmod(0o500)

    def guarded(function, place):
        def call(*args, **kwargs):
            if Path(place(*args, **kwargs)).is_relative_to(folder):
                raise PermissionError(13, "Permission denied")
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(cache.tempfile, "mkstemp", guarded(cache.tempfile.mkstemp, lambda **kwargs: kwargs["dir"]))
    monkeypatch.setattr(cache.os, "open", guarded(os.open, lambda path, *_: path))


# ------------------------------------------------------------------------------------------------------------- sources


def test_a_source_is_written_once_and_repaired_when_damaged(folder):
    path = cache.write_source(SOURCE)
    assert path.parent == folder and path.suffix == ".py" and path.read_text() == SOURCE
    written = path.stat()
    assert cache.write_source(SOURCE) == path and path.stat().st_ino == written.st_ino
    path.write_text(SOURCE[:20])
    assert cache.write_source(SOURCE) == path and path.read_text() == SOURCE
    assert cache.write_source(SOURCE + "\n") != path


def test_comments_blank_lines_and_docstrings_are_not_in_the_key():
    key = cache.code_key(SOURCE)
    assert cache.code_key(re.sub(r"  #.*", "", SOURCE)) == key
    assert cache.code_key(SOURCE.replace("\n\n", "\n")) == key
    assert cache.code_key(SOURCE.replace('"""Doubles."""', '"""Says something else."""').replace("Made", "Found")) == key
    assert cache.code_key(re.sub(r'\n.*"""Doubles."""', "", SOURCE)) == key


@pytest.mark.parametrize(
    ("old", "new"),
    [("table[9]", "table[10]"), ("x + x", "x - x"), ("x + x", "x + 1"), ("x + x", "'x'  # x"), ("import f32", "import f64")],
)
def test_every_change_of_the_code_is_in_the_key(old, new):
    assert cache.code_key(SOURCE.replace(old, new)) != cache.code_key(SOURCE)


def test_constants_that_compare_equal_have_different_keys():
    texts = ["x = 0.0", "x = -0.0", "x = 0", "x = False", "x = '0'", "x = 0j"]
    assert len({cache.code_key(text) for text in texts}) == len(texts)


def test_everything_else_that_decides_the_code_is_in_the_key(monkeypatch):
    keys = {cache.code_key("x = 1"), cache.code_key("x = 1", "libm"), cache.code_key("x = 1", "li", "bm")}
    for name, value in (("VERSION", "0"), ("_version", lambda: "0"), ("sources", lambda *paths: "0")):
        monkeypatch.setattr(cache, name, value)
        cache._environment.cache_clear()
        keys.add(cache.code_key("x = 1"))
    monkeypatch.undo()
    cache._environment.cache_clear()
    assert len(keys) == 6


# ------------------------------------------------------------------------------------------------------------- objects


def test_an_object_comes_back_as_it_was(folder):
    assert cache.load_object("key") is None
    cache.store_object("key", OBJECT.object_code, OBJECT.symbol)
    assert cache.load_object("key") == OBJECT
    assert os.listdir(folder) == ["key.obj"]


def good() -> bytes:
    name = OBJECT.symbol.encode()
    return cache._HEADER.pack(cache._MAGIC, 4, 2048, cache._checksum("key", name, OBJECT.object_code)) + name + OBJECT.object_code


def flipped(at: int) -> bytes:
    content = bytearray(good())
    content[at] ^= 1
    return bytes(content)


PICKLE = b"cos\nsystem\n(S'touch planted'\ntR."
DAMAGE = {
    "empty": b"",
    "one byte": b"T",
    "zeros": bytes(len(good())),
    "text": b"not an object",
    "pickle": PICKLE,
    "object file": b"\x7fELF" + bytes(100),
    "bare code": OBJECT.object_code,
    "longer": good() + b"\0",
    "twice": good() * 2,
    "other magic": b"JITTRACE" + good()[8:],
    "huge name": good()[:8] + b"\xff" * 4 + good()[12:],
    "huge code": good()[:12] + b"\xff" * 8 + good()[20:],
    "no name": good()[:8] + bytes(4) + good()[12:],
    "no checksum": good()[:20] + bytes(32) + good()[52:],
    "other key": good().replace(
        cache._checksum("key", b"step", OBJECT.object_code), cache._checksum("yek", b"step", OBJECT.object_code)
    ),
    **{f"cut at {at}": good()[:at] for at in (4, 8, 12, 20, 51, 52, 54, 56, 1000, len(good()) - 1)},
    **{f"bit of byte {at}": flipped(at) for at in (0, 7, 8, 11, 12, 19, 20, 40, 51, 52, 55, 56, 500, 1500, len(good()) - 1)},
}


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_object_is_made_again(folder, content):
    path = cache.cache_dir() / "key.obj"
    path.write_bytes(content)
    assert cache.load_object("key") is None and not path.exists()
    path.write_bytes(content)
    assert cache.compiled("key", lambda: OBJECT) == OBJECT
    assert path.read_bytes() == good() and not Path("planted").exists()


def test_a_pipe_a_link_or_a_folder_in_an_objects_place_is_a_miss(folder):
    path = cache.cache_dir() / "key.obj"
    for place in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)):
        place(path)
        assert cache.compiled("key", lambda: OBJECT) == OBJECT
        assert path.read_bytes() == good() and not path.is_symlink()
        path.unlink()
    path.mkdir()
    with one_warning("cannot be written"):
        assert cache.compiled("key", lambda: OBJECT) == OBJECT


def test_nothing_in_the_runtime_unpickles():
    for module in Path(cache.__file__).parent.glob("*.py"):
        assert not re.search(r"^\s*(import|from) (pickle|marshal|shelve|dill)", module.read_text(), re.MULTILINE)


def test_the_least_recently_used_go_when_the_folder_is_full(folder, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 3 * len(good()))
    for i in range(5):
        cache.store_object(f"key{i}", OBJECT.object_code, OBJECT.symbol)
        os.utime(folder / f"key{i}.obj", (i, i))  # long ago, in this order
        if i == 2:
            assert cache.load_object("key0") == OBJECT  # used: the newest now
    assert sorted(os.listdir(folder)) == ["key0.obj", "key3.obj", "key4.obj"]


def test_a_use_is_noted_at_most_once_a_day(folder):
    cache.store_object("key", OBJECT.object_code, OBJECT.symbol)
    path, now = folder / "key.obj", time.time()
    for age, noted in ((3600, False), (2 * 86_400, True)):
        os.utime(path, (now - age, now - age))
        cache.load_object("key")
        assert (path.stat().st_mtime > now - 60) == noted


def test_what_killed_processes_left_is_removed_after_a_day(folder):
    for name in ("x.new", "y.lock", "young.new", "mine.txt"):
        (cache.cache_dir() / name).write_text("")
        if name != "young.new":
            os.utime(folder / name, (0, 0))
    cache.store_object("key", OBJECT.object_code, OBJECT.symbol)
    assert sorted(os.listdir(folder)) == ["key.obj", "mine.txt", "young.new"]


# ------------------------------------------------------------------------------------------------------- many at a time


def test_threads_make_an_object_once():
    made, results = [], []

    def make():
        made.append(1)
        time.sleep(0.05)
        return OBJECT

    threads = [threading.Thread(target=lambda: results.append(cache.compiled("key", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and results == [OBJECT] * 8


MAKE = """
import os, sys, time
from tracejit.runtime import cache
from tracejit.backends.cpu.compile import CompiledObject
def make():
    with open(sys.argv[1], "a") as log:
        log.write("made\\n")
    time.sleep(0.3)
    return CompiledObject(b"code" * 1000, "step")
for i in range(3):
    assert cache.compiled(f"key{i}", make) == CompiledObject(b"code" * 1000, "step")
"""


def start(program, *args):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", program, *map(str, args)], env=env, stderr=subprocess.PIPE, text=True)


def test_processes_make_an_object_once(folder, tmp_path):
    running = [start(MAKE, tmp_path / "log") for _ in range(3)]
    for process in running:
        assert process.wait(60) == 0, process.stderr.read()
        process.stderr.close()
    assert (tmp_path / "log").read_text() == "made\n" * 3
    assert sorted(os.listdir(folder)) == ["key0.obj", "key1.obj", "key2.obj"]


def test_a_process_that_is_killed_while_it_compiles_stops_nobody(folder, tmp_path):
    process = start(MAKE.replace("0.3", "60"), tmp_path / "log")
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert os.listdir(folder) == ["key0.lock"]
    assert cache.compiled("key0", lambda: OBJECT) == OBJECT
    assert os.listdir(folder) == ["key0.obj"]


def test_a_holder_that_hangs_is_waited_for_only_so_long(monkeypatch):
    monkeypatch.setattr(cache, "_LOCK_SECONDS", 0.1)
    with cache._lock("key"):
        assert cache.compiled("key", lambda: OBJECT) == OBJECT


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_of_the_compile_passes_and_leaves_nothing(folder, error):
    def fail():
        raise error

    with pytest.raises(error):
        cache.compiled("key", fail)
    assert os.listdir(folder) == [] and cache.compiled("key", lambda: OBJECT) == OBJECT


def test_without_locks_all_still_works(monkeypatch):
    monkeypatch.setattr(cache, "fcntl", None)
    assert cache.compiled("key", lambda: OBJECT) == OBJECT == cache.load_object("key")


def test_a_key_is_found_again_by_another_process():
    program = "import sys; from tracejit.runtime import cache; sys.stderr.write(cache.code_key(sys.argv[1], 'x'))"
    assert start(program, SOURCE).communicate()[1] == cache.code_key(SOURCE, "x")


def test_importing_the_cache_loads_no_compiler():
    program = "import sys; import tracejit.runtime.cache, tracejit.runtime.enter, tracejit.runtime.blas\n"
    program += "assert not {'numba', 'scipy', 'llvmlite'} & set(sys.modules)"
    process = start(program)
    assert process.communicate()[1] == "" and process.returncode == 0
