"""The few fields that are read of the Message Batches API's answers, and the lines of its results."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime

from msgspec import DecodeError, Struct, json

from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch, ModelFacts
from nightsort.domain.verdict import UNREADABLE

logger = logging.getLogger(__name__)

ANSWERS_PER_PAGE = 1000
MOST_LINE_BYTES = 16 * 1024 * 1024
"""Of one result; 4,096 tokens, the most that a resource may ask for, are far less."""
HEAD_BYTES = 4096
"""How much is kept of a longer line: its custom_id stands at the front."""
MOST_TEXT_CHARS = 10_000
MOST_WORD_CHARS = 64
_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*"([a-zA-Z0-9_-]{1,64})"')


class Counts(Struct, frozen=True):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class WireBatch(Struct, frozen=True):
    id: str
    processing_status: str
    request_counts: Counts
    created_at: datetime
    ended_at: datetime | None = None
    results_url: str | None = None

    def batch(self) -> Batch:
        counts = self.request_counts
        return Batch(
            id=self.id,
            created_at=self.created_at,
            requests=counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired,
            ended=self.processing_status == "ended",
            ended_at=self.ended_at,
            canceling=self.processing_status == "canceling",
            results_url=self.results_url,
        )


class WireBatches(Struct, frozen=True):
    data: list[WireBatch]
    has_more: bool = False


class Support(Struct, frozen=True):
    supported: bool = False


class ThinkingTypes(Struct, frozen=True):
    disabled: Support = Support()


class Thinking(Struct, frozen=True):
    supported: bool = False
    types: ThinkingTypes = ThinkingTypes()


class Capabilities(Struct, frozen=True):
    batch: Support = Support(supported=True)
    thinking: Thinking = Thinking()


class WireModel(Struct, frozen=True):
    id: str
    lifecycle: str = "active"
    capabilities: Capabilities | None = None
    max_input_tokens: int | None = None

    def facts(self) -> ModelFacts:
        can = self.capabilities or Capabilities()
        return ModelFacts(
            id=self.id,
            retired=self.lifecycle == "retired",
            batch=can.batch.supported,
            thinks=can.thinking.supported,
            can_disable_thinking=can.thinking.supported and can.thinking.types.disabled.supported,
            max_input_tokens=self.max_input_tokens,
            silent=self.capabilities is None,
        )


class WireTokens(Struct, frozen=True):
    input_tokens: int


class Block(Struct, frozen=True, gc=False):
    """A content block; thinking and other kinds have no text."""

    type: str
    text: str | None = None


class Usage(Struct, frozen=True, gc=False):
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0


class Message(Struct, frozen=True, gc=False):
    content: list[Block] = []
    stop_reason: str | None = None
    usage: Usage = Usage()


NO_MESSAGE = Message()


class InnerError(Struct, frozen=True, gc=False):
    type: str = ""


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
        message = self.result.message or NO_MESSAGE
        usage = message.usage
        return Answer(
            custom_id=self.custom_id,
            outcome=self.result.type,
            text=text_of(message.content),
            stop_reason=message.stop_reason or "",
            error_type=self.result.error.error.type[:MOST_WORD_CHARS] if self.result.error else "",
            input_tokens=usage.input_tokens or 0,
            output_tokens=usage.output_tokens or 0,
            cache_write_tokens=usage.cache_creation_input_tokens or 0,
            cache_read_tokens=usage.cache_read_input_tokens or 0,
        )


def text_of(content: list[Block]) -> str:
    """The first text. Of one that is longer than any category the beginning, with a mark that makes it none."""
    for block in content:
        if block.type == "text":
            text = block.text or ""
            return text if len(text) <= MOST_TEXT_CHARS else f"{text[:MOST_TEXT_CHARS]}…"
    return ""


class LineReader:
    """Cuts a stream of bytes into answers, in pages of about 1,000."""

    def __init__(self) -> None:
        self._decoder = json.Decoder(Line)
        self._rest = bytearray()
        self._skipping = False
        self._answers: list[Answer] = []

    def feed(self, chunk: bytes) -> Iterator[list[Answer]]:
        """Full pages, once this chunk has been read."""
        if self._skipping:
            chunk = self._behind_the_long_line(chunk)
        whole, newline, rest = chunk.rpartition(b"\n")
        if newline:
            self._take_all(bytes(self._rest) + whole)
            self._rest = bytearray()
        self._rest += rest
        if len(self._rest) > MOST_LINE_BYTES:
            self._skip()
        if len(self._answers) >= ANSWERS_PER_PAGE:
            yield self._page()

    def rest(self) -> list[Answer]:
        """What is left at the end of the stream.

        Raises:
            DecodeError: the last line is not whole.
        """
        if self._rest and not self._rest.isspace():
            self._answers.append(self._decoder.decode(self._rest).answer())
        return self._page()

    def _skip(self) -> None:
        """No memory is to be filled with one line; what follows of it is passed over."""
        self._give_up(bytes(self._rest[:HEAD_BYTES]), len(self._rest))
        self._rest.clear()
        self._skipping = True

    def _behind_the_long_line(self, chunk: bytes) -> bytes:
        _, newline, behind = chunk.partition(b"\n")
        self._skipping = not newline
        return behind

    def _page(self) -> list[Answer]:
        page, self._answers = self._answers, []
        return page

    def _take_all(self, lines: bytes) -> None:
        """All lines at once where they can be understood, which takes half of the time."""
        try:
            self._answers += [line.answer() for line in self._decoder.decode_lines(lines)]
        except DecodeError:
            for line in lines.split(b"\n"):
                if line and not line.isspace():
                    self._take(line)

    def _take(self, line: bytes) -> None:
        """A line with its end; one that is not understood becomes an errored answer, so that the others count."""
        try:
            self._answers.append(self._decoder.decode(line).answer())
        except DecodeError:
            self._give_up(line, len(line))

    def _give_up(self, line: bytes, size: int) -> None:
        if found := _CUSTOM_ID.search(line):
            self._answers.append(Answer(found[1].decode(), "errored", error_type=UNREADABLE))
        else:
            logger.warning("a line of %d bytes in the results has no custom_id; it is left out", size)
