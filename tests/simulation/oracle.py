"""Judges by the bill, the sinks and the statuses alone: is every ticket paid once, and does each have its row?"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from nightsort.api.batch_record import BatchRecord, BatchState, TokenCounts
from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer, Row, Verdict
from nightsort.domain.conditions import is_finished
from nightsort.domain.custom_id import tag_of
from nightsort.domain.probe import MOST_PROBES
from nightsort.domain.ticket import Ticket
from nightsort.flow.results.answers import UNDECIDED
from nightsort.testing.batch_api import MODEL, SECOND_MODEL, Held
from tests.simulation import haste
from tests.simulation.account import FORMS, MARK, PASSING, PLACED_MODEL, URGENCIES, ticket_of
from tests.simulation.ailing import most_tries
from tests.simulation.caches import CacheOracle
from tests.simulation.nights import ReuseOracle
from tests.simulation.reviews import ReviewOracle, of_first
from tests.simulation.scenario import LONG_CHARS, SHOWN
from tests.simulation.sets import SetOracle, named
from tests.simulation.truth import source_name
from tests.simulation.waits import complaint, out_of_patience
from tests.simulation.wire import UNREADABLE

if TYPE_CHECKING:
    from tests.simulation.world import World

NAMES = {"billing", "technical", "account", "account access", "other"}
FREE = Decimal(0)
TIMES = {MODEL: 1, SECOND_MODEL: 2, PLACED_MODEL: 3}
IN_THE_US = Decimal("1.1")
SAID = {Verdict.LABELED, Verdict.UNKNOWN, Verdict.REFUSED, Verdict.TRUNCATED}
Z_SQUARED = 1.959963984540054**2
AHEAD = {BatchState.INTENDED: 0, BatchState.SUBMITTED: 1, BatchState.COLLECTED: 2, BatchState.RELEASED: 2}


@dataclass(frozen=True)
class Purchase:
    """A ticket in a batch that the API accepted."""

    held: Held
    custom_id: str

    @property
    def answer(self) -> Answer:
        return next(answer for answer in self.held.answers if answer.custom_id == self.custom_id)


@dataclass(frozen=True)
class Intent:
    resource: Meta
    requests: int


class Oracle:
    """`broken` is the first invariant that did not hold, in words."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.broken: str | None = None
        self.purchases: defaultdict[str, defaultdict[str, list[Purchase]]] = defaultdict(lambda: defaultdict(list))
        self.intents: dict[str, Intent] = {}
        self.by_tag: dict[str, Held] = {}
        self.begun: set[str] = set()
        self._tries: Counter[str] = Counter()
        self.summed_up: set[str] = set()
        self.released: set[str] = set()
        self.wiped: set[str] = set()
        self.left: set[tuple[str, str]] = set()
        self.counted: dict[str, int] = {}
        self.planned: dict[str, set[str]] = {}
        """Of each run the tickets that its source had when it wrote its plan."""
        self.switched: set[str] = set()
        self._uncancelled: defaultdict[str, str] = defaultdict(str)
        self._lost: defaultdict[str, str] = defaultdict(str)
        self._gone: dict[str, tuple[Resource, datetime]] = {}
        self._gone_by_force: set[str] = set()
        self.reuse = ReuseOracle(self, world)
        self.sets = SetOracle(self)
        self.review = ReviewOracle(self, world)
        self.caches = CacheOracle(self, world)

    def fail(self, message: str) -> None:
        if self.broken is None:
            self.broken = message
            self._world.trace(0, "VIOLATION", message)

    def demand(self, holds: bool, message: str) -> None:
        if not holds:
            self.fail(message)

    # --- what is bought ---

    def bought(self, held: Held, tickets: dict[str, str]) -> None:
        """I1 and I2: an intent was durable, and none of these tickets has an answer that was paid for or may be."""
        self._world.trace(0, "accepted", f"{held.id} {held.tag} with {sorted(tickets.values())}")
        intent = self.intents.get(held.tag)
        if intent is None:
            return self.fail(f"I1: {held.id} was bought without an intent in the ledger")
        self.demand(held.tag not in self.by_tag, f"I2: {held.tag} was bought twice")
        self.by_tag[held.tag] = held
        uid = intent.resource.uid
        resource = self._world.truth.now(intent.resource)
        if resource is not None:
            resource = self.sets.known(resource)
            systems = (account.systems.get(held.id) for account in self._world.accounts.values())
            self.sets.bought(resource, held, next(filter(None, systems), set()))
            open_yet = is_intended(resource.status, held.tag) or self._is_wiped_away(resource, held.tag)
            self.demand(open_yet, f"I1: {held.id} was bought under a settled intent")
            self._check_name(resource, held)
            self._check_probe(resource, held, len(tickets))
        own = [each for tag, each in self.by_tag.items() if self.intents[tag].resource.uid == uid]
        self.caches.bought(intent.resource, held, own)
        if resource is not None:
            self._check_gate(resource, held, tickets.values())
        self.demand(len(tickets) == intent.requests, f"I1: the intent of {held.id} says {intent.requests} requests")
        elsewhere = self._world.labeled_elsewhere(resource) if resource and self._world.scenario.lag else set()
        for custom_id, ticket in tickets.items():
            self.demand(ticket not in elsewhere, f"Q3: {held.id} has {ticket!r}, which another run has labeled before")
            if held.model == SECOND_MODEL:
                self.review.bought(resource or self._gone[uid][0], held, ticket)
            for earlier in self.purchases[uid][ticket] if held.model != SECOND_MODEL else ():
                self._check_again(resource or self._gone[uid][0], ticket, earlier)
            self.purchases[uid][ticket].append(Purchase(held, custom_id))
        if self._world.scenario.nights and resource is not None:
            self.reuse.bought(resource, held, set(tickets.values()) - self.truths(resource).keys())
        if resource is not None and resource.spec.max_cost_usd:
            bill, limit = self.bill(uid), Decimal(resource.spec.max_cost_usd)
            # An account's default is known from the first answer on, when other batches may be under way.
            learned = resource.spec.inference_geo is None and self._world.scenario.geo == "us"
            fits = bill <= limit * (IN_THE_US if learned else 1)
            self.demand(fits, f"I12: {resource.meta.name} was to cost {resource.spec.max_cost_usd} and costs {bill}")
        counted, bought_now = self.counted.get(uid, 0), len(self.purchases[uid])
        self.demand(
            self._world.scenario.limit is None or bought_now <= counted,
            f"Q1: {intent.resource.name} has bought {bought_now} tickets, and {counted} were counted",
        )
        return None

    # --- what is known ---

    def truths(self, resource: Resource) -> Mapping[str, str]:
        """The known tickets of a run that is evaluated."""
        rule = resource.spec.evaluation
        if rule is None:
            return {}
        own_set = rule.truth.config_map
        return self._world.scenario.truths(own_set.name if own_set is not None else source_name(resource))

    def _check_gate(self, resource: Resource, held: Held, tickets: Collection[str]) -> None:
        """I11: known tickets travel first and alone, and the others only if these were good enough, or by a word."""
        known = self.truths(resource).keys() & set(tickets)
        if resource.spec.evaluation is None or known == set(tickets):
            return
        self.demand(not known, f"I11: {held.id} has known tickets and others")
        self.demand(self.is_open(resource), f"I11: {held.id} was bought before the evaluation of {resource.meta.name}")

    def is_open(self, resource: Resource) -> bool:
        """Whether the known tickets' answers, or a person, let the others be bought and published."""
        rule, status = resource.spec.evaluation, resource.status
        if rule is None or rule.release or rule.on_failure == "Report" or rule.min_accuracy is None:
            return True
        plan = status.plan
        if plan is not None and plan.tickets == 0 and plan.evaluation is not None and plan.evaluation.sample == 0:
            return True  # all tickets are known, and nothing is to be published
        return (status.evaluation is not None and status.evaluation.released) or self.is_good_enough(resource)

    def is_good_enough(self, resource: Resource) -> bool:
        """Wilson's lower end reaches the threshold where the score test does not reject it: no root is needed."""
        rule = resource.spec.evaluation
        answered, right = self.compared(resource)
        if rule is None or rule.min_accuracy is None or not answered:
            return False
        least, seen = float(rule.min_accuracy), right / answered
        return seen > least and (seen - least) ** 2 * answered >= Z_SQUARED * least * (1 - least)

    def compared(self, resource: Resource) -> tuple[int, int]:
        """Known tickets with an answer, and right ones, by what the account has said last of each."""
        answered = right = 0
        for ticket, truth in self.truths(resource).items():
            paid = of_first(self.purchases[resource.meta.uid][ticket])
            if paid and not self.is_withheld(paid[-1]):
                verdict, category = expected(resource, paid[-1].answer)
                answered += verdict in SAID
                right += verdict in SAID and category == truth.lower()
        return answered, right

    def _check_held(self, resource: Resource, status: Status) -> None:
        """Held: the bill is that of the known tickets, each of them, and no row is in any sink."""
        uid, name = resource.meta.uid, resource.meta.name
        bought = {ticket for ticket, paid in self.purchases[uid].items() if paid}
        self.demand(bought <= self.truths(resource).keys(), f"I11: {name} is held, and bought {sorted(bought)}")
        sample = status.plan.evaluation.sample if status.plan and status.plan.evaluation else 0
        lacking = {ticket for source, ticket in self.left if source == source_name(resource)}
        lacking |= set(self._world.scenario.refused)
        enough = sample - len(lacking) <= len(bought) <= sample
        self.demand(enough, f"I11: {name} is held with {len(bought)} of {sample} known tickets")

    def _check_unpublished(self, resource: Resource) -> None:
        nights = self._world.scenario.nights
        rows = {
            ticket
            for shelf in self._world.shelves[resource.meta.uid]
            for ticket, rows in (shelf.writers[resource.meta.uid] if nights else shelf.rows).items()
            if rows
        }
        self.demand(
            not rows, f"I11: {resource.meta.name} has not passed its evaluation, and has rows of {sorted(rows)}"
        )

    def _check_figures(self, resource: Resource) -> None:
        told = resource.status.evaluation
        if told is not None and not resource.status.stop and not self.left:
            known = self.compared(resource)
            self.demand(
                (told.known, told.correct) == known,
                f"I14: {resource.meta.name} tells known tickets {told.known}, {told.correct} right, of {known}",
            )

    def _check_name(self, resource: Resource, held: Held) -> None:
        """Who has not the name of its results is never billed: its rows could go nowhere."""
        if self._world.scenario.named:
            holder = self._world.cabinet.holder(resource)
            ours = holder == resource.meta.uid
            self.demand(ours, f"C1: {resource.meta.name} bought {held.id}, and {holder} has the name of its results")

    def _check_probe(self, resource: Resource, held: Held, tickets: int) -> None:
        """A schema that nobody has seen the API take costs one ticket at a time; three of them tell enough."""
        if not self._world.scenario.structured:
            return None
        name, paid = resource.meta.name, self.purchases[resource.meta.uid].values()
        before = [one for purchases in paid for one in purchases if one.answer.outcome != "canceled"]
        if self._world.scenario.schema_refused:
            most = MOST_PROBES if self._world.scenario.odd else 1  # what the API says may come in an odd line
            return self.demand(
                len(before) < most, f"P1: {name} bought {held.id}, though the API has refused its schema"
            )
        shards = {record.shard for record in resource.status.batches}
        seen = any(one.answer.outcome == "succeeded" and one.held.ends_at <= self._world.clock.now() for one in before)
        alone = tickets == 1 or seen or max(shards, default=0) >= MOST_PROBES
        return self.demand(alone, f"P1: {name} bought {tickets} tickets with a schema that nobody has tried")

    def _check_bill(self, resource: Resource) -> None:
        """Where every answer came as it was, the status has used what the account charges for, to the token."""
        scenario, uid = self._world.scenario, resource.meta.uid
        unknown = any(record.unpriced or record.unnamed for record in resource.status.batches)
        spoilt = scenario.is_spoilt or self._world.is_narrow
        exact = scenario.cached is not None or scenario.geo is not None
        if not exact or unknown or spoilt or uid in self.wiped or self.untold(resource):
            return
        held = [held for tag, held in self.by_tag.items() if self.intents[tag].resource.uid == uid]
        paid = [answer for one in held for answer in one.answers if is_paid(answer)]
        told = [record.usage for record in resource.status.batches]
        self._compare_bill(resource.meta.name, paid, told)
        dearer = [answer for answer in paid if answer.in_us]
        self._compare_bill(f"{resource.meta.name} in the US", dearer, [each.us for each in told if each.us is not None])

    def _compare_bill(self, name: str, paid: Sequence[Answer], told: Sequence[TokenCounts]) -> None:
        for kind in ("input_tokens", "output_tokens", "cache_write_hour_tokens", "cache_read_tokens"):
            charged, known = sum(getattr(each, kind) for each in paid), sum(getattr(each, kind) for each in told)
            self.demand(charged == known, f"I14: {name} tells {known} {kind}, and {charged} are charged")

    def _is_wiped_away(self, resource: Resource, tag: str) -> bool:
        """Whether an intent is missing in a wiped status alone: it is open in the copy, and nobody has released it.

        A wipe may come while a create is on its way, which nothing can call back; the copy was durable before that
        began, and makes the intent known again. One that the status knows in any other state was settled by a process.
        """
        wiped = resource.meta.uid in self.wiped and tag not in self.released
        known = any(record.tag == tag for record in resource.status.batches)
        return wiped and not known and is_intended(self._world.truth.copy_of(resource.meta), tag)

    def bill(self, uid: str) -> Decimal:
        """What the account charges for all that a resource has bought, in USD, whether or not the answers ever come."""
        return sum((price_of(held) for tag, held in self.by_tag.items() if self.intents[tag].resource.uid == uid), FREE)

    def _check_again(self, resource: Resource, ticket: str, earlier: Purchase) -> None:
        self.demand(
            earlier.held.ends_at <= self._world.clock.now(),
            f"I2: {ticket!r} was bought again while {earlier.held.id} was running",
        )
        self.demand(
            may_be_bought_again(resource, earlier),
            f"I2: {ticket!r} was bought again, though {earlier.held.id} had answered {earlier.answer.outcome}",
        )

    def tried_in_vain(self, tag: str) -> None:
        """While creates are not taken, they are tried ever more seldom."""
        ails, name = self._world.scenario.ails, self.intents[tag].resource.name
        self._tries[name] += 1
        most = most_tries(ails[1] - ails[0]) if ails else 0
        self.demand(self._tries[name] <= most, f"I13: {name} has sent {self._tries[name]} creates that were not taken")

    def collected_by_now(self, held: Held) -> None:
        """Where nothing is wrong but that creates are refused, what has ended is collected all the same."""
        resource = self._world.truth.now(self.intents[held.tag].resource)
        if resource is not None and not is_finished(resource.status):
            waits = any(each.id == held.id and each.state is BatchState.SUBMITTED for each in resource.status.batches)
            self.demand(not waits, f"I3: {held.id} has ended long ago and is not collected: {resource.status.message}")

    def has_intended(self, uid: str) -> bool:
        """Whether a run has ever been about to buy something."""
        return any(intent.resource.uid == uid for intent in self.intents.values())

    def open_intents(self, meta: Meta) -> set[str]:
        resource = self._world.truth.now(meta)
        there = resource.status.batches if resource is not None else ()
        return {record.tag for record in there if record.state is BatchState.INTENDED}

    def cancelled_by_now(self, meta: Meta) -> None:
        """Whatever goes wrong, what runs is cancelled a while after its run was suspended."""
        resource = self._world.truth.now(meta)
        if resource is None or not resource.spec.suspend:
            return
        held = {one.id: one for account in self._world.accounts.values() for one in account.held.values()}
        for record in resource.status.batches:
            if record.state is BatchState.SUBMITTED and record.id in held:
                one = held[record.id]
                ends = one.canceling or one.ends_at <= self._world.clock.now()
                self.demand(ends, f"I9: {one.id} runs on though {meta.name} is suspended")

    def left_nothing_unsent(self, meta: Meta, before: set[str]) -> None:
        """After a look in which only the disk failed: no intent waits under which nothing can have been bought.

        Those from `before` may have been left by a look in which something else failed. A wiped status is put back from
        its copy, which may be as old as before a release; then they wait once more.
        """
        again = self.released if meta.uid in self.wiped else set()
        for tag in self.open_intents(meta) - before - self.begun - again:
            self.fail(f"I13: {meta.name} waits for {tag}, of which no byte was sent")

    # --- what is written ---

    def witness(self, before: Resource, status: Status, text: str) -> Iterator[BatchRecord]:
        """Holds a write against what stood there; the intents that are new."""
        self.sets.written(before, status)
        before, name = self.sets.known(before), before.meta.name
        self.demand(not is_finished(before.status), f"I7: {name} was written after it had finished")
        self._check_memory(before, status)
        self._check_counts(name, status)
        self._check_conditions(name, status)
        self._check_account(before.meta, status)
        if (wrong := complaint(before.status, status)) is not None:
            self.fail(f"W1: {name} {wrong}")
        now = self._world.clock.now()
        if not self._world.scenario.clocks and (wrong := out_of_patience(before.status, status, now)) is not None:
            self.fail(f"W2: {name} {wrong}")
        self.demand(MARK not in text and SHOWN not in text, f"I6: the status of {name} has the text of a ticket")
        if status.phase == "Held":
            self._check_held(before, status)
        if not self.is_open(before):
            self._check_unpublished(before)
        if before.status.plan is None and status.plan is not None:
            self.counted[before.meta.uid] = status.plan.tickets + status.plan.duplicates
            kept = self._world.source_of(before).kept
            self.planned[before.meta.uid] = {each.id for each in kept if each is not None}
            if self._world.scenario.nights:
                self.reuse.planned(before, status)
        self._world.pools.planned(before.meta, status)
        known = {record.tag for record in before.status.batches} | self.intents.keys()  # put back, it is not new
        new = [each for each in status.batches if each.state is BatchState.INTENDED and each.tag not in known]
        for record in new:
            stopped = before.meta.deletion_timestamp or before.spec.suspend or before.status.stop
            self.demand(not stopped, f"I9: {name} goes on buying though it is to stop")
            self.intents[record.tag] = Intent(before.meta, record.requests)
        return iter(new)

    def _check_memory(self, before: Resource, status: Status) -> None:
        """No batch is forgotten, none is let go that was bought, none is taken that is another's."""
        name = before.meta.name
        self.demand(not before.status.stop or status.stop == before.status.stop, f"{name}: a stop was forgotten")
        split = status.stop is None or status.stop.reason != "BatchRefused"
        self.demand(split, f"I4: {name} gives up all tickets for one that the API refuses")
        full = status.stop is not None and status.stop.reason == "TooManyBatches"
        self.demand(not full, f"I4: {name} has no room for batches that pre-flight has accepted")
        after = {record.tag: record for record in status.batches if record.tag}
        gone: list[BatchRecord] = []
        for record in before.status.batches:
            now = after.get(record.tag)
            if record.state is BatchState.RELEASED or not record.tag:
                continue
            if now is None:
                released = record.tag in self.released | self._world.truth.let_go
                if record.tag in self.by_tag or not released:  # else an older status brought it back
                    gone.append(record)
                continue
            back = AHEAD[now.state] < AHEAD[record.state] or (record.id is not None and now.id != record.id)
            # To be collected once more changes nothing; how it came out may have been lost with the status.
            again = now.state is BatchState.SUBMITTED and record.state is BatchState.COLLECTED and now.id == record.id
            back = back and not (again and before.meta.uid in self.wiped)
            # A store has dropped the id, and no copy has it: the batch is looked for by its tag.
            back = back and not (record.state is BatchState.SUBMITTED and record.id is None)
            self.demand(not back, f"I2: {name} went back on {record.tag}: {record.state} {now.state} {now.id}")
        self._check_sum(before, status, gone)
        for record in status.batches:
            self._check_record(before, record)
        self.released |= {record.tag for record in status.batches if record.state is BatchState.RELEASED}

    def _check_sum(self, before: Resource, status: Status, gone: list[BatchRecord]) -> None:
        """Entries may only go where they are over and done, and their figures stay in another's."""
        counted = sum(record.summed_up for record in status.batches)
        more = counted - sum(record.summed_up for record in before.status.batches)
        for record in gone:
            over = (record.state is BatchState.COLLECTED or record.tag in self._world.truth.copied) and more >= len(
                gone
            )
            self.demand(over, f"I2: {before.meta.name} forgot {record.tag} ({record.state}, {record.id})")
            self.summed_up.add(record.id or "")
        if gone and not self._world.is_narrow:  # else what stood there may have been less than what was known
            usage = (sum(each.usage.input_tokens for each in one.batches) for one in (before.status, status))
            self.demand(len(set(usage)) == 1, f"I14: {before.meta.name} lost a part of what it has used")

    def holds_room(self, name: str, status: Status, places: int) -> None:
        self.demand(len(status.batches) <= places, f"I8: {name} has a record of {len(status.batches)} entries")

    def _check_record(self, resource: Resource, record: BatchRecord) -> None:
        held = self.by_tag.get(record.tag)
        if record.state is BatchState.RELEASED:
            self.demand(held is None, f"I2: {resource.meta.name} released {record.tag}, which was bought")
        if record.id is not None:
            ours = held is not None and held.id == record.id
            self.demand(ours, f"I2: {resource.meta.name} took {record.id}, another's")

    def _check_counts(self, name: str, status: Status) -> None:
        counts = status.tickets
        parts = (counts.labeled, counts.unknown, counts.failed, counts.in_flight, counts.reused)
        if min(parts) < 0 or sum(parts) > counts.total:
            self.fail(f"{name}: impossible counts {counts}")
        promised = not status.stop or any(not record.canary for record in status.batches)
        if is_finished(status) and (counts.in_flight or (promised and sum(parts) != counts.total)):
            self.fail(f"{name}: finished, and the counts do not add up: {counts}")

    def _check_conditions(self, name: str, status: Status) -> None:
        true = {condition.type for condition in status.conditions if condition.status == "True"}
        kinds = [condition.type for condition in status.conditions]
        finished, working = "Finished" in true, true & {"Reconciling", "Stalled"}
        fine = (
            "Ready" in kinds
            and len(kinds) == len(set(kinds))
            and len(working) < 2
            and not ("Ready" in true and working)
            and finished == (status.completion_time is not None)
            and finished == (len(true & {"Complete", "Failed"}) == 1)
            and (
                self._world.scenario.accidents or not any(each.reason == "InternalError" for each in status.conditions)
            )
        )
        if not fine:
            self.fail(f"{name}: conditions {status.conditions}")

    def _check_account(self, meta: Meta, status: Status) -> None:
        """A key that was only rotated is not taken for another account's where answers name the account."""
        held = any(condition.reason == "AccountChanged" for condition in status.conditions)
        wrongly = held and self._world.scenario.told and meta.uid not in self.switched
        self.demand(not wrongly, f"{meta.name} waits for another account, and has always had the same")

    def told(self, meta: Meta, reason: str, message: str) -> None:
        self.demand(MARK not in message, f"I6: an event of {meta.name} has the text of a ticket")
        if reason == "CancelFailed":
            self._uncancelled[meta.uid] += message
        if reason == "BatchLost":
            self._lost[meta.uid] += message

    # --- how it ended ---

    def resource(self, meta: Meta) -> Resource:
        """As it is, or was when it went."""
        return self._world.truth.now(meta) or self._gone[meta.uid][0]

    def gone(self, meta: Meta, *, by_force: bool) -> None:
        """`by_force`: somebody has taken its finalizer away, also where a deletion was asked for a moment before."""
        resource = self._world.truth.now(meta)
        if resource is not None:
            self._gone[meta.uid] = (resource, self._world.clock.now())
            if by_force:
                self._gone_by_force.add(meta.uid)

    def finalizer_took(self, meta: Meta, seconds: float) -> None:
        """I9: the deadline, and what the calls that were under way may add to it."""
        self.demand(seconds <= 4 * 3600, f"I9: the finalizer of {meta.name} took {seconds:.0f} s")

    def look_back(self) -> None:
        labels = self._world.another.labeled_at
        self.demand(not labels, f"Q4: {sorted(labels)} have labels in a database that is another")
        for meta in self._world.created:
            resource = self._world.truth.now(meta)
            if resource is None:
                self._check_gone(meta)
            else:
                self._world.look_into_drawers(resource)
                self._check_finished(resource)
        self._check_haste()

    def _check_haste(self) -> None:
        scenario, resources = self._world.scenario, [self._world.truth.now(meta) for meta in self._world.created]
        if not scenario.haste:
            return
        there = [resource for resource in resources if resource is not None]
        if slow := haste.complaint(scenario.haste, scenario.room, list(self.by_tag.values()), there):
            self.fail(slow)

    def _check_gone(self, meta: Meta) -> None:
        resource, at = self._gone[meta.uid]
        if is_finished(resource.status):
            return self._check_finished(resource)
        if meta.uid in self._gone_by_force:
            return None  # nobody could say farewell
        for tag, held in self.by_tag.items():
            ours = self.intents[tag].resource.uid == meta.uid
            named = tag in self._uncancelled[meta.uid] or held.id in self._uncancelled[meta.uid]
            if ours and not named:
                self.demand(held.canceling or held.ends_at <= at, f"I9: {held.id} of {meta.name} runs on, untold")
        return None

    def _check_finished(self, resource: Resource) -> None:
        name, status = resource.meta.name, resource.status
        promised = bool(status.batches) or not status.stop
        if not self.is_open(resource):
            self.demand(bool(status.stop), f"I11: {name} has finished and was not released")
            self._check_unpublished(resource)
            promised = False
        if status.stop and all(record.canary for record in status.batches):
            promised = False
        self._check_figures(resource)
        self._check_bill(resource)
        ids = {record.id for record in status.batches}
        for tag, held in self.by_tag.items():
            if self.intents[tag].resource.uid == resource.meta.uid:
                known = held.id in ids | self.summed_up or tag in self.untold(resource)
                known = known or (self._world.is_narrow and tag in self._world.truth.copied)
                self.demand(known, f"I2: {name} has finished and does not know {held.id}")
        self._check_strays(resource)
        shelves = self._world.shelves[resource.meta.uid]
        self.sets.finished(
            resource, {row.category_set for one in shelves for rows in one.rows.values() for row in rows}
        )
        for shelf in shelves:
            for ticket, rows in shelf.rows.items():
                self.demand(len(rows) == 1, f"I5: {name} has {len(rows)} rows for {ticket!r}")
            if promised:
                stored = {ticket: rows[0] for ticket, rows in shelf.rows.items()}
                if self._world.scenario.nights:
                    stored = dict(shelf.writers[resource.meta.uid])
                self._check_rows(resource, stored | shelf.dropped)
        dropped, told = sum(len(shelf.dropped) for shelf in shelves), status.results.unmatched
        self.demand(told == dropped, f"I3: {name} tells of {told} labels that are not in the sinks, of {dropped}")

    def untold(self, resource: Resource) -> str:
        """Where no list leads to a batch, a run that was stopped ends without it. What names those by their tags."""
        stopped = bool(resource.status.stop) and self._world.scenario.crowded
        return self._lost[resource.meta.uid] if stopped else ""

    def _check_strays(self, resource: Resource) -> None:
        """What a batch's results have that nobody asked for is told, where all of it has come."""
        for record in resource.status.batches:
            if record.id in self._world.cut_short:
                continue
            ghosts = [ghost for each in self._world.accounts.values() for ghost in each.wire.ghosts.get(record.tag, ())]
            if record.state is BatchState.COLLECTED and record.ended_at is not None:
                self.demand(record.strays >= len(ghosts), f"I14: {resource.meta.name} tells no strays of {record.id}")

    def _check_rows(self, resource: Resource, rows: dict[str, Row]) -> None:
        if self._world.scenario.nights:
            self.reuse.ended(resource)
        if self._world.scenario.limit is not None or self._world.scenario.nights:
            return self._check_chosen(resource, rows)
        source = source_name(resource)
        known = self.truths(resource)
        self.demand(not known.keys() & rows.keys(), f"I11: {resource.meta.name} has rows for known tickets")
        tickets = {one.id: one for one in self._world.scenario.sources[source] if one.id not in known}
        purchases = self.purchases[resource.meta.uid]
        unsent = {Verdict.UNSENDABLE, Verdict.CANCELED} if resource.status.stop else {Verdict.UNSENDABLE}
        self.demand(set(rows) <= set(tickets), f"I4: {resource.meta.name} has rows for nobody's tickets")
        for ticket_id, ticket in tickets.items():
            left, asked = (source, ticket_id) in self.left, asked_as(ticket)
            row = rows.get(ticket_id)
            if row is None:
                gone = resource.spec.dedupe == "Exact" and ticket_id not in self.planned.get(resource.meta.uid, ())
                nameless = left and (gone or all(self.is_withheld(paid) for paid in purchases[asked]))
                self.demand(nameless, f"I4: {resource.meta.name} has no row for {ticket_id!r}")
            elif left and resource.spec.dedupe == "Off" and not purchases[asked] and row.verdict in unsent:
                del rows[ticket_id]  # it left between its row and the write that would have counted it
            else:
                self._check_row(resource, ticket, row, purchases[asked], left)
        by_text = {asked_as(ticket): ticket for ticket in tickets.values()}
        cut = {name for name, paid in purchases.items() if paid and name in by_text and is_long(by_text[name])}
        told = resource.status.tickets.cut
        self.demand(told == len(cut), f"I14: {resource.meta.name} says {told} cut tickets, and {len(cut)} were cut")
        self._check_twins(resource, tickets, rows)
        self.review.ended(resource, tickets, rows)
        return self._check_totals(resource.meta.name, resource.status, rows)

    def _check_chosen(self, resource: Resource, rows: dict[str, Row]) -> None:
        """Of a query: as many rows as were counted, and those that another run has labeled first may be Missing."""
        name, uid = resource.meta.name, resource.meta.uid
        counted = self.counted.get(uid, 0)
        unnamed = sum(record.unnamed for record in resource.status.batches)
        self.demand(len(rows) + unnamed == counted, f"Q2: {name} has {len(rows)} rows, and {counted} were counted")
        tickets = {ticket.id: ticket for ticket in self._world.source_of(resource).kept if ticket is not None}
        elsewhere = self._world.labeled_elsewhere(resource)
        for ticket_id, row in rows.items():
            paid, left = self.purchases[uid][asked_as(tickets[ticket_id])], ticket_id in elsewhere
            if paid or not left or row.verdict is not Verdict.MISSING:
                self._check_row(resource, tickets[ticket_id], row, paid, left)
        self._check_twins(resource, tickets, rows)
        self._check_totals(name, resource.status, rows)

    def _check_twins(self, resource: Resource, tickets: Mapping[str, Ticket], rows: Mapping[str, Row]) -> None:
        """D1: of tickets with the same text one was asked about, and the others have a copy of its row."""
        by_text: defaultdict[str, list[Row]] = defaultdict(list)
        for ticket_id, row in rows.items():
            if ticket_id in tickets:  # rows of others were complained of before
                by_text[asked_as(tickets[ticket_id])].append(row)
        for text, alike in by_text.items():
            name = f"{resource.meta.name} {text!r}"
            if resource.spec.dedupe == "Off":
                self.demand(not any(row.same_as for row in alike), f"D1: {name} has copies of rows: {alike}")
                continue
            asked = [row.id for row in alike if row.same_as is None]
            copies = {row.same_as for row in alike} - {None}
            self.demand(len(asked) == 1 and copies <= set(asked), f"D1: {name} has rows of {asked}, and {copies}")
            parts = {(row.verdict, row.category, row.batch_id, row.values) for row in alike}
            self.demand(len(parts) == 1, f"D2: tickets with the text of {name} have different rows: {alike}")
            used = sum(row.input_tokens for row in alike if row.same_as)
            self.demand(not used, f"D2: {name} counts its tokens several times")

    def _check_row(self, resource: Resource, ticket: Ticket, row: Row, paid: list[Purchase], left: bool) -> None:
        name = f"{resource.meta.name} {ticket.id!r}"
        if not paid:
            wanted = {Verdict.CANCELED} if resource.status.stop else set()
            refused = asked_as(ticket) in self._world.scenario.refused
            wanted |= {Verdict.MISSING} if left and self._world.scenario.twins else set()
            wanted |= {Verdict.UNSENDABLE} if refused or not ticket.fields else set()
            wanted |= {Verdict.MISSING} if row.reason == UNDECIDED.reason and self.untold(resource) else set()
            return self.demand(row.verdict in wanted, f"I4: {name} was never sent and has {row}")
        if resource.spec.review is not None:
            row, paid = self.review.first_of(resource, row, paid)
        last = paid[-1]
        judged = expected(resource, last.answer)
        if self.is_withheld(last) or tag_of(last.custom_id) in self.untold(resource):
            return self.demand(row.verdict is Verdict.MISSING, f"I4: {name} has {row}")
        if not resource.status.stop and not last.held.canceling and may_be_bought_again(resource, last):
            tries = sum(not one.held.canceling for one in paid)
            final = left or tries > resource.spec.backoff_limit
            self.demand(final, f"I4: {name} was given up after {tries} tries: {row}")
        if left and row.verdict is Verdict.MISSING:
            return self.demand(may_be_bought_again(resource, last), f"I3: {name} lost its answer: {row}")
        if self._world.scenario.structured:
            meant = expected_values(last.answer, judged[0])
            self.demand(row.values == meant, f"V1: {name} has {row.values}, and its answer means {meant}")
        return self.demand(
            (row.verdict, row.category, row.batch_id) == (*judged, last.held.id),
            f"I3: {name} has {row}, but {last.held.id} answered {judged}",
        )

    def is_withheld(self, purchase: Purchase) -> bool:
        return any(purchase.custom_id in account.withheld for account in self._world.accounts.values())

    def _check_totals(self, name: str, status: Status, rows: dict[str, Row]) -> None:
        verdicts = Counter(row.verdict for row in rows.values())
        labeled, unknown = verdicts[Verdict.LABELED], verdicts[Verdict.UNKNOWN]
        counts = status.tickets
        self.demand(
            (counts.labeled, counts.unknown) == (labeled, unknown)
            and counts.failed >= len(rows) - labeled - unknown
            and (bool(self.left) or counts.total == len(rows) + counts.reused),
            f"{name}: {counts} but rows {dict(verdicts)}",
        )
        categories = Counter(row.category for row in rows.values() if row.category)
        told = {count.name: count.tickets for count in status.categories}
        self.demand(told == dict(categories), f"{name}: categories {told} but rows {dict(categories)}")
        values = Counter[object](value for row in rows.values() for value in self.review.plain(row))
        counted = Counter[object]({each.name: each.tickets for field in status.fields for each in field.values})
        counted += Counter({None: sum(field.unknown for field in status.fields)})
        self.demand(counted == values, f"I14: {name} counts values {counted}, and rows have {values}")


