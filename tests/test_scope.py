"""Name scopes: on nodes, on Variables, and nowhere in what is computed."""

import threading

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import ArgumentError
from tracejit.frontend.scope import name_scope, scope


def scopes_of(graph):
    return {node.op.name: node.where.scope for node in graph.nodes() if node.where}


def two_layers(x):
    with name_scope("net"):
        with name_scope("dense"):
            x = np.tanh(x)
        x = np.exp(x)
    return np.sin(x)


def test_nodes_carry_the_scope_that_they_were_made_in():
    found = scopes_of(tj.function(two_layers).trace(np.ones(3)))
    assert (found["tanh"], found["exp"], found["sin"]) == ("net/dense", "net", "")


def test_optimized_and_scheduled_nodes_keep_it():
    f = tj.function(two_layers)
    f(np.ones(3))
    found = scopes_of(f.programs.entries[-1].program.schedule.graph)
    assert (found["tanh"], found["exp"]) == ("net/dense", "net")
    assert "in net/dense" in str(f.graph()) and '"scope": "net/dense"' in f.graph().json()


def test_the_reverse_pass_belongs_to_the_scope_of_the_forward_pass():
    def f(x):
        with tj.GradientTape() as tape:
            tape.watch(x)
            with name_scope("loss"):
                y = np.sum(np.exp(x))
        with name_scope("train"):
            return tape.gradient(y, x) * 3

    graph = tj.function(f).trace(tj.tensor(np.ones(3)))
    assert {n.where.scope for n in graph.nodes() if n.where and n.where.reverse} == {"loss"}
    assert scopes_of(graph)["multiply"] in ("loss", "train")


def test_functions_called_in_a_trace_nest_and_traces_begin_anew():
    inner = tj.function(two_layers)

    def outer(x):
        with name_scope("outer"):
            return inner(x)

    assert scopes_of(tj.function(outer).trace(np.ones(3)))["tanh"] == "outer/net/dense"
    with name_scope("around"):
        assert scopes_of(inner.trace(np.ones(3)))["tanh"] == "net/dense"


def test_names_of_variables_are_in_the_scope():
    with name_scope("a"), name_scope("b/c") as whole:
        w = tj.Variable(1.0, name="w")
        with name_scope(None):
            top = tj.Variable(1.0, name="top")
        with tj.GradientTape():
            taped = tj.Variable(1.0)
    assert (whole, w.name, top.name, taped.name) == ("a/b/c", "a/b/c/w", "top", "a/b/c/variable")
    assert tj.Variable(1.0, name="w").name == "w"


def test_an_exception_leaves_the_scope():
    with pytest.raises(ZeroDivisionError), name_scope("a"):
        raise ZeroDivisionError
    assert scope() == ""

    def f(x):
        try:
            with name_scope("a"):
                raise KeyError
        except KeyError:
            return np.exp(x)

    assert scopes_of(tj.function(f).trace(np.ones(3)))["exp"] == ""


def test_threads_have_scopes_of_their_own():
    seen = []
    inside, done = threading.Event(), threading.Event()

    def other():
        inside.wait()
        seen.append(tj.Variable(0.0, name="v").name)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with name_scope("here"):
        inside.set()
        done.wait()
    thread.join()
    assert seen == ["v"]


@pytest.mark.parametrize("name", ["", "/", "a/", "/a", "a//b", " ", "a\nb", "a\0", 3, b"a"])
def test_names_that_are_none_are_refused(name):
    with pytest.raises(ArgumentError, match="name_scope"), name_scope(name):
        pass


def test_a_scope_is_harmless_text_everywhere():
    @tj.function
    def f(x):
        with name_scope("a\"'''{}\\ # ü"):
            w = np.exp(x)
        return w * 2

    assert f(np.zeros(3)).tolist() == [2, 2, 2]
    assert "exp" in f.source().text


def test_a_scope_is_no_reason_to_compile_anew():
    @tj.function
    def f(x):
        return x + 1

    f(np.ones(3))
    with name_scope("other"):
        f(np.ones(3))
    assert f.compilations == 1
