"""A whole world for the flow, in memory and in virtual time: account, ledger, sources, sinks and the operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from nightsort.api.counts import TicketCounts
from nightsort.api.examples import ExamplesFrom
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain import custom_id
from nightsort.domain.answer import Answer, Row
from nightsort.domain.conditions import is_finished
from nightsort.domain.ticket import Ticket
from nightsort.flow.reconcile import Reconciler
from nightsort.flow.run.services import Services
from nightsort.ports import BatchApi, Sink, Source
from nightsort.testing.batch_api import FakeBatchApi, Respond
from nightsort.testing.clock import VirtualClock
from nightsort.testing.events import MemoryEvents
from nightsort.testing.ledger import MemoryLedger
from nightsort.testing.metrics import MemoryMetrics
from nightsort.testing.nearest import indexed
from nightsort.testing.sinks import MemorySink
from nightsort.testing.sources import MemorySource
from nightsort.wiring.queries import finds_unlabeled_again
from tests.support.manifests import CONFIG_MAP, manifest

PRIVATE = "PRIVATE-4111"
"""A mark in the text of every ticket, which must be seen in requests only."""
EXPIRED = Answer("", "expired")


class Killed(BaseException):
    """The process ends here: nothing that follows is run, whatever it catches."""


def first_word(text: str) -> str:
    """The model of this world reads well: a ticket's body starts with the answer to it."""
    return text.split()[0]


@dataclass
class MemoryConnections:
    """Hands out the one account, and each resource's own source and sinks by its name; `error`, when set, is raised.

    A source may have the name of a ConfigMap, too, but for the one that each resource names by default.
    """

    account: BatchApi
    sources: dict[str, MemorySource] = field(default_factory=dict)
    sinks_of: dict[str, list[MemorySink]] = field(default_factory=dict)
    error: Exception | None = None
    errors_of: dict[str, Exception] = field(default_factory=dict)

    async def api(self, resource: Resource) -> BatchApi:
        if error := self.error or self.errors_of.get(resource.meta.name):
            raise error
        return self.account

    async def source(self, resource: Resource) -> Source:
        config_map = resource.spec.source.config_map
        if config_map is not None and config_map.name != CONFIG_MAP["name"] and config_map.name in self.sources:
            return self.sources[config_map.name]
        return self.sources[resource.meta.name]

    async def examples(self, resource: Resource, pool: ExamplesFrom) -> Source:
        assert pool.config_map is not None
        return self.sources[pool.config_map.name]

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        return self.sinks_of[resource.meta.name]

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        return finds_unlabeled_again(resource.spec)


