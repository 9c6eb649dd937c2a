"""How often must one go over a computation to differentiate it by 10 variables? Count it: 2 times in reverse, 10 forward.

python examples/autodiff_modes.py

Reverse mode, `tj.value_and_grad`, goes over the cost once forward and once backward, whatever the number of variables.
Forward mode, `tj.jvp`, gives the slope along one direction and needs a pass for each variable. Symbolic differentiation
makes another graph, of the gradient. Nothing here is stated: runs are counted as they happen, and the passes that a run
makes are read off its graph, whose nodes know which line they come from and whether they are its reverse.
"""

import time

import numpy as np

import tracejit as tj

POINTS = 1000
rng = np.random.default_rng(0)


def cost(variables, data, targets):
    """The mean squared error of a logistic model: a function of all the variables together."""
    likely = 1 / (1 + np.exp(-(data @ variables)))
    errors = likely - targets
    return np.mean(errors * errors)


def slope(variables, data, targets, direction):
    """The cost and its slope along ``direction``: forward mode."""
    return tj.jvp(lambda v: cost(v, data, targets), (variables,), (direction,))


class Counted:
    """A compiled function that counts its runs."""

    def __init__(self, function):
        self.program = tj.function(function)
        self.runs = 0
        self.seconds = 0.0

    def __call__(self, *args):
        start = time.perf_counter()
        out = self.program(*args)
        self.seconds += time.perf_counter() - start
        self.runs += 1
        return out

    def visits(self, *args):
        """How many operations of one run stand for each line of `cost`, as {(line, whether in reverse): count}."""
        found = {}
        for node in self.program.trace(*args).nodes():
            if node.where and node.where.function == "cost":
                key = node.where.text, node.where.reverse
                found[key] = found.get(key, 0) + 1
        return found


def passes(visits):
    """How often a run goes over the cost: in one direction, or in both."""
    return len({reverse for _, reverse in visits})


def differentiate(count):
    """Both modes for ``count`` variables: what was run, and one line of counts for each."""
    point, data = rng.normal(size=count), rng.normal(size=(POINTS, count))
    targets = (data @ rng.normal(size=count) > 0).astype(float)
    reverse, forward = Counted(tj.value_and_grad(cost)), Counted(slope)
    for program, args in (reverse, (point, data, targets)), (forward, (point, data, targets, point)):
        program.program(*args)  # compiled before anything is counted or timed

    _, gradient = reverse(point, data, targets)
    slopes = [float(forward(point, data, targets, direction)[1]) for direction in np.eye(count)]
    np.testing.assert_allclose(slopes, gradient.tolist(), rtol=1e-9, atol=1e-12)
    return (reverse, reverse.visits(point, data, targets)), (forward, forward.visits(point, data, targets, point))


def main(counts=(10, 1, 100)):
    totals = {}
    for count in counts:
        rows = dict(zip(("reverse", "forward"), differentiate(count), strict=True))
        totals[count] = {mode: program.runs * passes(visits) for mode, (program, visits) in rows.items()}
        title = f"{count} variable{'s' * (count != 1)}"
        print(f"{title:13}  runs   passes in each   passes in all       time")
        for mode, (program, visits) in rows.items():
            total, seconds = totals[count][mode], program.seconds
            print(f"  {mode:11} {program.runs:5} {passes(visits):16} {total:15}   {seconds * 1e3:5.2f} ms")

    (_, reverse), (_, forward) = differentiate(10)
    alone = Counted(cost).visits(np.ones(10), np.ones((POINTS, 10)), np.ones(POINTS))
    print(f"\n{'operations per line':51} cost   reverse mode   forward mode")
    for line in dict.fromkeys(line for line, _ in alone):
        both = f"{reverse.get((line, False), 0)} + {reverse.get((line, True), 0)}"
        print(f"  {line:49} {alone[line, False]:4} {both:>14} {forward.get((line, False), 0):14}")
    gradient = sum(reverse.values())
    print(f"symbolic: the gradient is a graph of its own, of {gradient} operations to the cost's {sum(alone.values())}")
    return totals


if __name__ == "__main__":
    main()
