"""The API's account, which several resources and other tenants share; it lags, expires, repeats and leaves out."""

from __future__ import annotations

import dataclasses
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO

from msgspec.structs import replace

from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch
from nightsort.domain.custom_id import tag_of
from nightsort.domain.errors import Interruption, RefusedBatch, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.ports import Clock
from nightsort.testing.batch_api import MODEL, MODELS, FakeBatchApi, Held, read_requests, tokens
from nightsort.testing.prompt_cache import FakePromptCache, prompt_of
from tests.simulation.ailing import NOT_TAKEN
from tests.simulation.apart import Counts
from tests.simulation.wire import Wire

MARK = "sekret"
"""Stands in the text of every ticket, and must stand nowhere else."""
LABELS = ("billing", "Technical", "account", "other.")
FORMS = {
    "- billing": "billing",
    "Category : technical": "technical",
    "<category>account</category>": "account",
    '{"category": "account access"}': "account access",
    "account\naccess": "account access",
    "billing or technical": None,
}
"""Answers in other words, with the category that they mean."""
CUT = (("account", "max_tokens"), ("account", "pause_turn"), ("no such", "max_tokens"))
"""They may be the beginning of `account access`, or of anything."""
URGENCIES = {"low": "low", "HIGH": "high", "asap": None}
"""Answers to a field, with the value that they mean."""
OBJECTS = 0.8
"""How many labels come in an object where one was asked for."""
NO_SCHEMA = "output_config.format.schema: the compiled grammar is too large"
PASSING = ("api_error", "overloaded_error")
PLACED_MODEL = "claude-sonnet-4-6"
"""It takes a place, and costs three times as much as the other first model."""
ALL_MODELS = MODELS | {PLACED_MODEL: dataclasses.replace(MODELS[MODEL], id=PLACED_MODEL)}
CANCEL_SECONDS = 30.0
LONG_PROMPT = 5_000
"""Tokens that prompts have beside their own, where they are cached: nobody has to send them."""
ACCIDENTS = 0.4
"""How many batches are such whose results end in an accident, in lives in which there are any."""
NOTHING_SOLD: tuple[Interruption, ...] = (
    Waiting("the API's rate limit is reached", reason=Reason.RATE_LIMITED, retry_after=120.0),
    Waiting("the API is overloaded", reason=Reason.OVERLOADED),
    Stalled("the account's spend limit is reached", reason=Reason.SPEND_LIMIT_REACHED),
)
Bought = Callable[[Held, dict[str, str]], None]


def text_of(ticket_id: str) -> str:
    return f"{MARK} {ticket_id} {MARK}"


def ticket_of(text: str) -> str:
    return text.split(MARK)[1].strip()


