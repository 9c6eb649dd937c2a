"""Trees: taking apart, putting together, names of leaves."""

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

from tracejit.errors import ArgumentError
from tracejit.frontend.tree import LEAF, flatten, flatten_paths, map_tree, path_name, register_tree

Point = namedtuple("Point", "x y")


@dataclass
class Layer:
    w: Any
    b: Any = None


@dataclass(frozen=True)
class Frozen:
    w: Any


class Pair:
    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second


register_tree(Pair, lambda p: ((p.first, p.second), "pair"), lambda data, children: Pair(*children))

TREES = [
    (1, [1]),
    ((1, 2), [1, 2]),
    ([], []),
    ({}, []),
    ({"b": 1, "a": 2}, [2, 1]),
    ({3: 1, "a": 2}, [1, 2]),
    (OrderedDict(b=1, a=2), [2, 1]),
    (defaultdict(list, b=1, a=2), [2, 1]),
    (Point(1, (2, 3)), [1, 2, 3]),
    (Layer(1, [2]), [1, 2]),
    (Frozen({"k": (1,)}), [1]),
    (slice(1, None), [1, None, None]),
    (None, [None]),
    ([{"a": (1, [2, {"b": 3}])}, 4], [1, 2, 3, 4]),
]


@pytest.mark.parametrize(("tree", "leaves"), TREES)
def test_a_tree_is_its_leaves_and_its_structure(tree: Any, leaves: list[Any]) -> None:
    found, structure = flatten(tree)
    assert found == leaves
    assert structure.leaf_count == len(leaves)
    again = structure.unflatten(found)
    assert again == tree and type(again) is type(tree)
    assert structure == flatten(again)[1] and hash(structure) == hash(flatten(again)[1])


def test_dicts_of_other_order_have_equal_structures_and_keep_their_order() -> None:
    one, other = {"b": 1, "a": 2}, {"a": 2, "b": 1}
    assert flatten(one)[1] == flatten(other)[1]
    assert flatten(one)[1].orders != flatten(other)[1].orders
    assert list(flatten(one)[1].unflatten([2, 1])) == ["b", "a"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1], (1,)),
        ({"a": 1}, {"b": 1}),
        ([1], [1, 2]),
        (Point(1, 2), (1, 2)),
        (Layer(1), Frozen(1)),
        ({"a": 1}, OrderedDict(a=1)),
    ],
)
def test_different_shapes_have_different_structures(one: Any, other: Any) -> None:
    assert flatten(one)[1] != flatten(other)[1]


def test_registered_classes_are_trees() -> None:
    leaves, structure = flatten(Pair(1, [2, 3]))
    assert leaves == [1, 2, 3]
    again = structure.unflatten([4, 5, 6])
    assert isinstance(again, Pair) and again.second == [5, 6]


def test_a_class_that_is_not_registered_is_a_leaf() -> None:
    thing = object()
    assert flatten(thing) == ([thing], LEAF)
    assert flatten(Layer) == ([Layer], LEAF)


def test_leaves_have_the_names_a_user_would_write() -> None:
    pairs, _ = flatten_paths({"w1": [1, Point(2, 3)], "l": Layer(4)}, "params")
    assert [path for path, _ in pairs] == [
        "params['l'].w",
        "params['l'].b",
        "params['w1'][0]",
        "params['w1'][1].x",
        "params['w1'][1].y",
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x", "x"),
        ("params['w1']", "params_w1"),
        ("args[0]", "args_0"),
        ("lambda", "lambda_"),
        ("p['a b\\n\"']", "p_a_b_n"),
        ("['1']", "_1"),
    ],
)
def test_names_of_inputs_are_python_names(path: str, name: str) -> None:
    assert path_name(path) == name
    assert path_name(path).isidentifier()


def test_map_tree_walks_trees_of_one_structure_together() -> None:
    assert map_tree(lambda x, y: x + y, {"a": 1, "b": (2,)}, {"b": (10,), "a": 20}) == {"a": 21, "b": (12,)}
    with pytest.raises(ArgumentError, match="structures differ"):
        map_tree(lambda x, y: x, [1], [1, 2])


def test_structures_print_as_calls() -> None:
    assert str(flatten({"a": [1, 2], "b": Layer(1)})[1]) == "dict(['a']=list(*, *), ['b']=Layer(w=*, b=*))"
