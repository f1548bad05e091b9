"""Follows resources by a watch of the API server, through its outages, and reports their changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.cli.cluster.options import parsed
from nightsort.cli.output.progress import Progress
from nightsort.domain.conditions import COMPLETE, STALLED, is_finished, is_true
from nightsort.domain.errors import Stalled, Waiting

if TYPE_CHECKING:
    from nightsort.wiring.cluster import Cluster

Manifest = Mapping[str, Any]
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
NOT_SEEN = "no operator has looked at it yet"


@dataclass(slots=True)
class Followed:
    """The result of following; `complete` is whether all have ended as Complete."""

    complete: bool = True
    unfinished: set[str] = field(default_factory=set)
    stalled: set[str] = field(default_factory=set)


async def follow(
    cluster: Cluster,
    namespace: str | None,
    name: str | None,
    timeout: float | None,
    *,
    exit_on_stall: bool = False,
) -> Followed:
    """Follows until all present resources have ended, or `timeout` seconds have passed, or, if asked, one stalls.

    Raises:
        Stalled: there is no resource of that name. Waiting: the API server cannot be reached at the start.
    """
    with Progress(keys=namespace is None) as progress:
        place = f"namespace {namespace}" if namespace else "any namespace"
        follower = Follower(progress, name, place, exit_on_stall=exit_on_stall)
        try:
            async with asyncio.timeout(timeout):
                async with aclosing(sights(cluster, namespace, name, progress)) as seen:
                    async for there in seen:
                        if follower.see(there):
                            break
        except TimeoutError:
            follower.followed.unfinished = set(follower.awaited or ())
    for resource in follower.ended:
        progress.end(resource)
    return follower.followed


async def sights(
    cluster: Cluster, namespace: str | None, name: str | None, progress: Progress
) -> AsyncGenerator[Mapping[str, Manifest], None]:
    """The present resources, after every change. Once they were seen, outages of the API server are waited out."""
    seen, pause = False, FIRST_PAUSE_SECONDS
    while True:
        try:
            async with aclosing(cluster.resources.follow(namespace, name)) as following:
                async for there in following:
                    seen, pause = True, FIRST_PAUSE_SECONDS
                    yield there
        except Waiting as waiting:
            if not seen:
                raise
            progress.once("", "", f"{waiting.message}; trying again", trouble=True)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


class Follower:
    """Compares the present resources with the awaited ones: unfinished resources, by their uid."""

    def __init__(self, progress: Progress, name: str | None, place: str, *, exit_on_stall: bool = False) -> None:
        self._progress = progress
        self._name = name
        self._place = place
        self._exit_on_stall = exit_on_stall
        self.awaited: dict[str, str] | None = None
        self.ended: list[Resource] = []
        self.followed = Followed()

    def see(self, there: Mapping[str, Manifest]) -> bool:
        """Whether nothing is left to wait for."""
        resources = {
            key: parsed(manifest) for key, manifest in there.items() if self.awaited is None or key in self.awaited
        }
        if self.awaited is None:
            self.awaited = self._begin(resources)
        stalled = set()
        for key, uid in list(self.awaited.items()):
            resource = resources.get(key)
            if resource is None or resource.meta.uid != uid:
                self._progress.line(f"{key}  was deleted", trouble=True)
                self.followed.complete = False
                del self.awaited[key]
            elif is_finished(resource.status):
                self._end(resource)
                del self.awaited[key]
            else:
                self._tell(resource)
                if is_true(resource.status, STALLED):
                    stalled.add(key)
        self.followed.stalled = stalled if self._exit_on_stall else set()
        return not self.awaited or bool(self.followed.stalled)

    def _begin(self, resources: Mapping[str, Resource]) -> dict[str, str]:
        if self._name is not None and not resources:
            raise Stalled(f"there is no ClassificationBatch {self._name} in {self._place}")
        wanted = {key: one for key, one in resources.items() if self._name or not is_finished(one.status)}
        if not wanted:
            self._progress.line(f"no unfinished ClassificationBatch in {self._place}", trouble=True)
        for resource in wanted.values():
            if not is_finished(resource.status):
                self._progress.spin(resource)
        return {key: resource.meta.uid for key, resource in wanted.items()}

    def _tell(self, resource: Resource) -> None:
        status = resource.status
        if not status.message:
            self._progress.once(self._progress.name_of(resource), "Pending", NOT_SEEN)
        self._progress.tell(resource, trouble=is_true(status, STALLED), note=counted(status))

    def _end(self, resource: Resource) -> None:
        complete = is_true(resource.status, COMPLETE)
        self._progress.tell(resource, trouble=not complete)
        self.ended.append(resource)
        self.followed.complete = self.followed.complete and complete


def counted(status: Status) -> str:
    """The progress, if there is any."""
    stored = status.results.rows
    return f" ({stored:,} of {status.tickets.total:,} tickets have their row)" if stored else ""
