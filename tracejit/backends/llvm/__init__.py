"""The language of generated files as LLVM IR, for every machine that there is a backend for. Only a compile imports it."""

import threading

LOCK = threading.Lock()  # llvmlite's tables of types are no place for two threads
