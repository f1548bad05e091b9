"""CategorySets that resources name."""

from __future__ import annotations

from typing import Protocol

from nightsort.api.category_set import CategorySet


class CategorySets(Protocol):
    """CategorySets of the cluster, or those of the manifest file in local mode."""

    async def read(self, namespace: str, name: str) -> CategorySet | None:
        """The set as it stands now, from the store itself; None where there is none.

        Raises:
            Waiting: it cannot be read now. Stalled: it cannot be parsed, or access is denied.
        """
        ...
