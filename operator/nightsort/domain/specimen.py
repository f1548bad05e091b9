"""A status in which every field is set, to test beforehand whether the store keeps all that a record may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from nightsort.api.status import Status

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
MOST_NAMED = 5
CRD_OUTDATED = "CrdOutdated"
PLAIN: Mapping[type, object] = {int: 1, bool: True, str: "x", datetime: MOMENT}


def full_status() -> dict[str, Any]:
    """The specimen in its stored form: each list has one entry."""
    return Status.model_validate(filled(Status)).model_dump(mode="json", by_alias=True, exclude_none=True)


def filled(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: value_of(field.annotation) for name, field in model.model_fields.items()}


def value_of(kind: Any) -> object:
    """Some value of a field's type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal or origin is Annotated:
        return arguments[0] if origin is Literal else value_of(arguments[0])
    if origin in (Union, UnionType):
        return value_of(next(each for each in arguments if each is not NoneType))
    if origin is tuple:
        return [value_of(arguments[0])]
    if issubclass(kind, BaseModel):
        return filled(kind)
    return next(iter(kind)) if issubclass(kind, StrEnum) else PLAIN[kind]


def dropped(sent: object, kept: object, path: str = "") -> list[str]:
    """Fields that were sent and did not come back, each once, as dotted paths without list positions."""
    missing: list[str] = []
    if isinstance(sent, Mapping):
        there = kept if isinstance(kept, Mapping) else {}
        for name, value in sent.items():
            inner = f"{path}.{name}" if path else str(name)
            missing += dropped(value, there[name], inner) if name in there else [inner]
    elif isinstance(sent, Sequence) and not isinstance(sent, str):
        items = kept if isinstance(kept, Sequence) and not isinstance(kept, str) else ()
        if len(items) < len(sent):
            missing.append(path)
        for one, other in zip(sent, items, strict=False):
            missing += dropped(one, other, path)
    return list(dict.fromkeys(missing))


def in_words(fields: Sequence[str]) -> str:
    more = len(fields) - MOST_NAMED
    return ", ".join(f"status.{each}" for each in fields[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
