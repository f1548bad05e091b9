"""Secrets that resources name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from nightsort.api.credentials import SecretRef


class Secrets(Protocol):
    async def read(self, namespace: str, ref: SecretRef) -> str:
        """The value, stripped.

        Raises:
            Stalled: it is missing, not labelled `nightsort.dev/allow: "true"`, lacks the key, or is empty.
        """
        ...

    async def read_all(self, namespace: str, name: str) -> Mapping[str, str]:
        """All values of a Secret by key, stripped.

        Raises:
            Stalled: it is missing, not labelled `nightsort.dev/allow: "true"`, has no keys, or a value is not text.
        """
        ...
