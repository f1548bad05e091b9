"""Which tickets are not asked about: when `reuse: Unchanged` can find rows of earlier runs, and `dedupe`."""

from __future__ import annotations

from typing import Literal

from nightsort.api.results import Results

Reuse = Literal["Unchanged", "Never"]
Dedupe = Literal["Off", "Exact"]
NOTHING_TO_REUSE = (
    "Unchanged needs results that keep rows from run to run: database with mode Upsert or with columns.hash, or "
    "objectStore"
)
FINDS_ROWS = (
    "self.reuse != 'Unchanged' || has(self.results.objectStore) || (has(self.results.database) && "
    "(self.results.database.mode == 'Upsert' || has(self.results.database.columns.hash)))"
)
"""The same as `finds_rows`, for the API server."""


def finds_rows(results: Results) -> bool:
    """Whether rows of earlier runs stand where these go, with the hashes beside them."""
    database = results.database
    named = database is not None and (database.mode == "Upsert" or database.columns.hash is not None)
    return named or results.object_store is not None
