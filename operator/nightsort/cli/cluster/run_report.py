"""The report of a run in a cluster: its rows merged with those of its retries, and the nights before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nightsort.api.resource import Resource
from nightsort.api.source import Source
from nightsort.cli.classification.ending import UNDER_WAY
from nightsort.cli.classification.reporting import counts_of, shortened
from nightsort.cli.cluster.nights import Night, cannot_be_told_apart, merged_rows, runs_in
from nightsort.cli.cluster.options import parsed
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.breakdown import FAILED, NOT_ANSWERED, REUSED, UNKNOWN
from nightsort.domain.conditions import COMPLETE, is_finished, is_true
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.fields import Value
from nightsort.domain.prompt import TicketText
from nightsort.domain.report import plural
from nightsort.report.figures import (
    MOST_SAMPLES,
    MOST_UNUSABLE,
    OTHER_VERDICTS,
    Report,
    Run,
    Sample,
    Unusable,
    values_of,
    values_of_status,
)

if TYPE_CHECKING:
    from nightsort.wiring.cluster import Cluster

ANSWERED = frozenset({Verdict.LABELED, Verdict.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Wanted:
    """`labels` choose the nights before; without them they are the run's kin."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    with_text: bool = False


def labels_of(selector: str) -> Mapping[str, str]:
    """The labels of `team=support,kind=nightly`, as kubectl writes them.

    Raises:
        ValueError: it has another form.
    """
    labels = {}
    for part in filter(None, (part.strip() for part in selector.split(","))):
        name, equals, value = part.partition("=")
        if not name or not equals or "!" in name:
            raise ValueError(f"--selector: write labels as name=value, with commas in between; {part} is none")
        labels[name.strip()] = value.removeprefix("=").strip()
    return labels


async def report_of(cluster: Cluster, namespace: str, wanted: Wanted) -> Report:
    """Raises Rejected: there is nothing to show, or texts cannot be read. Stalled: there is no such run."""
    run = parsed(await cluster.resources.read(namespace, wanted.name))
    refuse(run, with_text=wanted.with_text)
    runs, unlisted = await runs_in(cluster, namespace)
    night = runs.night(run)
    rows, unread = await rows_or_cause(cluster, night)
    figures = from_status(night, unread) if rows is None else from_rows(night, rows)
    nights = [night, *runs.before(run, wanted.labels)]
    return Report(
        file=run.meta.name,
        made_at=datetime.now(UTC),
        simulated=False,
        spec=run.spec,
        categories=figures.categories,
        without=figures.without,
        verdicts=figures.verdicts,
        unusable=figures.unusable,
        all_unusable=figures.all_unusable,
        samples=await samples_of(cluster, run, (rows or {}).values(), with_text=wanted.with_text),
        runs=[run_of(one) for one in nights if one.cost.actual_usd is not None or one.cost.unpriced],
        with_text=wanted.with_text,
        evaluation=run.status.evaluation,
        review=run.status.review,
        fields=values_of_status(run.status.fields) if rows is None else values_of(run.spec, answers_of(rows.values())),
        notes=[*figures.notes, *([f"Retries and the runs before are left out: {unlisted}."] if unlisted else [])],
        about=settings_of(night),
        whole=f"`kubectl nightsort results {wanted.name}` prints all rows"
        if rows is not None
        else f"their rows are in {places_of(run)}",
        texts="; --with-text shows what they say" if can_be_read(run.spec.source) else "",
    )


