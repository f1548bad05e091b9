"""Documents beside a run's record: a copy of it, and the ids that were too long for the API.

Anybody with write access there may write anything: both are bounded before they are parsed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from nightsort.api.status import Status
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.recovery import Kept, worth_keeping
from nightsort.formats import bounded_json

MOST_COPY_BYTES = 16 * 1024 * 1024
"""Bytes of a record's copy, unpacked. A status has 1.1 MB at the most."""
MOST_IDS_BYTES = 64 * 1024 * 1024
"""Bytes of a shard's long ids, unpacked: 100,000 ids of 512 letters have 51 MB."""
PIECE_IDS = 1_000
MOST_QUOTES = 4_000_000
"""Quotes in them: four for each id, and those within ids."""


def encoded(status: Status | None, anew: str) -> bytes:
    copy: dict[str, object] = {"anew": anew}
    if status is not None:
        copy["status"] = worth_keeping(status).model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(copy, sort_keys=True, ensure_ascii=False).encode()


def decoded(content: bytes | None, place: str) -> Kept:
    """The kept document; nothing where there is none.

    Raises:
        Stalled: it cannot be read; `place` says what to restore.
    """
    if content is None:
        return Kept()
    try:
        copy = bounded_json.parsed(content.decode())
        return Kept(Status.model_validate(copy["status"]) if "status" in copy else None, str(copy["anew"]))
    except (ValueError, KeyError, TypeError):
        raise Stalled(
            f"{place} is not a copy of the run's record that this version can read: restore it, or remove it where "
            "the status itself is whole",
            reason=Reason.RECORD_UNREADABLE,
        ) from None


def encoded_ids(ids: Mapping[str, str]) -> bytearray:
    """Ids of tickets by their digests, in the order of these.

    Raises:
        Rejected: they are too long to be kept, so that they could not be read again.
    """
    short = sum(map(len, ids.values())) <= MOST_IDS_BYTES
    whole = in_pieces(ids) if short else bytearray()
    if not whole or len(whole) > MOST_IDS_BYTES or whole.count(b'"') > MOST_QUOTES:
        raise Rejected(
            f"the ids of the tickets are too long to be kept: more than {MOST_IDS_BYTES:,} bytes for one shard; "
            "lower shards.maxRequests or use shorter ids",
            reason=Reason.IDS_TOO_LONG,
        )
    return whole


def in_pieces(ids: Mapping[str, str]) -> bytearray:
    """The JSON object, encoded in place: a library's buffer for the whole of it takes its size twice over."""
    whole, keys = bytearray(b"{"), sorted(ids)
    for start in range(0, len(keys), PIECE_IDS):
        if start:
            whole += b","
        whole += msgspec.json.encode({key: ids[key] for key in keys[start : start + PIECE_IDS]})[1:-1]
    whole += b"}"
    return whole


def decoded_ids(content: bytes | bytearray, place: str) -> dict[str, str]:
    """
    Raises:
        Stalled: they differ from what was kept; `place` says what to restore.
    """
    try:
        if content.count(b'"') > MOST_QUOTES:
            raise ValueError("more than was kept")
        return msgspec.json.decode(content, type=dict[str, str])
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise Stalled(
            f"{place} does not hold the ids of tickets that it was given, so that it is not known whose results came: "
            "restore it",
            reason=Reason.IDS_MISSING,
        ) from None
