"""The tracer for when traces are off."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from nightsort.api.resource import Meta, Resource


class NullTraces:
    """Records nothing."""

    def step(self, meta: Meta, name: str, batch: str | None) -> AbstractContextManager[None]:
        return nullcontext()

    def call(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def ended(self, resource: Resource) -> None: ...
