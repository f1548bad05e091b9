"""The state of `nightsort classify` as a source and a sink, and what a file comes to when it is held against it."""

from __future__ import annotations

import re
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path

import pytest
from msgspec.structs import replace

from nightsort.adapters.local import state as states
from nightsort.adapters.local.state import State, opened
from nightsort.adapters.local.state_comparison import Comparison, Counts, Present
from nightsort.adapters.local.state_figures import outcome
from nightsort.adapters.local.state_ledger import StateLedger, ended, settle
from nightsort.adapters.local.state_rows import PUT, StateRows
from nightsort.adapters.local.state_tickets import StateTickets
from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.choice import Choice
from nightsort.domain.errors import Stalled
from nightsort.ports import Sink, Source
from nightsort.testing.sink_contract import CLASSIFIED, SinkContract, chunks, failed, labeled
from nightsort.testing.source_contract import MakeSource, SourceContract
from tests.support.manifests import stored

SETTINGS, OTHERS = b"settings", b"others"
NAME = "tickets.csv"
SPEC = Resource.of(stored("tickets", "uid")).spec


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with opened(tmp_path / "state" / "classify.sqlite", "a test") as state:
        yield state


def present(tickets: Mapping[str, str]) -> list[Present]:
    return [
        Present(name, blake2b(text.encode(), digest_size=16).digest(), {"body": text}) for name, text in tickets.items()
    ]


def begun(state: State, tickets: Sequence[Present], settings: bytes = SETTINGS) -> Resource:
    comparison = Comparison(state, settings, NAME)
    comparison.keep_settings(settings.decode())
    comparison.take(tickets)
    return comparison.begin("tickets", SPEC)


async def answered(state: State, tickets: Mapping[str, str], *rows: Row, settings: bytes = SETTINGS) -> None:
    """A run over tickets that has ended with these rows."""
    run = begun(state, present(tickets), settings)
    await StateRows(state, run.meta.uid).write(chunks(*rows))
    meta = await StateLedger(state).save(run.meta, Status(completion_time=CLASSIFIED, phase="Complete"))
    loaded = await StateLedger(state).load(meta)
    assert loaded is not None
    state.rows("DELETE FROM run_tickets WHERE run = ?", (meta.uid,))


class TestTicketsOfARun(SourceContract):
    @pytest.fixture(params=["of a run", "to be asked"])
    def make_source(self, state: State, request: pytest.FixtureRequest) -> MakeSource:
        def make(tickets: Mapping[str, Mapping[str, str]]) -> Source:
            comparison = Comparison(state, SETTINGS, NAME)
            settle(state)
            comparison.take(Present(name, name.encode(), fields) for name, fields in tickets.items())
            if request.param == "to be asked":
                return comparison.source()
            return StateTickets.of_run(state, comparison.begin("tickets", SPEC).meta.uid)

        return make


class Bench:
    def __init__(self, state: State) -> None:
        self.state = state
        self.run = begun(state, present({"1": "a", "2": "b", "3": "c"})).meta.uid

    def sink(self) -> Sink:
        return StateRows(self.state, self.run)

    def read(self) -> dict[str, tuple[str | None, str]]:
        found = self.state.rows("SELECT id, category, verdict FROM labels")
        return {name: (category, verdict) for name, category, verdict in found}


class TestLabels(SinkContract):
    @pytest.fixture
    def store(self, state: State) -> Bench:
        return Bench(state)

    async def test_a_row_without_a_category_does_not_replace_one_that_has_one(self, store: Bench) -> None:
        await store.sink().write(chunks(labeled("1"), failed("2")))
        await store.sink().write(chunks(failed("1"), labeled("2")))

        assert store.read() == {"1": ("billing", "Labeled"), "2": ("billing", "Labeled")}

    async def test_of_a_ticket_that_the_run_has_not_asked_about_nothing_is_stored(self, store: Bench) -> None:
        await store.sink().write(chunks(labeled("1"), labeled("stranger")))

        assert list(store.read()) == ["1"]


def test_to_store_a_row_only_its_own_ticket_is_looked_at(state: State) -> None:
    wanted: dict[str, object] = dict.fromkeys(re.findall(r":(\w+)", PUT), "")
    plan = [step for *_, step in state.rows(f"EXPLAIN QUERY PLAN {PUT}", wanted)]

    assert "SEARCH t USING INDEX run_tickets_by_id (id=? AND run=?)" in plan, plan


