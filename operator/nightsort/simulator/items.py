"""The outcome of one request of a batch: checked, answered, or made to fail."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence

import msgspec

from nightsort.simulator.answers import Category, Classifier, read_categories
from nightsort.simulator.catalogue import Model
from nightsort.simulator.faults import Fault, Outcome
from nightsort.simulator.json_answers import Member, as_object, members_of, members_of_schema
from nightsort.simulator.options import SimulatorOptions
from nightsort.simulator.params import (
    CHARS_PER_TOKEN,
    MESSAGE_OVERHEAD,
    OutputConfig,
    Params,
    Refused,
    asked_tokens,
    checked,
    marked_part,
    system_text,
    tokens,
)
from nightsort.simulator.prompt_cache import HOUR, NO_USE, BatchCache, Marked, Use
from nightsort.simulator.wire import (
    ALPHABET,
    CacheCreation,
    Canceled,
    ErrorBody,
    Errored,
    Expired,
    ItemError,
    Message,
    OutputDetails,
    Result,
    StopDetails,
    Succeeded,
    TextBlock,
    ThinkingBlock,
    Usage,
)

OUTSIDE = ("Hmm, hard to say", "miscellaneous", "N/A", "something else entirely")
ODD_FORMS = (" {upper}\n", "{title}", "{upper}", '"{name}"', "{name}.")
THOUGHT, SIGNATURE = "The words of the ticket point to one of the categories.", "c2ltdWxhdGVk"
LOW_THOUGHT, USUAL_THOUGHT = (24, 400), (200, 1600)
TICKET = "\nThe ticket to classify:\n\n"
"""Stands before a ticket that is shown with others."""
TRANSIENT = ("api_error", "overloaded_error", "rate_limit_error")


class Prompt(msgspec.Struct, frozen=True):
    """A system prompt that was parsed once for all requests with it."""

    length: int
    classifier: Classifier
    members: tuple[Member, ...] = ()
    """Those of the JSON object that it asks for."""
    marked: Marked | None = None
    """Its part for the cache."""


class Answered(msgspec.Struct, frozen=True):
    """A request's end: its line's result, and its tokens to pay for (none unless it succeeded)."""

    result: Result
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    """In units of 1e-10 USD, at the standard price."""
    paid: bool = False
    use: Use = NO_USE
    """Tokens beside the input tokens: those of the cache."""


class Respondent:
    """Answers the requests of one batch; the same seed and order give the same answers."""

    def __init__(
        self,
        options: SimulatorOptions,
        faults: tuple[Fault, ...],
        chance: random.Random,
        cache: BatchCache | None = None,
    ) -> None:
        self._cache = cache
        self._rates: list[tuple[float, Outcome]] = [
            (options.error_rate, "errored"),
            (options.expire_rate, "expired"),
            (options.refusal_rate, "refusal"),
            (options.truncation_rate, "truncation"),
            (options.unknown_rate, "unknown"),
        ]
        self._rates = [(rate, outcome) for rate, outcome in self._rates if rate > 0]
        self._fixed, self.geo = options.fixed_answer, options.inference_geo
        self._mistakes, self._truths = options.mistakes, options.truths
        self._faults = faults
        self._left = [fault.count for fault in faults]
        self._chance = chance
        self._prefix = "msg_01" + "".join(chance.choices(ALPHABET, k=14))
        self._made = 0
        self._prompts: dict[bytes, Prompt] = {}

    def answer(self, raw: bytes | msgspec.Raw) -> Answered:
        """The outcome of the request with these parameters (JSON)."""
        if self._fixed is not None:
            return self._repeat(self._fixed)
        try:
            params, model = checked(raw)
            prompt = self._prompt(params.system)
        except Refused as refusal:
            return _errored("invalid_request_error", str(refusal))
        text = without_examples(next((turn.text for turn in reversed(params.messages) if turn.role == "user"), ""))
        outcome, fault = self._fate(text)
        if outcome == "errored":
            kind = fault.error_type if fault and fault.error_type else self._chance.choice(TRANSIENT)
            return _errored(kind, fault.message if fault else "Internal server error")
        if outcome == "expired":
            return Answered(Expired())
        if outcome == "canceled":
            return Answered(Canceled())
        return self._succeed(params, model, prompt, text, outcome)

    def _repeat(self, answer: str) -> Answered:
        """The same answer to every request, by a model without a name and a price."""
        written = tokens(len(answer))
        self._made += 1
        message = Message(
            id=f"{self._prefix}{self._made:08d}",
            model="fixed",
            content=[TextBlock(answer)],
            stop_reason="end_turn",
            usage=Usage(input_tokens=MESSAGE_OVERHEAD, output_tokens=written),
        )
        return Answered(Succeeded(message), MESSAGE_OVERHEAD, written, paid=True)

    def _fate(self, text: str) -> tuple[Outcome | None, Fault | None]:
        for position, fault in enumerate(self._faults):
            left = self._left[position]
            if left == 0 or (fault.match is not None and fault.match.lower() not in text.lower()):
                continue
            if fault.fraction < 1 and self._chance.random() >= fault.fraction:
                continue
            self._left[position] = None if left is None else left - 1
            return fault.outcome, fault
        if self._rates:
            drawn = self._chance.random()
            for rate, outcome in self._rates:
                drawn -= rate
                if drawn < 0:
                    return outcome, None
        return None, None

    def _prompt(self, system: msgspec.Raw) -> Prompt:
        key = bytes(system)
        if key not in self._prompts:
            if len(self._prompts) > 64:
                self._prompts.clear()
            text = system_text(key)
            members = tuple(members_of(text))
            self._prompts[key] = Prompt(len(text), Classifier(read_categories(text)), members, marked_part(key))
        return self._prompts[key]

    def _succeed(self, params: Params, model: Model, prompt: Prompt, text: str, outcome: Outcome | None) -> Answered:
        asked = asked_tokens(prompt.length, params)
        if asked > model.max_input_tokens:
            message = f"prompt is too long: {asked} tokens > {model.max_input_tokens} maximum"
            return _errored("invalid_request_error", message)
        if outcome == "refusal":
            usage = Usage(input_tokens=asked, output_tokens=0, inference_geo=model.geo(params.inference_geo, self.geo))
            return Answered(Succeeded(self._message(model, [], "refusal", usage, StopDetails())), asked)
        truth = self._truths.of(text, prompt.classifier)
        read = self._read(model, truth, prompt.classifier, text)
        answer = self._wording(read, outcome)
        if outcome != "no-json":
            confidence = self._mistakes.stated(model.id, text, right=read == truth)
            answer = _as_json(params.output_config, prompt.members, answer, text, confidence)
        use = self._cached(model, prompt.marked)
        return self._write(params, model, answer, text, asked, use, cut=outcome == "truncation")

    def _cached(self, model: Model, marked: Marked | None) -> Use:
        """The prompt's tokens that are written or read; none where it is not marked, or too short for the model."""
        if self._cache is None or marked is None or model.least_prefix is None:
            return NO_USE
        prefix = tokens(len(marked.text))
        return self._cache.use(model.id, marked, prefix) if prefix >= model.least_prefix else NO_USE

    def _read(self, model: Model, truth: Category, classifier: Classifier, text: str) -> Category | None:
        """What the model takes the ticket for; None is something else than the categories."""
        if not self._mistakes.are_asked_for(model.id):
            return truth
        return self._mistakes.read(model.id, truth, text, classifier.categories)

    def _wording(self, category: Category | None, outcome: Outcome | None) -> str:
        if category is None or outcome == "unknown":
            return self._chance.choice(OUTSIDE)
        name = category.name
        if outcome == "odd":
            return self._chance.choice(ODD_FORMS).format(name=name, upper=name.upper(), title=name.title())
        if outcome == "alias" and category.aliases:
            return self._chance.choice(category.aliases)
        return name

    def _write(
        self, params: Params, model: Model, answer: str, text: str, asked: int, use: Use, *, cut: bool
    ) -> Answered:
        """The answer, after the thinking that precedes it, within max_tokens."""
        content: list[TextBlock | ThinkingBlock] = []
        thought, room = 0, params.max_tokens or 0
        if _thinks(params, model):
            thought = min(thinking_tokens(params, text), room)
            content.append(ThinkingBlock(THOUGHT[: thought * CHARS_PER_TOKEN], SIGNATURE))
        length = tokens(len(answer))
        shown = answer[: len(answer) // 2] if cut else answer[: (room - thought) * CHARS_PER_TOKEN]
        if shown:
            content.append(TextBlock(shown))
        whole = shown == answer
        written = thought + length if whole else room
        details = OutputDetails(thought) if thought else None
        plain = asked - use.written - use.read
        geo = model.geo(params.inference_geo, self.geo)
        usage = usage_of(plain, written, use, details, geo)
        stop = "end_turn" if whole else "max_tokens"
        result = Succeeded(self._message(model, content, stop, usage))
        return Answered(result, plain, written, model.cost(plain, written, use, geo), paid=True, use=use)

    def _message(
        self,
        model: Model,
        content: list[TextBlock | ThinkingBlock],
        stop_reason: str,
        usage: Usage,
        stop_details: StopDetails | None = None,
    ) -> Message:
        self._made += 1
        return Message(
            id=f"{self._prefix}{self._made:08d}",
            model=model.id,
            content=content,
            stop_reason=stop_reason,
            stop_details=stop_details,
            usage=usage,
        )


def without_examples(text: str) -> str:
    """What is to be classified, of a message that shows labelled tickets before it."""
    return text.rpartition(TICKET)[2]


def usage_of(plain: int, written: int, use: Use, details: OutputDetails | None, geo: str) -> Usage:
    """The usage as the API tells it; `plain` are input tokens beside those of the cache."""
    for_an_hour = use.written if use.ttl == HOUR else 0
    return Usage(
        input_tokens=plain,
        output_tokens=written,
        output_tokens_details=details,
        cache_creation_input_tokens=use.written,
        cache_read_input_tokens=use.read,
        cache_creation=CacheCreation(use.written - for_an_hour, for_an_hour),
        inference_geo=geo,
    )


def thinking_tokens(params: Params, text: str) -> int:
    """The tokens that a model wants to think over a text, the same each time: a few under low effort."""
    least, most = LOW_THOUGHT if params.effort == "low" else USUAL_THOUGHT
    return least + zlib.crc32(text.encode()) % (most - least)


def _thinks(params: Params, model: Model) -> bool:
    if params.thinking is None:
        return model.thinks_by_default
    return params.thinking.type in ("enabled", "adaptive")


def _as_json(
    wanted: OutputConfig | None, asked: Sequence[Member], answer: str, text: str, confidence: str | None
) -> str:
    """The answer as the JSON object of the requested schema, or of the prompt; as it is where neither asks for one."""
    members = asked
    if wanted is not None and wanted.format is not None and wanted.format.type == "json_schema":
        members = members_of_schema(wanted.format.schema, asked)
    return as_object(members, answer, text, confidence) if members else answer


def _errored(type: str, message: str) -> Answered:
    return Answered(Errored(ErrorBody(ItemError(type, message))))
