"""The runs of a namespace as nights: each run with its retries, and the nights before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nightsort.api.cost import Cost
from nightsort.api.model import GROUP
from nightsort.api.resource import InvalidResource, Resource
from nightsort.cli.cluster.retry_plan import RETRY_OF
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.domain.overlap import age_key

if TYPE_CHECKING:
    from nightsort.wiring.cluster import Cluster

CREATED_BY = f"{GROUP}/created-by"
"""The annotation by which the chart's CronJob marks what it creates."""
Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Night:
    """A run, and those that have retried it, the oldest first."""

    run: Resource
    retries: tuple[Resource, ...] = ()

    @property
    def all(self) -> tuple[Resource, ...]:
        return (self.run, *self.retries)

    @property
    def cost(self) -> Cost:
        """The sum of the known amounts."""
        costs = [one.status.cost for one in self.all]
        return Cost(
            actual_usd=added(cost.actual_usd for cost in costs),
            standard_usd=added(cost.standard_usd for cost in costs),
            prices_of=next((cost.prices_of for cost in reversed(costs) if cost.prices_of), None),
            unpriced=sum(cost.unpriced or 0 for cost in costs) or None,
        )


def added(amounts: Iterable[str | None]) -> str | None:
    known = [Decimal(amount) for amount in amounts if amount is not None]
    return str(sum(known, Decimal(0))) if known else None


class Runs:
    """The runs of a namespace that this program can read, by name."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self._manifests: dict[str, Manifest] = {}
        self._resources: dict[str, Resource] = {}
        for manifest in manifests:
            try:
                resource = Resource.served(manifest)
            except InvalidResource:
                continue  # made by a newer version; the one that was asked for is read by itself
            self._manifests[resource.meta.name] = manifest
            self._resources[resource.meta.name] = resource

    def night(self, run: Resource) -> Night:
        """A run with its retries and theirs."""
        return Night(run, tuple(sorted(self._retries(run.meta.name, {run.meta.name}), key=age_key)))

    def _retries(self, name: str, seen: set[str]) -> Iterator[Resource]:
        for other, resource in self._resources.items():
            if other not in seen and self._annotation(other, RETRY_OF) == name:
                seen.add(other)
                yield resource
                yield from self._retries(other, seen)

    def before(self, run: Resource, labels: Mapping[str, str]) -> Sequence[Night]:
        """The nights before a run, the newest first: those with these labels, or else its kin."""
        older = [
            other
            for name, other in self._resources.items()
            if age_key(other) < age_key(run)
            and self._annotation(name, RETRY_OF) not in self._resources
            and (self._has(name, labels) if labels else self._is_kin(other, run))
        ]
        return [self.night(one) for one in sorted(older, key=age_key, reverse=True)]

    def _is_kin(self, one: Resource, run: Resource) -> bool:
        """Whether both read the same source, or the same CronJob has created both."""
        creator = self._annotation(run.meta.name, CREATED_BY)
        same_source = run.spec.source.inline is None and one.spec.source == run.spec.source
        return same_source or (bool(creator) and self._annotation(one.meta.name, CREATED_BY) == creator)

    def _has(self, name: str, labels: Mapping[str, str]) -> bool:
        own = self._manifests[name].get("metadata", {}).get("labels") or {}
        return labels.items() <= own.items()

    def _annotation(self, name: str, key: str) -> str:
        found = self._manifests.get(name, {}).get("metadata", {}).get("annotations") or {}
        return str(found.get(key, ""))


async def runs_in(cluster: Cluster, namespace: str) -> tuple[Runs, str]:
    """The runs of the namespace; none, and the cause, for a person who may not list them."""
    try:
        return Runs(await cluster.resources.there(namespace)), ""
    except Stalled as stalled:
        return Runs(()), stalled.message


def merged_with(night: Night) -> Iterator[str]:
    """Which retries have a part in the rows."""
    for one in filter(are_at_hand, night.retries):
        yield f"merged with the rows of {one.meta.name} ({one.status.phase})"


def apart(run: Resource) -> str:
    """A remark on rows of a table that may be those of other runs."""
    if not cannot_be_told_apart(run):
        return ""
    return (
        f"these are all rows of table {run.status.results.table} that have a category: without "
        "results.database.columns.batchId it does not say which run has written a row"
    )


async def pages_of(cluster: Cluster, night: Night) -> AsyncIterator[Sequence[Row]]:
    """The rows of a run that are at hand, merged with those of its retries; page by page where it has none."""
    if night.retries:
        yield list((await merged_rows(cluster, night)).values())
        return
    async for rows in stored(cluster, night.run):
        yield rows


def are_at_hand(run: Resource) -> bool:
    """Whether its rows are where a person reads them: in ConfigMaps, in object storage, or in a table."""
    results = run.status.results
    return bool(results.config_maps or results.object_store or results.table)


def cannot_be_told_apart(run: Resource) -> bool:
    """Whether its rows are in a table that does not say which run has written a row."""
    results, spec = run.status.results, run.spec.results.database
    if results.config_maps or results.object_store or not results.table or spec is None:
        return False
    return spec.columns.batch_id is None


def stored(cluster: Cluster, run: Resource) -> AsyncIterator[Sequence[Row]]:
    """The rows of a run that are at hand, from the place that needs the fewest credentials."""
    results = run.status.results
    if results.config_maps:
        return cluster.rows(run.meta, results.config_maps[0])
    if results.object_store:
        return cluster.rows_in_store(run.meta, results.object_store)
    return cluster.rows_in_table(run)


async def merged_rows(cluster: Cluster, night: Night) -> Mapping[str, Row]:
    """One row for each ticket, by id."""
    rows: dict[str, Row] = {}
    for resource in filter(are_at_hand, night.all):
        async for page in stored(cluster, resource):
            for row in page:
                take(rows, row)
    return rows


def take(rows: dict[str, Row], row: Row) -> None:
    """A later row counts, but for one without a category that follows one with it."""
    former = rows.get(row.id)
    if former is None or former.category is None or row.category is not None:
        rows[row.id] = row
