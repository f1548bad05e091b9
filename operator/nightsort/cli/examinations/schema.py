"""Two schemas of a ClassificationBatch beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def missing(wanted: Schema, there: Schema) -> list[str]:
    """Fields of `spec` and `status` that the one has and the other lacks; of a field that is missing, none below it."""
    found: list[str] = []
    lacks = frozenset(paths(there))
    for path in paths(wanted):
        if path not in lacks and not any(path.startswith((f"{one}.", f"{one}[]")) for one in found):
            found.append(path)
    return found


def paths(schema: Schema, path: str = "") -> Iterator[str]:
    for name, each in (schema.get("properties") or {}).items():
        place = f"{path}.{name}" if path else name
        if path or name in ("spec", "status"):
            yield place
            yield from paths(each, place)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), Mapping):
            yield from paths(schema[inner], f"{path}[]")
