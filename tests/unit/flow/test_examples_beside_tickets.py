"""`prompt.examplesFrom`: each ticket is shown with labelled ones that resemble it, of the run's own pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import COMPLETE, STALLED, is_finished, is_true
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.examples import CLOSING
from nightsort.domain.prices import PRICE_TABLE
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.flow.preflight.estimate import estimate
from nightsort.flow.run.services import not_installed
from nightsort.flow.tickets import examples
from nightsort.testing.nearest import indexed
from nightsort.testing.sinks import MemorySink
from nightsort.testing.sources import MemorySource
from nightsort.wiring.estimates import can_be_estimated
from tests.support.world import EXPIRED, PRIVATE, World

POOL = {"configMap": {"name": "pool", "key": "labelled.csv"}, "k": 2}
TABLE = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": "labels", "mode": "Upsert"}}


def labelled(*texts: tuple[str, str]) -> list[Ticket]:
    """Texts and categories; ids are p0, p1 …"""
    return [
        Ticket(f"p{number}", {"body": f"{text} {PRIVATE}-of-the-pool", "category": category}, "")
        for number, (text, category) in enumerate(texts)
    ]


THREE = labelled(("charged twice", "billing"), ("cannot log in", "Account"), ("charged for nothing", "billing"))


class Nights:
    """A world with a pool, in which the texts that are sent are noted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sent: list[str] = []
        self.answers: dict[str, str | Answer] = {}
        world.respond = self.respond
        self.pool = THREE

    def respond(self, text: str) -> str | Answer:
        self.sent.append(text)
        own = text.rpartition(CLOSING)[2].strip()
        return self.answers.pop(own.split()[0], "billing")

    @property
    def pool(self) -> Sequence[Ticket]:
        return [each for each in self._pool.kept if each is not None]

    @pool.setter
    def pool(self, tickets: Sequence[Ticket]) -> None:
        self._pool = self.world.connections.sources["pool"] = MemorySource(tickets)

    def hide(self, error: Exception | None) -> None:
        self._pool.error = error

    def begin(self, *bodies: str, k: int = 2, **spec: Any) -> Resource:
        return self.world.apply(*bodies, prompt={"examplesFrom": {**POOL, "k": k}}, **spec)

    async def night(self, *bodies: str, **spec: Any) -> Status:
        return (await self.world.run_until_finished(self.begin(*bodies, **spec))).status

    async def sent_once(self) -> Resource:
        """A run of two tickets that are sent, the first of which has to be asked again."""
        resource = self.begin("charged a", "charged b")
        self.answers["charged"] = EXPIRED
        while not self.sent:
            await self.world.look(resource)
        return resource

    async def until_stalled(self, resource: Resource) -> Status:
        for _ in range(40):
            seconds = await self.world.look(resource)
            status = self.world.ledger.current(resource.meta).status
            if seconds is None or is_true(status, STALLED):
                break
            await self.world.clock.sleep(seconds)
        return status

    def bought(self) -> int:
        return self.world.paid().total()


@pytest.fixture
def nights(world: World) -> Nights:
    return Nights(world)


async def test_each_ticket_is_sent_behind_the_examples_that_resemble_it(nights: Nights) -> None:
    status = await nights.night("charged again", "log off", "hello")

    assert is_true(status, COMPLETE)
    charged, log, hello = nights.sent
    assert charged == (
        "Similar tickets, and the category that a person has given each:\n\n"
        f'<example category="billing">\ncharged twice {PRIVATE}-of-the-pool\n</example>\n\n'
        f'<example category="billing">\ncharged for nothing {PRIVATE}-of-the-pool\n</example>\n\n'
        f"The ticket to classify:\n\ncharged again {PRIVATE}"
    )
    assert log.count("<example ") == 1
    assert '<example category="account">\ncannot log in ' in log
    assert hello == f"hello {PRIVATE}"
    assert status.plan is not None
    assert status.plan.examples is not None
    assert status.plan.examples.entries == 3


async def test_tickets_without_a_category_are_no_examples(nights: Nights) -> None:
    nights.pool = labelled(("charged twice", ""), ("charged once", "billing"))

    status = await nights.night("charged again", k=20)

    assert status.plan is not None
    assert status.plan.examples is not None
    assert status.plan.examples.entries == 1
    assert "charged twice" not in nights.sent[0]


async def test_a_ticket_is_not_shown_with_itself(nights: Nights) -> None:
    nights.pool = [Ticket("0", {"body": "charged again, itself", "category": "billing"}, ""), *THREE]

    await nights.night("charged again")

    assert "itself" not in nights.sent[0]
    assert nights.sent[0].count("<example ") == 2


