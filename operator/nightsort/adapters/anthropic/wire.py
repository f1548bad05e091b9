"""The few fields in use of the Message Batches API's answers.

Only deciding fields must be right: a batch needs its id, a line of results its ticket and its words. Any other odd
field counts as missing, so that nothing that was paid for is lost with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

from msgspec import Meta, MsgspecError, Raw, Struct, json

from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch
from nightsort.domain.printable import printable
from nightsort.domain.verdict import INVALID, UNREADABLE

ODD = "unreadable"
"""A stop reason that is none: the answer is not known to be whole."""
MOST_TEXT_CHARS = 10_000
MOST_WORD_CHARS = 64
MOST_MESSAGE_CHARS = 300
MOST_TOKENS = 1_000_000_000
"""Characters of one answer; no model reads or writes a hundredth of it."""
MOST_COMMAS = 50_000
"""Commas in a page of the list. A thousand batches have a third of them."""
LIFETIME = timedelta(hours=24)
"""From a batch's creation to its `expires_at` (vendor's documentation, 2026-11-22)."""
YEARS = range(2000, 9000)
"""Years of plausible times: calculations with others would overflow."""
NULL = Raw(b"null")
US = "us"
NOT_DECODED = (MsgspecError, ValueError, RecursionError)
"""Exceptions of decoding for bytes that are no JSON or no UTF-8, are nested too deep, or have another form."""

T = TypeVar("T")


class NotUnderstood(ValueError):
    """The answer is not in the API's form. Nothing of it is repeated."""


def decoded(content: bytes | Raw, kind: type[T]) -> T:
    """Decodes the bytes.

    Raises:
        NotUnderstood: they are not of this type.
    """
    try:
        return json.decode(content, type=kind)
    except NOT_DECODED:
        raise NotUnderstood(f"no {kind.__name__}") from None


def part(raw: Raw, kind: type[T]) -> T | None:
    """A field that may be odd: None where it is absent, null, or of an unexpected type."""
    try:
        return json.decode(raw, type=kind)
    except NOT_DECODED:
        return None


def moment(raw: Raw) -> datetime | None:
    """A time in UTC, which is also assumed where no zone is given."""
    told = part(raw, datetime)
    if told is None or told.year not in YEARS:
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Id = Annotated[str, Meta(pattern=r"\A[!-~]{1,128}\Z")]


class Counts(Struct, frozen=True):
    processing: Count = 0
    succeeded: Count = 0
    errored: Count = 0
    canceled: Count = 0
    expired: Count = 0


NO_COUNTS = Counts()


class WireBatch(Struct, frozen=True):
    id: Id
    processing_status: Raw = NULL
    request_counts: Raw = NULL
    created_at: Raw = NULL
    expires_at: Raw = NULL
    ended_at: Raw = NULL
    results_url: Raw = NULL

    def created(self) -> datetime | None:
        """By its own status, or by the time of its end."""
        expires = moment(self.expires_at)
        return moment(self.created_at) or (expires - LIFETIME if expires else None)

    def batch(self, created_at: datetime) -> Batch:
        counts = part(self.request_counts, Counts) or NO_COUNTS
        status = part(self.processing_status, str)
        return Batch(
            id=self.id,
            created_at=created_at,
            requests=counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired,
            ended=status == "ended",
            ended_at=moment(self.ended_at),
            expires_at=moment(self.expires_at),
            canceling=status == "canceling",
            results_url=part(self.results_url, str),
        )


def batch_of(content: bytes, otherwise: datetime) -> Batch:
    """A single batch. `otherwise` stands for an unreadable creation time; nothing depends on it then.

    Raises:
        NotUnderstood: it has no id.
    """
    wire = decoded(content, WireBatch)
    return wire.batch(wire.created() or otherwise)


def bought_of(content: bytes, otherwise: datetime) -> Batch:
    """The answer to a create: it is a batch if it has a processing status; other objects have ids, too.

    Raises:
        NotUnderstood: it is no batch.
    """
    if part(decoded(content, WireBatch).processing_status, str) is None:
        raise NotUnderstood("no batch")
    return batch_of(content, otherwise)


class WireBatches(Struct, frozen=True):
    data: list[Raw]
    has_more: Raw = NULL


def page_of(content: bytes) -> WireBatches:
    """A page of the list.

    Raises:
        NotUnderstood: it is none, or has far more entries than a page: millions of two bytes each.
    """
    if content.count(b",") > MOST_COMMAS:
        raise NotUnderstood("no page of the list")
    return decoded(content, WireBatches)


def batches_of(entries: Sequence[Raw]) -> list[Batch]:
    """A page of the list, newest first: a batch without a readable time was created about when its neighbour was.

    Raises:
        NotUnderstood: a batch has no id, or none has a time. It may be one that is searched for.
    """
    wires = [decoded(entry, WireBatch) for entry in entries]
    times = [wire.created() for wire in wires]
    known = next((time for time in times if time is not None), None)
    if wires and known is None:
        raise NotUnderstood("no time in the list")
    return [wire.batch(time) for wire, time in zip(wires, filled(times, known), strict=True)]


