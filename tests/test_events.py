"""Event files, read back with TensorBoard's own loader."""

import io as memory
import sys
import threading

import numpy as np
import pytest

import tracejit as tj
from tracejit import io
from tracejit.errors import ArgumentError, DTypeError, MissingExtraError, ShapeError
from tracejit.frontend.scope import name_scope


def read(logdir):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = dict.fromkeys(("scalars", "images", "histograms", "compressedHistograms", "tensors"), 0)
    return EventAccumulator(str(logdir), size_guidance=everything).Reload()


@pytest.fixture
def events(tmp_path):
    with io.EventWriter(tmp_path / "runs" / "a") as writer:
        yield writer


def test_scalars_come_back_with_their_steps(events):
    values = [1, 2.5, np.float32(0.1), np.array([3]), tj.tensor(4.0), tj.Variable(5.0), True, float("inf"), float("nan")]
    for step, value in enumerate(values):
        events.scalar("loss/total", value, step)
    events.scalar("accuracy", 0.5, np.int64(10**12))
    events.close()
    found = read(events.logdir)
    assert [e.step for e in found.Scalars("loss/total")] == list(range(len(values)))
    np.testing.assert_array_equal(
        [e.value for e in found.Scalars("loss/total")], np.float32([1, 2.5, 0.1, 3, 4, 5, 1, np.inf, np.nan])
    )
    assert [(e.step, e.value) for e in found.Scalars("accuracy")] == [(10**12, 0.5)]


def test_histograms_come_back(events):
    x = np.random.default_rng(0).standard_normal((50, 20))
    events.histogram("weights", tj.Variable(x), 7)
    events.histogram("constant", np.full(5, 3, np.int32), 0)
    events.close()
    found = read(events.logdir)
    (event,) = found.Histograms("weights")
    shown = event.histogram_value
    assert (event.step, shown.num) == (7, 1000) and sum(shown.bucket) == 1000
    np.testing.assert_allclose([shown.min, shown.max], [x.min(), x.max()])
    counts = {limit: np.count_nonzero(x <= limit) for limit in shown.bucket_limit}
    np.testing.assert_allclose(np.cumsum(shown.bucket), list(counts.values()), atol=1)
    assert found.Histograms("constant")[0].histogram_value.num == 5


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (np.linspace(0, 1, 12).reshape(3, 4), (3, 4)),
        (np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4, 1), (3, 4)),
        (np.arange(36, dtype=np.uint8).reshape(3, 4, 3), (3, 4, 3)),
        (np.arange(48, dtype=np.uint8).reshape(3, 4, 4)[:, ::-1], (3, 4, 4)),
        (np.eye(3, dtype=bool), (3, 3)),
    ],
)
def test_images_come_back_pixel_by_pixel(events, image, shape):
    import matplotlib.image

    events.image("picture", tj.tensor(image), 1)
    events.close()
    (event,) = read(events.logdir).Images("picture")
    assert (event.step, event.height, event.width) == (1, *shape[:2])
    shown = matplotlib.image.imread(memory.BytesIO(event.encoded_image_string))
    wanted = image / 255 if image.dtype == np.uint8 else image
    np.testing.assert_allclose(shown.reshape(image.shape), wanted, atol=0.5 / 255 + 1e-7)


def test_floats_beyond_the_range_are_clipped():
    from tracejit.io.png import pixels

    shown = pixels(np.array([[-1.0, 0.0, 0.5, 1.0, 7.0, np.nan, np.inf]]))
    assert shown.ravel().tolist() == [0, 0, 128, 255, 255, 0, 255]


def trained():
    rng = np.random.default_rng(0)
    with name_scope("mlp/dense"):
        w = tj.Variable(rng.standard_normal((6, 3)), name="w")

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            with name_scope("mlp/dense"):
                p = np.tanh(x @ w)
            with name_scope("loss"):
                loss = np.sum((p - y) ** 2)
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    step(rng.standard_normal((5, 6)), np.zeros((5, 3)))
    return step


def nodes_of(events):
    events.close()
    return {node.name: node for node in read(events.logdir).Graph().node}


def test_a_program_comes_back_with_scopes_and_fused_kernels_as_boxes(events):
    events.graph(trained())
    nodes = nodes_of(events)
    assert all(name in nodes for node in nodes.values() for name in node.input)
    assert {"x", "y", "mlp/dense/w", "mlp/dense/matmul"} <= nodes.keys()
    (tanh,) = (name for name in nodes if name.endswith("/tanh"))
    (square,) = (name for name in nodes if name.startswith("loss/") and name.endswith("/multiply"))
    assert tanh.startswith("mlp/dense/fused_") and square.startswith("loss/fused_")
    assert tanh.split("/")[-2] == square.split("/")[-2] == nodes[tanh].device == nodes[square].device  # one kernel
    assert any(name.startswith("gradients/loss/fused_") for name in nodes)
    assert [d.size for d in nodes["mlp/dense/matmul"].attr["_output_shapes"].list.shape[0].dim] == [-1, 3]
    assert nodes["mlp/dense/matmul"].attr["line"].s.decode().startswith("test_events.py:")
    (write,) = (node for node in nodes.values() if node.op == "assign")
    assert write.name.endswith("assign_w") and write.input[0] in nodes


