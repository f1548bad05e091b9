"""What the ledger reads in a list of resources, which may be long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from nightsort.api.model import API_VERSION, KIND
from nightsort.api.resource import Resource

MOST_ENDED = 200
"""Ended resources of a namespace that are compared with a new one: two weeks of fourteen nightly runs."""


async def going_on(items: AsyncIterator[Mapping[str, Any]]) -> Sequence[Resource]:
    """The resources that have not ended and can be parsed."""
    found = [parsed(item) async for item in items if not has_ended(item)]
    return [resource for resource in found if resource]


def parsed(item: Mapping[str, Any]) -> Resource | None:
    """A listed resource; None for one that cannot be parsed. (A list leaves out what its items have in common.)"""
    try:
        return Resource.served({"apiVersion": API_VERSION, "kind": KIND, **item})
    except ValueError:
        return None


def newest(items: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The ended ones that were created last: parsing thousands would take seconds."""
    return sorted(items, key=lambda item: str(item["metadata"].get("creationTimestamp")), reverse=True)[:MOST_ENDED]


def has_ended(item: Mapping[str, Any]) -> bool:
    """Whether it has ended, read without parsing: there may be thousands of ended ones."""
    return bool((item.get("status") or {}).get("completionTime"))


def without_batches(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """An ended item without its batches, which take 87 MB for 200 runs of a hundred; its figures are beside them."""
    return {**item, "status": {**(item.get("status") or {}), "batches": []}}


def recorded_ids(item: Mapping[str, Any]) -> list[str]:
    """Ids of a listed resource's batches. Nothing else is parsed: one odd resource must not stop the others."""
    batches = (item.get("status") or {}).get("batches") or ()
    return [batch["id"] for batch in batches if batch.get("id")]
