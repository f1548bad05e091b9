"""Long ids of a batch, packed into ConfigMaps."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence

from kubernetes.aio.client import (
    V1ConfigMap,
)

from nightsort.api.resource import Meta
from nightsort.formats.compression import DamagedArchive, gunzipped
from nightsort.formats.record_copies import MOST_IDS_BYTES, decoded_ids, encoded_ids

# In base64 and with its metadata a part stays under 1 MiB: a ConfigMap's limit, and aiohttp's for one piece.
PART_BYTES = 750_000
MAX_PARTS = 8
MAX_PARTS_DIGITS = 3
PARTS_KEY = "parts"
IDS_KEY = "ids.json.gz"


def part_name(meta: Meta, tag: str, number: int) -> str:
    return f"{meta.name}-ids-{tag}" + (f"-{number}" if number else "")


def packed(ids: Mapping[str, str]) -> list[bytes]:
    """The map, compressed, in parts that fit a ConfigMap each."""
    whole = gzip.compress(encoded_ids(ids), mtime=0)
    return [whole[start : start + PART_BYTES] for start in range(0, len(whole), PART_BYTES)]


def unpacked(parts: Sequence[bytes], place: str) -> dict[str, str]:
    try:
        whole = gunzipped(b"".join(parts), MOST_IDS_BYTES)
    except DamagedArchive:
        whole = b""  # no ids
    return decoded_ids(whole, place)


def parts_of(first: V1ConfigMap) -> int:
    """The number of ConfigMaps with ids; anybody with write access may have written anything."""
    told = (first.data or {}).get(PARTS_KEY, "1")
    return min(int(told), MAX_PARTS) if told.isdecimal() and len(told) <= MAX_PARTS_DIGITS else 1


def content(part: V1ConfigMap) -> bytes:
    """The kept bytes; empty, and so unreadable, where the value is not in the written form."""
    try:
        return base64.b64decode((part.binary_data or {}).get(IDS_KEY, ""))
    except ValueError:
        return b""
