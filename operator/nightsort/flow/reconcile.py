"""Reconciles a resource: gathers facts, lets `next_action` decide, performs it, until nothing is left to do for now."""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from nightsort.api.resource import Resource
from nightsort.api.status import Stop
from nightsort.domain.actions import (
    Cancel,
    CloseRetries,
    Collect,
    Confirm,
    EstimateRun,
    Evaluate,
    Facts,
    Finish,
    Halt,
    MarkLost,
    Prepare,
    PublishFirst,
    Release,
    Requeue,
    Resume,
    SkipRemaining,
    Step,
    Submit,
    name_of,
)
from nightsort.domain.caching import awaited
from nightsort.domain.errors import Conflict, Gone, Interruption, Rejected, Stalled, Waiting
from nightsort.domain.policies import next_action, urgent_action
from nightsort.domain.reasons import Reason
from nightsort.domain.report import progress, summary_of_state
from nightsort.domain.retention import urged
from nightsort.domain.run_state import ConditionSummary, RunState
from nightsort.domain.waits import is_turn
from nightsort.flow.collection.collect import Collected, collect
from nightsort.flow.collection.second import collect_second
from nightsort.flow.ending.cancel import cancel
from nightsort.flow.ending.close import close
from nightsort.flow.ending.finish import finish
from nightsort.flow.ending.give_up import lose
from nightsort.flow.evaluation.evaluate import evaluate, resume
from nightsort.flow.gather import Gatherer
from nightsort.flow.preflight.admit import Admission, nobody
from nightsort.flow.preflight.forecast import foresee
from nightsort.flow.preflight.prepare import prepare
from nightsort.flow.purchases.confirm import confirm, disown_what_came_too_late
from nightsort.flow.purchases.release import release
from nightsort.flow.results.answers import GONE, UNDECIDED, UNREADABLE
from nightsort.flow.run.accident import LOOKING, Accidents, batch_of, pause, step_of, until_others
from nightsort.flow.run.category_set import hold_set
from nightsort.flow.run.context import about, about_batch
from nightsort.flow.run.disk import is_refusal, refused
from nightsort.flow.run.journal import log_poll
from nightsort.flow.run.measure import model_of
from nightsort.flow.run.memory import Memory
from nightsort.flow.run.recover import recover
from nightsort.flow.run.run import Run
from nightsort.flow.run.services import Services
from nightsort.flow.run.waiting import goes_on, obstacle_of
from nightsort.flow.submission.submit import submit

logger = logging.getLogger(__name__)
SOON_SECONDS = 1.0
OTHER_WAYS = (Halt, Cancel, CloseRetries, MarkLost, SkipRemaining, PublishFirst, EstimateRun)
"""Steps that give something up or go around it: none of them shows that what was waited for is there."""


