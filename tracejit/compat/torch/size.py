"""Size: a shape as PyTorch prints it."""

from __future__ import annotations

from typing import Any


class Size(tuple[Any, ...]):
    """The sizes of a tensor, a tuple."""

    __slots__ = ()

    def numel(self) -> Any:
        """Their product."""
        out: Any = 1
        for n in self:
            out = out * n
        return out

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"
