"""The part of `status` that says where the rows are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.status_model import Line, StatusModel


class StoredResults(StatusModel):
    """Where the rows are."""

    config_maps: Annotated[tuple[Annotated[str, StringConstraints(max_length=253)], ...], Field(max_length=64)] = ()
    """The ConfigMaps that hold them."""
    table: Annotated[str, StringConstraints(max_length=256)] | None = None
    """The table that holds them."""
    object_store: Line | None = None
    """The folder that holds them, as a URL."""
    rows: int = 0
    """How many rows were stored."""
    unmatched: int = 0
    """Labels that found no row in the table: deleted there, with other ids, or dropped by a rule of the database."""

    def places(self) -> Sequence[str]:
        """Where the rows are, in words, but for ConfigMaps, which are read elsewhere."""
        table = [f"table {self.table}"] if self.table else []
        return [*table, self.object_store] if self.object_store else table
