"""What the operator reports and remembers: `status` of a ClassificationBatch, the ledger of a run.

The batches are the memory. Phase, counts and conditions are derived for readers, and no decision depends on them,
except that Finished is final: a run that has said so once is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, assert_never

from pydantic import ConfigDict, Field, PlainSerializer, StringConstraints

from nightsort.api.model import Model, keyed


def rfc3339(moment: datetime) -> str:
    """Kubernetes' form of a time: UTC, seconds, `Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
MicroTime = Annotated[datetime, PlainSerializer(rfc3339_micro, return_type=str, when_used="json")]
Line = Annotated[str, StringConstraints(max_length=1024)]
Marks = Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(max_length=4)]
MAX_BATCHES = 500
FIRST_RULES, RULES = 1, 2
"""By which answers were judged before a record said so, and by which they are now."""


class StatusModel(Model):
    """A part of the status; fields that another version wrote are kept out rather than refused."""

    model_config = ConfigDict(extra="ignore")


class BatchState(StrEnum):
    """Where an attempt of a shard stands.

    Intended: about to be bought; without an id after a crash its outcome is unknown until adopted or released.
    Released: surely not bought under this tag; the same range of the source is to be submitted again.
    Submitted: the API has it. Collected: every answer has its row, or stands in `retryable`.
    """

    INTENDED = "Intended"
    RELEASED = "Released"
    SUBMITTED = "Submitted"
    COLLECTED = "Collected"

    @property
    def is_in_flight(self) -> bool:
        """Whether the API has it, or may have it."""
        match self:
            case BatchState.INTENDED | BatchState.SUBMITTED:
                return True
            case BatchState.RELEASED | BatchState.COLLECTED:
                return False
            case _:
                assert_never(self)

    @property
    def is_open(self) -> bool:
        """Whether its tickets are still to get their rows."""
        match self:
            case BatchState.INTENDED | BatchState.RELEASED | BatchState.SUBMITTED:
                return True
            case BatchState.COLLECTED:
                return False
            case _:
                assert_never(self)

    @property
    def may_be_bought(self) -> bool:
        """Whether somebody paid for it under this tag, as far as anybody knows."""
        match self:
            case BatchState.INTENDED | BatchState.SUBMITTED | BatchState.COLLECTED:
                return True
            case BatchState.RELEASED:
                return False
            case _:
                assert_never(self)


class Usage(StatusModel):
    """Tokens of a batch's answers, as the API counted them."""

    input_tokens: int = 0
    """Tokens that were read, but for those of the cache."""
    output_tokens: int = 0
    """Tokens that were written."""
    cache_write_tokens: int = 0
    """Tokens that were read and put into the cache."""
    cache_read_tokens: int = 0
    """Tokens that were read from the cache."""


class Seen(StatusModel):
    """What the account showed right before a purchase: what was bought stands in front of its newest batch.

    An account that names itself in its answers does so by organization and workspace; `key` is a salted digest of the
    API key, which tells whether it is the same one.
    """

    newest: Annotated[str, StringConstraints(max_length=128)] | None = None
    """The API's id of the newest batch; absent where there was none."""
    created_at: MicroTime | None = None
    """When that batch was created, by the API's clock."""
    organization: Annotated[str, StringConstraints(max_length=64)] = ""
    """The account's organization, where its answers name one."""
    workspace: Annotated[str, StringConstraints(max_length=64)] = ""
    """The account's workspace, where its answers name one."""
    key: Annotated[str, StringConstraints(max_length=64)] = ""
    """A salted digest of the API key."""


