"""Figures that people are shown together add up: counts to the total, shares to 100 %, money to the standard price."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from examples.demo import run as demo
from nightsort.api.batch_record import BatchRecord, BatchState, Usage
from nightsort.api.counts import CategoryCount, TicketCounts
from nightsort.api.crd import COLUMNS
from nightsort.api.plan import Plan
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.cli.cluster.follow import counted
from nightsort.cli.output.progress import Progress, table_of
from nightsort.domain.breakdown import breakdown, shares_of
from nightsort.domain.prices import PRICE_TABLE
from nightsort.domain.report import progress, report
from nightsort.flow.ending.finish import outcome
from tests.support.manifests import manifest

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
FALLBACK = {"action": "Fallback", "category": "other"}
NAMES = ("billing", "technical", "account", "feedback", "other")
ROW = re.compile(r"^[│ ]*(\S.*?)[│ ]+([\d,]+)[│ ]+(\d+\.\d)%[│ ]*$", re.MULTILINE)
DOLLARS = re.compile(r"(cost|standard price|per ticket:|saved) \$(\d+\.\d+)")
counts = st.integers(0, 3) | st.integers(0, 100_000)


@dataclass(frozen=True)
class Shown:
    """A run as its record makes it, and what its status says."""

    resource: Resource
    status: Status

    @property
    def total(self) -> int:
        return self.status.tickets.total


@st.composite
def batches(draw: st.DrawFn, shard: int) -> BatchRecord:
    given: dict[str, Any] = {"shard": shard, "attempt": 0, "tag": "k3f9a2", "intended_at": NOW}
    if draw(st.booleans()):
        return BatchRecord(state=BatchState.SUBMITTED, requests=draw(counts), **given)
    parts: dict[str, Any] = {name: draw(counts) for name in ("labeled", "unknown", "failed", "retryable")}
    usage = Usage(input_tokens=draw(counts), output_tokens=draw(counts))
    return BatchRecord(state=BatchState.COLLECTED, requests=sum(parts.values()), usage=usage, **parts, **given)


@st.composite
def divided(draw: st.DrawFn, whole: int) -> tuple[CategoryCount, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, whole), min_size=len(NAMES) - 1, max_size=len(NAMES) - 1)))
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, whole], strict=True)]
    return tuple(CategoryCount(name=name, tickets=part) for name, part in zip(NAMES, parts, strict=True) if part)


@st.composite
def runs(draw: st.DrawFn) -> Shown:
    """Unfinished ones and ended ones, with and without Fallback, on models of all prices."""
    fallback = draw(st.booleans())
    records = tuple(draw(batches(shard)) for shard in range(draw(st.integers(0, 3))))
    labels = sum(one.labeled + (one.unknown if fallback else 0) for one in records)
    spec: dict[str, Any] = {"model": draw(st.sampled_from(sorted(PRICE_TABLE.prices)))}
    given = manifest(**spec, unknownLabel=FALLBACK if fallback else None)["spec"]
    status = Status(
        plan=Plan(tickets=draw(counts), reused=draw(counts)),
        source_exhausted=draw(st.booleans()),
        categories=draw(divided(labels)),
        batches=records,
    )
    resource = Resource(Meta("support", "tickets", "uid"), Spec.model_validate(given), status)
    return Shown(resource, report(resource, status, progress(status), PRICE_TABLE, NOW))


def written(status: Status, width: int, *, lines: bool) -> list[tuple[str, int, Decimal]]:
    """The rows of the table that local, watch and cancel --wait show at the end."""
    file = io.StringIO()
    Console(file=file, width=width).print(table_of("tickets", status, lines=lines))
    found = ROW.findall(file.getvalue())
    return [(name, int(count.replace(",", "")), Decimal(share)) for name, count, share in found]


def number(text: str) -> int:
    return int(text.replace(",", ""))


@given(runs(), st.sampled_from([(80, True), (200, False)]))
def test_the_table_at_the_end_has_every_ticket_once(shown: Shown, form: tuple[int, bool]) -> None:
    rows = written(shown.status, form[0], lines=form[1])

    assert sum(count for _, count, _ in rows) == shown.total
    assert sum(share for *_, share in rows) == (100 if rows else 0)
    assert all(count for _, count, _ in rows)


@given(runs())
def test_the_table_of_the_demo_has_every_ticket_once(shown: Shown) -> None:
    rows = ROW.findall("\n".join(demo.categories(shown.status)))

    assert sum(number(count) for _, count, _ in rows) == shown.total
    assert sum(Decimal(share) for *_, share in rows) == (100 if rows else 0)


@given(runs())
def test_the_columns_of_kubectl_add_up_to_the_tickets_once_none_is_open(shown: Shown) -> None:
    paths = {name: path.removeprefix(".status.tickets.") for name, _, path, _ in COLUMNS if ".tickets." in path}
    assert list(paths) == ["Tickets", "Labeled", "Unknown", "Failed", "Reused"]
    tickets = shown.status.tickets.model_dump(by_alias=True)
    total, *parts = (tickets[path] for path in paths.values())

    answered = sum(parts)
    open_tickets = sum(part.tickets for part in breakdown(shown.status) if part.name == "(none: not answered)")
    assert answered + open_tickets == total


@given(runs())
def test_what_the_last_event_and_condition_say_adds_up(shown: Shown) -> None:
    tickets = shown.status.tickets
    message = outcome(shown.status, shown.resource.spec, "").message
    if not tickets.total:
        return
    total, *parts = map(number, re.findall(r"([\d,]+) (?:tickets?\b|labeled|unknown|failed|reused)", message))

    assert total == tickets.total
    assert sum(parts) == tickets.labeled + tickets.unknown + tickets.failed + tickets.reused
    hold_money(message)


@given(runs())
def test_the_line_that_watch_shows_meanwhile_names_no_more_rows_than_tickets(shown: Shown) -> None:
    for rows, total in re.findall(r"\(([\d,]+) of ([\d,]+) tickets", counted(shown.status)):
        assert 0 < number(rows) <= number(total) == shown.total


@given(runs())
def test_the_money_of_the_demo_adds_up(shown: Shown) -> None:
    if shown.status.cost.actual_usd is not None:
        hold_money("; ".join(demo.money(shown.status.cost)))


def hold_money(text: str) -> None:
    amounts = [Decimal(amount) for _, amount in DOLLARS.findall(text)]
    if amounts:
        cost, standard, saved = amounts
        assert cost + saved == standard


def test_the_money_at_the_end_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    @given(runs())
    def shows(shown: Shown) -> None:
        with Progress() as shell:
            shell.end(Resource(shown.resource.meta, shown.resource.spec, shown.status))
        out = capsys.readouterr().out
        hold_money(out)
        tickets = shown.status.tickets
        assert ("category" in out) == (shown.status.results.rows > 0 or tickets.reused > 0)

    shows()


@given(st.lists(counts, max_size=9))
def test_shares_are_at_most_a_tenth_of_a_percent_off_and_add_up(parts: list[int]) -> None:
    shares = shares_of(parts)

    assert sum(shares) == (1000 if any(parts) else 0)
    for part, share in zip(parts, shares, strict=True):
        assert abs(share - 1000 * part / (sum(parts) or 1)) < 1


@pytest.mark.parametrize(
    ("unknown", "names"),
    [
        (None, ["billing 70.0%", "other 10.0%", "(none: unknown) 10.0%", "(none: failed) 5.0%"]),
        (FALLBACK, ["billing 70.0%", "other 20.0%", "(none: failed) 5.0%"]),
    ],
)
def test_unknown_and_failed_tickets_have_rows_of_their_own_unless_fallback_gave_them_a_category(
    unknown: dict[str, str] | None, names: list[str]
) -> None:
    other = 4 if unknown else 2
    categories = (CategoryCount(name="other", tickets=other), CategoryCount(name="billing", tickets=14))
    tickets = TicketCounts(total=20, labeled=16, unknown=2, failed=1, in_flight=1)

    parts = [f"{part.name} {part.share}" for part in breakdown(Status(categories=categories, tickets=tickets))]

    assert parts == [*names, "(none: not answered) 5.0%"]


def test_a_status_that_does_not_add_up_is_shown_as_one_that_does() -> None:
    """It may be another version's."""
    status = Status(categories=(CategoryCount(name="other", tickets=9),), tickets=TicketCounts(total=3, failed=1))

    assert sum(part.thousandths for part in breakdown(status)) == 1000