async def test_known_tickets_are_not_shown_with_themselves(nights: Nights) -> None:
    known = [
        Ticket(f"k{number}", {"body": f"charged itself-{number}", "category": "billing"}, "") for number in range(12)
    ]
    nights.pool = known
    resource = nights.world.apply_tickets(
        [*known, Ticket("1", {"body": "charged new"}, "")],
        prompt={"examplesFrom": POOL},
        evaluation={"truth": {"column": "category"}},
    )

    await nights.world.run_until_finished(resource)

    assert len(nights.sent) == 13
    for text in nights.sent:
        shown, _, own = text.partition(CLOSING)
        assert shown.count("<example ") == 2
        assert own.split()[1] not in shown.split()


async def test_the_pool_is_read_once_and_what_happens_to_it_then_changes_nothing(nights: Nights) -> None:
    resource = await nights.sent_once()
    nights.pool = labelled(("charged wrongly", "technical"))
    nights.hide(Stalled("it is gone", reason=Reason.SOURCE_MISSING))

    await nights.world.run_until_finished(resource)

    assert len(nights.sent) == 3
    assert all(text.count("<example ") == 2 and "wrongly" not in text for text in nights.sent)


async def test_after_a_restart_an_attempt_has_the_same_examples_whatever_was_added(nights: Nights) -> None:
    resource = await nights.sent_once()
    added = Ticket("p9", {"body": "charged a", "category": "no such category"}, "")
    nights.pool = [added, *THREE]
    nights.world.restart()

    status = (await nights.world.run_until_finished(resource)).status

    assert is_true(status, COMPLETE)
    first, second, again = nights.sent
    assert again == first
    assert second.partition(CLOSING)[0] == first.partition(CLOSING)[0]


async def test_after_a_restart_a_run_that_began_without_examples_does_not_stop_for_those_that_came(
    nights: Nights,
) -> None:
    former, nights.pool = nights.pool, []
    resource = await nights.sent_once()
    nights.pool = former
    nights.world.restart()

    status = (await nights.world.run_until_finished(resource)).status

    assert is_true(status, COMPLETE)
    assert not any(CLOSING in text for text in nights.sent)


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        (THREE[1:], "the run began with 3 labelled tickets, and 1 of them are gone"),
        ([*labelled(("charged thrice", "billing")), *THREE[1:]], "some of them have other texts or categories"),
        ([*labelled(("charged twice", "other")), *THREE[1:]], "some of them have other texts or categories"),
    ],
    ids=["gone", "another text", "another category"],
)
async def test_a_pool_that_has_changed_buys_nothing_until_it_is_brought_back(
    nights: Nights, pool: Sequence[Ticket], words: str
) -> None:
    resource = await nights.sent_once()
    nights.pool = pool
    nights.world.restart()

    status = await nights.until_stalled(resource)

    assert words in (status.message or "")
    assert status.waiting is not None
    assert status.waiting.reason == Reason.EXAMPLES_CHANGED
    assert len(nights.sent) == 2

    nights.pool = THREE
    assert is_true((await nights.world.run_until_finished(resource)).status, COMPLETE)
    assert nights.world.paid() == {"0": 1, "1": 1}


async def test_a_pool_that_cannot_be_read_after_a_restart_is_waited_for(nights: Nights) -> None:
    resource = await nights.sent_once()
    nights.hide(Waiting("the database cannot be reached", reason=Reason.DATABASE_UNREACHABLE))
    nights.world.restart()
    for _ in range(12):
        await nights.world.clock.sleep(await nights.world.look(resource) or 0.0)
    assert len(nights.sent) == 2
    assert nights.world.labels()["1"] == "billing"

    nights.hide(None)
    assert is_true((await nights.world.run_until_finished(resource)).status, COMPLETE)
    assert nights.world.paid() == {"0": 1, "1": 1}


async def test_answers_are_collected_whatever_has_become_of_the_pool(nights: Nights) -> None:
    resource = nights.begin("charged a")
    while not nights.sent:
        await nights.world.look(resource)
    nights.pool = []
    nights.world.restart()

    assert is_true((await nights.world.run_until_finished(resource)).status, COMPLETE)


async def test_values_that_are_no_category_are_refused_with_their_number_and_the_first_five(nights: Nights) -> None:
    nights.pool = [*THREE, *labelled(*[(f"text {number}", f"strange {number}") for number in range(7)])]

    status = await nights.until_stalled(nights.begin("charged a"))

    assert nights.bought() == 0
    assert "prompt.examplesFrom: 7 tickets have a value in column 'category' that is no category" in (
        status.message or ""
    )
    assert "'strange 0', 'strange 1', 'strange 2', 'strange 3', 'strange 4', …" in (status.message or "")
    assert status.waiting is not None
    assert status.waiting.reason == Reason.EXAMPLES_NO_CATEGORY


