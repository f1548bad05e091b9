"""A ClassificationBatch as the operator keeps it: identity, spec and status, parsed once on entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice
from typing import Any, Literal

from pydantic import ValidationError

from nightsort.api.model import API_VERSION, GROUP, KIND
from nightsort.api.patterns import in_words
from nightsort.api.spec import Spec
from nightsort.api.status import Status

MOST_WORD_CHARS = 64
BEGIN_ANEW = f"{GROUP}/begin-anew"
"""An annotation. Its value is any word that was not used before, such as the date."""
BUY_AGAIN = f"{GROUP}/buy-again"
"""An annotation. Its value is the tag of an intent."""
MOST_MISTAKES = 10


class InvalidResource(ValueError):
    """The manifest is not a ClassificationBatch that could ever work; the message names each field."""


@dataclass(frozen=True, slots=True)
class Meta:
    """The identity of a resource, and of one version of it."""

    namespace: str
    name: str
    uid: str
    resource_version: str = ""
    generation: int = 1
    created_at: datetime | None = None
    deletion_timestamp: datetime | None = None
    begin_anew: str = ""
    """A person's word: a run whose status was emptied begins anew. It counts once."""
    buy_again: str = ""
    """A person's word: the tag of an intent whose account is gone; its tickets are bought once more."""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Meta:
        metadata = manifest.get("metadata") or {}
        return cls(
            namespace=metadata.get("namespace") or "default",
            name=metadata.get("name", ""),
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
            generation=metadata.get("generation", 1),
            created_at=moment(metadata.get("creationTimestamp")),
            deletion_timestamp=moment(metadata.get("deletionTimestamp")),
            begin_anew=annotation(metadata, BEGIN_ANEW),
            buy_again=annotation(metadata, BUY_AGAIN),
        )


@dataclass(frozen=True, slots=True)
class Resource:
    meta: Meta
    spec: Spec
    status: Status

    @classmethod
    def of(cls, manifest: Mapping[str, Any], *, unknown: Literal["forbid", "ignore"] = "forbid") -> Resource:
        """Parses a manifest or an API object; `unknown` decides about fields that the spec does not have.

        Raises:
            InvalidResource: with one line for each wrong field.
        """
        if (manifest.get("apiVersion"), manifest.get("kind")) != (API_VERSION, KIND):
            raise InvalidResource(f"expected apiVersion {API_VERSION} and kind {KIND}")
        try:
            spec = Spec.model_validate(dict(manifest.get("spec") or {}), extra=unknown)
        except ValidationError as error:
            raise InvalidResource(describe(error)) from None
        return cls(Meta.of(manifest), spec, parse_status(manifest))

    @classmethod
    def served(cls, found: Mapping[str, Any]) -> Resource:
        """Parses an object of the API server: a field that is unknown here belongs to a newer CRD, and stops no run.

        Raises:
            InvalidResource: with one line for each wrong field.
        """
        return cls.of(found, unknown="ignore")

    def with_status(self, status: Status) -> Resource:
        return replace(self, status=status)


def annotation(metadata: Mapping[str, Any], name: str) -> str:
    return str((metadata.get("annotations") or {}).get(name, ""))[:MOST_WORD_CHARS]


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def parse_status(manifest: Mapping[str, Any]) -> Status:
    return Status.model_validate(dict(manifest.get("status") or {}))


def describe(error: ValidationError) -> str:
    """Each mistake as `spec.path.to.field: what is wrong`; the value itself is left out, since it may be a ticket."""
    items = error.errors()
    places = [item["loc"] for item in items]
    told = (f"{place(item['loc'])}: {complaint(item)}" for item in items if not is_of_its_items(item, places))
    return "; ".join(islice(told, MOST_MISTAKES))


def is_of_its_items(item: Any, places: Sequence[tuple[int | str, ...]]) -> bool:
    """Whether a list is reported as too short only because one of its items is wrong, which has a line of its own."""
    size = len(item["loc"])
    return item["type"] == "too_short" and any(len(other) > size and other[:size] == item["loc"] for other in places)


def place(location: tuple[int | str, ...]) -> str:
    path = "spec"
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path


def complaint(item: Any) -> str:
    match item["type"]:
        case "extra_forbidden":
            return "unknown field"
        case "string_pattern_mismatch":
            return in_words(item["ctx"]["pattern"])
        case "string_type":
            return f"must be text{no_text(item['input'])}"
        case _:
            return str(item["msg"]).removeprefix("Value error, ")


def no_text(value: object) -> str:
    """Words without quotes that YAML converts to other types."""
    match value:
        case bool():
            return ": YAML reads yes, no, on, off, true and false as a truth value, so that they belong in quotes"
        case int() | float():
            return ": YAML reads it as a number; put it in quotes"
        case date():
            return ": YAML reads it as a date; put it in quotes"
        case None:
            return ": YAML reads nothing, ~ and null as no value; put it in quotes"
        case _:
            return ", and is a list or has fields"