def filled(times: Sequence[datetime | None], known: datetime | None) -> Iterator[datetime]:
    for time in times:
        known = time or known
        if known is not None:
            yield known


class Block(Struct, frozen=True, gc=False):
    """A content block; thinking and other kinds have no text."""

    type: str
    text: str | None = None


Tokens = Annotated[int, Meta(ge=0, le=MOST_TOKENS)]


class Usage(Struct, frozen=True, gc=False):
    input_tokens: Tokens
    output_tokens: Tokens
    cache_creation_input_tokens: Tokens | None = 0
    cache_read_input_tokens: Tokens | None = 0
    cache_creation: Raw = NULL
    inference_geo: Raw = NULL

    def written(self) -> tuple[int, int]:
        """Tokens that were written into the cache: for five minutes, and for an hour."""
        return written_of(self.cache_creation_input_tokens or 0, self.cache_creation)


class Creation(Struct, frozen=True, gc=False):
    ephemeral_1h_input_tokens: Tokens | None = 0


def written_of(tokens: int, creation: Raw) -> tuple[int, int]:
    """Tokens that were written, apart by how long they stay; what is not said to be for an hour is not."""
    if not tokens:
        return 0, 0
    known = part(creation, Creation)
    for_an_hour = min((known.ephemeral_1h_input_tokens if known else 0) or 0, tokens)
    return tokens - for_an_hour, for_an_hour


def is_us(geo: Raw) -> bool | None:
    """Whether a request ran in the US, by the usage of its answer; None where that does not say."""
    told = part(geo, str)
    return None if told is None else told == US


class Message(Struct, frozen=True, gc=False):
    content: list[Block]
    usage: Usage | None
    """None where it is odd: the words count, and their cost is not known."""
    stop_reason: str | None = None


class InnerError(Struct, frozen=True, gc=False):
    type: str = ""
    message: Raw = NULL


class OuterError(Struct, frozen=True, gc=False):
    error: InnerError = InnerError()


class Result(Struct, frozen=True, gc=False):
    type: str
    message: Message | None = None
    error: OuterError | None = None


class Line(Struct, frozen=True, gc=False):
    custom_id: str
    result: Result

    def answer(self) -> Answer:
        message, outcome = self.result.message, self.result.type
        if message is None:
            return self._without_words()
        usage = message.usage
        brief, for_an_hour = usage.written() if usage else (0, 0)
        return Answer(
            custom_id=self.custom_id,
            outcome=outcome,
            text=text_of(message.content),
            stop_reason=message.stop_reason or "",
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
            cache_write_tokens=brief,
            cache_write_hour_tokens=for_an_hour,
            cache_read_tokens=(usage.cache_read_input_tokens or 0) if usage else 0,
            usage_known=usage is not None,
            in_us=is_us(usage.inference_geo) if usage else None,
        )

    def _without_words(self) -> Answer:
        if self.result.type == "succeeded":
            return Answer(self.custom_id, "errored", error_type=UNREADABLE)
        if self.result.error is None:
            return Answer(self.custom_id, self.result.type)
        error = self.result.error.error
        said = (part(error.message, str) or "")[:MOST_MESSAGE_CHARS] if error.type == INVALID else ""
        return Answer(
            self.custom_id, self.result.type, error_type=error.type[:MOST_WORD_CHARS], error_message=printable(said)
        )


def text_of(content: list[Block]) -> str:
    """The non-empty texts, each on a line of its own: the second may take back what the first says.

    A text longer than any category is cut, with a mark that makes it no category.
    """
    texts = [block.text for block in content if block.type == "text" and block.text and not block.text.isspace()]
    text = texts[0] if len(texts) == 1 else "\n".join(texts)
    return text if len(text) <= MOST_TEXT_CHARS else f"{text[:MOST_TEXT_CHARS]}…"


class OddMessage(Struct, frozen=True):
    content: list[Block] = []
    usage: Raw = NULL
    stop_reason: Raw = NULL

    def message(self) -> Message:
        reason = None if self.stop_reason == NULL else part(self.stop_reason, str) or ODD
        return Message(self.content, part(self.usage, Usage), reason)


class OddResult(Struct, frozen=True):
    type: str
    message: Raw = NULL
    error: Raw = NULL


class OddLine(Struct, frozen=True):
    """A line with some odd field."""

    custom_id: str
    result: OddResult

    def line(self) -> Line:
        """
        Raises:
            NotUnderstood: its words cannot be read.
        """
        told, message = self.result, None
        if told.type == "succeeded":
            message = decoded(told.message, OddMessage).message()
        return Line(self.custom_id, Result(told.type, message, part(told.error, OuterError)))