def test_boxes_can_be_chosen(events):
    step = trained()
    events.graph(step, scopes="kernels")
    assert any(name.startswith("fused_") for name in nodes_of(events))
    for scopes, boxes in (("names", {"mlp", "loss", "gradients"}), ("none", set())):
        with io.EventWriter(events.logdir / scopes) as other:
            other.graph(step, scopes=scopes)
        assert {name.split("/")[0] for name in nodes_of(other) if "/" in name} == boxes


def test_a_graph_that_is_not_compiled_is_written_as_it_is(events):
    graph = trained().trace(np.ones((5, 6)), np.ones((5, 3)))
    events.graph(graph)
    nodes = nodes_of(events)
    assert "mlp/dense/tanh" in nodes and not any("fused" in name for name in nodes)


def test_names_are_made_fit_for_tensorboard(events):
    def f(x):
        with name_scope("a b"):
            y = np.exp(x)
        with name_scope("a_b"):
            return np.exp(y)

    events.graph(tj.function(f).trace(np.ones(3)))
    assert nodes_of(events).keys() == {"x", "a_b/exp", "a_b/exp_1", "result"}


@pytest.mark.filterwarnings("ignore:html5lib:DeprecationWarning")  # a library that TensorBoard carries
def test_the_tab_for_graphs_shows_it(events):
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.graph.graphs_plugin import GraphsPlugin

    events.graph(trained())
    events.close()
    runs = EventMultiplexer().AddRunsFromDirectory(str(events.logdir)).Reload()
    plugin = GraphsPlugin(TBContext(data_provider=MultiplexerDataProvider(runs, str(events.logdir))))
    text, kind = plugin.graph_impl(RequestContext(), ".", None, False, "")
    assert kind == "text/x-protobuf" and 'name: "mlp/dense/matmul"' in text


# bad input


@pytest.mark.parametrize(
    ("write", "kind", "text"),
    [
        (lambda e: e.scalar("a", [1, 2], 0), ShapeError, r"scalar a: its shape is \(2,\)"),
        (lambda e: e.scalar("a", 1j, 0), DTypeError, "scalar a: its dtype is complex128"),
        (lambda e: e.scalar("a", "1", 0), DTypeError, "scalar a: its dtype is"),
        (lambda e: e.scalar("", 1, 0), ArgumentError, "the tag is ''"),
        (lambda e: e.histogram("a", [], 0), ValueError, "histogram a: there are no values"),
        (lambda e: e.histogram("a", [1, np.nan, np.inf], 0), ValueError, "histogram a: 2 of 3 values are NaN or infinite"),
        (lambda e: e.image("a", np.ones(3), 0), ShapeError, r"image: its shape is \(3,\)"),
        (lambda e: e.image("a", np.ones((3, 4, 2)), 0), ShapeError, "must be"),
        (lambda e: e.image("a", np.ones((3, 4), int), 0), DTypeError, "its dtype is int64"),
        (lambda e: e.graph(3), ArgumentError, "got a int"),
        (lambda e: e.graph(trained(), scopes="all"), ArgumentError, "scopes is 'all'"),
        (lambda e: e.graph(tj.function(np.exp)), ValueError, "has no program yet"),
    ],
)
def test_what_cannot_be_written_is_refused(events, write, kind, text):
    with pytest.raises(kind, match=text):
        write(events)


def test_a_traced_function_does_not_write(events):
    @tj.function
    def f(x):
        events.scalar("loss", x.sum(), 0)
        return x

    with pytest.raises(tj.TraceError, match="cure"):
        f(np.ones(3))


def test_a_closed_writer_says_so(events):
    events.close()
    events.close()
    with pytest.raises(ValueError, match="was closed"):
        events.scalar("a", 1, 0)


def test_without_tensorboardx_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX.record_writer", None)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tracejit\[tensorboard\]"'):
        io.EventWriter(tmp_path)


# files


def test_what_was_flushed_is_read_before_the_end(events):
    events.scalar("a", 1, 0)
    events.flush()
    assert len(read(events.logdir).Scalars("a")) == 1


def test_writers_of_one_folder_have_files_of_their_own(tmp_path):
    with io.EventWriter(tmp_path) as a, io.EventWriter(tmp_path) as b:
        a.scalar("x", 1, 0), b.scalar("x", 2, 1)
    assert len(list(tmp_path.iterdir())) == 2


def test_threads_may_write_at_once(events):
    def write(name):
        for step in range(200):
            events.scalar(name, step, step)

    threads = [threading.Thread(target=write, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events.close()
    found = read(events.logdir)
    assert all([e.step for e in found.Scalars(f"t{i}")] == list(range(200)) for i in range(4))


def test_a_dropped_writer_closes_its_file(tmp_path):
    writer = io.EventWriter(tmp_path)
    writer.scalar("a", 1, 0)
    del writer
    assert len(read(tmp_path).Scalars("a")) == 1
