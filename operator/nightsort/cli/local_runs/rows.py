"""`nightsort results` for runs of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.cli.classification.known import KnownFile, known
from nightsort.cli.classification.order import STATE_FILE, InvalidOrder
from nightsort.cli.cluster.nights import apart
from nightsort.cli.cluster.retry_plan import next_name
from nightsort.cli.local_runs import manifests
from nightsort.cli.local_runs.job import manifests_of
from nightsort.cli.output.exit_codes import BAD_INPUT, NOT_COMPLETE, fail
from nightsort.cli.output.rows import caution, elsewhere
from nightsort.domain.answer import Row
from nightsort.domain.correction import Corrections
from nightsort.domain.errors import Interruption
from nightsort.domain.report import plural
from nightsort.formats.kinds import corrections_of_run
from nightsort.formats.tickets import InvalidFile
from nightsort.wiring import classify as wiring
from nightsort.wiring.corrections import corrections_in

Show = Callable[[Sequence[Row]], None]
About = Callable[[Spec, Corrections], None]
PAGE = 1000


def show_rows(folder: Path, file: Path, resource: str | None, show: Show, about: About) -> str:
    """Gives all rows of a file or of a manifest's resource to `show`, page by page; returns a remark, or nothing.

    `about` gets the spec before the rows.
    """
    try:
        if manifests.is_manifest(file):
            return asyncio.run(rows_of_manifest(folder, file, resource, show, about))
        if resource is not None:
            fail(f"--resource is for manifests, and {file} is a file of tickets", BAD_INPUT)
        return rows_of_file(folder, file, show, about)
    except (InvalidOrder, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)


def rows_of_file(folder: Path, file: Path, show: Show, about: About) -> str:
    with wiring.reading(folder / STATE_FILE) as state:
        found = known(state, file, folder)
        about(found.spec, found.corrections)
        rows, shown = found.rows(), 0
        while page := list(islice(rows, PAGE)):
            show(page)
            shown += len(page)
    return remark(found, shown)


def remark(found: KnownFile, shown: int) -> str:
    counts, file = found.counts, found.order.file
    if shown == counts.total:
        return ""
    why = f"{counts.under_way:,} are under way" if counts.under_way else "the others were not asked about"
    told = f"{shown:,} of {plural(counts.total, 'ticket')} of {file} have their answer; {why}"
    if not shown:
        fail(told, NOT_COMPLETE)
    return f"not all: {told}"


async def rows_of_manifest(folder: Path, file: Path, name: str | None, show: Show, about: About) -> str:
    known, resource = await run_of_manifest(folder, file, name)
    about(resource.spec, corrections_in(corrections_of_run(file, resource.meta.name)))
    async for page in merged_pages(known, resource):
        show(page)
    return "; ".join(filter(None, (caution(resource), apart(resource))))


async def run_of_manifest(folder: Path, file: Path, name: str | None) -> tuple[manifests.Known, Resource]:
    """The run of a manifest's resource whose rows are at hand; ends the command otherwise."""
    known = await manifests.known(manifests_of(file), folder)
    if known is None:
        fail(f"{file} has not run with {folder}: run it with `nightsort local`, or name --state", BAD_INPUT)
    resource = manifests.the_one(file, known, name)
    if not is_at_hand(resource):
        fail(elsewhere(resource), NOT_COMPLETE)
    return known, resource


def is_at_hand(run: Resource) -> bool:
    return bool(run.status.results.config_maps or run.status.results.table)


async def merged_pages(known: manifests.Known, resource: Resource) -> AsyncIterator[Sequence[Row]]:
    """The rows of a run with those of its retries."""
    newer = {row.id: row async for page in rows_of_retries(known, resource) for row in page}
    async for page in known.files.stored(resource):
        yield [newest(row, newer.get(row.id)) for row in page]


async def rows_of_retries(known: manifests.Known, resource: Resource) -> AsyncIterator[Sequence[Row]]:
    """The rows of its retries, in their order; a ticket with a category is in none after that."""
    name = next_name(resource.meta.name)
    while (retry := await known.files.resource(renamed(resource, name))) is not None:
        if is_at_hand(retry):
            async for page in known.files.stored(retry):
                yield page
        name = next_name(name)


def renamed(resource: Resource, name: str) -> Resource:
    key = f"{resource.meta.namespace}/{name}"
    return replace(resource, meta=replace(resource.meta, name=name, uid=key), status=Status())


def newest(row: Row, after: Row | None) -> Row:
    return row if after is None or row.category is not None else after
