"""The context that an adapter gets to open a source or a sink of a resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nightsort.api.resource import Resource
from nightsort.domain.prompt import placeholders
from nightsort.ports import ConfigMaps, Secrets, Sink, Source
from nightsort.settings import Settings
from nightsort.system.threads import InThread, ThreadPools, server_of


@dataclass(frozen=True, slots=True)
class Opening:
    """The resource, and the process's services for it.

    Attributes:
        local: whether there is no cluster: files, machine and environment are the user's own.
    """

    resource: Resource
    settings: Settings
    secrets: Secrets
    config_maps: ConfigMaps
    threads: ThreadPools
    local: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """Fields of a ticket that the prompt's template names, and that of its known category."""
        evaluation = self.resource.spec.evaluation
        in_source = evaluation is not None and evaluation.truth.own_set is None
        truth = {evaluation.truth.name} if evaluation is not None and in_source else set()
        return placeholders(self.resource.spec.prompt) | truth

    def share(self, url: str, options: Mapping[str, str] | None = None) -> InThread:
        """The threads of this namespace for the server that a URL names, or a Secret's endpoint."""
        endpoints = (value for key, value in (options or {}).items() if "endpoint" in key.lower())
        return self.threads.share(self.resource.meta.namespace, server_of(next(endpoints, url)))


class SourceKind(Protocol):
    """Opens sources of one kind; one instance for each process, which may keep a memory."""

    async def source(self, opening: Opening, spec: Any) -> Source:
        """`spec` is the part of `spec.source` under the kind's name.

        Raises:
            Waiting, Stalled, Rejected: the source cannot be opened.
        """
        ...


class SinkKind(Protocol):
    """Opens sinks of one kind; one instance for each process, which may keep a memory."""

    async def sink(self, opening: Opening, spec: Any) -> Sink:
        """`spec` is the part of `spec.results` under the kind's name.

        Raises:
            Waiting, Stalled, Rejected: the sink cannot be opened.
        """
        ...
