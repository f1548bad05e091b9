"""Source and places of results of a resource, tried from this machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nightsort.api.resource import Resource
from nightsort.cli.examinations.findings import Finding, Findings, Level, of, ok
from nightsort.domain.errors import Interruption, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.report import plural
from nightsort.wiring.doctor import Places

UNREACHED = (Reason.DATABASE_UNREACHABLE, Reason.STORE_UNREACHABLE)
TO_BE_MADE = (Reason.TABLE_MISSING, Reason.COLUMN_MISSING)
UNREAD = (Reason.FORBIDDEN,)


async def checked(places: Places, resource: Resource, tried: str) -> Findings:
    """`tried` says from where, and with whose credentials."""
    spec = resource.spec

    async def source() -> str:
        return f"{plural(await places.source(resource), 'ticket')} to be read now"

    yield await trial("source", source, places, tried)
    if spec.results.database is not None:
        table = spec.results.database.table

        async def found() -> str:
            await places.table(resource)
            return f"table {table} and its columns are there"

        found_or_not = await trial("results, database", found, places, tried)
        yield made_by_the_run(found_or_not) if spec.results.database.mode == "Upsert" else found_or_not
    if spec.results.object_store is not None and not spec.results.object_store.url.startswith("file:"):
        url = spec.results.object_store.url

        async def listed() -> str:
            await places.store(resource)
            return f"{url} can be listed"

        yield await trial("results, objects", listed, places, tried)


async def trial(subject: str, look: Callable[[], Awaitable[str]], places: Places, tried: str) -> Finding:
    """In a cluster the operator may reach what this machine does not, and read Secrets that this person may not."""
    try:
        return ok(subject, f"{await look()}; {tried}")
    except Interruption as interruption:
        not_from_here = isinstance(interruption, Waiting) and interruption.reason in UNREACHED
        not_by_you = interruption.reason in UNREAD
        only_here = not places.local and (not_from_here or not_by_you)
        note = f"; {tried}, and the operator may reach it all the same" if only_here else f"; {tried}"
        return of(subject, interruption, Level.WARNING if only_here else Level.FAILED, note)


def made_by_the_run(finding: Finding) -> Finding:
    """An Upsert makes its table."""
    if finding.level is Level.FAILED and "there is no table" in finding.message:
        return ok(finding.subject, f"{finding.message}: the run makes it")
    return finding
