"""Opens what a resource names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nightsort.api.resource import Resource
from nightsort.ports.batch_api import BatchApi
from nightsort.ports.sink import Sink
from nightsort.ports.source import Source


class Connections(Protocol):
    """Opens what a resource names: its API account, its source and its sinks."""

    async def api(self, resource: Resource) -> BatchApi:
        """The account that a resource buys from, shared by all resources with its key.

        Raises:
            Waiting: the Secret cannot be read now. Stalled: there is no key.
        """
        ...

    async def source(self, resource: Resource) -> Source:
        """The tickets of a resource.

        Raises:
            Waiting: a Secret cannot be read now. Stalled, Rejected: what the resource names cannot be a source.
        """
        ...

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        """Where the rows of a resource go: one or more places.

        Raises:
            Waiting: a Secret cannot be read now. Stalled, Rejected: what the resource names cannot take rows.
        """
        ...

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        """Whether the next run over the same source surely buys those tickets again that this one leaves unlabeled."""
        ...
