"""An account of the Message Batches API in memory and in virtual time."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from msgspec.structs import replace

from nightsort.domain.account import Account
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch, Catalogue, ModelFacts
from nightsort.domain.errors import OutcomeUnknown, Rejected, Waiting
from nightsort.domain.prices import takes_geo
from nightsort.domain.reasons import Reason
from nightsort.ports import Clock

Respond = Callable[[str], "str | Answer"]
"""Maps a ticket's text to the model's words, or to a whole Answer (its custom_id is filled in)."""
Hook = Callable[..., Awaitable[None]]
"""Gets the operation's name (create, retrieve, recent, results, cancel, model, count_tokens) and its subject."""

MODEL = "claude-haiku-4-5"
SECOND_MODEL = "claude-sonnet-5-5"
MODELS = {
    name: ModelFacts(name, can_disable_thinking=True, thinks=True, max_input_tokens=200_000)
    for name in (MODEL, SECOND_MODEL)
}
CANCEL_SECONDS = 1.0


@dataclass
class Held:
    """A batch that the account holds."""

    id: str
    tag: str
    created_at: datetime
    ends_at: datetime
    answers: list[Answer]
    canceling: bool = False
    expires_at: datetime | None = None
    model: str = MODEL


async def nothing(operation: str, *about: Any) -> None:
    """The hook of an account without faults."""


class FakeBatchApi:
    """Requests are answered by `respond`, or as `others` has it by model; a batch ends `duration` seconds after it
    was created.

    `before` runs when a call arrives, `after` when it has taken effect: an `after` that raises on create is a lost
    answer. `shorten` may leave answers out of a results stream. `hidden` batches are not found for now.
    `total` is the number of requests that the account gives for a batch.
    `names` are those of organization and workspace, empty where answers have none; `key` is the key of the calls.
    `prefix` begins the ids: no two accounts have a batch of the same id. `geo` is where requests run that do not say
    it, such as `us`; by default answers say nothing of it.
    """

    def __init__(
        self,
        clock: Clock,
        respond: Respond = lambda text: "other",
        *,
        duration: float = 60.0,
        listed_after: float = 0.0,
        models: Mapping[str, ModelFacts] = MODELS,
        page: int = 1000,
        prefix: str = "msgbatch_",
    ) -> None:
        self.before: Hook = nothing
        self.after: Hook = nothing
        self.shorten: Callable[[Sequence[Answer]], Sequence[Answer]] = lambda answers: answers
        self.hidden: set[str] = set()
        self.total: Callable[[Held], int] = lambda held: len(held.answers)
        self.names = ("organization", "workspace")
        self.key = "key"
        self.calls: Counter[str] = Counter()
        self.held: dict[str, Held] = {}
        self.clock = clock
        self._respond = respond
        self.others: dict[str, Respond] = {}
        self.geo: str | None = None
        self.duration = timedelta(seconds=duration)
        self.listed_after = timedelta(seconds=listed_after)
        self.models = models
        self._page = page
        self._prefix = prefix

    @property
    def bill(self) -> dict[str, Counter[str]]:
        """How often each custom_id is paid, by batch, with or without its answer yet."""
        return {
            held.id: Counter(answer.custom_id for answer in held.answers if answer.outcome == "succeeded")
            for held in self.held.values()
        }

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        try:
            await self._begin("create", tag)
        except OutcomeUnknown:
            body.read()  # it was sent whole before the answer was lost
            raise
        sent = body.read()
        assert len(sent) == size, "the announced size is the size of the body"
        requests = read_requests(sent)
        number, now = len(self.held) + 1, self.clock.now()
        model, geo = model_of(sent), geo_of(sent) or self.geo
        respond = self.others.get(model, self._respond)
        answers = [answered(respond, custom_id, text) for custom_id, text in requests.items()]
        if geo is not None and takes_geo(model):
            answers = [replace(answer, in_us=geo == "us") for answer in answers]
        held = Held(f"{self._prefix}{number:04d}", tag, now, now + self.duration, answers, model=model)
        self.held[held.id] = held
        await self.after("create", self._shown(held))
        return self._shown(held)

    async def retrieve(self, batch_id: str) -> Batch | None:
        await self._begin("retrieve", batch_id)
        held = self._find(batch_id)
        await self.after("retrieve", batch_id)
        return self._shown(held) if held else None

    async def recent(self, since: datetime) -> Sequence[Batch]:
        await self._begin("recent", since)
        latest = self.clock.now() - self.listed_after
        found = [held for held in self.held.values() if since <= held.created_at <= latest]
        await self.after("recent", since)
        return [self._shown(held) for held in reversed(found) if held.id not in self.hidden]

    async def behind(self, batch_id: str, until: datetime) -> Sequence[Batch]:
        await self._begin("behind", batch_id)
        if batch_id not in self.held:
            raise Waiting("the list does not lead there", reason=Reason.LIST_TOO_LONG)
        latest, known = self.clock.now() - self.listed_after, list(self.held)
        later = [self.held[one] for one in known[known.index(batch_id) + 1 :]]
        await self.after("behind", batch_id)
        there = [held for held in later if held.created_at <= latest and held.id not in self.hidden]
        return [self._shown(held) for held in reversed(there)]

    async def newest(self) -> Batch | None:
        await self._begin("newest")
        latest = self.clock.now() - self.listed_after
        found = [held for held in self.held.values() if held.created_at <= latest and held.id not in self.hidden]
        await self.after("newest")
        return self._shown(found[-1]) if found else None

    def account(self, salt: str) -> Account:
        return Account(*self.names, key=f"{salt}:{self.key}")

    async def results(self, batch: Batch) -> AsyncIterator[Sequence[Answer]]:
        await self._begin("results", batch)
        held = self._find(batch.id)
        if held is None or not self._shown(held).ended:
            raise Waiting("the API knows no results of this batch yet (404)", reason=Reason.NOT_FOUND)
        answers = list(held.answers)
        random.Random(held.id).shuffle(answers)
        delivered = self.shorten(answers)
        if not delivered:
            raise Waiting("in the place of the results came something else", reason=Reason.RESULTS_UNAVAILABLE)
        for start in range(0, len(delivered), self._page):
            yield delivered[start : start + self._page]
        await self.after("results", batch)

    async def cancel(self, batch_id: str) -> None:
        await self._begin("cancel", batch_id)
        held = self._find(batch_id)
        if held is not None and not held.canceling and not self._shown(held).ended:
            held.canceling = True
            held.ends_at = self.clock.now() + timedelta(seconds=CANCEL_SECONDS)
            held.answers = [Answer(answer.custom_id, "canceled") for answer in held.answers]
        await self.after("cancel", batch_id)

    async def model(self, model: str) -> ModelFacts | None:
        await self._begin("model", model)
        await self.after("model", model)
        return self.models.get(model)

    async def catalogue(self) -> Catalogue:
        await self._begin("catalogue")
        await self.after("catalogue")
        return Catalogue(tuple(self.models.values()), self.clock.now())

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        await self._begin("count_tokens", model)
        await self.after("count_tokens", model)
        return tokens(system) + tokens(text)

    async def _begin(self, operation: str, *about: Any) -> None:
        self.calls[operation] += 1
        await self.before(operation, *about)

    def _find(self, batch_id: str) -> Held | None:
        return None if batch_id in self.hidden else self.held.get(batch_id)

    def _shown(self, held: Held) -> Batch:
        ended = self.clock.now() >= held.ends_at
        return Batch(
            id=held.id,
            created_at=held.created_at,
            requests=self.total(held),
            ended=ended,
            ended_at=held.ends_at if ended else None,
            expires_at=held.expires_at,
            canceling=held.canceling and not ended,
            results_url=f"memory://account/{held.id}/results" if ended else None,
        )


