"""The place that a Secret names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Placed(Protocol):
    """A source or sink in a place that a Secret names. The Secret may name another place later."""

    async def place(self) -> Sequence[str]:
        """Marks of the place, without any secret; two readings of the same place share at least one."""
        ...
