"""Events for people."""

from __future__ import annotations

from typing import Literal, Protocol

from nightsort.api.resource import Meta
from nightsort.domain.reasons import Reason


class Events(Protocol):
    async def post(self, meta: Meta, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> None:
        """Reports a transition to people; a failure to do so is logged and never raised."""
        ...
