"""Does each operation on the GPU give what NumPy gives? All samples of an operation in all dtypes are one program.

python -m benchmarks.operations_on_cuda [OPERATION ...]   asks for all but these

It answers with two JSON lines for each: ``[name, null]`` before it is asked, then ``[name, what is wrong]``, which is empty where
nothing is. A fault of the device ends it, since nothing else runs in its process then: ``told`` starts another one for the rest.
"""

import json
import select
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.driver import ROOT

COMMAND = [sys.executable, "-m", "benchmarks.operations_on_cuda"]
PATIENCE = 60.0  # seconds without an answer
HALVES = {"float16": 1e-3, "bfloat16": 8e-3}
TOLERANCE = {"float32": 3e-5, "complex64": 3e-5, **HALVES}  # relative; of all other dtypes 1e-11


def told(minutes: float, patience: float = PATIENCE) -> list[str]:
    """The lines of a report: how many operations are right, and what is wrong with the others."""
    found: dict[str, str] = {}
    end, before, reason = time.monotonic() + 60 * minutes, -1, "unknown"
    while reason and len(found) > before:
        before, left = len(found), end - time.monotonic()
        reason = ask(found, min(patience, left)) if left > 0 else "there is no time left"
    wrong = [f"- {name}: {' '.join(what.split())[:200]}" for name, what in found.items() if what]
    rest = [f"- operations: not all of them were asked: {reason}"] if reason else []
    return [f"- operations: {len(found) - len(wrong)} of {len(found)} give NumPy's results", *wrong, *rest]


def ask(found: dict[str, str], patience: float) -> str:
    """Have a process answer for what is not found yet; why it ended before it had, if it did."""
    asked = None
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen([*COMMAND, *found], cwd=ROOT, bufsize=0, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        reason = f"no answer within {patience:.0f} s"
        while select.select([process.stdout], [], [], patience)[0]:
            line = process.stdout.readline()
            if not line:
                errors.seek(0)
                reason = (errors.read().strip().splitlines() or ["its process ended"])[-1] if process.wait() else ""
                break
            asked, wrong = json.loads(line)
            if wrong is not None:
                found[asked] = wrong
        process.kill()
    if asked is not None:
        found.setdefault(asked, reason)
    return reason


def samples() -> dict[str, list]:
    """The cases of each operation."""
    sys.path.insert(0, str(ROOT / "tests"))
    from op_tools import cases

    groups: dict[str, list] = {}
    for case in cases():
        if case.op.name != "checked_index":  # whose sample has no size to check against
            groups.setdefault(case.op.name, []).append(case)
    return groups


def compare(samples: list) -> None:
    """Raise where an operation's results on the GPU are not NumPy's."""
    from op_tools import graph_of

    from tracejit.frontend.on_device import DeviceGraph
    from tracejit.ir.evaluation import evaluate_graph

    groups = [case.arrays() for case in samples]
    ends = np.cumsum([len(group) for group in groups])

    def all_of_them(*nodes):
        parts = [nodes[end - len(group) : end] for end, group in zip(ends, groups, strict=True)]
        return [case.op(*part, **case.sample.attrs) for case, part in zip(samples, parts, strict=True)]

    arrays = [array for group in groups for array in group]
    graph = graph_of(all_of_them, arrays)
    found, (expected, _) = DeviceGraph(graph)(arrays), evaluate_graph(graph, arrays, {})
    for case, on_device, right in zip(samples, found, expected, strict=True):
        tolerance, got = TOLERANCE.get(right.dtype.name, 1e-11), on_device.numpy()
        if right.dtype.name in HALVES:
            got, right = got.astype(np.float32), right.astype(np.float32)
        np.testing.assert_allclose(got, right, rtol=tolerance, atol=tolerance, err_msg=str(case))


def main() -> None:
    from tracejit.errors import DeviceFaultError

    def answer(name: str, wrong: str | None) -> None:
        print(json.dumps([name, wrong]), flush=True)

    for name, cases in samples().items():
        if name not in sys.argv[1:]:
            answer(name, None)
            try:
                compare(cases)
            except DeviceFaultError as fault:
                answer(name, str(fault))
                sys.exit("the device has stopped")
            except Exception as error:  # all of them are to be seen, not the first alone
                answer(name, str(error) or repr(error))
            else:
                answer(name, "")


if __name__ == "__main__":
    main()
