"""What users write with: traced functions, tensors, Variables, derivatives, and NumPy's functions on all of them.

A public function lifts its operands to nodes of the current trace (``lift``), promotes and broadcasts as NumPy does
(``elementwise``, ``shapes``), emits ops, and hands results out (``public``). The current trace is a ``GraphTrace`` while a
function is traced, an ``EagerTrace`` under a tape, and otherwise one that lasts for the call.
"""
