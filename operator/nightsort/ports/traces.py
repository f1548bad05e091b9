"""Where time goes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from nightsort.api.resource import Meta, Resource


class Traces(Protocol):
    """What happened when, for whoever asks where the time of a run went. No ticket text and no ids of tickets.

    A resource's run is one trace whose id is the resource's uid, however many processes have worked on it.
    """

    def step(self, meta: Meta, name: str, batch: str | None) -> AbstractContextManager[None]:
        """A step of a resource's run lasts as long as the context; how it failed is told in a word."""
        ...

    def call(self, name: str) -> AbstractContextManager[None]:
        """Something that a step waits for; outside of a step nothing is told."""
        ...

    def ended(self, resource: Resource) -> None:
        """The run as a whole, once its outcome is written."""
        ...
