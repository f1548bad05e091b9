"""The `custom_id` of a request: tag, one character that says how the ticket's id follows, then the id.

The API takes `^[a-zA-Z0-9_-]{1,64}$`, unique in a batch. `-`: the id as it is. `_`: the id in base64url. `h`: a
digest, for ids too long for both; the ledger keeps the id that it stands for. The tag in front proves which intent
bought the batch.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

TAG_LENGTH = 6
MAX_LENGTH = 64
ROOM = MAX_LENGTH - TAG_LENGTH - 1
PLAIN, BASE64, DIGEST = "-", "_", "h"
_ALPHABET = re.compile(r"[a-zA-Z0-9_-]+")


def encode(tag: str, ticket_id: str) -> str:
    """The custom_id of a ticket in the batch with this tag; at most 64 characters of the API's alphabet."""
    if len(ticket_id) <= ROOM and _ALPHABET.fullmatch(ticket_id):
        return f"{tag}{PLAIN}{ticket_id}"
    text = base64.urlsafe_b64encode(ticket_id.encode()).decode().rstrip("=")
    if len(text) <= ROOM:
        return f"{tag}{BASE64}{text}"
    return f"{tag}{DIGEST}{digest(ticket_id)}"


def is_long(ticket_id: str) -> bool:
    """Whether only a digest of the id fits, so that the ledger has to keep the id."""
    return len(ticket_id) > ROOM or (not _ALPHABET.fullmatch(ticket_id) and len(ticket_id.encode()) * 4 > ROOM * 3)


def digest(ticket_id: str) -> str:
    """43 characters of base64url: the id's SHA-256."""
    return base64.urlsafe_b64encode(hashlib.sha256(ticket_id.encode()).digest()).decode().rstrip("=")


def tag_of(custom_id: str) -> str:
    """The tag of the intent under which this request was bought."""
    return custom_id[:TAG_LENGTH]


def decode(custom_id: str, tag: str, long_ids: Mapping[str, str]) -> str | None:
    """The ticket's id, or None where the request does not belong to the batch with this tag.

    `long_ids` maps digests to ids. No two custom_ids stand for one id.
    """
    if tag_of(custom_id) != tag or not TAG_LENGTH + 1 < len(custom_id) <= MAX_LENGTH:
        return None
    kind, rest = custom_id[TAG_LENGTH], custom_id[TAG_LENGTH + 1 :]
    if kind == PLAIN:
        return rest if _ALPHABET.fullmatch(rest) else None
    if kind == BASE64:
        ticket_id = _from_base64(rest)  # several base64 forms can stand for one id
        return ticket_id if ticket_id is not None and encode(tag, ticket_id) == custom_id else None
    return long_ids.get(rest) if kind == DIGEST else None


def _from_base64(text: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:  # outside the alphabet, a wrong length for base64, or not UTF-8
        return None
