"""A process of its own that compiles one generated file into the cache; ``background.py`` starts it.

python -m tracejit.runtime.worker path key
"""

from __future__ import annotations

import sys
from pathlib import Path

from tracejit.backends.cpu.compile import compile_source
from tracejit.runtime import cache

if __name__ == "__main__":
    path, key = sys.argv[1:]
    text = Path(path).read_text()
    if cache.code_key(text) != key:  # its object would be found under the name of another
        sys.exit(f"{path} was changed before it was compiled")
    cache.compiled(key, lambda: compile_source(text, path))
