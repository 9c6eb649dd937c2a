"""The host side of device programs against a driver that checks every call; the generated file is written by hand."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cuda_program import TEXT, W, X, executable, scale
from fake_cuda import FakeDriver, FakeStream, Misuse

from tracejit.backends.cuda import compile as compiler
from tracejit.errors import DeviceFaultError, DeviceMemoryError, IndexOutOfBoundsError, MissingExtraError, UnsupportedError
from tracejit.ir.size import symbol
from tracejit.runtime.cuda.executable import MISS
from tracejit.runtime.cuda.program import _module
from tracejit.schedule.schedule import Check


@pytest.fixture
def driver():
    return FakeDriver({"region_0": scale})


def test_a_call_gives_what_the_step_says(driver):
    (out,) = executable(driver)(X, W, 0.5)
    np.testing.assert_array_equal(out.numpy(), X @ W * np.float32(0.5))
    assert driver.names("product", "launch") == [("product", 3, 2, 2), ("launch", "region_0", 1, 64, 3)]


def test_arguments_on_the_device_are_read_where_they_are(driver):
    run = executable(driver)
    x, w = driver.placed(X), driver.placed(W)
    before = driver.ledger.copied["uploads"]
    (out,) = run(x, w, 2.0)
    assert driver.ledger.copied["uploads"] - before == 8 * (19 + 3)  # the table alone
    np.testing.assert_array_equal(out.numpy(), X @ W * 2)


def test_the_second_call_of_the_same_addresses_captures_and_later_ones_replay(driver):
    run = executable(driver)
    x, w = driver.placed(X), driver.placed(W)
    for rate in (1.0, 2.0, 3.0, 4.0):
        (out,) = run(x, w, rate)
        np.testing.assert_array_equal(out.numpy(), X @ W * np.float32(rate))
    assert driver.ledger.counts["captures"] == 1 and driver.ledger.counts["replays"] == 3
    begin, end = (driver.events.index((f"{k} capture", driver.capture_stream)) for k in ("begin", "end"))
    assert [e[0] for e in driver.events[begin + 1 : end]] == ["product", "launch"]


def test_host_arrays_go_to_the_same_memory_in_each_call_so_their_graph_is_kept(driver):
    run, kept = executable(driver), []
    for rate in (1.0, 2.0, 3.0):
        kept.append(run(X.copy(), W.copy(), rate))
        np.testing.assert_array_equal(kept[-1][0].numpy(), X @ W * np.float32(rate))
    assert driver.ledger.counts["captures"] == 1 and driver.ledger.counts["replays"] == 2


def test_other_operands_of_a_product_get_a_graph_of_their_own_and_other_results_do_not(driver):
    run = executable(driver)
    w, xs, kept = driver.placed(W), [driver.placed(X + i) for i in range(3)], []
    for _ in range(3):
        for i, x in enumerate(xs):
            kept.append(run(x, w, 1.0))  # results stay alive, so their addresses differ
            np.testing.assert_array_equal(kept[-1][0].numpy(), (X + i) @ W)
    assert driver.ledger.counts["captures"] == 3


def test_at_most_eight_graphs_are_kept(driver):
    run = executable(driver)
    w, xs = driver.placed(W), [driver.placed(X) for _ in range(20)]
    for x in xs:
        run(x, w, 1.0)
    (binding,) = run._bindings
    assert len(binding.plans) == 8


def test_every_size_has_its_table_and_all_share_one_arena(driver):
    run = executable(driver)
    for n in (3, 5, 2, 5, 3):
        x = np.ones((n, 2), np.float32)
        (out,) = run(x, W, 1.0)
        np.testing.assert_array_equal(out.numpy(), x @ W)
    arenas = [n for purpose, n in driver.ledger.held.items() if purpose == "temporaries of scaled" and n]
    assert arenas == [256]


def test_what_does_not_fit_is_a_miss_and_nothing_is_done(driver):
    run = executable(driver, guards=lambda sizes: sizes["n"] < 10)
    for leaves in [
        (X, W),
        (X, W, 1),
        (X.astype(np.float64), W, 1.0),
        (X, X, 1.0),
        (X[0], W, 1.0),
        (np.ones((10, 2), "f4"), W, 1.0),
    ]:
        assert run(*leaves) is MISS
    assert driver.events == []


def test_buffers_stay_where_they_are_and_host_buffers_are_copied_in_each_call(driver):
    w = driver.placed(W)
    run = executable(driver, {1: w})
    run(X, 1.0)
    w.store(W + 1)
    (out,) = run(X, 1.0)
    np.testing.assert_array_equal(out.numpy(), X @ (W + 1))
    host = W.copy()
    run = executable(driver, {1: host})
    run(X, 1.0)
    host += 1
    np.testing.assert_array_equal(run(X, 1.0)[0].numpy(), X @ (W + 1))


def test_the_callers_stream_is_used_and_streams_wait_for_each_other(driver):
    run = executable(driver)
    x, w = driver.placed(X), driver.placed(W)
    run(x, w, 1.0)
    assert {e[1] for e in driver.events} == {7}
    driver.current = 8
    x.stream = w.stream = 7
    run(x, w, 1.0)
    assert ("after", 8, 7) in driver.events and driver.events[-1][1] == 8
    driver.current = 6
    run(X, W, 1.0)  # memory that is kept for host arrays
    driver.current = 5
    run(X, W, 1.0)
    x.caller = 9  # as PyTorch's tensors say
    run(x, w, 1.0)
    assert driver.events[-1][1] == 9


def test_a_word_of_the_host_goes_along_with_the_table(driver):
    run = executable(driver, {1: driver.placed(W), 2: (rate := np.array(0.5))})
    x = driver.placed(X)
    before = driver.ledger.counts["uploads"]
    for value in (0.5, 2.0, 3.0):
        rate[...] = value
        np.testing.assert_array_equal(run(x)[0].numpy(), X @ W * np.float32(value))
    assert driver.ledger.counts["uploads"] - before == 3


def test_no_memory_for_products_is_found_out_before_anything_runs(driver, monkeypatch):
    def refuse(stream):
        raise driver.ledger.refused(1 << 25, "products", 0, 1 << 30)

    monkeypatch.setattr(FakeStream, "reserve", refuse)
    with pytest.raises(DeviceMemoryError, match="asked for products"):
        executable(driver)(X, W, 1.0)
    assert driver.names("product", "launch") == []


def test_a_program_waits_for_whoever_writes_its_arguments_and_variables(driver):
    x, w = driver.placed(X, stream=3), driver.placed(W, stream=4)
    driver.order(x.address, 3), driver.order(w.address, 4)
    (out,) = executable(driver, {1: w})(x, 1.0)
    assert {e for e in driver.events if e[0] == "after"} == {("after", 7, 3), ("after", 7, 4)}
    assert w.stream == out.stream == 7


def test_the_fake_driver_sees_what_goes_wrong(driver):
    x = driver.placed(X)
    driver.order(x.address, 1)
    with pytest.raises(Misuse, match="stream 2 touches what stream 1 works on"):
        driver.order(x.address, 2)
    address = x.address
    del x
    with pytest.raises(DeviceFaultError, match="no memory in use"):
        driver.order(address, 1)
    with pytest.raises(Misuse, match="copy from the host was captured"):
        driver.capture(lambda stream: stream.upload(driver.placed(X).address, X))
    driver.connected = False
    with pytest.raises(Misuse, match="outside of a context"):
        executable(driver)(X, W, 1.0)


def test_out_of_memory_says_what_holds_it_and_changes_nothing(driver):
    w = driver.placed(W)
    run = executable(driver, {1: w})
    driver.limit = 4000
    with pytest.raises(DeviceMemoryError) as caught:
        run(np.ones((400, 2), np.float32), 1.0)
    text = str(caught.value)
    assert text.startswith("out of memory on cuda: 3.125 KiB were asked for arguments of scaled; ")
    assert "3.25 KiB  temporaries of scaled" in text and "16 bytes  test" in text and "cure: smaller batches" in text
    np.testing.assert_array_equal(w.numpy(), W)
    driver.limit = None
    x = np.ones((400, 2), np.float32)
    np.testing.assert_array_equal(run(x, 1.0)[0].numpy(), x @ W)


def test_memory_is_given_back(driver):
    run = executable(driver)
    run(X, W, 1.0)
    del run
    assert sum(driver.ledger.held.values()) == 0 and driver.pieces.used == 0


CHECKED = TEXT.replace("launch(region_0", "check(table, s0, 1)\n    launch(region_0").replace("import ", "import check, ")


def test_a_check_stops_the_program_before_what_follows(driver):
    run = executable(driver, text=CHECKED, checks=[Check(None, symbol("n"), None)])
    zero = np.zeros((2, 2), np.float32)
    run(X, zero, 1.0)
    with pytest.raises(IndexOutOfBoundsError, match="an axis with size n"):
        run(np.frombuffer(b"\1" * 24, np.float32).reshape(3, 2), np.eye(2, dtype=np.float32), 1.0)
    assert len(driver.names("launch")) == 1


def test_graphs_are_captured_between_checks(driver):
    text = CHECKED.replace("launch(region_0, table", "launch(region_0, table, 15, 1, 64, n)\n    launch(region_0, table").replace(
        "-(-n // 64)", "1"
    )
    run = executable(driver, text=text, checks=[Check(None, symbol("n"), None)])
    x, zero = driver.placed(X), driver.placed(np.zeros((2, 2), np.float32))
    for _ in range(3):
        run(x, zero, 1.0)
    assert driver.ledger.counts["captures"] == 1 and driver.ledger.counts["replays"] == 2
    assert len(driver.names("download")) == 3


def test_a_fault_is_named_by_its_line_under_check(driver, monkeypatch):
    def broken(*arguments):
        raise DeviceFaultError("CUDA_ERROR_ILLEGAL_ADDRESS\n  cure: somewhere else")

    driver.kernels["region_0"] = broken
    monkeypatch.setenv("TRACEJIT_CHECK", "1")
    with pytest.raises(DeviceFaultError) as caught:
        executable(driver)(X, W, 1.0)
    assert str(caught.value) == (
        "CUDA_ERROR_ILLEGAL_ADDRESS\n  in region_0 of generated.py, 1 blocks of 64 threads\n  at model.py:3  y = rate * (x @ w)"
    )


def test_under_check_every_kernel_is_waited_for(driver, monkeypatch):
    monkeypatch.setenv("TRACEJIT_CHECK", "1")
    run = executable(driver)
    run(X, W, 1.0)
    run(X, W, 1.0)
    assert driver.ledger.counts["captures"] == 0
    assert [e[0] for e in driver.names("product", "launch", "wait")] == ["product", "wait", "launch", "wait"] * 2


def test_a_debugger_cannot_step_through_a_device(driver):
    with pytest.raises(UnsupportedError, match=r'cure: debug the same function with device="cpu"'):
        executable(driver).debug(X, W, 1.0)


def test_machine_code_is_kept_in_the_cache_by_file_gpu_and_versions(tmp_path, monkeypatch):
    folder, compiled, versions = tmp_path / "cache", [], ["nvvm 2"]
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(folder))

    def compile_kernels(text, path, capability):
        compiled.append(capability)
        return {f"region_{i}": SimpleNamespace(cubin=b"image", entry=f"e{i}") for i in range(2)}

    monkeypatch.setattr(compiler, "compile_kernels", compile_kernels)
    monkeypatch.setattr(compiler, "key_parts", lambda: tuple(versions))
    for capability, made in [((9, 0), True), ((9, 0), False), ((8, 0), True)]:
        module = _module(TEXT, Path("generated.py"), capability)
        assert module.compiled is made
        assert (module.cubin, module.entries) == (b"image", {"region_0": "e0", "region_1": "e1"})
    assert compiled == [(9, 0), (8, 0)]
    versions[0] = "nvvm 3"
    _module(TEXT, Path("generated.py"), (9, 0))
    _module(TEXT.replace("* 2", "* 3"), Path("generated.py"), (9, 0))
    assert len(compiled) == 4
    for path in folder.glob("*.obj"):
        path.write_bytes(path.read_bytes()[:-1])  # damaged
    assert _module(TEXT, Path("generated.py"), (9, 0)).cubin == b"image" and len(compiled) == 5


def test_a_compiler_without_its_library_names_the_extra(monkeypatch):
    def not_found(name):
        raise RuntimeError(f'Failure finding "lib{name}.10.bc": CUDA_HOME/CUDA_PATH not set\nmore')

    monkeypatch.setattr("cuda.pathfinder.find_bitcode_lib", not_found)
    with pytest.raises(MissingExtraError, match=r'Failure finding "libdevice.10.bc"(.|\n)*cure: pip install'):
        _module(TEXT, Path("generated.py"), (9, 0))


def test_a_file_without_kernels_has_no_machine_code(monkeypatch, tmp_path):
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(compiler, "compile_kernels", lambda text, path, capability: {})
    monkeypatch.setattr(compiler, "key_parts", lambda: ())
    module = _module(TEXT, Path("generated.py"), (9, 0))
    assert (module.cubin, module.entries) == (b"", {})