class BatchRecord(StatusModel):
    """One attempt of one shard: an intent first, a batch once the API's id is known."""

    shard: int
    """The number of the shard."""
    attempt: int
    """0 for the first try of the shard, then 1, 2 … for what was sent again."""
    tag: Annotated[str, StringConstraints(max_length=16)]
    """What every custom_id of the batch begins with: the proof of who bought it."""
    state: BatchState
    id: Annotated[str, StringConstraints(max_length=128)] | None = None
    """The API's id of the batch, once it is known."""
    requests: int
    """How many requests the batch has."""
    text_bytes: int = 0
    """Of the tickets' texts, as they are sent."""
    cut: int = 0
    """Requests with a text that was cut to prompt.maxBodyChars."""
    canceled: bool = False
    """Whether the batch was cancelled."""
    spared: int = 0
    """Of the attempts before this one those that were canceled: they do not count against backoffLimit."""
    long_ids: int = Field(default=0, alias="longIDs")
    """How many ConfigMaps keep those of its ids that are too long for a custom_id."""
    ids_digest: Annotated[str, StringConstraints(max_length=32)] | None = None
    """Of the ids that it asks about: an answer to any other is told from theirs."""
    after: Line | None = None
    """The cursor of the source behind which its tickets begin; absent at the source's beginning."""
    through: Line | None = None
    """The cursor of the last of its tickets."""
    intended_at: MicroTime
    """When the intent to buy it was written."""
    turn: int = 0
    """Of how many intents of the run it is the last one. Clocks may differ, and several intents be of one moment."""
    submitted_at: Time | None = None
    """When the API took it."""
    ended_at: Time | None = None
    """When the API was through with it."""
    labeled: int = 0
    """Tickets that got a category."""
    unknown: int = 0
    """Tickets whose answer is none of the categories."""
    failed: int = 0
    """Tickets that got no usable answer, and are not asked about again."""
    retryable: int = 0
    """Tickets that got no usable answer, and are asked about again."""
    retried_in: int | None = None
    """The shard whose next attempt asks about them, where that is another one."""
    passed_on: int = 0
    """What would be `retryable`, where it travels with another shard's next attempt, and the number of that shard.
    Apart from `retryable`, so that an operator of an earlier version, after a rollback, does not ask again too."""
    summed_up: int = 0
    """How many further batches, whose entries made room, this one's figures hold."""
    unnamed: int = 0
    """Failed tickets without a row: results and source are gone, so that nobody can tell which they were."""
    unpriced: int = 0
    """Requests that may have been paid without anybody knowing how much: their answers never came, or came without
    a usage that can be read."""
    strays: int = 0
    """Lines of its results that answer what it did not ask; they are left out."""
    differing: int = 0
    """Tickets with two answers that contradict each other; one of them counts."""
    most: int | None = None
    """How many requests may be sent at the most, since more were refused; the others become a shard of their own."""
    rounds: int = 0
    """How often its create was tried in vain; what it takes to be tried again is told by time."""
    answer: Annotated[str, StringConstraints(max_length=128)] | None = None
    """The code and type of the API's last answer to its create, as long as that was not accepted."""
    usage: Usage = Usage()
    rules: int = FIRST_RULES
    """The version of the rules by which its answers were judged when they were collected."""
    seen: Seen | None = None
    """While its outcome is open, or it is in flight."""

    @property
    def left(self) -> int:
        """Tickets that this attempt left to be asked again, whoever asks for them."""
        return self.retryable + self.passed_on


class TicketCounts(StatusModel):
    """Tickets by where they stand; `labeled + unknown + failed = total` once the run has ended."""

    total: int = 0
    """All tickets of the run, as far as they are known."""
    labeled: int = 0
    """Those that got a category."""
    unknown: int = 0
    """Those whose answer is none of the categories."""
    failed: int = 0
    """Those that got no usable answer."""
    in_flight: int = 0
    """Those of batches that are not collected, and those that are to be sent again."""
    cut: int = 0
    """Of the total, those of which a text was cut to prompt.maxBodyChars before it was sent."""


class CategoryCount(StatusModel):
    """How many tickets a category got."""

    name: Annotated[str, StringConstraints(max_length=64)]
    """The category's name."""
    tickets: int
    """How many tickets got it."""


class Cost(StatusModel):
    """Money as decimal strings in USD; a figure that is not known is absent."""

    estimated_usd: Annotated[str, StringConstraints(max_length=32)] | None = Field(default=None, alias="estimatedUSD")
    """What the run was expected to cost, before it bought anything."""
    actual_usd: Annotated[str, StringConstraints(max_length=32)] | None = Field(default=None, alias="actualUSD")
    """What it has cost, by the usage that the API told."""
    standard_usd: Annotated[str, StringConstraints(max_length=32)] | None = Field(default=None, alias="standardUSD")
    """What the same usage costs at the standard price, one call for each ticket."""
    saved_usd: Annotated[str, StringConstraints(max_length=32)] | None = Field(default=None, alias="savedUSD")
    """The difference of the two."""
    prices_of: Annotated[str, StringConstraints(max_length=32)] | None = None
    """The date of the prices by which this is reckoned."""
    unpriced: int | None = None
    """Requests whose cost is not known, and not in actualUSD: their answers told no usage, or never came."""


