"""The answer to a plain request, decoded to what decides; any odd field counts as missing."""

from __future__ import annotations

from msgspec import Raw, Struct

from nightsort.adapters.anthropic.models import Size
from nightsort.adapters.anthropic.wire import NULL, ODD, NotUnderstood, decoded, is_us, part, written_of
from nightsort.api.batch_record import TokenCounts, Usage
from nightsort.domain.suggestion import Reply

MOST_TEXT_CHARS = 200_000


class WireBlock(Struct, frozen=True):
    type: str = ""
    text: str = ""


class WireUsage(Struct, frozen=True):
    input_tokens: Size = 0
    output_tokens: Size = 0
    cache_creation_input_tokens: Raw = NULL
    cache_read_input_tokens: Raw = NULL
    cache_creation: Raw = NULL
    inference_geo: Raw = NULL


class WireMessage(Struct, frozen=True):
    content: list[Raw]
    stop_reason: Raw = NULL
    usage: Raw = NULL


def reply_of(content: bytes) -> Reply:
    """The texts of an answer together: a block of thinking is no part of it.

    Raises:
        NotUnderstood: it is no message.
    """
    wire = decoded(content, WireMessage)
    blocks = [block for raw in wire.content if (block := part(raw, WireBlock)) is not None]
    text = "".join(block.text for block in blocks if block.type == "text")
    if len(text) > MOST_TEXT_CHARS:
        raise NotUnderstood("more text than any model writes")
    return Reply(text, part(wire.stop_reason, str) or ODD, usage_of(part(wire.usage, WireUsage)))


def usage_of(wire: WireUsage | None) -> Usage:
    if wire is None:
        return Usage()
    brief, for_an_hour = written_of(part(wire.cache_creation_input_tokens, Size) or 0, wire.cache_creation)
    used = {
        "input_tokens": wire.input_tokens,
        "output_tokens": wire.output_tokens,
        "cache_write_tokens": brief,
        "cache_write_hour_tokens": for_an_hour,
        "cache_read_tokens": part(wire.cache_read_input_tokens, Size) or 0,
    }
    return Usage(**used, us=TokenCounts(**used) if is_us(wire.inference_geo) else None)