class World:
    """What a test may look at and meddle with. `respond` is the model, `restart` a new process over the same ledger."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.respond: Respond = first_word
        self.api = FakeBatchApi(self.clock, self._answer)
        self.ledger = MemoryLedger()
        self.events = MemoryEvents()
        self.metrics = MemoryMetrics()
        self.connections = MemoryConnections(self.api)
        self.enqueued_requests = 200_000
        self._tags = count()
        self.restart()

    def _answer(self, text: str) -> str | Answer:
        return self.respond(text)

    def restart(self) -> None:
        """The process ends and another begins: only the ledger, the account and the sinks remember."""
        self.services = Services(
            ledger=self.ledger,
            connections=self.connections,
            events=self.events,
            clock=self.clock,
            metrics=self.metrics,
            new_tag=lambda: f"t{next(self._tags):05d}",
            enqueued_requests=self.enqueued_requests,
            index=indexed,
        )
        self.reconciler = Reconciler(self.services, jitter=lambda: 0.0)

    def use(self, **services: Any) -> None:
        """The process goes on with other ports or settings, and remembers what it knew."""
        self.services = replace(self.services, **services)
        self.reconciler = Reconciler(self.services, jitter=lambda: 0.0, memory=self.reconciler.memory)

    def apply(self, *bodies: str, name: str = "tickets", **spec: Any) -> Resource:
        """A resource over tickets with these bodies, whose ids are 0, 1, 2 …; their first words are the answers."""
        tickets = [
            Ticket(str(number), {"subject": "", "body": f"{body} {PRIVATE}" if body else ""}, "")
            for number, body in enumerate(bodies)
        ]
        return self.apply_tickets(tickets, name=name, **spec)

    def apply_tickets(
        self, tickets: Sequence[Ticket], *, name: str = "tickets", namespace: str = "support", **spec: Any
    ) -> Resource:
        given = {"source": {"configMap": CONFIG_MAP}, "overlapPolicy": "Allow"} | spec
        given["prompt"] = {"template": "$body"} | spec.get("prompt", {})
        self.connections.sources[name] = MemorySource(tickets)
        self.connections.sinks_of[name] = [MemorySink()]
        meta = Meta(namespace, name, str(uuid5(NAMESPACE_OID, name)), created_at=self.clock.now())
        return self.ledger.add(Resource(meta, Spec.model_validate(manifest(**given)["spec"]), Status()))

    @property
    def source(self) -> MemorySource:
        return self.connections.sources["tickets"]

    @property
    def sink(self) -> MemorySink:
        return self.connections.sinks_of["tickets"][0]

    @property
    def rows(self) -> dict[str, Row]:
        return self.sink.rows

    def labels(self, name: str = "tickets") -> dict[str, str | None]:
        """What the first sink of a resource has for each ticket."""
        return {row.id: row.category for row in self.connections.sinks_of[name][0].rows.values()}

    def paid(self) -> Counter[str]:
        """How often each ticket is paid, whatever the batch; ids are those of short tickets."""
        paid: Counter[str] = Counter()
        for bill in self.api.bill.values():
            for name, times in bill.items():
                paid[custom_id.decode(name, custom_id.tag_of(name), {}) or name] += times
        return paid

    def writes(self, resource: Resource) -> list[Status]:
        return self.ledger.writes.get(resource.meta.key, [])

    async def look(self, resource: Resource) -> float | None:
        """One look at the newest version, as the operator's timer has it; then what is said is looked through."""
        seconds = await self.reconciler.reconcile(self.ledger.current(resource.meta))
        self.audit(resource)
        return seconds

    async def run_until_finished(self, resource: Resource, max_looks: int = 200) -> Resource:
        """Looks, and sleeps in between for as long as the look says."""
        await self.run_all(resource, max_looks=max_looks)
        return self.ledger.current(resource.meta)

    async def run_killed_at_each(self, resource: Resource, call: str, when: str) -> Resource:
        """The process ends at the first of these calls of the ledger, the next one at its second, and so on, until one
        comes to the end. `when` is "before" or "after" the call."""
        for most in count(1):
            calls = count(1)

            async def kill(operation: str, *about: Any, most: int = most, calls: count[int] = calls) -> None:
                if operation == call and next(calls) == most:
                    raise Killed

            before = getattr(self.ledger, when)
            setattr(self.ledger, when, kill)
            try:
                return await self.run_until_finished(resource)
            except Killed:
                self.restart()
            finally:
                setattr(self.ledger, when, before)
        raise AssertionError("a count has no end")

    async def run_all(self, *resources: Resource, max_looks: int = 200) -> None:
        """Several resources beside each other, each looked at when it is due."""
        due = {resource.meta.key: (self.clock.now().timestamp(), resource) for resource in resources}
        for _ in range(max_looks):
            if not due:
                return
            at, resource = min(due.values(), key=lambda entry: entry[0])
            await self.clock.sleep(at - self.clock.now().timestamp())
            seconds = await self.look(resource)
            del due[resource.meta.key]
            if seconds is not None:
                due[resource.meta.key] = (self.clock.now().timestamp() + seconds, resource)
        raise AssertionError(f"not finished after {max_looks} looks: {[each for _, each in due.values()]}")

    def audit(self, resource: Resource) -> None:
        """What holds of every status and event that was ever written."""
        written = self.writes(resource)
        for status in written:
            add_up(status)
            assert PRIVATE not in status.model_dump_json()
        for before, after in pairwise(written):
            rewritten = resource.meta.key in self.ledger.dropped
            assert before != after or rewritten, "what is the same already is not written again"
        assert PRIVATE not in str(self.events.told)


def add_up(status: Status) -> None:
    """Every ticket stands somewhere; when the run has ended, nothing is in flight."""
    counts: TicketCounts = status.tickets
    parts = (counts.labeled, counts.unknown, counts.failed, counts.in_flight, counts.reused)
    assert min(parts) >= 0, counts
    assert sum(parts) <= counts.total, counts
    promised = status.stop is None or any(not record.canary for record in status.batches)
    if is_finished(status) and promised:
        assert counts.in_flight == 0, counts
        assert sum(parts) == counts.total, counts
    elif status.source_exhausted:
        assert sum(parts) == counts.total, counts