def asked_as(ticket: Ticket) -> str:
    """The ticket in whose words it is asked about: several may have the same text."""
    return ticket_of(ticket.fields["body"]) if ticket.fields.get("body") else ticket.id


def price_of(held: Held) -> Decimal:
    """At the prices of claude-haiku-4-5 in a batch: $0.50 and $2.50 for a million tokens.

    The second model takes twice as much, the one that takes a place three times, and each a tenth more in the US.
    """
    paid = [answer for answer in held.answers if is_paid(answer)]
    return TIMES[held.model] * sum(map(price_of_answer, paid), FREE)


def price_of_answer(answer: Answer) -> Decimal:
    whole = answer.input_tokens + 5 * answer.output_tokens
    cache = 20 * answer.cache_write_hour_tokens + answer.cache_read_tokens
    return Decimal(10 * whole + cache) / 20_000_000 * (IN_THE_US if answer.in_us else 1)


def is_paid(answer: Answer) -> bool:
    """A line that cannot be read was an answer, too. A refusal is paid for if something was written before it."""
    if answer.stop_reason == "refusal":
        return answer.output_tokens > 0
    return answer.outcome == "succeeded" or answer.error_type == UNREADABLE


def is_long(ticket: Ticket) -> bool:
    return len(ticket.fields.get("body", "")) > LONG_CHARS


