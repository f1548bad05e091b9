"""Results as the bytes that come over the wire, some of them spoilt for good, and read as the operator reads them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from nightsort.adapters.anthropic.results import LineReader
from nightsort.domain.answer import Answer
from nightsort.domain.custom_id import tag_of

UNREADABLE = "unreadable_result"
ODD_USAGE: Sequence[Any] = (None, {}, "none", {"input_tokens": 4.5, "output_tokens": "5"}, {"input_tokens": -1})
DEEP = b"[" * 2_000 + b"]" * 2_000
SPOILT: Sequence[Callable[[bytes], bytes]] = (
    lambda line: line.replace(b'"text": "', b'"text": "\xff'),
    lambda line: line.replace(b'"role": ', b'"role": ' + DEEP + b', "was": '),
    lambda line: line.replace(b'"content": [', b'"content": {"of": [').replace(b"]", b"]}"),
)
"""What makes a line one that cannot be understood; each still has its custom_id."""
GHOSTS = (
    Answer("", "succeeded", "billing", "end_turn", input_tokens=5, output_tokens=5),
    Answer("", "expired"),
    Answer("", "errored", error_type="api_error"),
)


@dataclass
class Wire:
    """What is wrong with the results of an account. All of it is so at every reading.

    `spoilt` are lines that cannot be read, `unmetered` those whose usage is odd, `repeated` tickets with a line that
    says expired beside that which counts, `ghosts` by tag answers to what nobody asked.
    """

    share: float = 0.0
    strays: float = 0.0
    spoilt: dict[str, bytes] = field(default_factory=dict)
    unmetered: dict[str, Any] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    ghosts: dict[str, list[Answer]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Tags of batches whose results cannot be read without an accident."""

    def spoil(self, answers: Sequence[Answer], rng: random.Random) -> list[Answer]:
        """What a batch's answers come to with some of them spoilt; the first is left as it is."""
        if not self.share:
            return list(answers)
        return [answer if not at else self._drawn(answer, rng) for at, answer in enumerate(answers)]

    def _drawn(self, answer: Answer, rng: random.Random) -> Answer:
        name = answer.custom_id
        if answer.outcome != "succeeded" or rng.random() >= self.share:
            return answer
        match rng.choice(("spoilt", "unmetered", "repeated")):
            case "spoilt":
                self.spoilt[name] = rng.choice(SPOILT)(line_of(answer))
                return replace(answer, outcome="errored", text="", stop_reason="", error_type=UNREADABLE)
            case "unmetered":
                self.unmetered[name] = rng.choice(ODD_USAGE)
            case _:
                self.repeated.add(name)
        return answer

    def haunt(self, answers: Sequence[Answer], rng: random.Random) -> set[str]:
        """Adds answers to what was not asked; the custom_ids in whose place they come."""
        if not answers or rng.random() >= self.strays:
            return set()
        tag, number = tag_of(answers[0].custom_id), rng.choice((1, 1, 3))
        self.ghosts[tag] = [ghost(tag, each, rng) for each in range(number)]
        return {answer.custom_id for answer in answers[1:][: rng.choice((0, 1))]}

    def carry(self, answers: Sequence[Answer], tag: str) -> Sequence[Answer]:
        """The lines of the batch with this tag, as they arrive."""
        if not answers or not (self.share or self.ghosts):
            return answers
        ghosts = self.ghosts.get(tag, [])
        return read(line for answer in (*answers, *ghosts) for line in self._lines(answer))

    def _lines(self, answer: Answer) -> Iterable[bytes]:
        name = answer.custom_id
        if answer.error_type == UNREADABLE:
            return [self.spoilt[name]]
        lines = [line_of(answer, {"usage": self.unmetered[name]} if name in self.unmetered else {})]
        if name in self.repeated and answer.outcome == "succeeded":
            lines.insert(0, line_of(Answer(name, "expired")))
        return lines


def ghost(tag: str, number: int, rng: random.Random) -> Answer:
    like = rng.choice(GHOSTS)
    return Answer(f"{tag}-ghost{number}", like.outcome, like.text, like.stop_reason, error_type=like.error_type)


def line_of(answer: Answer, more: Mapping[str, Any] | None = None) -> bytes:
    result: dict[str, Any] = {"type": answer.outcome}
    if answer.outcome == "succeeded":
        result["message"] = {
            "role": "assistant",
            "content": [{"type": "text", "text": answer.text}],
            "stop_reason": answer.stop_reason,
            "usage": {
                "input_tokens": answer.input_tokens,
                "output_tokens": answer.output_tokens,
                "cache_creation_input_tokens": answer.cache_write_hour_tokens,
                "cache_read_input_tokens": answer.cache_read_tokens,
                "cache_creation": {"ephemeral_1h_input_tokens": answer.cache_write_hour_tokens},
            },
        } | dict(more or {})
    if answer.outcome == "errored":
        result["error"] = {"type": "error", "error": {"type": answer.error_type, "message": answer.error_message}}
    return json.dumps({"custom_id": answer.custom_id, "result": result}).encode()


def read(lines: Iterable[bytes]) -> list[Answer]:
    reader = LineReader()
    pages = list(reader.feed(b"".join(line + b"\n" for line in lines)))
    return [answer for page in (*pages, reader.rest()) for answer in page]
