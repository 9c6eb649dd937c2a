"""A small drawing of a picture as SVG, for where Graphviz is not installed: layers from top to bottom, edges as curves.

Each item is one layer below the last item that it reads. Edges over several layers go through points of their own, one in
each layer between. Items and points are ordered by the mean place of their neighbours, in a few sweeps down and up.
Source: Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import pairwise

from tracejit.io.picture import Item, Picture

Path = tuple[str, ...]
_CHARACTER, _LINE, _GAP, _LAYER = 6.2, 13.0, 18.0, 78.0
_SWEEPS = 8
_PALETTE = ("#fee2e2", "#ffedd5", "#ecfccb", "#ccfbf1", "#e0e7ff", "#fae8ff", "#fce7f3", "#e2e8f0")


class _Place:
    """An item, or a point that an edge goes through, with its place in the drawing."""

    def __init__(self, layer: int, item: Item | None = None) -> None:
        self.layer = layer
        self.item = item
        self.lines = _lines(item) if item is not None else []
        self.width = max((len(line) for line in self.lines), default=0) * _CHARACTER + (12 if item is not None else 4)
        self.x = 0.0
        self.above: list[_Place] = []
        self.below: list[_Place] = []

    @property
    def y(self) -> float:
        return self.layer * _LAYER + 30

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 8 if self.lines else 0.0


def svg_text(shown: Picture, colours: Mapping[str, str]) -> str:
    """The drawing; ``colours`` are of items by what they do, the others are coloured by kernel."""
    places, edges = _places(shown)
    layers: list[list[_Place]] = [[] for _ in range(1 + max((p.layer for p in places), default=0))]
    for place in places:
        layers[place.layer].append(place)
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _order(layer, up=sweep % 2 == 0)
    left = min((p.x - p.width / 2 for p in places), default=0) - _GAP
    for place in places:
        place.x -= left
    width = max((p.x + p.width / 2 for p in places), default=0) + _GAP
    height = len(layers) * _LAYER + 10
    kernels = list(dict.fromkeys(p.item.kernel for p in places if p.item is not None and p.item.kernel))
    body = [*map(_curve, edges), *(_box(p, p.item, colours, kernels) for p in places if p.item is not None)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" font-family="Helvetica, Arial">'
    style = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{html.escape(shown.name)}</title>", style, *body, "</svg>", ""])


def _places(shown: Picture) -> tuple[list[_Place], list[list[_Place]]]:
    """Places for items, points for long edges, and each edge as the places that it goes through."""
    depth: dict[Path, int] = {}
    for item in shown.items:
        depth[item.path] = 1 + max((depth[x] for x in item.inputs), default=-1)
    readers: dict[Path, list[int]] = {}
    for item in shown.items:
        for x in item.inputs:
            readers.setdefault(x, []).append(depth[item.path])
    for item in shown.items:  # what reads nothing stands just above its first reader
        if not item.inputs and item.path in readers:
            depth[item.path] = min(readers[item.path]) - 1
    at = {item.path: _Place(depth[item.path], item) for item in shown.items}
    places, edges = list(at.values()), []
    for item in shown.items:
        for x in dict.fromkeys(item.inputs):
            points = [_Place(layer) for layer in range(depth[x] + 1, depth[item.path])]
            edge = [at[x], *points, at[item.path]]
            places += points
            edges.append(edge)
            for upper, lower in pairwise(edge):
                upper.below.append(lower)
                lower.above.append(upper)
    return places, edges


def _order(layer: list[_Place], up: bool) -> None:
    """Order a layer by the neighbours in the one above (``up``) or below, and give its places room."""

    def wanted(place: _Place) -> float:
        near = place.above if up else place.below
        return sum(p.x for p in near) / len(near) if near else place.x

    targets = {place: wanted(place) for place in layer}
    layer.sort(key=targets.__getitem__)
    rightmost, leftmost = [targets[p] for p in layer], [targets[p] for p in layer]
    rooms = [(a.width + b.width) / 2 + _GAP for a, b in pairwise(layer)]
    for i, room in enumerate(rooms):  # each as far to the left as those on its left allow, but not beyond its target
        rightmost[i + 1] = max(rightmost[i + 1], rightmost[i] + room)
    for i, room in reversed(list(enumerate(rooms))):
        leftmost[i] = min(leftmost[i], leftmost[i + 1] - room)
    for place, x, y in zip(layer, rightmost, leftmost, strict=True):
        place.x = (x + y) / 2


def _curve(edge: Sequence[_Place]) -> str:
    first, last = edge[0], edge[-1]
    x, y = first.x, first.y + first.height / 2
    steps = [f"M{x:.1f} {y:.1f}"]
    for place in edge[1:]:
        to = place.y - (last.height / 2 if place is last else 0)
        middle = (y + to) / 2
        steps.append(f"C{x:.1f} {middle:.1f} {place.x:.1f} {middle:.1f} {place.x:.1f} {to:.1f}")
        x, y = place.x, to
    return f'<path d="{" ".join(steps)}" fill="none" stroke="#94a3b8"/>'


def _box(place: _Place, item: Item, colours: Mapping[str, str], kernels: Sequence[str]) -> str:
    fill = colours.get(item.op) or (_PALETTE[kernels.index(item.kernel) % len(_PALETTE)] if item.kernel else "#ffffff")
    left, top = place.x - place.width / 2, place.y - place.height / 2
    rows = [
        f'<text x="{place.x:.1f}" y="{top + 15 + i * _LINE:.1f}" font-size="{11 if i == 0 else 9}" '
        f'fill="{"#0f172a" if i == 0 else "#64748b"}" text-anchor="middle">{html.escape(line)}</text>'
        for i, line in enumerate(place.lines)
    ]
    frame = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="4" '
        f'fill="{fill}" stroke="#64748b"/>'
    )
    return "\n".join([f"<g><title>{html.escape(item.note)}</title>", frame, *rows, "</g>"])


def _lines(item: Item) -> list[str]:
    """What is written on an item: its label, its spec, the boxes that it is in."""
    spec = item.note.split("\n", 1)[0]
    return [_short(line) for line in (item.label, spec, "/".join(item.path[:-1])) if line]


def _short(line: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in line)
    return plain if len(plain) <= 48 else f"{plain[:47]}\N{HORIZONTAL ELLIPSIS}"
