"""Gathers the facts for a decision: batches in flight, and the batches that open intents may have bought."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.domain.account import Kinship
from nightsort.domain.actions import Facts, poll_pause
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import CLOCK_SKEW, Candidate, earliest
from nightsort.domain.errors import Conflict, Gone, Interruption, Waiting
from nightsort.domain.record import in_state
from nightsort.flow.adoption.adopt import behind, find_candidates, watch_of
from nightsort.flow.collection.poll import Polls
from nightsort.flow.purchases.accounts import kinship_of
from nightsort.flow.run.accident import ADOPTING, Accidents
from nightsort.flow.run.run import Run
from nightsort.flow.run.services import Services
from nightsort.ports import BatchApi

logger = logging.getLogger(__name__)


class Gatherer:
    """Lists of batches are shared by all resources of an account: one call per interval serves them all."""

    def __init__(self, services: Services, accidents: Accidents) -> None:
        self._services = services
        self._accidents = accidents
        self._polls = Polls()

    async def facts(self, run: Run, now: datetime, trouble: Interruption | None = None) -> Facts:
        """The facts for a decision; the API is not called where nothing is in flight.

        A failed search for the intents' batches is not repeated in the same pass.
        """
        flying = in_state(run.status, BatchState.SUBMITTED)
        intents = in_state(run.status, BatchState.INTENDED)
        if not flying and not intents:
            return Facts(places=self._services.places)
        api = await self._services.connections.api(run.resource)
        read, ids = self._services.clock.monotonic(), [record.id for record in flying if record.id]
        newer_than = read - poll_pause(run.resource, now)
        batches: Mapping[str, Batch] = {}
        if ids:
            since = min(record.intended_at for record in flying) - CLOCK_SKEW
            batches = await self._polls.snapshots(api, ids, since, read, newer_than)
        absent = self._absent(run, ids, batches)
        candidates: dict[str, list[Candidate]] = {}
        unclear = [intent for intent in intents if intent.requests and not is_known(run, intent, candidates)]
        known = Facts(
            batches,
            candidates,
            run.memory.cancel_asked,
            absent,
            trouble=trouble if unclear else None,
            places=self._services.places,
            tries=run.memory.collecting,
            unreadable=self._accidents.known(run.resource.meta.uid),
        )
        if not unclear or trouble is not None:
            return known
        uid = run.resource.meta.uid
        try:
            facts = await self._with_candidates(run, api, unclear, known, newer_than)
        except Interruption as interruption:
            return replace(known, trouble=interruption)
        except (Conflict, Gone):
            raise
        except Exception as error:  # an outermost handler, too: a stranger's batch must not hold up own ones
            logger.exception("%s: unexpected", run.resource.meta.key)
            return replace(known, trouble=self._accidents.happened(uid, ADOPTING, error))
        self._accidents.over(uid, ADOPTING)
        return facts

    async def _with_candidates(
        self, run: Run, api: BatchApi, unclear: Sequence[BatchRecord], known: Facts, newer_than: float
    ) -> Facts:
        """Facts, and the batches that the intents may have bought.

        Only a list that was read after the end of the grace shows that nothing was bought, not an earlier one.
        """
        now, grace, every = self._services.clock.monotonic(), self._services.grace, len(unclear)
        watches = {intent.tag: watch_of(run, intent) for intent in unclear}
        overdue = {tag for tag, watch in watches.items() if watch.is_over(now, grace)}
        newer_than = max([newer_than, *(watches[tag].since + grace.total_seconds() for tag in overdue)])
        try:
            recent = await self._polls.recent(api, min(map(earliest, unclear)), now, newer_than)
        except Waiting as waiting:
            unclear, recent = await behind(api, unclear, waiting)
            known = replace(known, trouble=waiting if len(unclear) < every else None)
        kin = {intent.tag: await kinship_of(run, api, intent) for intent in unclear}
        for tag, watch in ((intent.tag, watches[intent.tag]) for intent in unclear):
            if kin[tag] is not Kinship.SAME:
                watch.since = now  # a list of another account shows nothing: the grace starts anew with the right one
            elif tag in overdue:
                watch.close(recent)
        found = await find_candidates(run, api, unclear, recent)
        candidates = {**known.candidates, **found}
        return replace(known, candidates=candidates, overdue=overdue, kinship=kin)

    def _absent(self, run: Run, ids: Iterable[str], batches: Mapping[str, Batch]) -> dict[str, timedelta]:
        """For how long the API has not shown these batches, as far as this process knows."""
        absences, now = run.memory.absences, self._services.clock.monotonic()
        for batch_id in ids:
            if batch_id in batches:
                absences.batch_is_there(batch_id)
        absent = [batch_id for batch_id in ids if batch_id not in batches]
        return {batch_id: timedelta(seconds=absences.of_batch(batch_id, now)) for batch_id in absent}


def is_known(run: Run, intent: BatchRecord, candidates: dict[str, list[Candidate]]) -> bool:
    """Whether this process itself bought the batch and only failed to write it down."""
    bought = run.memory.purchases.under(intent.tag)
    if bought is None:
        return False
    candidates[intent.tag] = [Candidate(bought.batch, intent.tag)]
    return True
