"""CategorySets in memory."""

from __future__ import annotations

from nightsort.api.category_set import CategorySet


class MemoryCategorySets:
    """Sets by namespace and name. Tests change, add and remove them."""

    def __init__(self, *sets: CategorySet, namespace: str = "support") -> None:
        self.kept = {(namespace, one.name): one for one in sets}
        self.reads = 0

    async def read(self, namespace: str, name: str) -> CategorySet | None:
        self.reads += 1
        return self.kept.get((namespace, name))
