"""The part of `spec` that says where the tickets are."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from nightsort.api.columns import BODY, TWO_BODIES, TextColumns, TicketColumns
from nightsort.api.credentials import SecretRef
from nightsort.api.files import TicketFile, file_rules, unknown_format
from nightsort.api.model import DataKey, Model, Name, rules
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


class ConfigMapSource(TicketFile):
    """A file in a ConfigMap: CSV with a header, JSON, JSON lines, a spreadsheet or Parquet, as the key's ending tells.

    A binary file is in its `binaryData`, where kubectl puts it.
    """

    name: Name
    """The ConfigMap's name, in the resource's namespace."""
    key: DataKey
    """The key in it, whose ending tells the format."""

    @property
    def file_name(self) -> str:
        return self.key

    def without_encoding(self) -> ConfigMapSource:
        """The source for text under `data`, which consists of characters rather than of bytes."""
        return self.model_copy(update={"encoding": None})

    @model_validator(mode="after")
    def _format_is_known(self) -> ConfigMapSource:
        if self.kind is None:
            raise ValueError(unknown_format("key"))
        return self

    model_config = ConfigDict(json_schema_extra=rules(*file_rules("key")))


MOST_QUERY_CHARS = 16000


class DatabaseSource(Model):
    """Rows of a query; its id column must be unique and not null, since pages are read by it."""

    url_secret_ref: SecretRef
    query: Annotated[str, StringConstraints(min_length=1, max_length=MOST_QUERY_CHARS)]
    """A SELECT, whose columns can be named in the template. It is read in pages by id: an ORDER BY only chooses, with a
    LIMIT at the query's end. The rows that it gives when the run begins are bought, and no others."""
    columns: TicketColumns = TicketColumns()
    text_columns: TextColumns | None = None
    """In place of columns.body, several columns that make up the body, one below the other."""

    @model_validator(mode="after")
    def _body_is_one(self) -> DatabaseSource:
        if self.text_columns is not None and self.columns.body != BODY:
            raise ValueError(TWO_BODIES)
        return self

    model_config = ConfigDict(
        json_schema_extra=rules((f"!has(self.textColumns) || self.columns.body == '{BODY}'", TWO_BODIES))
    )


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
