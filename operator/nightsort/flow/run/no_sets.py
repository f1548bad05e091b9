"""The CategorySets of a place that has none."""

from __future__ import annotations

from nightsort.api.category_set import CategorySet


class NoCategorySets:
    """None is there."""

    async def read(self, namespace: str, name: str) -> CategorySet | None:
        return None
