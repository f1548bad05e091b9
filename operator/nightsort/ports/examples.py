"""The search for labelled tickets that resemble one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nightsort.domain.examples import Example, Nearest


class Indexer(Protocol):
    """Prepares a pool of labelled tickets for being searched."""

    async def __call__(self, examples: Sequence[Example], namespace: str, /) -> Nearest:
        """`namespace` is whose examples they are, and at whose expense the work is done.

        Raises:
            Stalled: what it needs is not installed.
        """
        ...
