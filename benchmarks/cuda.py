"""Does the GPU compute what NumPy does, and how fast is it beside torch.compile and JAX? One command of under ten minutes.

python -m benchmarks.cuda           needs the extra tracejit[cuda], a driver and a GPU; says so where one is missing
python -m benchmarks.cuda --quick   small sizes; with TRACEJIT_CUDA=emulate, also where there is no GPU
"""

import argparse
import importlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import tracejit as tj
from benchmarks import machine, operations_on_cuda, report
from benchmarks.driver import Settings
from benchmarks.peers import PEERS
from benchmarks.run import answers, say

HERE = Path(__file__).parent
QUESTIONS = ("gelu", "softmax", "layer_norm", "sums", "two_layer", "mlp", "launch")
GPU = {
    "TRACEJIT_DEVICE": "cuda",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # all contestants live on one GPU
    "JAX_DEFAULT_MATMUL_PRECISION": "highest",  # float32 as it is, not rounded to TF32: so do the others
}
FINISHED = {"bias": lambda z: z, "relu": tj.relu, "gelu": lambda z: tj.gelu(z, approximate=True)}
SHAPES = ((37, 64, 48), (63, 33, 17), (2, 500, 3), (40, 2, 130))
DIGITS = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 3e-5, "float64": 1e-11}  # of the largest element of a product
PATIENCE = 100.0  # seconds: a contestant that gives no answer for so long has failed


def correctness(minutes: float, shape: tuple[int, int]) -> list[str]:
    """Whether the GPU computes what the CPU does. Nothing that goes wrong keeps the next from being asked."""
    lines = []
    for subject, ask in {
        "operations": lambda: operations_on_cuda.told(minutes),
        "products": products,
        "random numbers": lambda: random_numbers(shape),
    }.items():
        try:
            lines += ask()
        except Exception as error:
            lines.append(f"- {subject}: {' '.join(str(error).split())[:200]}")
    return lines


def random_numbers(shape: tuple[int, int]) -> list[str]:
    """Whether the GPU draws the CPU's numbers, bit for bit."""
    drawn = []
    for device in ("cpu", "cuda"):
        generator = tj.random.Generator(7)

        def draw(x, generator=generator):
            return x + tj.random.uniform(size=shape, dtype=np.float32, generator=generator)

        result = tj.function(draw, device=device)(np.float32(0))
        drawn.append(result.numpy() if device == "cuda" else result)
    return [f"- random numbers: {'those of the CPU, bit for bit' if np.array_equal(*drawn) else '**not those of the CPU**'}"]


def products() -> list[str]:
    """Products that end in a bias, relu or gelu beside NumPy: how many are right, and how many the library has a kernel for."""
    lines, before = [], dict(os.environ)
    os.environ["TRACEJIT_EPILOGUES"] = "fast"
    try:
        for name in DIGITS:
            try:
                right, whole = zip(*[product(name, end, shape) for end in FINISHED for shape in SHAPES], strict=True)
            except Exception as error:  # other dtypes are to be seen, too
                lines.append(f"- products of {name} with epilogues: {' '.join(str(error).split())[:200]}")
                continue
            lines.append(f"- products of {name} with epilogues: {sum(right)} of {len(right)} right, {sum(whole)} in one kernel")
        lost = not np.isnan(dense("relu", "cuda")(*operands("float32", (37, 64, 48)), np.full(48, np.nan, "f4")).numpy()).any()
        lines.append(f"- relu of NaN at the end of a product: {'0' if lost else 'NaN'}")
    finally:
        os.environ.clear()
        os.environ.update(before)
    return lines


def product(name: str, end: str, shape: tuple[int, int, int]) -> tuple[bool, bool]:
    """Whether a product with an epilogue is NumPy's, and whether it took one kernel."""
    from tracejit.runtime.cuda.driver import driver

    x, w = operands(name, shape)
    arrays = x, w, np.linspace(-1, 1, shape[2]).astype(x.dtype)
    f, counts = dense(end, "cuda"), driver().ledger.counts
    launches = counts["launches"]
    found = f(*arrays).numpy().astype("f8")
    whole = counts["launches"] == launches
    expected = dense(end, "cpu")(*(array.astype("f8") for array in arrays))
    return bool(abs(found - expected).max() <= DIGITS[name] * max(abs(expected).max(), 1)), whole


def operands(name: str, shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Two matrices of random numbers."""
    dtype, rng = tj.bfloat16 if name == "bfloat16" else np.dtype(name), np.random.default_rng(3)
    m, k, n = shape
    return [rng.standard_normal(each).astype(dtype) for each in ((m, k), (k, n))]


def dense(end: str, device: str):
    """A layer of a network."""
    return tj.function(lambda x, w, b: FINISHED[end](x @ w + b), device=device)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, two short rounds")
    parser.add_argument("--markdown", type=Path, default=HERE / "cuda.md", help="where the table goes")
    parser.add_argument("--minutes", type=float, default=7.5, help="no further question is asked when so much time is over")
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    try:
        tj.asarray(np.zeros(1)).to("cuda")
    except (tj.DeviceError, tj.MissingExtraError) as missing:
        sys.exit(str(missing))
    correct = correctness(asked.minutes / 4, (7, 9) if asked.quick else (1000, 1001))
    say("\n".join(correct))
    peers = tuple(replace(peer, environment=GPU) for peer in PEERS if peer.name in ("tracejit", "torch_compile", "jax"))
    rounds, batch = (2, 0.002) if asked.quick else (5, 0.2)
    settings = Settings(len(os.sched_getaffinity(0)), rounds, batch, asked.quick, peers, PATIENCE)
    questions = [importlib.import_module(f"benchmarks.questions_cuda.{name}") for name in QUESTIONS]
    head = [*machine.head(settings), *gpu(), *correct]
    asked.markdown.write_text("\n".join(head), encoding="utf-8")  # all that there is so far, as after each question
    for results in answers(questions, settings):
        left = [name for name in QUESTIONS if not any(asked_of.endswith(f".{name}") for asked_of, _ in results)]
        late = [f"- not asked for want of time: {', '.join(left)}"] if left and time.monotonic() > end else []
        asked.markdown.write_text(report.markdown(results, [*head, *late]), encoding="utf-8")
        if late:
            break
    say(str(asked.markdown))


def gpu() -> list[str]:
    """The GPU and its driver, in words."""
    if os.environ.get("TRACEJIT_CUDA") == "emulate":
        return ["- the GPU is emulated: these figures say nothing about speed"]
    asked = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        return [f"- {subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()}"]
    except (OSError, subprocess.CalledProcessError) as error:
        return [f"- the GPU's name is not known: {error}"]


if __name__ == "__main__":
    main()
