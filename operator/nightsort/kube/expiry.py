"""Deletes finished resources when their time is over; they have no timer of their own, so that alarms are set here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from nightsort.api.resource import InvalidResource, Resource
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.flow.run import Tools

logger = logging.getLogger(__name__)
AGAIN_SECONDS = 30.0


class Expiry:
    """What was last seen of a resource decides; an alarm that is overtaken by a change of the spec is set anew."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self._removals: set[asyncio.Task[None]] = set()

    def consider(self, body: Mapping[str, Any]) -> None:
        """Sets, moves or clears the alarm of a resource."""
        spec, status = body.get("spec") or {}, body.get("status") or {}
        self.forget(str(body["metadata"]["uid"]))
        if spec.get("ttlSecondsAfterFinished") is None or not status.get("completionTime"):
            return
        try:
            resource = Resource.of(body)
        except InvalidResource:
            return
        ttl, ended = resource.spec.ttl_seconds_after_finished, resource.status.completion_time
        if ttl is not None and ended is not None and is_finished(resource.status):
            left = ended + timedelta(seconds=ttl) - self._tools.clock.now()
            self._set(resource, max(left.total_seconds(), 0.0))

    def forget(self, uid: str) -> None:
        if alarm := self._alarms.pop(uid, None):
            alarm.cancel()

    def _set(self, resource: Resource, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._alarms[resource.meta.uid] = loop.call_later(seconds, self._ring, resource)

    def _ring(self, resource: Resource) -> None:
        removal = asyncio.ensure_future(self._remove(resource))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def _remove(self, resource: Resource) -> None:
        self._alarms.pop(resource.meta.uid, None)
        try:
            await self._tools.ledger.remove(resource.meta)
        except (Conflict, Gone):
            return  # it has changed, so that it is seen, and considered, again
        except Interruption as interruption:
            logger.warning("%s: %s", resource.meta.key, interruption.message)
            self._set(resource, AGAIN_SECONDS)
