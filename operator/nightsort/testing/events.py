"""Events kept in a list."""

from __future__ import annotations

from typing import Literal

from nightsort.api.resource import Meta
from nightsort.domain.reasons import Reason


class MemoryEvents:
    """`told` has (kind, reason, message), oldest first."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason, _ in self.told]

    async def post(self, meta: Meta, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> None:
        self.told.append((kind, reason, message))
