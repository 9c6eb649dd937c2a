"""What runs generated programs: ``python`` (the definition), ``cpu`` (machine code) and ``cuda`` (machine code of GPUs)."""