class Account(FakeBatchApi):
    """`bought` is told of each batch that is accepted, with the tickets by custom_id."""

    def __init__(self, clock: Clock, rng: random.Random, name: str, bought: Bought) -> None:
        lag = rng.choice((0.0, 0.0, 5.0, 240.0))
        super().__init__(clock, self.respond, listed_after=lag, prefix=f"msgbatch_{name}_", models=ALL_MODELS)
        self._rng = rng
        self._bought = bought
        self._mood = rng.choice((0.0, 0.1, 0.4))
        self.longest = rng.choice((60.0, 3600.0, 4 * 3600.0))
        self.withheld: set[str] = set()
        self.greed = 0.0
        self.crowded = False
        self.noise = rng.choice((0.0, 0.0, 0.3))
        self.losses = 0.0
        self.refuses: set[str] = set()
        self.ails: tuple[datetime, datetime, str] | None = None
        self.tried: Callable[[str], None] = lambda tag: None
        self.drought: tuple[datetime, datetime] | None = None
        self.page: tuple[datetime, datetime] | None = None
        self.accident: tuple[datetime, datetime] | None = None
        self.structured = self.schema_refused = False
        self.cache: FakePromptCache | None = None
        self.marked: dict[str, bool] = {}
        """Batches with a mark for the cache, by id: whether the prompt was there when they were bought."""
        self.wire = Wire()
        self.systems: dict[str, set[str]] = {}
        """The system prompts of a batch, by its id."""
        self.texts: dict[tuple[str, str], str] = {}
        """What was sent of each ticket, by the batch's id and the ticket's."""
        self._refusal = rng.choice(NOTHING_SOLD)
        self.shorten = self.deliver
        self.knows: Mapping[str, str] = {}
        """What known tickets are, by id, and how often the answer is right."""
        self.accuracy = 0.0
        self.counts = Counts(clock.now, 0.0)
        self.total = self.counts.of

    def take_schemas(self, *, refused: bool) -> None:
        """From now on models answer with objects, or the API takes no schema."""
        self.structured, self.schema_refused = True, refused
        self.models = {name: dataclasses.replace(each, structured_outputs=True) for name, each in self.models.items()}

    def respond(self, text: str) -> str | Answer:
        if self.schema_refused:
            return Answer("", "errored", error_type="invalid_request_error", error_message=NO_SCHEMA)
        if self._rng.random() >= self._mood:
            truth = self.knows.get(ticket_of(text)) if self.knows else None
            label = truth if truth and self._rng.random() < self.accuracy else self._rng.choice(LABELS)
            if self.structured and self._rng.random() < OBJECTS:
                return json.dumps({"category": label, "urgency": self._rng.choice(list(URGENCIES))})
            return label
        return self._rng.choice(
            (
                "gibberish",
                "gibberish",
                self._rng.choice(list(FORMS)),
                Answer("", "errored", error_type=self._rng.choice(PASSING)),
                Answer("", "errored", error_type="invalid_request_error"),
                Answer("", "expired"),
                Answer("", "succeeded", "", "refusal", input_tokens=5),
                Answer("", "succeeded", *self._rng.choice(CUT), input_tokens=5, output_tokens=50),
            )
        )

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        if self.drought and self.drought[0] <= self.clock.now() < self.drought[1]:
            raise self._refusal
        sent = body.read()
        if self.ails and self.ails[0] <= self.clock.now() < self.ails[1]:
            self.tried(tag)
            raise NOT_TAKEN[self.ails[2]]
        if any(ticket_of(text) in self.refuses for text in read_requests(sent).values()):
            raise RefusedBatch("the API refuses the batch (400)", reason=Reason.BATCH_REFUSED, answer="400")
        self.duration = timedelta(seconds=self._rng.uniform(5, self.longest))
        batch = await super().create(io.BytesIO(sent), size, tag)
        self._charge(self.held[batch.id], sent)
        tickets = {name: ticket_of(text) for name, text in read_requests(sent).items()}
        self.texts |= {(batch.id, ticket_of(text)): text for text in read_requests(sent).values()}
        # One line at least stays: a batch without any could never be told from another's.
        self.withheld |= {custom_id for custom_id in list(tickets)[1:] if self._rng.random() < self.losses}
        held = self.held[batch.id]
        if self.accident and self._rng.random() < ACCIDENTS:
            self.wire.broken.add(tag)
        held.answers = self.wire.spoil(held.answers, self._rng)
        self.withheld |= self.wire.haunt(held.answers, self._rng)
        self._bought(self.held[batch.id], tickets)
        return batch

    def _charge(self, held: Held, sent: bytes) -> None:
        """Says what each answer has used: prompt and text, and of greedy ones all the tokens that they may."""
        params = {each["custom_id"]: each["params"] for each in json.loads(sent)["requests"]}
        self.systems[held.id] = {prompt_of(each["system"])[0] for each in params.values()}
        for number, answer in enumerate(held.answers):
            asked = params[answer.custom_id]
            if answer.outcome == "succeeded":
                greedy = answer.stop_reason == "max_tokens" or self._rng.random() < self.greed
                held.answers[number] = replace(
                    answer,
                    input_tokens=tokens(prompt_of(asked["system"])[0]) + len(asked["messages"][-1]["content"]) // 4,
                    output_tokens=asked["max_tokens"] if greedy else min(answer.output_tokens, asked["max_tokens"]),
                )
        if self.cache is not None:
            text, is_marked = prompt_of(next(iter(params.values()))["system"])
            if is_marked:
                self.marked[held.id] = self.cache.has(text, held.created_at)
            held.answers = self.cache.charged(held.answers, params, held.created_at, lambda: held.ends_at, LONG_PROMPT)

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        return await super().count_tokens(model, system, text) + (LONG_PROMPT if self.cache is not None else 0)

    async def recent(self, since: datetime) -> Sequence[Batch]:
        """The list lags, within the grace, but whatever it has shown it goes on showing."""
        if self.crowded:
            raise Waiting("more than 20,000 batches are too new to be passed over", reason=Reason.LIST_TOO_LONG)
        hidden, self.hidden = self.hidden, set()
        try:
            return await super().recent(since)
        finally:
            self.hidden = hidden

    async def behind(self, batch_id: str, until: datetime) -> Sequence[Batch]:
        hidden, self.hidden = self.hidden, set()
        try:
            return await super().behind(batch_id, until)
        finally:
            self.hidden = hidden

    async def cancel(self, batch_id: str) -> None:
        """What was answered by then stays answered; the batch ends a little later."""
        held = self._find(batch_id)
        if held is None:
            raise Waiting("the API knows no such batch (404)", reason=Reason.NOT_FOUND)
        before = held.answers
        await super().cancel(batch_id)
        if held.answers is not before:
            held.ends_at = self.clock.now() + timedelta(seconds=CANCEL_SECONDS)
            kept = [self._rng.random() < 0.5 for _ in before]
            held.answers = [old if keep else new for old, new, keep in zip(before, held.answers, kept, strict=True)]

    def deliver(self, answers: Sequence[Answer]) -> Sequence[Answer]:
        """The lines of a results stream: in any order, some twice, some of somebody else's, some never.

        For a while a gateway's page comes in their place.
        """
        if self.page and self.page[0] <= self.clock.now() < self.page[1]:
            return []
        if self.accident and self.clock.now() < self.accident[1] and tag_of(answers[0].custom_id) in self.wire.broken:
            raise RuntimeError("an accident")
        lines = [answer for answer in answers if answer.custom_id not in self.withheld]
        self._rng.shuffle(lines)
        if self.noise and self._rng.random() < self.noise and lines:
            lines += self._rng.sample(lines, min(len(lines), 2))
            lines.insert(self._rng.choice((0, len(lines) // 2)), Answer("alien1-1", "succeeded", "billing", "end_turn"))
        return self.wire.carry(lines, tag_of(answers[0].custom_id))

    def crowd(self) -> None:
        """From now on the list is too long, which an hour ago it was already."""
        self.crowded, ago = True, self.clock.now() - timedelta(hours=1)
        answers = [Answer("theirs-0", "succeeded", "billing", "end_turn")]
        self.held[f"{self._prefix}0000"] = Held(f"{self._prefix}0000", "theirs", ago, ago, answers)

    def stranger(self, requests: int) -> None:
        """Another tenant of the workspace buys a batch of as many requests."""
        number, now = len(self.held) + 1, self.clock.now()
        answers = [Answer(f"theirs-{each}", "succeeded", "billing", "end_turn") for each in range(requests)]
        ends = now + timedelta(seconds=self._rng.uniform(5, 7200))
        held = Held(f"{self._prefix}{number:04d}", "theirs", now, ends, answers)
        self.held[held.id] = held
