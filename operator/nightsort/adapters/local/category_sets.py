"""The CategorySets of a manifest file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightsort.api.category_set import CategorySet


class DocumentCategorySets:
    """`documents` have been parsed before, where a mistake has its place in the file."""

    def __init__(self, documents: Sequence[Mapping[str, Any]] = ()) -> None:
        self._documents = {
            (one["metadata"].get("namespace") or "default", one["metadata"]["name"]): one for one in documents
        }

    async def read(self, namespace: str, name: str) -> CategorySet | None:
        found = self._documents.get((namespace, name))
        return None if found is None else CategorySet.of(found)
