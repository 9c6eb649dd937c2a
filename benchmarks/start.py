"""The first two-layer step of a fresh process, timed from before its imports; engine.py runs this.

python benchmarks/start.py with_tracejit   prints the seconds, and which heavy modules were loaded.
"""

import time

begin = time.perf_counter()

import importlib
import json
import sys

import problems

step = importlib.import_module(sys.argv[1]).two_layer(*problems.two_layer())
loss = float(step())
seconds = time.perf_counter() - begin
print(json.dumps({"seconds": seconds, "loss": loss, "heavy": [name for name in ("numba", "scipy") if name in sys.modules]}))
