"""Lets the operator estimate a run by a suspended copy, which buys nothing and is deleted afterwards."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nightsort.api.forecast import Forecast
from nightsort.api.resource import Meta
from nightsort.cli.cluster.options import parsed
from nightsort.cli.output.figures import show_figures
from nightsort.domain.cost import NIGHTS_OF_A_MONTH
from nightsort.domain.errors import Gone, Rejected, Stalled, Waiting
from nightsort.domain.printable import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nightsort.wiring.cluster import Cluster

MOST_NAME = 180
"""Characters of a name that leave room for the copy's ending."""


async def foreseen(cluster: Cluster, namespace: str, name: str, seconds: float) -> Forecast:
    """The forecast of a resource: its own where it has one, else that of a copy.

    Raises: see `of_copy`.
    """
    manifest = await cluster.resources.read(namespace, name)
    forecast = parsed(manifest).status.forecast
    if forecast is not None and forecast.obstacle is None:
        return forecast
    return await of_copy(cluster, suspended(manifest), seconds)


async def of_manifest(cluster: Cluster, namespace: str, manifest: Mapping[str, Any], seconds: float) -> Forecast:
    """The forecast of a manifest's run.

    Raises: see `of_copy`.
    """
    metadata = manifest.get("metadata") or {}
    place = {"name": metadata.get("name") or "run", "namespace": metadata.get("namespace") or namespace}
    return await of_copy(cluster, suspended({**manifest, "metadata": place}), seconds)


async def of_copy(cluster: Cluster, manifest: dict[str, Any], seconds: float) -> Forecast:
    """The forecast of a suspended copy, which is deleted afterwards.

    Raises:
        Rejected: the run could never work. Waiting: no operator has answered in time, or it names an obstacle.
    """
    async with copied(cluster, manifest) as meta:
        try:
            async with asyncio.timeout(seconds):
                return await awaited(cluster, meta)
        except TimeoutError:
            raise Waiting(
                f"no operator has estimated it within {seconds:,.0f} s: does one watch namespace {meta.namespace}?"
            ) from None


def suspended(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The copy: under a name of its own, without a claim on the names of the original's results."""
    metadata, spec = manifest["metadata"], {**manifest["spec"], "suspend": True}
    config_map = dict((spec.get("results") or {}).get("configMap") or {})
    if config_map.pop("name", None) is not None:
        spec["results"] = {**spec["results"], "configMap": config_map}
    name = f"{metadata['name'][:MOST_NAME]}-estimate-{secrets.token_hex(3)}"
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "spec": spec,
    }


@asynccontextmanager
async def copied(cluster: Cluster, manifest: dict[str, Any]) -> AsyncIterator[Meta]:
    """The copy in the cluster, which is deleted at the end, whatever happens."""
    place = manifest["metadata"]
    if not await cluster.resources.create(manifest):
        raise Waiting(f"{place['name']} is there already: try again")
    meta = Meta.of(await cluster.resources.read(place["namespace"], place["name"]))
    try:
        yield meta
    finally:
        with suppress(Gone):  # somebody was faster
            await cluster.resources.remove(meta)


async def awaited(cluster: Cluster, meta: Meta) -> Forecast:
    """The forecast, as soon as the operator has written it."""
    async with aclosing(cluster.resources.follow(meta.namespace, meta.name)) as sights:
        async for there in sights:
            for manifest in there.values():
                status = parsed(manifest).status
                if status.stop is not None:
                    raise Rejected(status.stop.message)
                if status.forecast is not None and status.forecast.obstacle is not None:
                    raise Waiting(status.forecast.obstacle)
                if status.forecast is not None:
                    return status.forecast
    raise Stalled(f"{meta.name} was deleted by somebody else")


def show(console: Console, forecast: Forecast) -> None:
    """The figures, in the words of `classify --estimate`."""
    show_figures(console, figures(forecast))
    if forecast.caching:
        console.print(f"\n  {printable(forecast.caching)}", soft_wrap=True)
    if forecast.remarks:
        console.print(f"\n  {printable(forecast.remarks)}", soft_wrap=True)
    console.print("\n  nothing was bought")


def figures(forecast: Forecast) -> list[tuple[str, str]]:
    told = [
        ("tickets", f"{forecast.tickets:,}"),
        *([("of them with the text of another", f"{forecast.duplicates:,}")] if forecast.duplicates else []),
        ("requests", f"{forecast.requests:,}"),
        ("batches", f"{forecast.batches:,}"),
        ("input tokens, about", f"{forecast.input_tokens:,}"),
        ("output tokens, about", f"{forecast.output_tokens:,}"),
    ]
    if forecast.batch_usd is None:
        return [*told, ("price", "not known for this model (NIGHTSORT_PRICES can tell it)")]
    return [
        *told,
        ("price as a batch", f"${forecast.batch_usd}"),
        ("probably between", f"${forecast.low_usd} and ${forecast.high_usd}"),
        *([("with the prompt's cache, at best", f"${forecast.cached_usd}")] if forecast.cached_usd else []),
        ("at most", f"${forecast.most_usd}"),
        ("standard price", f"${forecast.standard_usd}"),
        (f"{NIGHTS_OF_A_MONTH} such nights, as batches", f"${forecast.month_usd}"),
        ("prices of", forecast.prices_of or ""),
    ]
