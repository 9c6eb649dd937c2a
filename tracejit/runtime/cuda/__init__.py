"""Programs on NVIDIA GPUs. Imported when the first value is put on one, or the first program is made for one."""
