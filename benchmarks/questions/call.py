"""What does a call itself cost? Compiled functions of next to no work, beside empty Python functions of the same arguments."""

from functools import partial

import numpy as np

from benchmarks.question import Above, Case

PLAIN, ARRAYS = Above("an_empty_function", 0), Above("an_empty_function", 50)
TITLES = {
    "array": ("call: one array to an array", ARRAYS),
    "number": ("call: ten arrays to a number", PLAIN),
    "keywords": ("call: two arrays by keyword, to an array", ARRAYS),
    "tree": ("call: a dict of arrays and a tuple, to an array", ARRAYS),
    "variable": ("call: one array, and a variable that is captured and updated, to a number", PLAIN),
}
CASES = {kind: Case(title, (kind, 10), (kind, 3), (bar,)) for kind, (title, bar) in TITLES.items()}


def data(kind, n):
    """Which function, its arguments, and its keywords."""
    a = [np.random.default_rng(i).random(n, np.float32) for i in range(10)]
    positional = {"array": a[:1], "number": a, "keywords": [], "tree": [{"x": a[0], "rest": (a[1], a[2])}], "variable": a[:1]}
    return kind, positional[kind], {"x": a[0], "y": a[1]} if kind == "keywords" else {}


def total(*arrays):
    out = arrays[0][0]
    for a in arrays[1:]:
        out = out + a[0]
    return out


FUNCTIONS = {
    "array": lambda x: x + 1,
    "number": total,
    "keywords": lambda x, y: x + y,
    "tree": lambda tree: tree["x"] + tree["rest"][0] * tree["rest"][1],
}
EMPTY = {
    "array": lambda x: None,
    "number": lambda a, b, c, d, e, f, g, h, i, j: None,
    "keywords": lambda x, y: None,
    "tree": lambda tree: None,
    "variable": lambda x: None,
}


def an_empty_function(kind, positional, keywords):
    return partial(EMPTY[kind], *positional, **keywords)


def with_tracejit(kind, positional, keywords):
    import tracejit as tj

    if kind != "variable":
        return partial(tj.function(FUNCTIONS[kind]), *positional, **keywords)
    count = tj.Variable(np.float32(0), name="count")

    @tj.function
    def counted(x):
        count.assign_add(x[0])
        return count + 0

    return partial(counted, *positional)


def with_numpy(kind, positional, keywords):
    if kind != "variable":
        return partial(FUNCTIONS[kind], *positional, **keywords)
    count = np.zeros(())

    def counted(x):
        count[...] += x[0]
        return count + 0

    return partial(counted, *positional)


def with_jax(kind, positional, keywords):
    import jax

    positional, keywords = jax.device_put((positional, keywords))
    if kind != "variable":
        run = jax.jit(FUNCTIONS[kind])
        return lambda: run(*positional, **keywords).block_until_ready()
    add = jax.jit(lambda count, x: count + x[0], donate_argnums=0)
    count = jax.numpy.float32(0)

    def counted():
        nonlocal count
        count = add(count, *positional)
        return count.block_until_ready()

    return counted
