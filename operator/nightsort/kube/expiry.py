"""Deletes finished resources when their time is over, by alarms set here: finished resources have no timer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from nightsort.api.resource import Meta, parse_status
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.flow.run.services import Services

logger = logging.getLogger(__name__)
AGAIN_SECONDS = 30.0


class Expiry:
    """Each event of a resource decides anew; a change of the spec replaces the alarm."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self._removals: set[asyncio.Task[None]] = set()

    def consider(self, body: Mapping[str, Any]) -> None:
        """Sets, moves or clears the alarm of a resource."""
        meta = Meta.of(body)
        self.forget(meta.uid)
        ttl = (body.get("spec") or {}).get("ttlSecondsAfterFinished")
        if ttl is None or not (body.get("status") or {}).get("completionTime"):
            return
        status = parse_status(body)  # not the spec: it may be the cause of the run's failure
        if status.completion_time is not None and is_finished(status):
            left = status.completion_time + timedelta(seconds=ttl) - self._services.clock.now()
            self._set(meta, max(left.total_seconds(), 0.0))

    def forget(self, uid: str) -> None:
        if alarm := self._alarms.pop(uid, None):
            alarm.cancel()

    def _set(self, meta: Meta, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._alarms[meta.uid] = loop.call_later(seconds, self._ring, meta)

    def _ring(self, meta: Meta) -> None:
        removal = asyncio.ensure_future(self._remove(meta))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def _remove(self, meta: Meta) -> None:
        self._alarms.pop(meta.uid, None)
        try:
            await self._services.ledger.remove(meta)
        except (Conflict, Gone):
            return  # it has changed, so another event follows and decides anew
        except Interruption as interruption:
            logger.warning("%s: %s", meta.key, interruption.message)
            self._set(meta, AGAIN_SECONDS)
