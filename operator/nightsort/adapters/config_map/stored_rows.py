"""Reads back the rows that a run has put into ConfigMaps, part by part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from nightsort.api.resource import Meta
from nightsort.domain.answer import Row
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.formats import bounded_json
from nightsort.formats.row_files import rows_in
from nightsort.formats.rows import DamagedFile
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
            yield list(rows_in(config_map.data.get(key, ""), key.rpartition(".")[2]))
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
