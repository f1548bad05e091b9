"""Opens the account, source and sinks that a resource names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nightsort.api.examples import ExamplesFrom
from nightsort.api.resource import Resource
from nightsort.ports.batch_api import BatchApi
from nightsort.ports.sink import Sink
from nightsort.ports.source import Source


class Connections(Protocol):
    """Opens a resource's API account, source and sinks."""

    async def api(self, resource: Resource) -> BatchApi:
        """The account that a resource buys from, shared by all resources with its key.

        Raises:
            Waiting: the Secret cannot be read now. Stalled: there is no key.
        """
        ...

    async def source(self, resource: Resource) -> Source:
        """The tickets of a resource.

        Raises:
            Waiting: a Secret cannot be read now. Stalled, Rejected: the named object cannot be a source.
        """
        ...

    async def examples(self, resource: Resource, pool: ExamplesFrom) -> Source:
        """The labelled tickets of a pool that a resource names, with the column of their categories.

        Raises:
            Waiting, Stalled, Rejected: see `source`.
        """
        ...

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        """The sinks for a resource's rows: one or more.

        Raises:
            Waiting: a Secret cannot be read now. Stalled, Rejected: the named object cannot take rows.
        """
        ...

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        """Whether the next run over the same source surely buys the tickets again that this run leaves unlabeled."""
        ...
