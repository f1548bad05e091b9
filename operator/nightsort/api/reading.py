"""The mistakes of a manifest in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from nightsort.api.model import API_VERSION, Model
from nightsort.api.patterns import in_words

M = TypeVar("M", bound=Model)
MOST_MISTAKES = 10


class InvalidResource(ValueError):
    """The manifest is none of a resource that could ever work; the message names each field."""


def parse_spec(manifest: Mapping[str, Any], kind: str, model: type[M], unknown: Literal["forbid", "ignore"]) -> M:
    """The spec of a manifest or an API object; `unknown` decides about fields that the model does not have.

    Raises:
        InvalidResource: it is of another kind, or a line for each wrong field.
    """
    if (manifest.get("apiVersion"), manifest.get("kind")) != (API_VERSION, kind):
        raise InvalidResource(f"expected apiVersion {API_VERSION} and kind {kind}")
    try:
        return model.model_validate(dict(manifest.get("spec") or {}), extra=unknown)
    except ValidationError as error:
        raise InvalidResource(describe(error)) from None


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
