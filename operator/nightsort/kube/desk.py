"""Between kopf and the flow: parses bodies, knows when each resource is due, and lets one look at a time at each."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from nightsort.api.resource import InvalidResource, Meta, Resource
from nightsort.flow.cancel import Farewell
from nightsort.flow.reconcile import Reconciler
from nightsort.flow.refuse import refuse
from nightsort.flow.run import Tools
from nightsort.kube.expiry import Expiry

logger = logging.getLogger(__name__)


class Desk:
    """Schedules live in memory only: after a restart every unfinished resource is looked at once."""

    def __init__(self, tools: Tools, farewell: timedelta) -> None:
        self._tools = tools
        self._reconciler = Reconciler(tools)
        self._farewell = Farewell(tools, farewell)
        self._expiry = Expiry(tools)
        self._due: dict[str, tuple[int, datetime | None]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def look(self, body: Mapping[str, Any]) -> None:
        """Looks at a resource if it is due, or if its spec has changed since the last look."""
        meta = Meta.of(body)
        generation, due = self._due.get(meta.uid, (meta.generation, self._tools.clock.now()))
        if generation == meta.generation and (due is None or due > self._tools.clock.now()):
            return
        async with self._locks[meta.uid]:
            seconds = await self._look(meta, body)
            next_due = None if seconds is None else self._tools.clock.now() + timedelta(seconds=seconds)
            self._due[meta.uid] = (meta.generation, next_due)

    async def _look(self, meta: Meta, body: Mapping[str, Any]) -> float | None:
        try:
            resource = Resource.of(body)
        except InvalidResource as invalid:
            return await refuse(self._tools, meta, str(invalid))
        return await self._reconciler.look(resource)

    async def farewell(self, body: Mapping[str, Any]) -> None:
        """Cancels what a deleted resource has running; never takes longer than its deadline."""
        meta = Meta.of(body)
        async with self._locks[meta.uid]:
            await self._farewell.say(meta)
        self.forget(meta.uid)

    def see(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """Takes note of a change, whether by us or by somebody else."""
        if kind == "DELETED":
            self.forget(str(body["metadata"]["uid"]))
        else:
            self._expiry.consider(body)

    def forget(self, uid: str) -> None:
        self._expiry.forget(uid)
        self._due.pop(uid, None)
        self._locks.pop(uid, None)