class Reconciler:
    """Level-triggered: every pass starts from the record and the world, and any pass may be the last of its process."""

    def __init__(
        self,
        services: Services,
        jitter: Callable[[], float] = random.random,
        memory: Memory | None = None,
        call: Callable[[str], None] = nobody,
    ) -> None:
        """`call` is told the uids of resources whose next pass should not wait until it is due."""
        self._services = services
        self._jitter = jitter
        self.memory = memory or Memory()
        self._admission = Admission(services, call)
        self._failures: dict[str, int] = {}
        self._accidents = Accidents()
        self._gatherer = Gatherer(services, self._accidents)
        self._unsaid: defaultdict[str, set[str]] = defaultdict(set)
        """Reasons by uid that could not be written to a status, and were posted as an event."""
        self._urged: set[str] = set()
        """Uids of resources whose last step was an urgent one, and failed."""

    async def reconcile(self, resource: Resource, stopped: Callable[[], bool] = lambda: False) -> float | None:
        """Does what can be done now. Returns seconds until the next pass; None when nothing is left to do, ever.

        No further action is begun once `stopped`: the process is about to end, or the resource is about to be deleted.
        """
        metrics, began = self._services.metrics, self._services.clock.monotonic()
        if resource.status.plan is not None:
            metrics.expect(resource.meta.namespace, model_of(resource))
        run = Run(resource, self._services, self.memory.of(resource.meta.uid), waited=resource.status.waiting)
        with about(resource.meta.key):
            outcome, seconds = await self._reconcile(run, stopped)
        metrics.looked(outcome, timedelta(seconds=self._services.clock.monotonic() - began))
        return seconds

    def queued(self) -> int:
        """How many resources wait for their account to have room."""
        return self._admission.queued(self._services.clock.monotonic())

    async def _reconcile(self, run: Run, stopped: Callable[[], bool]) -> tuple[str, float | None]:
        """The pass's result in a word, and the seconds until the next pass."""
        meta = run.resource.meta
        try:
            seconds = await self._advance(run, stopped)
        except Conflict:
            return "conflict", SOON_SECONDS
        except Gone:
            self.forget(meta.uid)
            return "gone", None
        except Rejected as rejected:
            # Raised while batches in flight are read: what is paid for is not given up.
            return "stalled", await self._interrupted(run, Stalled(rejected.message, reason=rejected.reason))
        except Interruption as interruption:
            outcome = "stalled" if isinstance(interruption, Stalled) else "waiting"
            return outcome, await self._interrupted(run, interruption)
        except Exception as error:  # the outermost handler: an error of one resource must not stop its timer for good
            logger.exception("%s: unexpected", meta.key)
            if isinstance(error, (OSError, MemoryError)) and is_refusal(error):
                return "stalled", await self._interrupted(run, refused(error, self._services.scratch.place))
            return "error", await self._interrupted(run, self._accidents.happened(meta.uid, run.step, error))
        self._failures.pop(meta.uid, None)
        self._accidents.forget(meta.uid)
        return "rested", seconds

    async def _advance(self, run: Run, stopped: Callable[[], bool]) -> float | None:
        trouble: Interruption | None = None
        await recover(run)
        run.waited = run.status.waiting  # it may have been read anew
        while not stopped():
            step = self._urgent(run)
            if step is None:
                run.step = LOOKING
                await hold_set(run)
                await disown_what_came_too_late(run)
                now = run.now()
                facts = await self._gatherer.facts(run, now, trouble)
                trouble = facts.trouble
                action = next_action(run.resource, facts, now)
                if isinstance(action, Requeue):
                    return await self._requeue(run, action, facts)
                step = action
            run.step = step_of(step)
            try:
                with self._services.traces.step(run.resource.meta, name_of(step), batch_of(step)):
                    await self._perform(run, step)
                await goes_on(run, told=not isinstance(step, OTHER_WAYS))
                self._failures.pop(run.resource.meta.uid, None)  # it made progress: the backoff starts anew
                self._accidents.over(run.resource.meta.uid, run.step)
                self._urged.discard(run.resource.meta.uid)
            except Rejected as rejected:
                await self._stop(run, rejected)
            finally:
                self._admission.count(run)
        return SOON_SECONDS

    def _urgent(self, run: Run) -> Step | None:
        """A user's request that a failure must not hold up; if this step fails itself, the others have their turn."""
        uid = run.resource.meta.uid
        if uid not in self._failures or uid in self._urged:
            self._urged.discard(uid)
            return None
        action = urgent_action(run.resource, Facts(cancel_asked=run.memory.cancel_asked), run.now())
        if action is not None:
            self._urged.add(uid)
        return action

    def forget(self, uid: str) -> None:
        """Forgets a resource that is gone, with its failures and its room in the account."""
        self._failures.pop(uid, None)
        self._accidents.forget(uid)
        self._urged.discard(uid)
        self._unsaid.pop(uid, None)
        self.memory.forget(uid)
        self._admission.forget(uid)

    async def _requeue(self, run: Run, requeue: Requeue, facts: Facts) -> float | None:
        if requeue.after is not None:
            if facts.trouble is not None and not facts.list_is_too_long():
                raise facts.trouble
            if (unstored := run.unstored()) is not None:
                raise unstored
            now = run.now()
            summary = summary_of_state(
                run.resource,
                facts.hidden(),
                facts.elsewhere(),
                list_too_long=facts.list_is_too_long(),
                late=facts.late(run.status, now),
                now=now,
            )
            if summary.state in (RunState.STALLED, RunState.HELD):
                found = obstacle_of(run, Stalled(summary.message, reason=summary.reason))
                summary = replace(summary, wait=found.wait)
            log_poll(run.resource, run.memory, now, run.passed())
            if summary.reason is Reason.PROCESSING and (ahead := awaited(run.resource, now)):
                raise Waiting(ahead, reason=Reason.CACHE_PRIMING, every=requeue.after)
            # The earlier obstacle is gone; nothing is written when the status says so already.
            before = run.status.message
            await run.save(run.status, summary)
            if summary.wait is None:  # not before that is written, or a write that fails would end the wait twice
                await goes_on(run, told=summary.state is not RunState.SUSPENDED)
            if summary.state is RunState.STALLED and before != summary.message:
                await run.warn(summary.reason, summary.message)
        return requeue.after

    async def _perform(self, run: Run, action: Step) -> None:
        match action:
            case Prepare():
                await prepare(run)
            case EstimateRun():
                await foresee(run)
            case Submit(submission):
                await self._admission.admit(run, submission)
                await submit(run, submission)
            case Confirm(record, batch):
                with about_batch(batch.id):
                    await confirm(run, record, batch.id)
            case Release(record):
                await release(run, record)
            case Collect(record, batch):
                run.memory.collecting[batch.id] += 1
                with about_batch(batch.id):
                    await self._record(run, await (collect_second if record.second else collect)(run, record, batch))
                del run.memory.collecting[batch.id]
            case MarkLost(record, unreadable):
                with about_batch(record.id):
                    await lose(run, record, UNREADABLE if unreadable else GONE if record.id else UNDECIDED)
            case Halt(stop):
                await self._halt(run, stop)
            case Cancel(record):
                with about_batch(record.id):
                    await cancel(run, record)
            case Evaluate() | Resume():
                await (evaluate(run) if isinstance(action, Evaluate) else resume(run))
            case CloseRetries() | SkipRemaining() | PublishFirst() | Finish():
                await close(run, action)
            case _:
                assert_never(action)

    async def _record(self, run: Run, found: Collected) -> None:
        """Writes the outcome of a batch; where the run ends with it, its end goes into the same write."""
        if isinstance(next_action(run.resource.with_status(found.status), Facts(), run.now()), Finish):
            await finish(run, found.status)
        else:
            await run.save_results(found.status, progress(found.status))
            await run.note(Reason.COLLECTED, found.note)
        for reason, message in found.warnings:
            await run.warn(reason, message)

    async def _stop(self, run: Run, rejected: Rejected) -> None:
        """Stops buying for this resource; what was bought is still collected.

        Raises:
            Stalled: the rejection concerns the delivery of results that are paid for.
        """
        if run.status.stop is not None:
            raise Stalled(rejected.message, reason=rejected.reason) from rejected
        await self._halt(run, Stop(reason=rejected.reason, message=rejected.message))

    async def _halt(self, run: Run, stop: Stop) -> None:
        status = run.status.model_copy(update={"stop": stop})
        await run.save(status, ConditionSummary.working(Reason.recorded(stop.reason), stop.message))

    async def _say_beside(self, run: Run, *interruptions: Interruption) -> None:
        """Posts an event, once for each reason, where a person has to act and the status cannot say so."""
        for stalled in interruptions:
            if isinstance(stalled, Stalled) and stalled.reason not in self._unsaid[run.resource.meta.uid]:
                self._unsaid[run.resource.meta.uid].add(stalled.reason)
                await run.warn(stalled.reason, stalled.message)

    async def _interrupted(self, run: Run, interruption: Interruption) -> float:
        """Writes the obstacle into the status, and comes back later: soon at first, with jitter."""
        uid = run.resource.meta.uid
        failures = self._failures[uid] = 0 if is_turn(interruption) else self._failures.get(uid, 0) + 1
        after = interruption.after(failures) if isinstance(interruption, Waiting) else interruption
        interruption = urged(after, run.status, run.now())
        try:
            before, found = run.status.message, obstacle_of(run, interruption)
            await run.say(ConditionSummary.of(found.told, found.wait))
            self._unsaid.pop(uid, None)
            if isinstance(found.told, Stalled) and before != found.told.message:
                await run.warn(found.told.reason, found.told.message)
            elif not isinstance(found.told, Stalled) and found.begins(run.waited):
                await run.note(found.told.reason, found.told.message)  # no alarm: time cures it
        except (Conflict, Gone):
            return SOON_SECONDS
        except Interruption as silenced:
            # The status cannot be written, so that the log and an event report it.
            messages = dict.fromkeys((interruption.message, silenced.message))
            logger.warning("%s: %s", run.resource.meta.key, "; ".join(messages))
            await self._say_beside(run, interruption, silenced)
        return min(pause(interruption, failures, self._jitter()), until_others(run, interruption))
