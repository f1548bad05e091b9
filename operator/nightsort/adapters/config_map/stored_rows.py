"""Reads back the rows that a run has put into ConfigMaps, part by part."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any

from nightsort.api.resource import Meta
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.formats import bounded_json
from nightsort.formats.rows import COLUMNS, FORMATS, DamagedFile
from nightsort.ports import ConfigMaps

INDEX = "index.json"
MOST_PARTS = 64
"""The number of parts that a run may have."""


async def stored_rows(config_maps: ConfigMaps, owner: Meta, name: str) -> AsyncIterator[Sequence[Row]]:
    """The rows that the index in ConfigMap `name` lists, one part at a time.

    Raises:
        Stalled: a part is missing, belongs to another owner, or has a line that is no row.
    """
    first = await own(config_maps, owner, name)
    try:
        parts = parts_in(first.data[INDEX])
    except (LookupError, TypeError, ValueError):
        raise damaged(f"ConfigMap {name}, key {INDEX}: it is no index of results") from None
    for part, key in parts:
        config_map = first if part == name else await own(config_maps, owner, part)
        try:
            yield list(rows_of(config_map.data.get(key, ""), key.rpartition(".")[2]))
        except DamagedFile as damage:
            raise damaged(f"ConfigMap {part}, key {key}: {damage}") from None


def parts_in(index: str) -> list[tuple[str, str]]:
    """Names and keys of the parts, each once: a tampered index may name one a million times."""
    parts = [(str(part["configMap"]), str(part["key"])) for part in bounded_json.parsed(index)["parts"]]
    if len(set(parts)) < len(parts) or len(parts) > MOST_PARTS:
        raise ValueError("more than a run has")
    return parts


async def own(config_maps: ConfigMaps, owner: Meta, name: str) -> ConfigMap:
    found = await config_maps.read(owner.namespace, name)
    if found is None:
        raise damaged(f"ConfigMap {name}, which had rows of {owner.name}, is not there any more")
    if found.owner_uid != owner.uid:
        raise damaged(f"ConfigMap {name} does not belong to this {owner.name}: somebody has replaced it")
    return found


def damaged(message: str) -> Stalled:
    return Stalled(message, reason=Reason.RESULTS_DAMAGED)


def rows_of(text: str, ending: str) -> Iterator[Row]:
    """The rows of a file.

    Raises:
        DamagedFile: it has other content.
    """
    if ending not in FORMATS:
        raise DamagedFile("it is neither JSON lines nor CSV")
    try:
        for _, record in FORMATS[ending].scan(io.StringIO(text, newline=FORMATS[ending].newline)):
            yield row_of(bounded_json.parsed(record) if ending == "jsonl" else from_cells(record))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile("a line in it is no row of results") from None


def from_cells(record: str) -> dict[str, Any]:
    """A line of CSV in the form of JSON lines, where an empty cell may be a null."""
    (cells,) = csv.reader([record], strict=True)
    named: dict[str, Any] = dict(zip(COLUMNS, cells, strict=True))
    for name in ("category", "batchId", "classifiedAt"):
        named[name] = named[name] or None
    return named


def row_of(values: dict[str, Any]) -> Row:
    when = values["classifiedAt"]
    return Row(
        id=values["id"],
        category=values["category"],
        verdict=Verdict(values["verdict"]),
        reason=values["reason"],
        model=values["model"],
        batch_id=values["batchId"],
        classified_at=datetime.fromisoformat(when) if when else None,
        input_tokens=int(values["inputTokens"]),
        output_tokens=int(values["outputTokens"]),
    )