def refuse(run: Resource, *, with_text: bool) -> None:
    name = run.meta.name
    if run.status.phase is None:
        raise Rejected(f"{name} has nothing to show yet: no operator has looked at it")
    if with_text and not can_be_read(run.spec.source):
        raise Rejected(
            f"--with-text reads the tickets of resources and ConfigMaps alone; those of {name} come from "
            f"{source_of(run.spec.source)}: leave --with-text out"
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """The part of a report that comes from rows or, without them, from the status."""

    categories: Mapping[str, int]
    without: Mapping[str, int]
    verdicts: Mapping[str, int]
    unusable: Sequence[Unusable] = ()
    all_unusable: int = 0
    notes: Sequence[str] = ()


def from_rows(night: Night, rows: Mapping[str, Row]) -> Figures:
    spec, tickets = night.run.spec, night.run.status.tickets
    counts = Counter((row.category, row.verdict.value) for row in rows.values())
    outcome = [(category, verdict, False, count) for (category, verdict), count in counts.items()]
    missing = max(tickets.total - tickets.reused - len(rows), 0)
    finished = is_finished(night.run.status)
    tally, verdicts = counts_of([*outcome, (None, None, True, 0 if finished else missing)], spec)
    lost = {NOT_ANSWERED: missing} if finished and missing else {}
    lost |= {REUSED: tickets.reused} if tickets.reused else {}
    unusable = [row for row in rows.values() if row.category is None]
    return Figures(
        categories=tally.categories,
        without={**tally.without, **lost},
        verdicts={**verdicts, **lost},
        unusable=[Unusable(row.id, row.verdict, row.reason) for row in unusable[:MOST_UNUSABLE]],
        all_unusable=len(unusable),
        notes=list(remarks(night)),
    )


def answers_of(rows: Iterable[Row]) -> Iterator[Sequence[Value]]:
    """The answers to further fields; a row without an answer has them empty, as one has whose answers are no values."""
    return (row.values for row in rows if row.verdict in ANSWERED)


async def rows_or_cause(cluster: Cluster, night: Night) -> tuple[Mapping[str, Row] | None, str]:
    """The merged rows; without them the cause, where they are at hand and this person cannot read them."""
    if mixed := [one.meta.name for one in night.all if cannot_be_told_apart(one)]:
        return None, f": the table does not say which of them {mixed[0]} has written (results.database.columns.batchId)"
    try:
        return await merged_rows(cluster, night), ""
    except Stalled as stalled:
        if night.run.status.results.config_maps:
            raise
        return None, f": {stalled.message}"


def from_status(night: Night, unread: str = "") -> Figures:
    """The figures of a run whose rows are elsewhere: neither its failed tickets nor their verdicts are known."""
    status = night.run.status
    categories = {category.name: 0 for category in night.run.spec.categories}
    categories.update((one.name, one.tickets) for one in status.categories)
    tickets = status.tickets
    missing = max(tickets.total - tickets.labeled - tickets.unknown - tickets.failed - tickets.reused, 0)
    open_name = NOT_ANSWERED if is_finished(status) else UNDER_WAY
    unknown = max(tickets.labeled + tickets.unknown - sum(categories.values()), 0)
    without = {UNKNOWN: unknown, FAILED: tickets.failed, open_name: missing, REUSED: tickets.reused}
    verdicts = {
        Verdict.LABELED.value: tickets.labeled,
        Verdict.UNKNOWN.value: tickets.unknown,
        OTHER_VERDICTS: tickets.failed,
        open_name: missing,
        REUSED: tickets.reused,
    }
    retries = f"; those of {named(night.retries)} are not merged" if night.retries else ""
    return Figures(
        categories=categories,
        without={name: count for name, count in without.items() if count},
        verdicts={name: count for name, count in verdicts.items() if count},
        all_unusable=unknown + tickets.failed,
        notes=[f"The rows are in {places_of(night.run)}, and are not read{unread}{retries}.", *remarks(night)],
    )


def remarks(night: Night) -> Iterator[str]:
    """What a reader must know: runs that are under way or have failed, and rows that are copies."""
    if same := night.run.status.tickets.duplicates:
        yield f"{plural(same, 'ticket')} with the text of another one, whose row is theirs: asked about once."
    for one in night.all:
        status = one.status
        if not is_finished(status) or not is_true(status, COMPLETE):
            yield f"{one.meta.name} is {status.phase or 'Pending'}{f': {status.message}' if status.message else ''}."


def places_of(run: Resource) -> str:
    return " and ".join(run.status.results.places())


def named(runs: Iterable[Resource]) -> str:
    return ", ".join(run.meta.name for run in runs)


def run_of(night: Night) -> Run:
    name = night.run.meta.name
    retried = f" ({plural(len(night.retries), 'retry', 'retries')})" if night.retries else ""
    return Run(night.run.meta.created_at, night.run.status.tickets.total, night.cost, f"{name}{retried}")


def settings_of(night: Night) -> list[tuple[str, str]]:
    spec, status = night.run.spec, night.run.status
    stored = [f"ConfigMap {name}" for name in status.results.config_maps]
    pairs = [
        ("namespace", night.run.meta.namespace),
        ("tickets from", source_of(spec.source)),
        ("labels in", " and ".join([*stored, *status.results.places()]) or "nothing so far"),
    ]
    pairs += [("merged with", named(night.retries))] if night.retries else []
    return [*pairs, ("most that it may cost", f"${spec.max_cost_usd}")] if spec.max_cost_usd else pairs


def source_of(source: Source) -> str:
    """The place of the tickets; no query, which may quote a ticket's words."""
    if source.config_map is not None:
        return f"ConfigMap {source.config_map.name}, key {source.config_map.key}"
    if source.database is not None:
        return f"the database of Secret {source.database.url_secret_ref.name}"
    return source.object_store.url if source.object_store is not None else "the resource itself"


def can_be_read(source: Source) -> bool:
    return source.inline is not None or source.config_map is not None


async def samples_of(
    cluster: Cluster, run: Resource, rows: Iterable[Row], *, with_text: bool
) -> Mapping[str, Sequence[Sample]]:
    """The first tickets of each category, in the order of the rows."""
    chosen: dict[str, list[str]] = {category.name: [] for category in run.spec.categories}
    for row in rows:
        if row.category is not None and len(ids := chosen.setdefault(row.category, [])) < MOST_SAMPLES:
            ids.append(row.id)
    texts = await texts_of(cluster, run, {id for ids in chosen.values() for id in ids}) if with_text else {}
    return {category: [Sample(id, texts.get(id)) for id in ids] for category, ids in chosen.items()}


async def texts_of(cluster: Cluster, run: Resource, ids: Collection[str]) -> Mapping[str, str]:
    """The texts of tickets as the model reads them, by id; empty for a ticket that is gone."""
    text = TicketText(run.spec.prompt)
    found = await (await cluster.source(run)).by_ids(sorted(ids))
    texts = {ticket.id: shortened(text.of(ticket) or "") for ticket in found}
    return {id: texts.get(id, "") for id in ids}
