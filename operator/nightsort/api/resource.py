"""A ClassificationBatch as the operator holds it: identity, spec and status, parsed once at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from nightsort.api.model import API_VERSION, GROUP, KIND
from nightsort.api.spec import Spec
from nightsort.api.status import Status

BUY_AGAIN = f"{GROUP}/buy-again"
"""An annotation. Its value is the tag of an intent."""


class InvalidResource(ValueError):
    """The manifest is not a ClassificationBatch that could ever work; the message names each field."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What identifies a resource and one version of it."""

    namespace: str
    name: str
    uid: str
    resource_version: str = ""
    generation: int = 1
    created_at: datetime | None = None
    deletion_timestamp: datetime | None = None
    buy_again: str = ""
    """A person's word: the tag of an intent whose account is gone; its tickets are to be bought once more."""

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
            buy_again=annotation(metadata, BUY_AGAIN),
        )


@dataclass(frozen=True, slots=True)
class Resource:
    meta: Meta
    spec: Spec
    status: Status

    @classmethod
    def of(cls, manifest: Mapping[str, Any], *, unknown: Literal["forbid", "ignore"] = "forbid") -> Resource:
        """Parses a manifest or an API object; `unknown` says what becomes of fields that the spec has not.

        Raises:
            InvalidResource: with one line for each field that is wrong.
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
        """Parses what the API server has: a field that is unknown here belongs to a newer CRD, and stops no run.

        Raises:
            InvalidResource: with one line for each field that is wrong.
        """
        return cls.of(found, unknown="ignore")

    def with_status(self, status: Status) -> Resource:
        return replace(self, status=status)


def annotation(metadata: Mapping[str, Any], name: str) -> str:
    return str((metadata.get("annotations") or {}).get(name, ""))


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def parse_status(manifest: Mapping[str, Any]) -> Status:
    return Status.model_validate(dict(manifest.get("status") or {}))


def describe(error: ValidationError) -> str:
    """Each mistake as `spec.path.to.field: what is wrong`; the value itself is not repeated, it may be a ticket."""
    return "; ".join(f"{place(item['loc'])}: {complaint(item)}" for item in error.errors()[:10])


def place(location: tuple[int | str, ...]) -> str:
    path = "spec"
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path


def complaint(item: Any) -> str:
    message = str(item["msg"]).removeprefix("Value error, ")
    return "unknown field" if item["type"] == "extra_forbidden" else message