# --- what a file comes to ---------------------------------------------------------------------------------------------

FILE = {"1": "refund", "2": "crash", "3": "login"}


async def test_what_is_answered_is_asked_again_only_where_its_answer_depends_on_something_else(state: State) -> None:
    await answered(state, FILE, labeled("1"), failed("2"), labeled("3"))

    assert Comparison(state, SETTINGS, NAME).take(present(FILE)) == Counts(answered=3)
    assert Comparison(state, SETTINGS, NAME).take(present({**FILE, "3": "password", "4": "more"})) == Counts(
        answered=2, other_text=1, new=1
    )
    assert Comparison(state, OTHERS, NAME).take(present({**FILE, "4": "more"})) == Counts(other_settings=3, new=1)


async def test_of_another_file_whose_tickets_have_the_same_ids_no_change_is_told(state: State) -> None:
    await answered(state, FILE, labeled("1"), failed("2"), labeled("3"))

    other = present({"1": "refund", "2": "another text"})
    assert Comparison(state, SETTINGS, "other.csv").take(other) == Counts(answered=1, new=1)
    assert Comparison(state, OTHERS, "other.csv").take(other) == Counts(new=2)


async def test_only_a_retry_asks_again_about_what_got_no_category(state: State) -> None:
    await answered(state, FILE, labeled("1"), failed("2"), labeled("3"))

    assert Comparison(state, SETTINGS, NAME).take(present(FILE), Choice(retry=True)) == Counts(answered=2, retried=1)


async def test_a_canceled_ticket_is_asked_again_without_a_retry(state: State) -> None:
    canceled = Row("2", None, Verdict.CANCELED, "the run was ended before")
    await answered(state, FILE, labeled("1"), canceled, failed("3"))

    def counts(choice: Choice) -> Counts:
        return Comparison(state, SETTINGS, NAME).take(present({**FILE, "4": "more"}), choice)

    assert counts(Choice()) == Counts(answered=2, canceled=1, new=1)
    assert counts(Choice(retry=True)) == Counts(answered=1, canceled=1, retried=1, new=1)
    assert counts(Choice(retry=True, only_retry=True)) == Counts(answered=1, canceled=1, retried=1, later=1)
    assert counts(Choice(retry=True, only_retry=True, verdicts=frozenset({"Errored"}))) == Counts(
        answered=1, retried=1, later=2
    )
    assert counts(Choice(retry=True, verdicts=frozenset({"Refused"}))) == Counts(answered=2, canceled=1, new=1)


async def test_a_limit_leaves_what_is_behind_it_for_later(state: State) -> None:
    comparison = Comparison(state, SETTINGS, NAME)

    assert comparison.take(present(FILE), Choice(limit=2)) == Counts(new=2, later=1)
    assert await comparison.source().count() == 2


async def test_tickets_of_an_unfinished_run_are_under_way_and_not_asked_again(state: State) -> None:
    run = begun(state, present(FILE))

    comparison = Comparison(state, SETTINGS, NAME)
    assert comparison.take(present({**FILE, "4": "more"})) == Counts(under_way=3, new=1)
    assert [each.meta.uid for each in comparison.under_way()] == [run.meta.uid]
    assert Comparison(state, OTHERS, NAME).take(present(FILE)) == Counts(new=3)


async def test_labels_stand_in_the_order_of_the_file(state: State) -> None:
    await answered(state, FILE, labeled("3"), failed("2"))

    comparison = Comparison(state, SETTINGS, NAME)
    comparison.take(present({"new": "?", "3": "login", "2": "crash"}))
    assert [(one.id, one.category, one.verdict) for one in comparison.labels()] == [
        ("new", None, None),
        ("3", "billing", "Labeled"),
        ("2", None, "Errored"),
    ]
    assert set(outcome(state, comparison.asked)) == {
        (None, None, False, 1),
        ("billing", "Labeled", False, 1),
        (None, "Errored", False, 1),
    }


# --- what former processes have left ----------------------------------------------------------------------------------


