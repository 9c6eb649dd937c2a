"""What runs generated programs: ``python`` (the definition), ``cpu`` and ``cuda``, which share ``llvm``."""
