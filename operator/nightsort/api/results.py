"""The part of `spec` that says where the rows go."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from nightsort.api.columns import ResultColumns
from nightsort.api.credentials import SecretRef
from nightsort.api.model import Model, Name
from nightsort.api.object_store import ObjectStoreResults

TABLE_NAME = "[A-Za-z_]([A-Za-z0-9_$ -]*[A-Za-z0-9_$-])?"
"""A table's or schema's name, with spaces and hyphens inside."""
Table = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=rf"^{TABLE_NAME}(\.{TABLE_NAME})?$")]


class ConfigMapResults(Model):
    """Results as a file in a ConfigMap that belongs to the resource; cut into parts when it grows past 1 MiB."""

    name: Name | None = None
    """The ConfigMap's name; by default `<resource>-results`."""
    format: Literal["jsonl", "csv"] = "jsonl"
    """How a row is written."""


class DatabaseResults(Model):
    """Update fills the columns of existing rows; Upsert keeps a table of results, made if missing."""

    url_secret_ref: SecretRef
    table: Table
    """The table, with its schema before a dot where that is another than the connection's."""
    mode: Literal["Update", "Upsert"] = "Update"
    """Update fills the columns of rows that are there, by id; Upsert keeps a table of results, made if missing."""
    overwrite: bool = False
    """Update also where a value stands already, not only where it is NULL."""
    columns: ResultColumns = ResultColumns()


class Results(Model):
    """Where the rows go: one kind or several. Without any, a ConfigMap with the name `<resource>-results`."""

    config_map: ConfigMapResults | None = None
    database: DatabaseResults | None = None
    object_store: ObjectStoreResults | None = None
