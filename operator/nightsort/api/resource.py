"""A ClassificationBatch as the operator keeps it: identity, spec and status, parsed once on entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from nightsort.api.model import GROUP, KIND
from nightsort.api.reading import InvalidResource as InvalidResource
from nightsort.api.reading import parse_spec
from nightsort.api.spec import Spec
from nightsort.api.status import Status

MOST_WORD_CHARS = 64
BEGIN_ANEW = f"{GROUP}/begin-anew"
"""An annotation. Its value is any word that was not used before, such as the date."""
BUY_AGAIN = f"{GROUP}/buy-again"
"""An annotation. Its value is the tag of an intent."""


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
        return cls(Meta.of(manifest), parse_spec(manifest, KIND, Spec, unknown), parse_status(manifest))

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
