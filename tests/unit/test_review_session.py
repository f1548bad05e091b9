"""A review at the terminal: what each key does, what is kept, and what the screen shows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from rich.console import Console

from nightsort.cli.reviews.order import InvalidWish, wish_of
from nightsort.cli.reviews.page import page
from nightsort.cli.reviews.session import Session
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.case import Case, Selection, Why
from nightsort.domain.correction import Corrections, Edit
from nightsort.domain.errors import Stalled
from nightsort.domain.fields import AskedField, FieldKind
from nightsort.testing.corrections import MemoryCorrections, correction

NOW = datetime(2026, 11, 29, 20, 0, tzinfo=UTC)
FEW = ("billing", "technical", "account")
MANY = (*tuple(f"topic_{number}" for number in range(70)), "request_refund", "refund_not_showing_up", "card/lost")


def case(name: str, answer: str | None = "billing", text: str = "I was charged twice") -> Case:
    return Case(name, answer, "Labeled" if answer else "Unknown", "", "a-model", (Why.UNKNOWN,), {}, {"body": text})


def session_of(*cases: Case, categories: Sequence[str] = FEW, before: int = 0) -> Session:
    return Session(cases, categories, MemoryCorrections(), "anna", lambda: NOW, before)


async def typed(session: Session, *keys: str) -> None:
    for key in keys:
        await session.press(key)


async def kept(session: Session) -> dict[str, str]:
    return {name: one.category for name, one in (await session.store.read()).items()}


def shown(session: Session, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, markup=False)
    return [line.plain for line in page(session, console)]


async def test_a_figure_gives_a_category_and_enter_keeps_the_models() -> None:
    session = session_of(case("1"), case("2"), case("3", None))

    await typed(session, "2", "enter", "enter")

    assert await kept(session) == {"1": "technical", "2": "billing"}
    assert session.told == "the model gave no category: press the number of one, or type a part of its name"
    found = (await session.store.read())["1"]
    assert (found.answer, found.by, found.at, found.fields) == ("billing", "anna", NOW, {"body": "I was charged twice"})


async def test_a_decision_is_kept_before_the_next_ticket_is_shown() -> None:
    session = session_of(case("1"), case("2"))

    await session.press("3")

    assert await kept(session) == {"1": "account"}
    assert session.case == session.cases[1]


async def test_a_part_of_a_name_finds_it_among_many() -> None:
    session = session_of(case("1"), case("2"), case("3"), categories=MANY)

    await typed(session, *"refu")
    assert session.offered() == ["refund_not_showing_up", "request_refund"]
    await typed(session, "2", *"lost", "enter", *"rqrf", "enter")

    assert await kept(session) == {"1": "request_refund", "2": "card/lost", "3": "request_refund"}


async def test_a_search_can_be_mended_and_cleared_and_finds_nothing_politely() -> None:
    session = session_of(case("1"), categories=MANY)

    await typed(session, *"zzz", "enter")
    assert session.told == "no category has 'zzz' in its name"
    await typed(session, "backspace", "backspace", "backspace", *"card", "escape")

    assert (session.search, session.is_over) == ("", False)
    assert await kept(session) == {}


async def test_the_last_steps_can_be_taken_back_one_by_one() -> None:
    session = session_of(case("1"), case("2"), case("3"))

    await typed(session, "2", "right", "3", "left", "left", "left")

    assert await kept(session) == {}
    assert (session.place, session.skipped, session.decided) == (0, 0, [])
    await session.press("left")
    assert session.told == "there is nothing to take back"


async def test_what_somebody_else_has_decided_meanwhile_stays() -> None:
    session = session_of(case("1"), case("2"))
    await session.store.change(lambda now: {"1": correction("1", "technical", by="ben")})

    await session.press("3")

    assert await kept(session) == {"1": "technical"}
    assert session.told == "1: ben has decided meanwhile: technical"
    assert session.case == session.cases[1]


async def test_taking_back_leaves_what_somebody_else_has_put_in_its_place() -> None:
    session = session_of(case("1"))
    await session.press("3")
    await session.store.change(lambda now: {"1": correction("1", "technical", by="ben")})

    await session.press("left")

    assert await kept(session) == {"1": "technical"}


async def test_a_decision_that_cannot_be_kept_is_told_and_the_ticket_stays() -> None:
    class Full(MemoryCorrections):
        async def change(self, edit: Edit) -> Corrections:
            raise Stalled("cannot write it: no room")

    session = Session([case("1")], FEW, Full(), "anna", lambda: NOW)

    await session.press("1")

    assert (session.told, session.place, session.decided) == ("not kept: cannot write it: no room", 0, [])


@pytest.mark.parametrize("key", ["escape", "interrupt", "end"])
async def test_it_ends_at_any_ticket(key: str) -> None:
    session = session_of(case("1"), case("2"))

    await typed(session, "1", key)

    assert session.is_over
    assert await kept(session) == {"1": "billing"}


async def test_behind_the_last_ticket_the_last_decision_can_still_be_taken_back() -> None:
    session = session_of(case("1"))

    await typed(session, "2")
    assert session.case is None
    assert "That was the last ticket." in shown(session)
    await typed(session, "left", "1", "enter")

    assert session.is_over
    assert await kept(session) == {"1": "billing"}


def test_the_screen_shows_the_ticket_what_the_model_said_and_where_one_is() -> None:
    said = {"confidence": "low", "rationale": "It speaks of money.", "second_category": "account"}
    one = Case("T-7", "billing", "Labeled", "", "a-model", (Why.DISAGREEMENT, Why.LOW_CONFIDENCE), said)
    session = session_of(one, before=4)
    session.cases = [
        Case(
            **{name: getattr(one, name) for name in one.__struct_fields__}
            | {"fields": {"subject": "Help", "body": "Line one\nLine two"}}
        )
    ]

    lines = shown(session)

    assert lines[0] == "ticket 5 of 5: 4 decided; memory"
    assert lines[1] == "T-7  (disagreement, low-confidence)"
    assert lines[3:6] == ["subject: Help", "Line one", "Line two"]
    assert "the model: billing (Labeled, confidence low by its own statement)" in lines
    assert {"because: It speaks of money.", "the second model: account"} <= set(lines)
    assert "1 billing    2 technical  3 account" in lines


async def test_a_long_text_is_scrolled_and_the_keys_stay_on_the_screen() -> None:
    session = session_of(case("1", text="\n".join(f"line {number}" for number in range(100))))

    first = shown(session, height=20)
    await typed(session, "page down", "down")
    later = shown(session, height=20)

    assert len(first) < 20
    assert len(later) < 20
    assert "line 0" in first
    assert "line 11" in later
    assert "line 0" not in later
    assert first[-1] == later[-1]
    assert first[-1].startswith("Enter keeps billing")


def test_a_hostile_text_does_not_move_the_cursor() -> None:
    session = session_of(case("1\x1b[2J", "bil\x1b[1mling", "\x1b]0;owned\x07 text \x9b1m \u202e end"))

    assert all(line.isprintable() for line in shown(session))


# --- which tickets ----------------------------------------------------------------------------------------------------

FIELDS = (
    AskedField("confidence", FieldKind.ONE, values=("low", "medium", "high")),
    AskedField("review", FieldKind.ONE, values=("Agreed", "Kept", "NeedsReview")),
)


def row(name: str, category: str | None, verdict: Verdict, *values: str | None) -> Row:
    return Row(name, category, verdict, values=values)


def chosen(rows: Sequence[Row], *kinds: Why, sample: int = 0) -> dict[str, tuple[Why, ...]]:
    selection = Selection(kinds, sample, FIELDS)
    for each in rows:
        selection.see(each)
    return {one.id: one.whys for one in selection.cases()}


def test_each_kind_of_doubtful_ticket_is_found_and_sorted_by_its_kind() -> None:
    rows = [
        row("failed", None, Verdict.EXPIRED),
        row("unknown", None, Verdict.UNKNOWN, "low"),
        row("fallback", "other", Verdict.UNKNOWN),
        row("sure", "billing", Verdict.LABELED, "high", "Agreed"),
        row("unsure", "billing", Verdict.LABELED, "low", "Agreed"),
        row("differ", "billing", Verdict.LABELED, "high", "NeedsReview"),
    ]

    found = chosen(rows, Why.DISAGREEMENT, Why.UNKNOWN, Why.LOW_CONFIDENCE, Why.FAILED)

    assert list(found) == ["differ", "unknown", "fallback", "unsure", "failed"]
    assert found["unknown"] == (Why.UNKNOWN, Why.LOW_CONFIDENCE)
    assert list(chosen(rows, Why.LOW_CONFIDENCE)) == ["unknown", "unsure"]


def test_a_sample_is_drawn_from_all_labels_and_is_the_same_each_time() -> None:
    rows = [row(f"T-{number}", "billing", Verdict.LABELED) for number in range(500)]
    rows += [row("nothing", None, Verdict.UNKNOWN)]

    found = chosen(rows, Why.SAMPLE, sample=20)

    assert len(found) == 20
    assert "nothing" not in found
    assert found == chosen(list(reversed(rows)), Why.SAMPLE, sample=20)
    assert len({int(name[2:]) // 50 for name in found}) > 5
    assert set(chosen(rows, Why.SAMPLE, sample=10)) < set(found)


def test_the_flags_say_which_tickets_and_who() -> None:
    assert wish_of((), None, "anna").kinds == (Why.DISAGREEMENT, Why.UNKNOWN, Why.LOW_CONFIDENCE, Why.FAILED)
    assert wish_of(("unknown,Sample",), None, "anna").sample == 20
    assert wish_of((), 5, "anna").sample == 5
    assert wish_of((), None, None).by
    for wrong in (("odd",), None, "anna"), (("unknown",), 5, "anna"), ((), None, " "), ((), None, "x" * 65):
        with pytest.raises(InvalidWish):
            wish_of(*wrong)
