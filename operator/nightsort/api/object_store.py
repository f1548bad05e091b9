"""Files in object storage as users name them: a source of tickets, and a place for results."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, StringConstraints, model_validator

from nightsort.api.files import TicketFile, file_rules, unknown_format
from nightsort.api.model import Model, Name, rules

# Buckets of all three clouds; no pattern of objects ends in a slash, and no folder of results has a wildcard.
Objects = Annotated[
    str,
    StringConstraints(
        max_length=900, pattern=r"^((s3|gs|az)://[a-z0-9][-a-z0-9._]{1,220}[a-z0-9]|file://)/[^/]([^\n\r]*[^/\n\r])?$"
    ),
]
Folder = Annotated[
    str,
    StringConstraints(
        max_length=700, pattern=r"^((s3|gs|az)://[a-z0-9][-a-z0-9._]{1,220}[a-z0-9]|file:///[^/*?\n\r]+)(/[^*?\n\r]*)?$"
    ),
]


class LocalObjectReference(Model):
    """A Secret in the resource's namespace that carries the label `nightsort.dev/allow: "true"`, with all its keys."""

    name: Name
    """The Secret's name."""


class ObjectStoreSource(TicketFile):
    """Files in object storage: CSV with a header, JSON lines, small JSON, spreadsheets, Parquet; also .gz and .zst."""

    url: Objects
    """s3://, gs:// or az://, bucket and name; * and ? in the name stand for characters other than a slash."""
    secret_ref: LocalObjectReference | None = None
    """Its keys are the store's options: access_key_id, secret_access_key, region, endpoint and the like."""

    @property
    def file_name(self) -> str:
        return self.url

    @model_validator(mode="after")
    def _format_is_known(self) -> ObjectStoreSource:
        if self.kind is None:
            raise ValueError(unknown_format("url"))
        return self

    model_config = ConfigDict(json_schema_extra=rules(*file_rules("url")))


class ObjectStoreResults(Model):
    """Files in object storage, under `<url>/<resource>/`: rows by batch, an index that names them, a summary."""

    url: Folder
    """s3://, gs:// or az://, bucket and folder."""
    secret_ref: LocalObjectReference | None = None
    """Its keys are the store's options: access_key_id, secret_access_key, region, endpoint and the like."""
    format: Literal["jsonl", "csv"] = "jsonl"
    """How a row is written."""
