"""What runs generated programs: ``python`` (the definition) and ``cpu`` (machine code)."""
