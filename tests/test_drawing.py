"""Drawings: DOT text that Graphviz takes, SVG without Graphviz, and nothing that names can break."""

import os
import re
import stat
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tracejit as tj
from tracejit import io
from tracejit.errors import ArgumentError, MissingExtraError
from tracejit.frontend.scope import name_scope
from tracejit.io import drawing


def network():
    with name_scope("dense"):
        w = tj.Variable(np.ones((4, 3), np.float32), name="w")

    @tj.function
    def step(x):
        with tj.GradientTape() as tape:
            with name_scope("dense"):
                h = np.maximum(x @ w, 0)
            with name_scope("loss"):
                loss = np.sum(h * h * 0.5)
        w.assign_sub(tape.gradient(loss, w))
        return loss

    step(np.ones((2, 4), np.float32))
    return step


def without_graphviz(monkeypatch):
    monkeypatch.setattr(drawing.shutil, "which", lambda name: None)


def clusters(text):
    return re.findall(r'^ *label="([^"]*)"; ', text, re.MULTILINE)


def test_scopes_and_kernels_are_boxes():
    step = network()
    assert {"dense", "loss", "gradients"} < set(clusters(io.graph_dot(step)))
    assert any(name.startswith("fused_") for name in clusters(io.graph_dot(step)))
    assert set(clusters(io.graph_dot(step, scopes="names"))) == {"dense", "loss", "gradients"}
    assert all(name.startswith("fused_") for name in clusters(io.graph_dot(step, scopes="kernels")))
    assert clusters(io.graph_dot(step, scopes="none")) == []


def test_numbers_are_written_on_the_items_that_use_them():
    text = io.graph_dot(network())
    assert "maximum(\N{MIDDLE DOT}, 0.0)" in text and "constant" not in text
    assert "test_drawing.py:" in text and "f32[n, 3]" in text


def test_the_drawing_is_the_graph():
    def f(x, y):
        return np.exp(x) - y, x * 2

    graph = tj.function(f).trace(np.ones(3), np.ones(3))
    shown = io.picture(graph)
    assert [item.op for item in shown.items] == ["input", "input", "exp", "subtract", "multiply", "result", "result"]
    by_name = {item.path: item for item in shown.items}
    assert by_name[("subtract",)].inputs == (("exp",), ("y",)) and by_name[("multiply",)].label == "multiply(\N{MIDDLE DOT}, 2.0)"
    assert by_name[("result_1",)].inputs == (("multiply",),)
    text = io.graph_dot(graph)
    assert text.count("->") == 1 + 2 + 1 + 2


def test_an_output_may_be_an_input_or_a_number():
    graph = tj.function(lambda x: (x, tj.zeros(3), x)).trace(np.ones(3))
    assert [item.op for item in io.picture(graph).items].count("result") == len(graph.outputs)


def test_a_graph_is_planned_when_its_kernels_are_asked_for():
    graph = tj.function(lambda x: np.exp(np.sin(x)) * 2).trace(np.ones(3))
    assert clusters(io.graph_dot(graph)) == []
    assert clusters(io.graph_dot(graph, scopes="kernels")) == ["fused_0"]


def test_compiled_programs_and_their_graphs_are_drawn():
    step = network()
    program = step.programs.entries[-1].program
    assert io.graph_dot(program).count("->") == io.graph_dot(step).count("->")
    assert "fused_" not in io.graph_dot(program.graph)


NASTY = 'a"b\\c<&>{}|\\N %s ü'


def nasty():
    def f(x):
        with name_scope(NASTY):
            return np.exp(x)

    return tj.function(f).trace(np.ones(3))


def test_names_cannot_break_the_text():
    text = io.graph_dot(nasty())
    for line in text.splitlines():
        quoted = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", line)
        assert '"' not in quoted and "\\" not in quoted, line


@pytest.mark.parametrize("made", [network, nasty])
def test_svg_needs_no_graphviz(tmp_path, monkeypatch, made):
    without_graphviz(monkeypatch)
    program = made()
    assert io.draw(program, tmp_path / "a.svg") == tmp_path / "a.svg"
    root = ET.parse(tmp_path / "a.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    items = io.picture(program).items
    assert len(root.findall(f"{space}g")) == len(items)
    assert len(root.findall(f"{space}path")) == sum(len(set(item.inputs)) for item in items)


def test_items_of_the_svg_do_not_overlap(tmp_path, monkeypatch):
    without_graphviz(monkeypatch)
    io.draw(network(), tmp_path / "a.svg")
    root = ET.parse(tmp_path / "a.svg").getroot()
    width = float(root.get("width"))
    frames = [
        [float(r.get(k)) for k in ("x", "y", "width", "height")]
        for r in root.iter("{http://www.w3.org/2000/svg}rect")
        if r.get("x")
    ]
    assert all(x >= 0 and x + w <= width for x, _, w, _ in frames)
    for i, (x, y, w, h) in enumerate(frames):
        for u, v, a, b in frames[:i]:
            assert x + w < u or u + a < x or y + h < v or v + b < y


def test_a_long_chain_and_an_empty_graph_can_be_drawn(tmp_path, monkeypatch):
    without_graphviz(monkeypatch)

    def chain(x):
        y = x
        for _ in range(200):
            y = np.sin(y) + x
        return y

    io.draw(tj.function(chain).trace(np.ones(3)), tmp_path / "chain.svg")
    io.draw(tj.function(lambda: None).trace(), tmp_path / "empty.svg")
    ET.parse(tmp_path / "chain.svg"), ET.parse(tmp_path / "empty.svg")


def test_graphviz_makes_the_other_pictures(tmp_path, monkeypatch):
    dot = tmp_path / "dot"
    dot.write_text('#!/bin/sh\necho "made $1"\ncat\n')
    dot.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    step = network()
    for kind in ("png", "svg", "PDF"):
        made = io.draw(step, tmp_path / f"a.{kind}").read_text()
        assert made == f"made -T{kind.lower()}\n{io.graph_dot(step)}"


def test_a_failure_of_graphviz_is_told(tmp_path, monkeypatch):
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\ncat > /dev/null; echo out of paper >&2; exit 3\n")
    dot.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(RuntimeError, match="out of paper"):
        io.draw(network(), tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_without_graphviz_the_error_names_it(tmp_path, monkeypatch):
    without_graphviz(monkeypatch)
    with pytest.raises(MissingExtraError, match="install graphviz"):
        io.draw(network(), tmp_path / "a.png")


def test_dot_text_is_a_file_like_the_others(tmp_path):
    step = network()
    assert io.draw(step, tmp_path / "a.dot", scopes="none").read_text() == io.graph_dot(step, scopes="none")


@pytest.mark.parametrize(
    ("x", "name", "text"),
    [
        (network, "a.svg", "got a function"),
        (None, "a.svg", "got a NoneType"),
        (np.ones(3), "a.dot", "got a ndarray"),
        (None, "a.txt", "ends in '.txt'"),
        (None, "svg", "ends in ''"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, x, name, text):
    with pytest.raises(ArgumentError, match=text):
        io.draw(x, tmp_path / name)