def is_intended(status: Status, tag: str) -> bool:
    return any(record.tag == tag and record.state is BatchState.INTENDED for record in status.batches)


def may_be_bought_again(resource: Resource, earlier: Purchase) -> bool:
    answer = earlier.answer
    if answer.outcome == "errored":
        return answer.error_type in PASSING
    if answer.outcome == "succeeded":
        verdict, _ = expected(resource, answer)
        return verdict is Verdict.UNKNOWN and resource.spec.unknown_label.action == "Retry"
    return answer.outcome == "expired" or earlier.held.canceling


def label_of(text: str) -> str:
    return str(json.loads(text)["category"]) if text.startswith('{"category"') else text


def expected_values(answer: Answer, verdict: Verdict) -> tuple[str | None, ...]:
    """What an answer says of the field: nothing where it is no answer, and no value where it is a bare name."""
    if verdict not in (Verdict.LABELED, Verdict.UNKNOWN):
        return ()
    if answer.text.startswith("{"):
        return (URGENCIES.get(json.loads(answer.text).get("urgency")),)
    return (None,) if verdict is Verdict.LABELED else ()


def expected(resource: Resource, answer: Answer) -> tuple[Verdict, str | None]:
    """What an answer means, said another way than the flow says it."""
    plain = {"errored": Verdict.ERRORED, "expired": Verdict.EXPIRED, "canceled": Verdict.CANCELED}
    if answer.outcome in plain:
        return plain[answer.outcome], None
    if answer.stop_reason == "refusal":
        return Verdict.REFUSED, None
    if answer.stop_reason != "end_turn":
        return Verdict.TRUNCATED, None
    category = FORMS.get(answer.text, label_of(answer.text).strip(".").lower())
    if category in NAMES:
        return Verdict.LABELED, category
    if named(resource.status, category):
        return Verdict.LABELED, "other"
    return Verdict.UNKNOWN, resource.spec.unknown_label.category
