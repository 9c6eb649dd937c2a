"""Generated programs as machine code, through Numba. Only a compile imports it."""
