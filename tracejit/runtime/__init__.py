"""Runs compiled programs: guard and call path, object cache, machine code, matrix products, threads, memory of results."""
