"""Pre-flight's sample of the tickets: the length of their texts, and the tokens of some of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from nightsort.api.plan import Tokens
from nightsort.api.spec import Spec
from nightsort.domain.batch import ModelFacts
from nightsort.domain.cost import answer_tokens
from nightsort.domain.dependence import digest_of_text
from nightsort.domain.errors import Rejected
from nightsort.domain.fields import fields_of
from nightsort.domain.json_answer import schema_of, tokens_needed
from nightsort.domain.prompt import most_answer_tokens, system_prompt
from nightsort.domain.reasons import Reason
from nightsort.domain.request import Encoder, bytes_of
from nightsort.ports import BatchApi, Source

LOOKED_AT = 5_000
"""Tickets. If a source has more, each batch is measured again before it is bought, when its texts are on disk."""
SAMPLED_TEXTS = 20
MOST_TEXT_CHARS = 5_000
"""Characters of a sampled text: all of them together are far below any model's window."""
LEAST_TEXT = "x"


@dataclass(slots=True)
class Sample:
    """The sample: the number of texts, their bytes as they are sent, and some of the texts from all of the source."""

    looked: int = 0
    texts: int = 0
    text_bytes: int = 0
    sampled: list[str] = field(default_factory=list)
    alike: int = 0
    """Of the texts, those that an earlier ticket had."""

    def of_all(self, tickets: int) -> tuple[int, int]:
        """Requests and bytes of texts, if all tickets are like the sampled ones."""
        seen = max(self.looked, 1)
        return -(-self.texts * tickets // seen), -(-self.text_bytes * tickets // seen)


class Spread:
    """Some of many texts, spread from the first to the last, whatever their final number."""

    def __init__(self) -> None:
        self._seen, self._apart = 0, 1
        self.texts: list[str] = []

    def note(self, text: bytes) -> None:
        """A text as JSON."""
        if self._seen % self._apart == 0:
            self.texts.append(msgspec.json.decode(text, type=str)[:MOST_TEXT_CHARS])
        if len(self.texts) == 2 * SAMPLED_TEXTS:
            self.texts = self.texts[::2]
            self._apart *= 2
        self._seen += 1

    def few(self) -> bool:
        """Whether they are too few to tell anything about others."""
        return len(self.texts) < SAMPLED_TEXTS


async def sample(source: Source, encoder: Encoder, tickets: int) -> Sample:
    """Reads a small source to its end, and only the beginning of a large one."""
    seen, hashes = Sample(), set[bytes]()
    apart = max(min(tickets, LOOKED_AT) // SAMPLED_TEXTS, 1)
    async for page in source.tickets():
        for ticket in page[: LOOKED_AT - seen.looked]:
            text = encoder.text(ticket)
            if text is not None:
                if len(seen.sampled) < SAMPLED_TEXTS and seen.looked >= len(seen.sampled) * apart:
                    seen.sampled.append(msgspec.json.decode(text, type=str)[:MOST_TEXT_CHARS])
                seen.texts += 1
                hashes.add(digest_of_text(text))
                seen.text_bytes += bytes_of(text)
            seen.looked += 1
            if seen.looked % encoder.at_once == 0:
                await asyncio.sleep(0)
        if seen.looked >= LOOKED_AT:
            break
    seen.alike = seen.texts - len(hashes)
    return seen


async def counted(spec: Spec, model: ModelFacts, api: BatchApi, texts: Sequence[str]) -> Tokens:
    """Token counts from two calls: the prompt with all these texts at once, and the prompt with the least text.

    Where there are no texts, the prompt's own words stand for them.

    Raises:
        Rejected: the API does not take the prompt, even with a single one of the texts.
    """
    system = system_of(spec)
    texts = texts or [system[:MOST_TEXT_CHARS]]
    whole, texts = await counted_whole(spec, api, texts)
    prompt = await api.count_tokens(spec.model, system, LEAST_TEXT)
    if fields_of(spec):
        expected = most_answer_tokens(spec, model) if model.always_thinks else tokens_needed(spec)
    else:
        expected = answer_tokens(spec, model)
    tokens = Tokens(prompt=prompt, answer=expected, sample=1, sample_bytes=1)
    return with_sample(tokens, whole, texts)


def system_of(spec: Spec) -> str:
    """The prompt as it is counted: a schema of fields is read like a part of it, where there is one."""
    system = system_prompt(spec)
    return f"{system}\n{json.dumps(schema_of(spec))}" if fields_of(spec) else system


async def counted_whole(spec: Spec, api: BatchApi, texts: Sequence[str]) -> tuple[int, Sequence[str]]:
    """Tokens of the prompt with all these texts at once, or with the first alone where they are too many."""
    system = system_of(spec)
    try:
        return await api.count_tokens(spec.model, system, "\n".join(texts)), texts
    except Rejected:
        return await api.count_tokens(spec.model, system, texts[0]), texts[:1]


def with_sample(tokens: Tokens, whole: int, texts: Sequence[str]) -> Tokens:
    """The counts with these texts as their sample; `whole` are the tokens of the prompt and the texts."""
    sample = max(whole - tokens.prompt + 1, 1)  # the least text is a token of its own
    size = sum(bytes_of(msgspec.json.encode(text)) for text in texts)
    return tokens.model_copy(update={"sample": sample, "sample_bytes": size})


async def recounted(spec: Spec, api: BatchApi, tokens: Tokens, texts: Spread) -> Tokens:
    """The counts by these texts, if they have more tokens for their size than the sample; else unchanged."""
    fresh = with_sample(tokens, *await counted_whole(spec, api, texts.texts))
    denser = fresh.sample * tokens.sample_bytes > tokens.sample * fresh.sample_bytes
    return fresh if denser else tokens


def refuse_too_long(model: ModelFacts, tokens: Tokens, requests: int, text_bytes: int) -> None:
    """Checks an average request against the model's context window.

    Raises:
        Rejected: the request is longer, so that most requests would come back as errors.
    """
    average = tokens.prompt + text_bytes * tokens.sample // tokens.sample_bytes // max(requests, 1)
    if model.max_input_tokens is not None and average > model.max_input_tokens:
        raise Rejected(
            f"spec.prompt: a request comes to about {average:,} tokens, {tokens.prompt:,} of them the instructions and "
            f"categories, and {model.id} takes {model.max_input_tokens:,}: shorten them, or lower prompt.maxBodyChars",
            reason=Reason.PROMPT_TOO_LONG,
        )
