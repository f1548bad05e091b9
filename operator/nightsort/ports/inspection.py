"""What a person can find out about an installation in a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from nightsort.api.credentials import SecretRef
from nightsort.domain.installation import Operator, Permission


class Inspection(Protocol):
    """Reads alone. Every method raises Waiting where the API server does not answer, Stalled where it refuses."""

    @property
    def address(self) -> str:
        """The API server's."""
        ...

    async def server(self) -> tuple[str, datetime | None]:
        """The API server's version, and its time."""
        ...

    async def schema(self, kind: str) -> Mapping[str, Any] | None:
        """The schema of one of our kinds that the API server has; None where it knows no such kind."""
        ...

    async def operators(self, namespace: str | None = None) -> Sequence[Operator]:
        """The operators that can be seen, in all namespaces or in one: those of the chart and of our manifests."""
        ...

    async def may(self, permission: Permission, namespace: str, account: str = "") -> bool:
        """Whether this person, or a service account `namespace:name`, may do it."""
        ...

    async def secret(self, namespace: str, ref: SecretRef) -> str | None:
        """A value of a Secret that this person may read; None where there is none."""
        ...