def answered(respond: Respond, custom_id: str, text: str) -> Answer:
    said = respond(text)
    if isinstance(said, Answer):
        return replace(said, custom_id=custom_id)
    return Answer(custom_id, "succeeded", said, "end_turn", input_tokens=tokens(text), output_tokens=tokens(said))


def model_of(body: bytes) -> str:
    """The model of a batch's requests: all of them have the same."""
    return str(json.loads(body)["requests"][0]["params"].get("model", MODEL))


def geo_of(body: bytes) -> str | None:
    """Where a batch's requests are to run, as far as they say it: all of them say the same."""
    places = {request["params"].get("inference_geo") for request in json.loads(body)["requests"]}
    assert len(places) == 1, places
    [place] = places
    return None if place is None else str(place)


def read_requests(body: bytes) -> dict[str, str]:
    """The text of each request by custom_id; raises what the API refuses at once."""
    try:
        requests = json.loads(body)["requests"]
        texts = {request["custom_id"]: request["params"]["messages"][-1]["content"] for request in requests}
    except (ValueError, LookupError, TypeError):
        raise Rejected("the API refused the batch (400 invalid_request_error)", reason=Reason.BATCH_REFUSED) from None
    if not texts or len(texts) != len(requests) or any(len(custom_id) > 64 for custom_id in texts):
        raise Rejected("the API refused the batch (400 invalid_request_error)", reason=Reason.BATCH_REFUSED)
    return texts


def tokens(text: str) -> int:
    return len(text) // 4 + 1
