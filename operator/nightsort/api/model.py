"""The base of all models of the resource: frozen, camelCase on the wire, no unknown fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

GROUP = "nightsort.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ClassificationBatch"
PLURAL = "classificationbatches"

Name = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
DataKey = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
Format = Literal["csv", "jsonl", "json"]


RULES = "x-kubernetes-validations"


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules for a schema: (rule, message) pairs in the form that the API server reads."""
    return {RULES: [{"rule": rule, "message": message} for rule, message in pairs]}


def keyed(*names: str) -> dict[str, Any]:
    """A list that is a map by these fields: the API server refuses repeated keys, and an apply merges item by item."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(names)}


IMMUTABLE = rules(("self == oldSelf", "is immutable: it decides what is bought. Create another resource instead"))


class Model(BaseModel):
    """A part of the spec: unknown fields are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,  # `kubectl explain` shows the text below a field
    )


def given(model: BaseModel) -> list[tuple[str, Model]]:
    """The parts of a model that are set, by the names of their fields: the kinds that a resource names."""
    parts = ((name, getattr(model, name)) for name in type(model).model_fields)
    return [(name, part) for name, part in parts if isinstance(part, Model)]
