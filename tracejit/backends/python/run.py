"""Running a generated file under CPython, where a debugger, a tracer or a print can look into it."""

from __future__ import annotations

import builtins
import linecache
from collections.abc import Callable
from typing import Any

from tracejit.backends.python import prelude

Step = Callable[[Any], None]


def load_source(text: str, path: str) -> Step:
    """Execute the generated file ``text`` and return its ``step``, which takes the table as an int64 array.

    Tracebacks and pdb show the lines of ``text`` under the name ``path``, whether or not such a file exists.
    """

    def resolve(name: str, *args: Any, **kwargs: Any) -> Any:
        return prelude if name == "prelude" else builtins.__import__(name, *args, **kwargs)

    # No time of change: linecache then keeps these lines and does not look for a file.
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    namespace: dict[str, Any] = {
        "__name__": "tracejit_generated",
        "__file__": path,
        "__builtins__": {**vars(builtins), "__import__": resolve},
    }
    exec(compile(text, path, "exec"), namespace)
    step: Step = namespace["step"]
    return step
