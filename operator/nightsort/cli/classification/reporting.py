"""The report of a file: gathered from the state and the file, and written as a page."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.cli.classification.ending import NOT_ASKED, UNDER_WAY, Tally, tally_of
from nightsort.cli.classification.order import InvalidOrder
from nightsort.domain.answer import Verdict
from nightsort.domain.prompt import TicketText
from nightsort.report.document import MARK
from nightsort.report.figures import (
    MOST_SAMPLE_CHARS,
    MOST_SAMPLES,
    MOST_UNUSABLE,
    Report,
    Run,
    Sample,
    Unusable,
    values_of,
)
from nightsort.report.page import page_of
from nightsort.system.files import write_whole
from nightsort.wiring import classify as wiring

BY_FALLBACK = f"{Verdict.UNKNOWN}, with the category of unknownLabel"
READ_AND_WRITE = 0o666


def refuse_strange(path: Path, *, beside: Path | None = None) -> None:
    """Checks the path before any other step.

    Raises:
        InvalidOrder: the path has a file that is no report, or will get another file (`beside`).
    """
    if beside is not None and os.path.realpath(path) == os.path.realpath(beside):
        raise InvalidOrder(f"{path} is where the labelled file goes: name another file for the report")
    try:
        with path.open("rb") as file:
            begins = file.read(len(MARK))
    except FileNotFoundError:
        return
    except OSError as error:
        raise InvalidOrder(f"{path} cannot take the report: {error.strerror}; name another file") from None
    if begins != MARK.encode():
        raise InvalidOrder(f"{path} is there already, and is no report of nightsort: name another file")


def spec_of(settings: Mapping[str, Any], state: Path) -> Spec:
    """The question about a file, from the settings that the state has kept."""
    kept = {name: value for name, value in settings.items() if name != "simulated"}
    try:
        return Spec.model_validate({**kept, "source": {"inline": {"tickets": []}}}, extra="ignore")
    except ValidationError:
        raise InvalidOrder(
            f"{state}: the settings of the last run cannot be read by this version: classify the file once more"
        ) from None


def report_of(state: wiring.State, asked: wiring.Asked, spec: Spec, file: Path, *, with_text: bool = False) -> Report:
    """The figures of a file whose tickets a comparison has stored."""
    tally, verdicts = counted(state, asked, spec)
    found = wiring.without_category(state, asked, MOST_UNUSABLE)
    return Report(
        file=file.name,
        made_at=datetime.now(UTC),
        simulated=asked.simulated,
        spec=spec,
        categories=tally.categories,
        without=tally.without,
        verdicts=verdicts,
        unusable=[Unusable(name, Verdict(verdict), reason) for name, verdict, reason in found],
        all_unusable=tally.unknown + tally.failed + tally.canceled,
        samples=samples_of(state, asked, spec, with_text=with_text),
        runs=[run_of(run) for run in wiring.runs_of(state, asked)],
        with_text=with_text,
        fields=values_of(spec, wiring.answers_to_fields(state, asked)),
    )


Outcome = Collection[tuple[str | None, str | None, bool, int]]


def counted(state: wiring.State, asked: wiring.Asked, spec: Spec) -> tuple[Tally, dict[str, int]]:
    return counts_of(wiring.outcome(state, asked), spec)


def counts_of(outcome: Outcome, spec: Spec) -> tuple[Tally, dict[str, int]]:
    """Tickets counted in two ways: by category, and by verdict, those without any last.

    `outcome`: category, verdict, whether an answer is still to come, and how many tickets have these.
    """
    tally = tally_of(outcome, spec)
    verdicts: dict[str, int] = {}
    for category, verdict, flying, count in outcome:
        if verdict is not None and not flying:
            name = BY_FALLBACK if category is not None and verdict == Verdict.UNKNOWN else verdict
            verdicts[name] = verdicts.get(name, 0) + count
    largest_first = dict(sorted(verdicts.items(), key=lambda one: -one[1]))
    open_ones = {UNDER_WAY: tally.under_way, NOT_ASKED: tally.not_asked}
    return tally, {**largest_first, **{name: count for name, count in open_ones.items() if count}}


def samples_of(state: wiring.State, asked: wiring.Asked, spec: Spec, *, with_text: bool) -> dict[str, list[Sample]]:
    text = TicketText(spec.prompt)
    samples: dict[str, list[Sample]] = {category.name: [] for category in spec.categories}
    for category, ticket in wiring.first_of_each_category(state, asked, MOST_SAMPLES):
        read = shortened(text.of(ticket) or "") if with_text else None
        samples.setdefault(category, []).append(Sample(ticket.id, read))
    return samples


def shortened(text: str) -> str:
    return text if len(text) <= MOST_SAMPLE_CHARS else f"{text[:MOST_SAMPLE_CHARS]}\u2026"


def run_of(run: Resource) -> Run:
    return Run(run.meta.created_at, run.status.tickets.total, run.status.cost)


def write(path: Path, report: Report, file: Path) -> None:
    """Writes a page whole or not at all, with the file's permissions: it has the same readers.

    Raises:
        Stalled: the path is not writable.
    """
    write_page(path, report, file.stat().st_mode & READ_AND_WRITE)


def write_page(path: Path, report: Report, mode: int) -> None:
    """Writes a page whole or not at all.

    Raises:
        Stalled: the path is not writable.
    """
    write_whole(path, page_of(report).encode(), mode)
