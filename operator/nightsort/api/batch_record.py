"""The batches in the status: the memory of a run. One record for each attempt of each shard."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, assert_never

from pydantic import Field, StringConstraints

from nightsort.api.status_model import Line, StatusModel
from nightsort.api.times import MicroTime, Time

FIRST_RULES, RULES = 1, 2
"""By which answers were judged before a record said so, and by which they are now."""


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


class CacheUse(StrEnum):
    """Why the requests of a batch carry a mark for the prompt's cache.

    Prime: one ticket, which writes the prompt into the cache. Probe: some, which show how many read it from there.
    Read: the others, once that has turned out to pay.
    """

    PRIME = "Prime"
    PROBE = "Probe"
    READ = "Read"


class TokenCounts(StatusModel):
    """Tokens as the API counts them, by what they cost."""

    input_tokens: int = 0
    """Tokens that were read, but for those of the cache."""
    output_tokens: int = 0
    """Tokens that were written."""
    cache_write_tokens: int = 0
    """Tokens that were read and put into the cache for five minutes."""
    cache_write_hour_tokens: int = 0
    """Tokens that were read and put into the cache for an hour."""
    cache_read_tokens: int = 0
    """Tokens that were read from the cache."""


class Usage(TokenCounts):
    """Tokens of a batch's answers, as the API counted them."""

    us: TokenCounts | None = None
    """Of these tokens, those of answers that were made in the US, which cost a tenth more."""


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
    duplicates: int = 0
    """Tickets that get the row of one of its requests, whose text they have, and have none yet. They count among
    `labeled`, `unknown` and `failed` as soon as they have it."""
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
    cache: CacheUse | None = None
    """Whether its requests carry a mark for the prompt's cache, and why: Prime, Probe or Read."""
    second: bool = False
    """Whether the second model reads its tickets; their rows count in the batches that have the first answers."""
    review: int = 0
    """Tickets whose first answer is there, and whose rows wait for that of the second model."""
    held_duplicates: int = 0
    """Tickets with the text of one of these, which wait with it."""
    reviewed: int = 0
    """What was `review`, once they have their rows."""
    reviewed_in: int | None = None
    """The shard in which the second model reads them."""
    canary: bool = False
    """Whether its tickets are known ones, which are only compared: they get no rows and count elsewhere."""
    rules: int = FIRST_RULES
    """The version of the rules by which its answers were judged when they were collected."""
    seen: Seen | None = None
    """While its outcome is open, or it is in flight."""

    @property
    def left(self) -> int:
        """Tickets that this attempt left to be asked again, whoever asks for them."""
        return self.retryable + self.passed_on
