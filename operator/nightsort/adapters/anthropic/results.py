"""The lines of a batch's results as they arrive: every byte is read, and no line spoils another ticket's answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import json

from nightsort.adapters.anthropic.wire import NOT_DECODED, Line, NotUnderstood, OddLine, decoded
from nightsort.domain.answer import Answer
from nightsort.domain.verdict import UNREADABLE

logger = logging.getLogger(__name__)

ANSWERS_PER_PAGE = 1000
MOST_LINE_BYTES = 16 * 1024 * 1024
"""Bytes of one result; 4,096 tokens, the most that a resource may ask for, are far fewer."""
HEAD_BYTES = 4096
"""Bytes that are kept of a longer line: its custom_id is at the front."""
SLOW_SECONDS = 300.0
LEAST_BYTES_PER_SECOND = 100
"""Bytes per second of results, after that time: a few answers in ten seconds."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OF_DATA = re.compile(
    r"(application/(json|jsonl|x-jsonl|x-ndjson|ndjson|octet-stream|binary)|binary/octet-stream|text/plain)\b"
)
_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*"([a-zA-Z0-9_-]{1,64})"')
_STRING = re.compile(
    rb'"(?:[^"\\]|\\.)*+(")?', re.DOTALL
)  # a string without an end is read once, not from each of its quotes
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,40}", re.ASCII)


class NoResults(ValueError):
    """The answer is no batch's results: a gateway's page, another answer, or nothing. Its media type is its own."""


@dataclass
class Flow:
    """The speed of results: coming drop by drop, they would hold up their run's deadline, and never end."""

    began: float
    size: int = 0

    def hold(self, more: int, now: float) -> None:
        """
        Raises:
            NotUnderstood: for minutes they have been slower than any line that is fast enough for a batch.
        """
        self.size += more
        if now - self.began > SLOW_SECONDS and self.size < LEAST_BYTES_PER_SECOND * (now - self.began):
            raise NotUnderstood("results come too slowly")


class LineReader:
    """Cuts a stream of bytes into answers, in pages of about 1,000.

    `content_type` is the stream's own claim: if it claims to be a page, the first line shows whether it has results.
    """

    def __init__(self, content_type: str = "application/x-jsonl") -> None:
        self._content_type = content_type
        self._decoder = json.Decoder(Line)
        self._rest = bytearray()
        self._skipping = False
        self._answers: list[Answer] = []
        self._begun = False
        self._found = False

    def feed(self, chunk: bytes) -> Iterator[list[Answer]]:
        """Full pages, once this chunk has been read.

        Raises:
            NoResults: neither its content type nor its first line is that of results.
        """
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
        """The last answers, at the end of the stream.

        Raises:
            NotUnderstood: the last line is not whole.
            NoResults: not one line was an answer.
        """
        line = bytes(self._rest)
        if line and not line.isspace():
            self._take_last(line)
        if not self._found:
            raise NoResults(named(self._content_type))
        return self._page()

    def _skip(self) -> None:
        """Ends a line that would fill the memory; the rest of it is skipped."""
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
        """All lines at once where they can be decoded, which takes half of the time."""
        if not self._begun:
            lines = lines.removeprefix(BYTE_ORDER_MARK)
        try:
            answers = [line.answer() for line in self._decoder.decode_lines(lines)]
        except NOT_DECODED:
            for line in lines.split(b"\n"):
                if line and not line.isspace():
                    self._take(line)
        else:
            self._answers += answers
            self._found |= bool(answers)
        self._begun |= self._found

    def _take(self, line: bytes) -> None:
        """A line with its end; one that cannot be decoded becomes an errored answer, so that the others count."""
        try:
            self._answers.append(answer_of(line))
            self._found = True
        except NotUnderstood:
            self._give_up(line, len(line))

    def _take_last(self, line: bytes) -> None:
        """A line without its end: the stream may have been cut within it, and another reading may have it whole."""
        line = line if self._begun else line.removeprefix(BYTE_ORDER_MARK)
        if line.lstrip().startswith(b"{") and not is_whole(line) and (self._found or _CUSTOM_ID.search(line)):
            raise NotUnderstood("the last line is cut")
        self._take(line)

    def _give_up(self, line: bytes, size: int) -> None:
        if found := _CUSTOM_ID.search(line):
            self._answers.append(Answer(found[1].decode(), "errored", error_type=UNREADABLE))
            self._found = True
        elif not self._found and not OF_DATA.match(self._content_type.lower()):
            raise NoResults(named(self._content_type))
        else:
            logger.warning("a line of %d bytes in the results has no custom_id; it is left out", size)


def answer_of(line: bytes) -> Answer:
    """The answer in one line, whatever is odd beside its words.

    Raises:
        NotUnderstood: no ticket can be read in it.
    """
    try:
        return decoded(line, Line).answer()
    except NotUnderstood:
        return decoded(line, OddLine).line().answer()


def is_whole(line: bytes) -> bool:
    """Whether a line that may be undecodable is an object from its first to its last bracket."""
    bare = _STRING.sub(lambda string: b"" if string[1] else b'"', line).strip()
    pairs = bare.count(b"{") == bare.count(b"}") and bare.count(b"[") == bare.count(b"]")
    return bare.startswith(b"{") and bare.endswith(b"}") and pairs and b'"' not in bare


def named(content_type: str) -> str:
    """A media type in a form that may be shown: any server at the base URL may have written it."""
    found = _MEDIA_TYPE.match(content_type.strip())
    return found[0].lower() if found else "no content type"