async def test_a_label_names_the_ticket_that_was_asked_about_until_its_own_is_asked(state: State) -> None:
    comparison, tickets = Comparison(state, SETTINGS, NAME), {"1": "a", "2": "a", "3": "a"}
    await answered(state, tickets, labeled("1"), replace(failed("2"), same_as="1"), replace(labeled("3"), same_as="1"))
    comparison.take(present(tickets))

    assert [label.same_as for label in comparison.labels()] == [None, "1", "1"]

    comparison.take(present(tickets), Choice(retry=True))
    run = comparison.begin("again", SPEC)
    await StateRows(state, run.meta.uid).write(chunks(labeled("2")))

    assert [label.same_as for label in comparison.labels()] == [None, None, "1"]


async def test_a_run_that_has_bought_nothing_is_forgotten_and_one_that_may_have_is_not(state: State) -> None:
    begun(state, present({"1": "a"}))
    bought = begun(state, present({"2": "b"}))
    intent = BatchRecord(
        shard=0, attempt=0, tag="k3f9a2", state=BatchState.INTENDED, requests=1, intended_at=CLASSIFIED
    )
    await StateLedger(state).save(bought.meta, Status(batches=(intent,)))

    assert [run.meta.uid for run in settle(state)] == [bought.meta.uid]
    assert state.rows("SELECT id FROM run_tickets") == [("2",)]


async def test_a_simulated_run_is_forgotten_with_its_simulator(state: State) -> None:
    comparison = Comparison(state, SETTINGS, NAME, simulated=True)
    comparison.take(present(FILE))
    run = comparison.begin("tickets", SPEC)
    intent = BatchRecord(
        shard=0, attempt=0, tag="k3f9a2", state=BatchState.INTENDED, requests=1, intended_at=CLASSIFIED
    )
    await StateLedger(state).save(run.meta, Status(batches=(intent,)))

    assert settle(state) == []
    assert state.rows("SELECT id FROM run_tickets") == []


async def test_a_run_that_has_ended_keeps_no_text_of_its_tickets(state: State) -> None:
    run = begun(state, present(FILE))
    await StateLedger(state).save(run.meta, Status(completion_time=CLASSIFIED, phase="Complete"))
    loaded = await StateLedger(state).load(run.meta)
    assert loaded is not None

    ended(state, loaded)

    assert state.rows("SELECT id FROM run_tickets") == []


async def test_a_damaged_record_is_not_taken_for_one_without_batches(state: State) -> None:
    run = begun(state, present(FILE))
    state.rows("UPDATE runs SET status = '{' WHERE uid = ?", (run.meta.uid,))

    with pytest.raises(Stalled, match="the record of run tickets cannot be read"):
        await StateLedger(state).owned_batches()


async def test_damaged_long_ids_are_told(state: State) -> None:
    run, ledger = begun(state, present(FILE)), StateLedger(state)
    await ledger.keep_long_ids(run.meta, "k3f9a2", {"digest": "a long id"})
    state.rows("UPDATE long_ids SET ids = '{'")

    with pytest.raises(Stalled, match="does not hold the ids of tickets"):
        await ledger.long_ids(run.meta, "k3f9a2")


def test_the_state_is_for_its_owner_alone_and_no_file_of_a_repository(state: State) -> None:
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600
    assert "*" in (state.path.parent / ".gitignore").read_text().splitlines()


def test_a_state_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "classify.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={states.VERSION + 1}")

    before = path.read_bytes()
    with (
        pytest.raises(Stalled, match="newer version of nightsort"),
        opened(path, ""),
    ):
        pass
    assert path.read_bytes() == before


def test_what_is_no_state_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "classify.sqlite"
    path.write_text("something else")

    with pytest.raises(Stalled, match="is no state that this version can read"), opened(path, ""):
        pass
    assert path.read_text() == "something else"


@pytest.mark.parametrize("name", ["classify.sqlite", "classify.lock", ".gitignore"])
def test_what_a_link_in_the_place_of_the_state_leads_to_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    mine, folder = tmp_path / "mine", tmp_path / "state"
    mine.write_text("precious")
    folder.mkdir()
    (folder / name).symlink_to(mine)

    with suppress(Stalled), opened(folder / "classify.sqlite", "a test"):
        pass

    assert mine.read_text() == "precious"


def test_the_second_to_open_a_state_is_told_who_works_with_it(state: State) -> None:
    told = r"process \d+ \(a test, since 20.*Z\) works with .*classify.sqlite: wait for its end"
    with pytest.raises(Stalled, match=told), opened(state.path, "another test"):
        pass
