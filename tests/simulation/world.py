"""One seed: the world in which processes of the operator live and die, until every resource is settled."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec import structs

from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.batch import Batch
from nightsort.domain.conditions import is_finished
from nightsort.domain.room import Room
from nightsort.flow.preflight.admit import ASK_SECONDS
from nightsort.flow.run.services import Services
from nightsort.testing.batch_api import Held
from nightsort.testing.category_sets import MemoryCategorySets
from nightsort.testing.prompt_cache import FakePromptCache
from nightsort.testing.sources import MemoryQuery, MemorySource
from tests.simulation import haste, sets
from tests.simulation.account import Account, text_of
from tests.simulation.apart import UNTOLD, ApartClock
from tests.simulation.chaos import Blow, Chaos, Fault, Killed, LostAnswer, quiet
from tests.simulation.chaos import drawn as troubles
from tests.simulation.limits import CallLimits
from tests.simulation.names import Cabinet, Drawer
from tests.simulation.oracle import Oracle
from tests.simulation.pools import Pools
from tests.simulation.process import Process
from tests.simulation.scenario import Deed, Plan, Scenario, draw_ticket, scenario_of
from tests.simulation.truth import Shelf, Truth, source_name
from tests.simulation.virtual import LoopClock, run

BOUND_SECONDS = 5 * 24 * 3600.0
MOST_LOOKS = 6000
"""Of each process, beside those of who stands in a queue: leaders that were paused go on looking beside the new one."""
CROWDED = 100
"""Where so few requests have room, those who wait ask so often that long batches would take most of the time."""
DAWDLING = 600.0
"""Seconds that looks may take or be put off for, where nothing goes wrong but creates."""
ACCOUNTS = ("first", "second")
AWAY = "away"
"""Of another organization."""
COUNTS = ("labeled", "unknown", "failed", "retryable")
DROPPED = ("id", "turn", "usage", *COUNTS)
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
Spoil = Callable[[Services], Services]


def honest(services: Services) -> Services:
    """Spoils nothing."""
    return services


def nothing(world: World) -> None:
    pass


class World:
    def __init__(
        self,
        seed: int,
        scenario: Scenario | None = None,
        chaos: Chaos | None = None,
        spoil: Spoil = honest,
        shelf: Callable[[], Shelf] = Shelf,
    ) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.scenario = scenario or scenario_of(seed)(self.rng)
        self.chaos = chaos or self._draw_chaos()
        held_up = self.scenario.drought or self.scenario.blind or self.scenario.accidents
        self.is_narrow = bool(self.scenario.rolled_back or self.scenario.full)
        self.calm = held_up is not None and self.chaos.left == 0 and not (self.scenario.losses or self.is_narrow)
        self.spoil = spoil
        self.clock = LoopClock()
        self.oracle = Oracle(self)
        self.limits = CallLimits(self._end)
        self.sets = MemoryCategorySets()
        self.truth = Truth(self.clock, self._witness)
        self.accounts = {name: Account(self.clock, self.rng, name, self.bought) for name in (*ACCOUNTS, AWAY)}
        self.sources = {
            name: self.scenario.source(name, partial(self.seen_labeled, name)) for name in self.scenario.sources
        }
        self.pools = Pools(self)
        self.shelves: dict[str, list[Shelf]] = {}
        self.cabinet = Cabinet(lambda meta: self.truth.now(meta) is not None, self.rng)
        self.another = Shelf()
        self.table = shelf()
        self.moved = False
        self.accounts[AWAY].key = AWAY
        self.away: set[str] = set()
        self.cut_short: set[str] = set()
        self.created: list[Meta] = []
        self.processes: list[Process] = []
        self.lines: list[tuple[float, int, str, str, Blow]] = []
        self.looks = 0
        self.at_death: Callable[[World], None] = nothing
        """What happens between the end of a process and the beginning of the next one."""
        self._shelf = shelf
        self._tasks: set[asyncio.Task[None]] = set()
        self._interruption: BaseException | None = None
        self._applied = 0
        self.changes = 0

    def _draw_chaos(self) -> Chaos:
        if self.scenario.blind:
            return LostAnswer(self.rng)
        if self.scenario.accidents:
            return quiet(self.rng)
        return (quiet if self.scenario.drought and self.rng.random() < 0.5 else troubles)(self.rng)

    @property
    def is_blind(self) -> bool:
        begins, ends = self.scenario.blind or (0.0, 0.0)
        return begins <= asyncio.get_running_loop().time() < ends

    def live(self) -> Oracle:
        """The whole life, in virtual time; the oracle says whether all was well."""
        try:
            run(self._live())
        except RuntimeError as stopped:
            raise self._interruption or stopped from None
        return self.oracle

    async def _live(self) -> None:
        for name, account in self.accounts.items():
            self._spoil_account(name, account)
        self._let_things_happen()
        self.begin()
        while not self.oracle.broken and not self.settled:
            if asyncio.get_running_loop().time() > BOUND_SECONDS or self.looks > self.most_looks:
                self.oracle.fail("the resources are not settled within the bound")
            await asyncio.sleep(60)
        self.truth.unknown = ()  # what was dropped for good is; what is only not shown comes back
        if not self.oracle.broken:
            self.oracle.look_back()

    def _let_things_happen(self) -> None:
        if self.scenario.outdated:
            self.truth.unknown = COUNTS
            self.spawn(self._update_the_store(self.scenario.outdated))
        for span in self.scenario.rolled_back:
            self.spawn(self._roll_back(*span))
        for span in self.scenario.full:
            self.spawn(self._fill(*span))
        if self.scenario.sets:
            sets.place(self.sets, self.rng)
            self.spawn(sets.live(self))
        for plan in self.scenario.plans:
            self.spawn(self._apply(plan))
        for _ in range(self.scenario.wipes):
            self.spawn(self._wipe())
        for _ in range(self.scenario.rotations):
            self.spawn(self._rotate())
        if self.scenario.named:
            self.spawn(self._free_names())
        if self.scenario.pool:
            self.spawn(self.pools.mend())

    async def _update_the_store(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.truth.unknown = ()

    async def _roll_back(self, begins: float, ends: float) -> None:
        await asyncio.sleep(begins)
        self.trace(0, "the schema is an older one")
        self.truth.unknown = DROPPED
        await asyncio.sleep(ends - begins)
        self.trace(0, "the schema is the newest")
        self.truth.unknown = ()

    async def _fill(self, begins: float, ends: float) -> None:
        await asyncio.sleep(begins)
        self.trace(0, "no status may grow")
        self.truth.full = True
        await asyncio.sleep(ends - begins)
        self.trace(0, "statuses may grow")
        self.truth.full = False

    def _spoil_account(self, name: str, account: Account) -> None:
        """What goes wrong with an account, as the scenario has it."""
        scenario = self.scenario
        account.noise, account.losses, account.greed = scenario.noise, scenario.losses, scenario.greed
        account.geo = scenario.geo
        account.accuracy, account.knows = scenario.accuracy, self._all_truths()
        account.refuses, account.tried = set(scenario.refused), self.oracle.tried_in_vain
        if scenario.structured:
            account.take_schemas(refused=scenario.schema_refused)
        if scenario.cached is not None:
            account.cache = FakePromptCache(scenario.cached)
        if scenario.crowded:
            account.crowd()
        if scenario.ails:
            begins, ends, answer = scenario.ails
            account.ails = (*self._from((begins, ends)), answer)
        account.counts.rate = scenario.counts
        account.names = (f"organization of {name}", f"workspace of {name}") if scenario.told else UNTOLD
        account.wire.share, account.wire.strays = scenario.odd, scenario.strays
        if scenario.page:
            account.page = self._from(scenario.page)
        if scenario.accidents:
            account.accident = self._from(scenario.accidents)
        if scenario.drought:
            account.drought = self._from(scenario.drought)
        if scenario.haste:
            haste.hurry(account)
        if scenario.room < CROWDED:
            account.longest = min(account.longest, 600.0)

    def _all_truths(self) -> dict[str, str]:
        """By id; the known tickets of several sources may share ids, and mean other things."""
        found: dict[str, str] = {}
        for name in self.scenario.sources if self.scenario.accuracy else ():
            found |= self.scenario.truths(name)
        return found

    def _from(self, span: tuple[float, float]) -> tuple[datetime, datetime]:
        begins, ends = (self.clock.now() + timedelta(seconds=each) for each in span)
        return begins, ends

    @property
    def most_looks(self) -> float:
        in_queues = asyncio.get_running_loop().time() / ASK_SECONDS * len(self.created)
        return (MOST_LOOKS + in_queues) * len(self.processes)

    @property
    def settled(self) -> bool:
        return self._applied == len(self.scenario.plans) and not any(self.is_unsettled(meta) for meta in self.created)

    def is_unsettled(self, meta: Meta) -> bool:
        resource = self.truth.now(meta)
        return resource is not None and not is_finished(resource.status)

    # --- processes ---

    def begin(self) -> None:
        process = Process(self, len(self.processes) + 1)
        self.processes.append(process)
        process.start()

    def died(self, process: Process) -> None:
        self.at_death(self)
        if all(each.dead for each in self.processes):
            self.spawn(self._succeed(self.rng.uniform(1, 120)))

    def paused(self, process: Process, seconds: float) -> None:
        """Another process may take the lead from one that does not answer; the old one goes on, for a while."""
        self.oracle.caches.paused(seconds)
        if seconds > 30 and process is self.processes[-1] and self.chaos.chance(0.7):
            self.spawn(self._succeed(self.rng.uniform(0, 30)))
            self.spawn(self._depose(process, seconds + self.rng.uniform(1, 600)))

    def _end(self, complaint: str) -> None:
        """The life has no end of its own, and no process lives on."""
        self.oracle.fail(complaint)
        for process in self.processes:
            process.dead = True

    def is_alone(self, process: Process) -> bool:
        return all(each.dead for each in self.processes if each is not process)

    async def _succeed(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.begin()

    async def _depose(self, process: Process, seconds: float) -> None:
        await asyncio.sleep(seconds)
        process.dead = True
        self.died(process)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Killed:
            pass
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except Exception:  # noqa: BLE001 - whatever the flow lets through is a finding
            self.oracle.fail(f"an error came through:\n{traceback.format_exc()}")
        except BaseException as interruption:  # a test's timeout ends the life: a task would keep it to itself
            self._interruption = interruption
            asyncio.get_running_loop().stop()
            raise

    # --- what users and tenants do ---

    async def _apply(self, plan: Plan) -> None:
        await asyncio.sleep(plan.after)
        now = self.clock.now().replace(microsecond=0)
        meta = Meta("support", plan.name, f"uid-{plan.name}", created_at=now)
        self.shelves[meta.uid] = [self._new_shelf(plan) for _ in range(self.scenario.sinks)]
        self.truth.add(Resource(meta, plan.spec, Status()))
        self.created.append(meta)
        self._applied += 1
        for process in self.processes:
            process.attend(meta)
        for deed in plan.deeds:
            self.spawn(self._do(meta, deed))

    def _new_shelf(self, plan: Plan) -> Shelf:
        if self.scenario.nights:
            return self.table
        if self.scenario.named:
            return Drawer()
        shelf, config_map = self._shelf(), plan.spec.source.config_map
        if self.scenario.drops and config_map is not None:
            tickets = self.scenario.sources[config_map.name]
            shelf.drops = frozenset(each.id for each in tickets if self.rng.random() < self.scenario.drops)
        return shelf

    async def _do(self, meta: Meta, deed: Deed) -> None:
        await asyncio.sleep(deed.after)
        resource = self.truth.now(meta)
        if resource is None:
            return
        self.trace(0, deed.what, f"{meta.name} {deed.change}")
        match deed.what:
            case "edit":
                self.truth.touch(meta, **deed.change)
                if self.scenario.accidents and deed.change.get("suspend"):
                    self.spawn(self._expect_cancelled(meta, resource.spec.poll_interval_seconds))
            case "release" if resource.spec.evaluation is not None:
                released = resource.spec.evaluation.model_copy(update={"release": True})
                self.truth.touch(meta, evaluation=released)
            case "delete" if is_finished(resource.status):
                self.lose(meta)
            case "delete":
                self.truth.delete(meta)
            case "vanish":
                self.lose(meta, by_force=True)
            case "move":
                self.moved = resource.status.plan is not None  # before it has a place, any is its own
            case "move back":
                self.moved = False
            case "pool grows" | "pool alters" | "pool shrinks" | "pool hides" as what:
                self.pools.move(what)
            case "arrive" | "change" | "leave" as what:
                self._let_a_ticket(what, resource)

    def _let_a_ticket(self, what: str, resource: Resource) -> None:
        ways = {
            "arrive": self._let_a_ticket_come,
            "change": self._let_a_ticket_change,
            "leave": self._let_a_ticket_leave,
        }
        ways[what](resource)

    def _let_a_ticket_leave(self, resource: Resource) -> None:
        source = self.source_of(resource)
        there = [ticket.id for ticket in source.kept if ticket is not None]
        if there:
            left = self.rng.choice(there)
            source.remove(left)
            self.oracle.left.add((source_name(resource), left))

    def _let_a_ticket_come(self, resource: Resource) -> None:
        source = self.source_of(resource)
        assert isinstance(source, MemoryQuery)
        ticket = draw_ticket(self.rng, len(source.kept), strange=False)
        source.add(ticket)
        self.oracle.reuse.changed(ticket.id)

    def _let_a_ticket_change(self, resource: Resource) -> None:
        source = self.source_of(resource)
        there = [place for place, ticket in enumerate(source.kept) if ticket is not None and ticket.fields]
        place = self.rng.choice(there) if there else None
        ticket = None if place is None else source.kept[place]
        if place is not None and ticket is not None:
            self.changes += 1
            body = f"{text_of(ticket.id)} version {self.changes}"
            source.kept[place] = structs.replace(ticket, fields={"body": body})
            self.oracle.reuse.changed(ticket.id)

    def labeled(self, source: str) -> set[str]:
        """Ids of the tickets of a source that a run has given a label: in its table they are no longer without."""
        return self._labels_of(meta for meta in self.created if source_name(self.oracle.resource(meta)) == source)

    def labeled_elsewhere(self, resource: Resource) -> set[str]:
        """Ids of the tickets that runs other than this one have given a label."""
        return self._labels_of(meta for meta in self.created if meta.uid != resource.meta.uid)

    def seen_labeled(self, source: str) -> set[str]:
        """The same as the source sees it, which may be a replica that lags."""
        shelves = [shelf for meta in self.created for shelf in self.shelves[meta.uid]]
        latest = asyncio.get_running_loop().time() - self.scenario.lag
        seen = {name for shelf in shelves for name, at in shelf.labeled_at.items() if at <= latest}
        return self.labeled(source) & seen if self.scenario.lag else self.labeled(source)

    def _labels_of(self, metas: Iterable[Meta]) -> set[str]:
        shelves = [shelf for meta in metas for shelf in self.shelves[meta.uid]]
        return {name for shelf in shelves for name, rows in shelf.rows.items() if any(row.category for row in rows)}

    def lose(self, meta: Meta, *, by_force: bool = False) -> None:
        """The resource is gone from the store."""
        resource = self.truth.now(meta)
        if resource is not None:
            self.look_into_drawers(resource)
            self.oracle.gone(meta, by_force=by_force)
            self.truth.lose(meta)
            self.cabinet.remove_in_a_while(meta)

    def look_into_drawers(self, resource: Resource) -> None:
        for shelf in self.shelves[resource.meta.uid]:
            if isinstance(shelf, Drawer):
                shelf.look_into(self.cabinet, resource)

    async def _free_names(self) -> None:
        """Now and then a person deletes a resource that has the name which another one waits for."""
        while True:
            await asyncio.sleep(self.rng.choice((1800.0, 20_000.0, 80_000.0)) * self.rng.random())
            there = {meta.uid: resource for meta in self.created if (resource := self.truth.now(meta)) is not None}
            for resource in list(there.values()):
                holder = there.get(self.cabinet.holder(resource) or "")
                if holder is None or holder is resource or is_finished(resource.status):
                    continue
                self.trace(0, "makes room", f"{holder.meta.name} for {resource.meta.name}")
                (self.lose if is_finished(holder.status) else self.truth.delete)(holder.meta)
                break

    def _witness(self, before: Resource, status: Status, text: str) -> None:
        self.oracle.holds_room(before.meta.name, status, Room(self.scenario.places).for_retries().places + 1)
        for record in self.oracle.witness(before, status, text):
            if record.requests and self.rng.random() < self.scenario.strangers:
                self.spawn(self._stranger(self.account_of(before), record.requests))

    def bought(self, held: Held, tickets: dict[str, str]) -> None:
        """A batch may be unknown to the API for a while, right after its create or later."""
        if (self.truth.unknown and self.scenario.outdated) or held.tag in self.truth.cut_intents:
            self.oracle.fail("I1: a batch was bought whose record the store does not keep whole")
        self.oracle.bought(held, tickets)
        self.pools.bought(held, tickets)
        if self.calm and not any(held.tag in account.wire.broken for account in self.accounts.values()):
            self.spawn(self._expect_collected(held))
        if self.chaos.chance(0.05):
            self.spawn(self._hide(held.id))

    def results_are_read(self, batch: Batch) -> None:
        """Some programs write labels all the time, and never when it suits."""
        ours = [tag for tag, held in self.oracle.by_tag.items() if held.id == batch.id]
        meta = self.oracle.intents[ours[0]].resource if ours else None
        if self.scenario.restless and meta is not None and self.truth.now(meta) is not None:
            self.truth.touch(meta)

    async def _expect_collected(self, held: Held) -> None:
        """By the second poll at the latest: the first may be served by a list that is one interval old."""
        resource = self.truth.now(self.oracle.intents[held.tag].resource)
        if resource is not None:
            runs = (held.ends_at - self.clock.now()).total_seconds()
            await asyncio.sleep(runs + 2 * resource.spec.poll_interval_seconds + DAWDLING)
            self.oracle.collected_by_now(held)

    async def _expect_cancelled(self, meta: Meta, interval: float) -> None:
        await asyncio.sleep(2 * interval + DAWDLING)
        self.oracle.cancelled_by_now(meta)

    async def _hide(self, batch_id: str) -> None:
        account = next(account for account in self.accounts.values() if batch_id in account.held)
        await asyncio.sleep(self.rng.choice((0, 0, 60, 3600)) * self.rng.random())
        self.trace(0, "unknown to the API", batch_id)
        account.hidden.add(batch_id)
        await asyncio.sleep(self.rng.choice((10, 300, 7200)) * self.rng.random())
        account.hidden.discard(batch_id)
        self.trace(0, "known again", batch_id)

    async def _stranger(self, account: str, requests: int) -> None:
        await asyncio.sleep(self.rng.uniform(0, 300))
        self.accounts[account].stranger(requests)

    async def _wipe(self) -> None:
        """Somebody writes over a status: with nothing, with no batches, or with what stood there some writes ago."""
        await asyncio.sleep(self.rng.choice((100.0, 1000.0, 10_000.0)) * self.rng.random())
        there = [resource for meta in self.created if (resource := self.truth.now(meta)) is not None]
        if not there:
            return
        resource = self.rng.choice(there)
        older = self.truth.seen(resource.meta, self.rng.randrange(1, 6))
        wiped = self.rng.choice(
            (
                Status(),
                resource.status.model_copy(update={"batches": ()}),
                older.status if older is not None else Status(),
            )
        )
        if is_finished(resource.status):
            return
        self.trace(0, "the status is wiped", f"{resource.meta.name}, {len(wiped.batches)} batches are left")
        self.oracle.wiped.add(resource.meta.uid)
        self.truth.wipe(resource.meta, wiped)

    async def _rotate(self) -> None:
        await asyncio.sleep(self.rng.choice((60.0, 1000.0, 10_000.0)) * self.rng.random())
        account = self.accounts[self.rng.choice(ACCOUNTS)]
        self.trace(0, "key rotated", account.key)
        account.key += "'"

    def lost(self, tag: str) -> None:
        """The answer to a create is lost; now and then the key is another account's from then on, for some hours."""
        if self.chaos.chance(self.scenario.switches):
            self.spawn(self._switch(self.oracle.intents[tag].resource))

    async def _switch(self, meta: Meta) -> None:
        hours = self.rng.choice((0.1, 1.0, 9.0)) * self.rng.random()
        self.trace(0, "another account", f"{meta.name} for {hours:.1f} h")
        self.away.add(meta.uid)
        self.oracle.switched.add(meta.uid)
        await asyncio.sleep(hours * 3600.0)
        self.away.discard(meta.uid)
        self.trace(0, "the former account", meta.name)

    # --- what a process asks the world for ---

    def watched(self, meta: Meta) -> Resource | None:
        """The resource as a watch shows it: now and then a few writes behind."""
        return self.truth.seen(meta, self.rng.randrange(1, 4) if self.chaos.chance(0.03) else 0)

    def account_of(self, resource: Resource) -> str:
        if resource.meta.uid in self.away:
            return AWAY
        credentials = resource.spec.credentials
        return credentials.secret_ref.name if credentials else ACCOUNTS[0]

    def source_of(self, resource: Resource) -> MemorySource:
        return self.sources[source_name(resource)]

    def new_tag(self) -> str:
        return "".join(self.rng.choices(ALPHABET, k=6))

    def new_clock(self) -> ApartClock:
        """Of a process that begins; now and then somebody sets it later on."""
        clock = ApartClock(self.rng.uniform(-1, 1) * self.scenario.clocks, self.limits.count)
        if self.scenario.clocks and self.rng.random() < 0.3:
            self.spawn(self._set(clock))
        return clock

    async def _set(self, clock: ApartClock) -> None:
        await asyncio.sleep(self.rng.choice((100.0, 1000.0, 10_000.0)) * self.rng.random())
        clock.ahead = self.rng.uniform(-1, 1) * self.scenario.clocks
        self.trace(0, "a clock is set", f"{clock.ahead:.0f} s ahead")

    def count_look(self) -> None:
        self.looks += 1

    def trace(self, process: int, operation: str, about: str = "", blow: Blow | None = None) -> None:
        self.lines.append((asyncio.get_running_loop().time(), process, operation, about, blow or Blow(Fault.NONE)))

    def story(self) -> str:
        """What happened, call by call."""
        return "\n".join(
            f"{seconds:10.1f}s  {f'#{process}' if process else '  '}  {operation} {about}"
            + (f"   <- {blow.fault}" if blow.fault is not Fault.NONE else "")
            for seconds, process, operation, about, blow in self.lines
        )
