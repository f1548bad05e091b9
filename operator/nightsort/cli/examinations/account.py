"""The key and the clock, by one call that costs nothing: the list of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nightsort.cli.examinations.findings import Finding, Level, failed, of, ok, warning
from nightsort.domain.batch import Catalogue
from nightsort.domain.errors import Interruption, Waiting
from nightsort.domain.model_choice import choices, priced
from nightsort.domain.prices import PriceTable
from nightsort.domain.report import plural
from nightsort.wiring.doctor import catalogue_of

CLOSE, FAR = timedelta(seconds=5), timedelta(minutes=5)
WHOLE_SECOND = timedelta(seconds=1)
"""A Date header has whole seconds, and is cut."""
SYNCHRONISE = "let the machine set its clock by NTP: deadlines, and the times in rows and reports, come from it"


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its origin in words; `from_afar`: the operator may reach the API although this machine does not."""

    value: str
    origin: str
    url: str
    from_afar: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What the API has said, and this machine's times before and after the call, whose length says nothing."""

    catalogue: Catalogue
    began: datetime
    ended: datetime


async def ask(key: Key) -> tuple[Answered | None, Finding]:
    began = datetime.now(UTC)
    try:
        catalogue = await catalogue_of(key.value, key.url)
    except Interruption as interruption:
        reachable = not isinstance(interruption, Waiting)
        level = Level.FAILED if reachable or not key.from_afar else Level.WARNING
        return None, of("key", interruption, level, f"; {key.origin}, tried from this machine at {key.url}")
    ended = datetime.now(UTC)
    found = ok("key", f"{key.origin} is accepted by {key.url}, which offers {plural(len(catalogue.models), 'model')}")
    return Answered(catalogue, began, ended), found


def clock(subject: str, began: datetime, ended: datetime, there: datetime | None, whose: str) -> Finding:
    """The API's Date header against a call's beginning and end, in between which it was written."""
    if there is None:
        return warning(subject, "the API's answer has no Date header that can be read, such as a gateway's")
    ahead, behind = began - (there + WHOLE_SECOND), there - ended
    off = max(ahead, behind)
    if off <= CLOSE:
        return ok(subject, f"{whose} agrees with the API's, within {CLOSE.seconds} s")
    message = f"{whose} is {off.total_seconds():,.0f} s {'ahead of' if ahead > behind else 'behind'} the API's"
    return (failed if off > FAR else warning)(subject, message, SYNCHRONISE)


def model(name: str, catalogue: Catalogue, prices: PriceTable, now: datetime) -> Iterator[Finding]:
    there = {one.id: one for one in catalogue.models}
    found = there.get(name)
    usable = [one.id for one in catalogue.models if one.batch and not one.retired]
    if found is None or found.retired or not found.batch:
        why = "is not known to the API" if found is None else "is retired" if found.retired else "takes no batches"
        yield failed("model", f"{name} {why}", choices(name, usable, prices))
        return
    until = found.retires_at
    if until is not None and until - now < timedelta(days=60):
        yield warning("model", f"{name} is served until {until:%Y-%m-%d} only", choices(name, usable, prices))
        return
    yield ok(
        "model", f"{priced(name, prices)} takes batches; USD per million tokens of input / output, of {prices.day}"
    )
