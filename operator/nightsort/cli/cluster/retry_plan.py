"""The content of a finished run's retry."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from nightsort.api.model import API_VERSION, GROUP, KIND, Format
from nightsort.api.resource import Resource
from nightsort.cli.cluster.manifest_bundle import ManifestBundle
from nightsort.cli.cluster.options import CANCELED_AFTER
from nightsort.domain.conditions import is_finished
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.cost import money
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.report import plural

if TYPE_CHECKING:
    from nightsort.api.resource import Meta
    from nightsort.domain.answer import Row
    from nightsort.domain.correction import Corrections
    from nightsort.ports import ConfigMaps

RETRY_OF = f"{GROUP}/retry-of"
PLAIN: Mapping[str, Format] = {"csv": "csv", "jsonl": "jsonl", "json": "json"}
# NAME-retry, NAME-retry-2, NAME-retry-3 …
RETRIED = re.compile(r"(.+-retry)(?:-(\d{1,6}))?")
NONE: Corrections = {}
ALL = "give --all to send, and pay, all its tickets again"


class Kept(Protocol):
    """What a run has read and written, in a cluster or on this machine."""

    @property
    def config_maps(self) -> ConfigMaps: ...

    def rows(self, owner: Meta, config_map: str) -> AsyncIterator[Sequence[Row]]: ...


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """`order` is None where there is nothing to do; `notes` are for the person who asked."""

    name: str
    order: ManifestBundle | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A run's tickets without a category, by id, and the count of each verdict.

    `answered` counts those that a person has given a category meanwhile: they are not among them.
    """

    ids: Collection[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    answered: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {verdict}" for verdict, count in self.counts.items())


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which tickets without a category are sent again: those with these verdicts, or with any."""

    verdicts: Collection[str]
    corrected: Collection[str] = frozenset()
    """Tickets that a person has given a category: nobody needs to be asked about them."""

    def has(self, row: Row) -> bool:
        if row.category is not None or not row.verdict.is_worth_another_run:
            return False
        return not self.verdicts or row.verdict in self.verdicts


async def again(
    kept: Kept,
    resource: Resource,
    manifest: Mapping[str, Any],
    name: str | None,
    wanted: Collection[str],
    *,
    everything: bool,
    corrected: Corrections = NONE,
) -> RetryPlan:
    """The retry's resources, and the notes about them. `corrected` is what people have said about tickets of the run.

    Raises:
        Rejected: the run is unfinished, or it is not known what failed.
    """
    name = name or next_name(resource.meta.name)
    refuse_unfinished(resource)
    spec = spec_again(manifest["spec"])
    if everything or not resource.status.batches:
        total = resource.status.tickets.total
        what = f"{plural(total, 'ticket')} sent, and paid, again" if everything else "nothing was bought before"
        return RetryPlan(name, bundle(resource, name, spec), (f"{what}{cost_of(resource, total)}", *places(name, spec)))
    if not without_category(resource):
        return RetryPlan(name, notes=(f"nothing to retry: every ticket of {resource.meta.name} has its category",))
    if leaves_out_labeled(resource):
        return by_its_query(resource, name, spec, corrected)
    return await of_the_failed(kept, resource, name, spec, Chosen(wanted, corrected.keys()))


def by_its_query(resource: Resource, name: str, spec: dict[str, Any], corrected: Corrections) -> RetryPlan:
    """The run's query, which finds what has no category, without the tickets that a person has given one."""
    from nightsort.wiring.queries import query_without

    answered = [one.id for one in corrected.values() if one.answer is None]
    said = [f"a person has given {plural(len(answered), 'ticket')} a category: not sent again"] if answered else []
    count = without_category(resource) - len(answered)
    if count <= 0:
        nothing = f"nothing to retry: every ticket of {resource.meta.name} has its category"
        return RetryPlan(name, notes=(nothing, *said))
    if answered:
        query = query_without(resource.spec, answered)
        if query is None:
            raise Rejected(
                f"the query of {resource.meta.name} cannot be told to leave out the "
                f"{plural(len(answered), 'ticket')} that a person has given a category: write these categories into "
                "the table first, or give --all to send, and pay, them again"
            )
        spec = {**spec, "source": {"database": {**spec["source"]["database"], "query": query}}}
    note = f"its query finds the {plural(count, 'ticket')} that got no category, and whatever is new"
    notes = (f"{note}{cost_of(resource, count)}", *said, *places(name, spec))
    return RetryPlan(name, bundle(resource, name, spec), notes)


async def of_the_failed(kept: Kept, resource: Resource, name: str, spec: dict[str, Any], chosen: Chosen) -> RetryPlan:
    failed, wanted = await failed_tickets(kept, resource, chosen), chosen.verdicts
    said = f"a person has given {plural(failed.answered, 'ticket')} a category: not sent again"
    answered = [said] if failed.answered else []
    if not failed.ids:
        kinds = f" with the verdict {' or '.join(sorted(wanted))}" if wanted else " that has any text"
        nothing = f"nothing to retry: no ticket of {resource.meta.name} without a category{kinds}"
        return RetryPlan(name, notes=(nothing, *answered))
    if resource.spec.source.inline is not None:
        left = [ticket for ticket in spec["source"]["inline"]["tickets"] if ticket["id"] in failed.ids]
        count, made = len(left), bundle(resource, name, {**spec, "source": {"inline": {"tickets": left}}})
    else:
        count, made = await with_the_failed(kept, resource, name, spec, failed.ids)
    if not count:
        raise Rejected(f"the tickets of {resource.meta.name} without a category are not in its source any more")
    gone = len(failed.ids) - count
    total = resource.status.tickets.total
    notes = [f"{plural(count, 'ticket')} of {total:,} sent again ({failed}){cost_of(resource, count)}"]
    notes += [f"{plural(gone, 'ticket')} more not in the source any more"] if gone else []
    notes += answered
    return RetryPlan(name, made, (*notes, *places(name, spec)))


async def with_the_failed(
    kept: Kept, resource: Resource, name: str, spec: dict[str, Any], ids: Collection[str]
) -> tuple[int, ManifestBundle]:
    """How many of these tickets are still in the run's ConfigMap, and a bundle with a ConfigMap of them alone."""
    tickets, kind = await tickets_of_run(kept, resource)
    chosen = [ticket for ticket in tickets if ticket["id"] in ids]
    if len(chosen) == len(tickets):
        return len(chosen), bundle(resource, name, spec)
    file = ConfigMap(f"{name}-tickets", {f"tickets.{kind}": FORMS[kind](chosen)})
    source = {"configMap": {"name": file.name, "key": f"tickets.{kind}"}}
    return len(chosen), bundle(resource, name, {**spec, "source": source}, file)


def refuse_unfinished(resource: Resource) -> None:
    name = resource.meta.name
    if not is_finished(resource.status):
        raise Rejected(
            f"{name} is not finished ({resource.status.phase or 'Pending'}): it retries by itself what can pass. "
            f"Cancel it first, with `kubectl nightsort cancel {name} --wait`"
        )


def without_category(resource: Resource) -> int:
    tickets, fallback = resource.status.tickets, resource.spec.unknown_label.action == "Fallback"
    return tickets.failed + (0 if fallback else tickets.unknown)


def leaves_out_labeled(resource: Resource) -> bool:
    """Whether the run's own query certainly gives the tickets without a category, and none with one."""
    from nightsort.wiring.queries import finds_unlabeled_again

    return finds_unlabeled_again(resource.spec)


async def failed_tickets(kept: Kept, resource: Resource, chosen: Chosen) -> Failed:
    """The rows without a category; a ticket without any text would have none again."""
    name, source, stored = resource.meta.name, resource.spec.source, resource.status.results.config_maps
    if source.database is not None:
        raise Rejected(
            f"it cannot be told that the query of {name} leaves out the tickets that have their category: a condition "
            f"for its own table, as in WHERE category IS NULL, would say so; {ALL}"
        )
    if source.inline is None and source.config_map is None:
        raise Rejected(f"the source of {name} does not tell which tickets have their category: {ALL}")
    if not stored:
        raise Rejected(f"the rows of {name} are in no ConfigMap, so that it cannot be told what failed: {ALL}")
    ids, counts, answered = set(), Counter[str](), 0
    async for rows in kept.rows(resource.meta, stored[0]):
        for row in filter(chosen.has, rows):
            if row.id in chosen.corrected:
                answered += 1
                continue
            ids.add(row.id)
            counts[row.verdict.value] += 1
    return Failed(ids, dict(counts.most_common()), answered)


async def tickets_of_run(kept: Kept, resource: Resource) -> tuple[Sequence[Mapping[str, str]], Format]:
    """All tickets with all their columns, from the ConfigMap that the run has read, and the format for some of them."""
    from nightsort.domain.prompt import placeholders
    from nightsort.wiring.cluster import tickets_in

    source = resource.spec.source.config_map
    assert source is not None  # noqa: S101 - one of the two kinds
    found = await kept.config_maps.read(resource.meta.namespace, source.name)
    read = tickets_in(found, source, placeholders(resource.spec.prompt))
    if read is None:
        raise Stalled(f"ConfigMap {source.name}, key {source.key}, which had the tickets, is not there any more")
    tickets, has_plain_form = read
    return tickets, PLAIN[source.kind or ""] if has_plain_form else "jsonl"


def as_csv(tickets: Sequence[Mapping[str, str]]) -> str:
    """CSV, since JSON would repeat the columns' names and grow beyond the original size. All cells are in quotes.

    Otherwise Python 3.11 writes a lone carriage return without quotes, and cannot read it again.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, list(tickets[0]) if tickets else ["id"], quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(tickets)
    return file.getvalue()


def as_json_lines(tickets: Sequence[Mapping[str, str]]) -> str:
    return "".join(json.dumps(ticket, ensure_ascii=False) + "\n" for ticket in tickets)


def as_json_list(tickets: Sequence[Mapping[str, str]]) -> str:
    return json.dumps(tickets, ensure_ascii=False)


FORMS: Mapping[Format, Callable[[Sequence[Mapping[str, str]]], str]] = {
    "csv": as_csv,
    "jsonl": as_json_lines,
    "json": as_json_list,
}


def spec_again(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec without the fields that have stopped the run, and without the name of its results, which it keeps."""
    made = {name: value for name, value in spec.items() if name != "suspend"}
    if made.get("activeDeadlineSeconds") == CANCELED_AFTER:
        del made["activeDeadlineSeconds"]
    if made.get("reuse") == "Unchanged":  # else the rows of the tickets that failed would stand
        made["reuse"] = "Never"
    if config_map := (made.get("results") or {}).get("configMap"):
        unnamed = {name: value for name, value in config_map.items() if name != "name"}
        made["results"] = {**made["results"], "configMap": unnamed}
    return made


def bundle(resource: Resource, name: str, spec: Mapping[str, Any], tickets: ConfigMap | None = None) -> ManifestBundle:
    """Metadata without labels and annotations: they may be those of Argo CD or Helm."""
    annotations = {RETRY_OF: resource.meta.name}
    metadata = {"name": name, "namespace": resource.meta.namespace, "annotations": annotations}
    return ManifestBundle({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": dict(spec)}, tickets)


def next_name(name: str) -> str:
    retried = RETRIED.fullmatch(name)
    return f"{retried[1]}-{int(retried[2] or 1) + 1}" if retried else f"{name}-retry"


def cost_of(resource: Resource, count: int) -> str:
    """A share of the run's estimate; nothing where that is not known."""
    estimated, plan = resource.status.cost.estimated_usd, resource.status.plan
    if estimated is None or plan is None or not plan.tickets:
        return ""
    return f", for about ${money(Decimal(estimated) * count / plan.tickets)}"


def places(name: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    results = spec.get("results") or {}
    if "configMap" in results or not results:
        return (f"their rows will be in ConfigMap {name}-results",)
    return ()
