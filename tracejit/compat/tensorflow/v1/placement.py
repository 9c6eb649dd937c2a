"""On which device a session runs: where its graph asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from tracejit.compat.tensorflow.context import missing
from tracejit.compat.tensorflow.v1.graph import Graph
from tracejit.compat.tensorflow.v1.programs import located
from tracejit.runtime.device import Device


class ConfigProto:
    """Settings of a session.

    Args:
        allow_soft_placement: Run on the CPU where the graph asks for a GPU that is not there.
        device_count: ``{"GPU": 0}`` runs on the CPU, whatever the graph asks for.
        options: Others are accepted, and of no effect.
    """

    def __init__(self, allow_soft_placement: bool = False, device_count: Mapping[str, int] | None = None, **options: Any) -> None:
        self.allow_soft_placement = allow_soft_placement
        self.device_count = dict(device_count or {})
        self.options = options
        self.gpu_options = SimpleNamespace()


def asked_device(graph: Graph, config: ConfigProto) -> Device:
    """The device that a graph asks for: the GPU where one of its operations does.

    Raises:
        InvalidArgumentError: It asks for a GPU that is not there.
    """
    op = next((op for op in graph.operations if op.device.endswith("GPU:0")), None)
    if op is None or config.device_count.get("GPU") == 0:
        return "cpu"
    fault = missing()
    if fault is None:
        return "cuda"
    if config.allow_soft_placement:
        return "cpu"
    raise located(
        f"Cannot assign a device for operation {op.name}: Operation was explicitly assigned to {op.device} but available"
        f" devices are [ /device:CPU:0 ]\n  {fault}\n  or run it on the CPU: tf.ConfigProto(allow_soft_placement=True)",
        op,
    )
