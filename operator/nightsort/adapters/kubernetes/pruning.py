"""Checks whether the API server keeps all of a status: it silently drops fields that the CRD in force does not know."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from nightsort.api.resource import Meta
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.specimen import dropped, full_status, in_words

logger = logging.getLogger(__name__)
TRUSTED_SECONDS = 60.0
REFUSED_SECONDS = 10.0
"""Seconds for which callers share a try that lost fields; a repaired CRD takes effect that much later."""
REASON = Reason.CRD_OUTDATED


class Pruning:
    """One CRD is in force for all resources, so a try with one resource holds for the others, for a minute.

    Nobody is notified when the CRD changes; each answer to a write shows it as well.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = clock()
        self._refused_until = clock()
        self._missing: Sequence[str] = ()
        """The fields that the last try has lost."""
        self._trying = asyncio.Lock()  # one try with the API server once a minute; all callers share its outcome
        self._lacking: dict[str, Sequence[str]] = {}
        """By uid the fields that the last write of a record lost, until they were reported."""

    def note(self, meta: Meta, sent: Mapping[str, Any], written: Mapping[str, Any]) -> None:
        """Compares the answer to a write with what was sent."""
        missing = dropped(sent, written.get("status"))
        if missing:
            self._lacking[meta.uid] = missing
            self._until = self._clock()
            logger.warning("%s: %s", meta.key, outdated_crd(missing))
        else:
            self._lacking.pop(meta.uid, None)

    def forget(self, meta: Meta) -> None:
        self._lacking.pop(meta.uid, None)

    async def ensure_none(
        self, meta: Meta, rehearse: Callable[[Mapping[str, Any]], Awaitable[Any]], *, rewriting: bool = False
    ) -> None:
        """Raises where the store drops fields; `rehearse` returns a status as the API server would store it.

        Raises:
            Stalled: the last write of this record lost fields, unless it is `rewriting` them, or others would.
        """
        if (missing := self._lacking.pop(meta.uid, ())) and not rewriting:
            raise Stalled(outdated_crd(missing), reason=REASON)
        async with self._trying:
            if self._clock() < self._until:
                return
            if self._clock() >= self._refused_until:
                status = full_status()
                written = await rehearse(status)
                self._missing = dropped(status, written.get("status"))
                self._refused_until = self._clock() + REFUSED_SECONDS
            if self._missing:
                raise Stalled(outdated_crd(self._missing), reason=REASON)
            self._until = self._clock() + TRUSTED_SECONDS


def outdated_crd(missing: Sequence[str]) -> str:
    return (
        f"the CRD in the cluster is older than this operator: the API server drops {in_words(missing)}, "
        "which the record of what is bought needs. Apply the CRD of this version"
    )
