"""Traces of where time goes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from nightsort.api.resource import Meta, Resource


class Traces(Protocol):
    """Records what happened when, to show where the time of a run went. No ticket text and no ids of tickets.

    A resource's run is one trace whose id is the resource's uid, however many processes have worked on it.
    """

    def step(self, meta: Meta, name: str, batch: str | None) -> AbstractContextManager[None]:
        """A step of a resource's run, for as long as the context lasts; a failure is recorded in one word."""
        ...

    def call(self, name: str) -> AbstractContextManager[None]:
        """A call that a step waits for; outside of a step nothing is recorded."""
        ...

    def ended(self, resource: Resource) -> None:
        """The run as a whole, recorded once its outcome is written."""
        ...
