"""One resource in work: its newest version, and the only way to write its status."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from nightsort.api.category_set import CategorySetSpec
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.api.waiting import Wait
from nightsort.domain.answer import Verdict
from nightsort.domain.category_set import with_categories
from nightsort.domain.completeness import completed
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Conflict, Gone, Interruption, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.recovery import has_settled, intends, lost, removes
from nightsort.domain.report import report
from nightsort.domain.room import smallest
from nightsort.domain.run_state import ConditionSummary
from nightsort.flow.run.door import post_event, write_status
from nightsort.flow.run.journal import log
from nightsort.flow.run.measure import measure
from nightsort.flow.run.memory import Known, RunMemory
from nightsort.flow.run.services import Services

logger = logging.getLogger(__name__)
CONFIRM_TRIES = 5


@dataclass(slots=True)
class Run:
    """`found` are the verdicts of the rows that were stored since the last write, `step` the action in progress.

    `checked` says whether this pass has compared the record with its copy. `doubt` is the reason why it could not, or
    must do it once more: until then, nothing is bought, and no run ends. `stored` is the content of the store where
    that keeps less than the record has: the copy has the whole, and the run goes on from it.
    `waited` is the wait that this pass has found, until the run goes on.
    """

    resource: Resource
    services: Services
    memory: RunMemory
    found: Counter[Verdict] = field(default_factory=Counter)
    step: str = ""
    checked: bool = False
    doubt: Interruption | Conflict | None = None
    stored: Status | None = None
    waited: Wait | None = None
    category_set: CategorySetSpec | None = None
    """The categories of the set that the resource names, once this pass knows them."""

    def __post_init__(self) -> None:
        kept, use = self.memory.category_set, self.status.category_set
        if kept is not None and use is not None and kept[0] == use.kept:
            self.category_set = kept[1]
        self.resource = with_categories(self.resource, self.category_set)

    def use_category_set(self, category_set: CategorySetSpec) -> None:
        """Works by these categories from now on.

        Raises:
            ValueError: they do not go with the resource.
        """
        self.resource = with_categories(self.resource, category_set)
        self.category_set = category_set

    @property
    def spec(self) -> Spec:
        return self.resource.spec

    @property
    def status(self) -> Status:
        return self.resource.status

    def now(self) -> datetime:
        return self.services.clock.now()

    def passed(self) -> float:
        """Seconds of the monotonic clock, which measures durations even if somebody sets the other clock."""
        return self.services.clock.monotonic()

    def render_status(self, status: Status, summary: ConditionSummary) -> Status:
        """The status as it would be written, with all derived fields."""
        return report(self.resource, status, summary, self.services.prices, self.now())

    async def save(self, status: Status, summary: ConditionSummary) -> None:
        """Writes the status, guarded by the record's version; an unchanged status is not written again.

        A concurrent write of labels or annotations does not stop this write: the decision still holds.

        Raises:
            Conflict, Gone, Waiting: see Ledger.save. Conflict also where the newest version is a finished run,
                which is never written again.
        """
        await self._save(status, summary, lambda newest: newest.spec.as_written == self.spec.as_written)

    async def save_results(self, status: Status, summary: ConditionSummary) -> None:
        """Writes figures of answers that are stored: they hold even if the spec has changed meanwhile."""
        await self._save(status, summary, lambda newest: True)

    async def _save(self, status: Status, summary: ConditionSummary, holds: Callable[[Resource], bool]) -> None:
        for attempt in range(CONFIRM_TRIES):
            if is_finished(self.status):
                raise Conflict(self.resource.meta.key)
            told = self.render_status(status, summary)
            if told == self.status:
                break
            try:
                await self._keep_before(told)
                told, meta = await self._write(told)
            except Conflict:
                newest = await self._newest()
                if attempt == CONFIRM_TRIES - 1 or not (self._has_the_record_of(newest) and holds(newest)):
                    raise
                await self._demand_that_nothing_is_lost(newest)
                self.resource = newest
            else:
                self._saved(meta, told)
                break

    async def _keep_before(self, told: Status) -> None:
        """Writes the copy first where it must not restore removed batches, or is the only other place.

        Collected batches are not retrieved again: figures that a store drops afterwards would be lost.
        """
        if removes(self.status, told):
            await self.keep(told, removing=True)
        elif has_settled(self.status, told) or (self.stored is not None and not intends(self.status, told)):
            await self.keep_if_possible(told)

    async def _write(self, told: Status) -> tuple[Status, Meta]:
        """Returns the written status and its version; a status too large for its place has all ended batches summed up.

        Raises:
            Stalled: the summed-up status is too large as well. The copy is updated as far as it can be.
        """
        services, meta = self.services, self.resource.meta
        try:
            return told, await write_status(services, meta, told)
        except Stalled as refused:
            if refused.reason != Reason.TOO_LARGE:
                raise
            self.services.metrics.unrecorded(refused.reason)
        # The copy must not have an intent before the record, nor a doubtful record in the place of a whole one.
        if not self.is_whole():
            raise too_large(meta)
        if intends(self.status, told):
            await self._make_room()
            raise too_large(meta)
        smaller = smallest(told)
        try:
            if smaller == told:
                raise too_large(meta)
            await self.keep(smaller, removing=True)
            return smaller, await write_status(services, meta, smaller)
        except Stalled as refused:
            if told.batches != self.status.batches:
                await self.keep_if_possible(told)
                self.memory.known = None  # the next pass goes on from the copy
            raise (too_large(meta) if refused.reason == Reason.TOO_LARGE else refused) from refused

    async def _make_room(self) -> None:
        """Sums up all ended batches, so that the next pass finds a place for the intent that this one did not."""
        smaller = smallest(self.status)
        if smaller == self.status:
            return
        await self.keep(smaller, removing=True)
        with suppress(Stalled):  # what is there may be too large by itself: then the next pass is told the same
            self._saved(await write_status(self.services, self.resource.meta, smaller), smaller)

    async def say(self, summary: ConditionSummary) -> None:
        """Writes the run's state and nothing else: into the stored status, where that has less than the record.

        Raises: see `save`.
        """
        if self.stored is None:
            return await self.save(self.status, summary)
        told = self.render_status(self.stored, summary)
        if told != self.stored:
            meta = await write_status(self.services, self.resource.meta, told)
            self.stored, self.resource = told, replace(self.resource, meta=meta)
        return None

    async def keep_if_possible(self, status: Status) -> None:
        """Updates the copy; a failure holds nothing up, since tags or another collection supply what it lacks."""
        try:
            await self.keep(status)
        except Conflict as conflict:
            self.doubt = conflict
            logger.warning("%s: the copy of the record has more; it is put back next", self.resource.meta.key)
        except Interruption as interruption:
            logger.warning("%s: the copy of the record is behind: %s", self.resource.meta.key, interruption.message)

    async def _demand_that_nothing_is_lost(self, newest: Resource) -> None:
        """Reads the copy, since an unchanged status may have been written to and wiped afterwards.

        Raises:
            Conflict: the copy has batches that the record lacks. Waiting, Stalled: it cannot be read.
        """
        kept = (await self.services.ledger.kept_record(newest.meta)).status
        if kept is not None and lost(newest.status, kept):
            raise Conflict(newest.meta.key)

    def demand_no_doubt(self) -> None:
        """Raises the doubt about the record, if there is any."""
        if self.doubt is not None:
            raise self.doubt

    def is_whole(self) -> bool:
        """Whether the record was compared with its copy, and has all that is known."""
        return self.stored is not None or (self.checked and self.doubt is None)

    def unstored(self) -> Stalled | None:
        """The reason why the store does not keep the whole record, if it does not."""
        return self.doubt if self.stored is not None and isinstance(self.doubt, Stalled) else None

    def _saved(self, meta: Meta, told: Status) -> None:
        before, self.resource = self.resource, replace(self.resource, meta=meta, status=told)
        self.stored = None if self.stored is None or self.doubt is None else told
        if self.checked and self.doubt is None:
            self.memory.known = Known(told, meta.resource_version)
        found, self.found = self.found, Counter()
        measure(self.services.metrics, before, self.resource, found, self.services.prices)
        log(before, self.resource, self.now())

    async def keep(self, status: Status, *, removing: bool = False) -> None:
        """Keeps a copy of the record beside it. No run has to wait for one that is too large for its place.

        Raises:
            Conflict: the copy has more than this record. Waiting, Stalled: it cannot be kept.
        """
        try:
            await self.services.ledger.keep_record(self.resource.meta, status, removing=removing)
        except Conflict as conflict:
            self.doubt, self.memory.known = conflict, None  # the next pass reads the copy
            raise
        except Stalled as stalled:
            if stalled.reason != Reason.TOO_LARGE:
                raise
            logger.warning("%s: no copy of the record is kept: %s", self.resource.meta.key, stalled.message)

    def _has_the_record_of(self, newest: Resource) -> bool:
        """Whether nobody has written the record since it was read, and the resource is not being deleted."""
        if newest.meta.resource_version == self.resource.meta.resource_version:
            return True
        same = as_kept(newest.status) == as_kept(self.status)
        return same and newest.meta.deletion_timestamp == self.resource.meta.deletion_timestamp

    async def save_surely(self, change: Callable[[Status], tuple[Status, ConditionSummary] | None]) -> None:
        """Writes a change that holds whatever else was written meanwhile, such as the id of a batch that was bought.

        `change` derives it from the newest status; None means that the status does not need it any more.
        """
        for attempt in range(CONFIRM_TRIES):
            wanted = change(self.status)
            if wanted is None:
                return None
            try:
                return await self.save(*wanted)
            except Conflict:
                if attempt == CONFIRM_TRIES - 1:
                    raise
                await self.reload()
        return None

    async def ensure_newest(self) -> None:
        """Checks for a newer record where no guarded write stands between a decision and its effect.

        Raises:
            Conflict: the record was written since it was read. Gone: the resource is not there any more.
        """
        newest = await self._newest()
        if not self._has_the_record_of(newest):
            raise Conflict(self.resource.meta.key)
        if newest.meta.resource_version != self.resource.meta.resource_version:
            await self._demand_that_nothing_is_lost(newest)
        self.resource = newest

    async def reload(self) -> None:
        self.resource = await self._newest()
        self.waited = self.status.waiting
        self.doubt = Conflict(self.resource.meta.key)  # the concurrent write may have less than was known

    async def _newest(self) -> Resource:
        newest = await self.services.ledger.load(self.resource.meta)
        if newest is None:
            raise Gone(self.resource.meta.key)
        newest = with_categories(newest, self.category_set)
        if self.stored is None:
            return newest
        self.stored = newest.status
        return newest.with_status(completed(newest.status, self.status))

    async def note(self, reason: Reason, message: str) -> None:
        await post_event(self.services, self.resource.meta, "Normal", reason, message)

    async def warn(self, reason: Reason, message: str) -> None:
        await post_event(self.services, self.resource.meta, "Warning", reason, message)


def too_large(meta: Meta) -> Stalled:
    """A short message, since it may have to find room in the status itself."""
    return Stalled(
        f"{meta.key} has no room for its record beside spec and annotations: remove annotations, such as kubectl's "
        "last-applied one. Nothing more is bought; what is paid for is collected by the copy of the record",
        reason=Reason.RECORD_TOO_LARGE,
    )


def as_kept(status: Status) -> str:
    """A status in its stored form, where times have no fractions of a second."""
    return status.model_dump_json(by_alias=True, exclude_none=True)