@pytest.mark.parametrize(("name", "most"), [("MOST_EXAMPLES", 2), ("MOST_EXAMPLE_CHARS", 60)])
async def test_a_pool_without_an_end_is_refused_before_anything_is_bought(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(examples, name, most)

    status = await nights.until_stalled(nights.begin("charged a"))

    assert nights.bought() == 0
    assert status.waiting is not None
    assert status.waiting.reason == Reason.TOO_MANY_EXAMPLES


async def test_a_pool_without_examples_is_told_and_stops_nothing(nights: Nights) -> None:
    nights.pool = labelled(("charged twice", ""))

    status = await nights.night("charged a")

    assert is_true(status, COMPLETE)
    assert nights.sent == [f"charged a {PRIVATE}"]
    assert [kind for kind, reason, _ in nights.world.events.told if reason == Reason.NO_EXAMPLES] == ["Warning"]


async def test_where_nothing_can_search_a_pool_nothing_is_bought(nights: Nights) -> None:
    nights.world.use(index=not_installed)

    status = await nights.until_stalled(nights.begin("charged a"))

    assert nights.bought() == 0
    assert status.waiting is not None
    assert status.waiting.reason == Reason.EXAMPLES_NOT_INSTALLED


async def test_an_example_is_cut_to_as_many_characters_as_the_spec_says(nights: Nights) -> None:
    resource = nights.world.apply("charged a", prompt={"examplesFrom": {**POOL, "maxChars": 7}})

    await nights.world.run_until_finished(resource)

    assert '<example category="billing">\ncharged\n</example>' in nights.sent[0]


async def test_examples_are_a_part_of_the_estimate(nights: Nights) -> None:
    nights.pool = labelled(*[(f"charged {'very ' * 50} {number}", "billing") for number in range(5)])

    bare = nights.world.apply("charged a", name="bare")
    await nights.world.run_until_finished(bare)
    shown = nights.begin("charged a", k=5)
    await nights.world.run_until_finished(shown)

    one, five = (nights.world.ledger.current(each.meta).status.plan for each in (bare, shown))
    assert one is not None
    assert five is not None
    assert one.tokens is not None
    assert five.tokens is not None
    assert five.tokens.prompt == one.tokens.prompt, "what all requests share is the same"
    assert five.tokens.sample > one.tokens.sample + 5 * 50


async def test_a_price_before_there_is_a_run_counts_examples(nights: Nights) -> None:
    resource, world = nights.begin("charged a"), nights.world
    nearest = await examples.nearest_now(world.connections, resource, indexed)

    bare, shown = [
        await estimate(resource.spec, world.source, world.api, PRICE_TABLE, nearest=each) for each in (None, nearest)
    ]

    assert shown.input_tokens > bare.input_tokens
    assert "charged twice" in (shown.example or "")
    assert not nights.bought()


def test_a_price_is_told_with_the_persons_rights_where_the_pool_can_be_read_with_them(nights: Nights) -> None:
    pool = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "query": "SELECT * FROM labelled"}}

    assert can_be_estimated(nights.begin("charged a"))
    assert not can_be_estimated(nights.world.apply("charged a", prompt={"examplesFrom": pool}))


async def test_a_ticket_is_bought_again_only_where_its_own_examples_have_changed(nights: Nights) -> None:
    table = MemorySink()

    async def night(number: int) -> Status:
        name = f"night-{number}"
        resource = nights.begin("charged a", "log b", name=name, reuse="Unchanged", results=TABLE)
        nights.world.connections.sinks_of[name] = [table]
        return (await nights.world.run_until_finished(resource)).status

    await night(1)
    assert (await night(2)).tickets.reused == 2
    nights.pool = [*labelled(("charged thrice", "billing")), *THREE[1:]]

    assert (await night(3)).tickets.reused == 1
    assert nights.bought() == 3


async def test_the_ids_of_a_pool_are_let_go_with_the_end_of_the_run(nights: Nights) -> None:
    resource = nights.begin("charged a")
    status = (await nights.world.run_until_finished(resource)).status

    assert is_finished(status)
    assert status.plan is not None
    assert status.plan.examples is not None
    assert not await nights.world.ledger.long_ids(resource.meta, f"{status.plan.examples.ids}x")