class StoredResults(StatusModel):
    """Where the rows are."""

    config_maps: Annotated[tuple[Annotated[str, StringConstraints(max_length=253)], ...], Field(max_length=64)] = ()
    """The ConfigMaps that hold them."""
    table: Annotated[str, StringConstraints(max_length=256)] | None = None
    """The table that holds them."""
    object_store: Line | None = None
    """The folder that holds them, as a URL."""
    rows: int = 0
    """How many rows were stored."""
    unmatched: int = 0
    """Labels that found no row in the table: deleted there, with other ids, or dropped by a rule of the database."""

    def places(self) -> Sequence[str]:
        """Where the rows are, in words, but for ConfigMaps, which are read elsewhere."""
        table = [f"table {self.table}"] if self.table else []
        return [*table, self.object_store] if self.object_store else table


class Condition(StatusModel):
    """A condition as `metav1.Condition` has it."""

    type: Annotated[str, StringConstraints(max_length=316)]
    """What the condition is about, such as Finished."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: int | None = None
    """The generation of the spec that it speaks of."""
    last_transition_time: Time
    """When its status changed last."""
    reason: Annotated[str, StringConstraints(max_length=1024)]
    """Why, in a word for programs; docs/troubleshooting.md says who moves next."""
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    """Why, in a sentence for people."""


class Tokens(StatusModel):
    """What requests come to in tokens, by what the API counted in pre-flight."""

    prompt: int
    """Of a request without its ticket's text."""
    answer: int
    """Of an answer, as it is to be expected."""
    sample: int
    """Of some of the tickets' texts, which have `sampleBytes` bytes."""
    sample_bytes: Annotated[int, Field(ge=1)]
    """The bytes of the texts of `sample`."""


class Plan(StatusModel):
    """What pre-flight found out: with it a run is decided, without it nothing was bought."""

    tickets: int
    """How many tickets the source had."""
    disable_thinking: bool = False
    """Whether requests tell the model not to think."""
    tokens: Tokens | None = None
    snapshot: Annotated[str, StringConstraints(max_length=16)] | None = None
    """The tag under which the ids of these tickets are kept, where the source may have other ones later."""
    last: Line | None = None
    """The cursor of the last of these tickets, where their ids are too many to be kept."""
    source_place: Marks = ()
    """Marks of the database that the tickets came from."""
    results_place: Marks = ()
    """Marks of the table that rows go to."""
    max_tokens: int | None = None
    """Of a request, as it is sent; without it as `spec.prompt` says."""
    remark: Line | None = None
    """What was odd in the source and stopped nothing, such as a file of 0 bytes."""


class Stop(StatusModel):
    """Why nothing more is bought: what is in flight is collected, then the run ends as Failed."""

    reason: Annotated[str, StringConstraints(max_length=128)]
    """Why, in a word for programs."""
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    """Why, in a sentence for people."""


class Status(StatusModel):
    """What the operator reports, and the ledger of the run. Written by the operator alone."""

    observed_generation: int | None = None
    """The generation of the spec that this status speaks of."""
    phase: Annotated[str, StringConstraints(max_length=32)] | None = None
    """Where the run stands, in a word for people; programs read the conditions."""
    message: Annotated[str, StringConstraints(max_length=32768)] | None = None
    """Why the run stands there, in a sentence."""
    start_time: Time | None = None
    """When the run began or was resumed; activeDeadlineSeconds counts from here."""
    completion_time: Time | None = None
    """When the run ended."""
    plan: Plan | None = None
    stop: Stop | None = None
    cursor: Line | None = None
    """How far the source was read."""
    refusals: int = 0
    """Creates that were refused for what they carried."""
    source_exhausted: bool = False
    """The source was read to its end."""
    tickets: TicketCounts = TicketCounts()
    categories: Annotated[tuple[CategoryCount, ...], Field(max_length=200, json_schema_extra=keyed("name"))] = ()
    """How many tickets each category got, in the order of the spec."""
    batches: Annotated[
        tuple[BatchRecord, ...], Field(max_length=MAX_BATCHES, json_schema_extra=keyed("shard", "attempt"))
    ] = ()
    """The batches, which are the run's memory: each attempt of each shard."""
    cost: Cost = Cost()
    results: StoredResults = StoredResults()
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=keyed("type"))] = ()
    """What programs read, such as `kubectl wait --for=condition=Finished`."""
