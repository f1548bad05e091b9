"""The part of `spec` that says where the tickets are."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from nightsort.api.columns import TicketColumns
from nightsort.api.credentials import SecretRef
from nightsort.api.model import DataKey, Format, Model, Name, rules
from nightsort.api.object_store import ObjectStoreSource


def exactly_one(model: Model, *names: str) -> None:
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        wire = [type(model).model_fields[name].alias or name for name in names]
        raise ValueError(f"needs exactly one of {', '.join(wire)}; {len(given) or 'none'} given")


class InlineTicket(Model):
    """A ticket as it is written here."""

    id: Annotated[str, StringConstraints(max_length=512)]
    """Not empty, and not used by another ticket."""
    subject: Annotated[str, StringConstraints(max_length=2000)] = ""
    """What the template calls `$subject`; empty by default."""
    body: Annotated[str, StringConstraints(max_length=20000)] = ""
    """What the template calls `$body`; empty by default."""


class InlineSource(Model):
    """Tickets in the resource itself; for trying out, since whoever may read the resource reads them."""

    tickets: Annotated[tuple[InlineTicket, ...], Field(max_length=1000)]
    """The tickets, at most 1000."""


class ConfigMapSource(Model):
    """A file in a ConfigMap: CSV with a header, a JSON list of objects or JSON lines, as the key's ending tells."""

    name: Name
    """The ConfigMap's name, in the resource's namespace."""
    key: DataKey
    """The key in it, whose ending tells the format."""
    format: Format | None = None
    """What the file is, whatever its key ends in; by default as the ending tells."""

    @model_validator(mode="after")
    def _format_is_known(self) -> ConfigMapSource:
        if self.format is None and not self.key.endswith((".csv", ".jsonl", ".json")):
            raise ValueError("key must end in .csv, .jsonl or .json, or format must be given")
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.format) || self.key.matches('[.](csv|jsonl|json)$')",
                "key must end in .csv, .jsonl or .json, or format must be given",
            )
        )
    )


class DatabaseSource(Model):
    """Rows of a query; its id column must be unique and not null, since pages are read by it."""

    url_secret_ref: SecretRef
    query: Annotated[str, StringConstraints(min_length=1, max_length=16000)]
    """A SELECT, whose columns can be named in the template. It is read in pages by id: an ORDER BY only chooses, with a
    LIMIT at the query's end. The rows that it gives when the run begins are bought, and no others."""
    columns: TicketColumns = TicketColumns()


class Source(Model):
    """Where the tickets are: exactly one of the kinds."""

    inline: InlineSource | None = None
    config_map: ConfigMapSource | None = None
    database: DatabaseSource | None = None
    object_store: ObjectStoreSource | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Source:
        exactly_one(self, "inline", "config_map", "database", "object_store")
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.inline), has(self.configMap), has(self.database), has(self.objectStore)].exists_one(x, x)",
                "needs exactly one of inline, configMap, database, objectStore",
            )
        )
    )
