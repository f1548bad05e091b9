"""What the flow needs of the world. Each Protocol has a runnable fake and real adapters; one contract suite for all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Literal, Protocol, runtime_checkable

from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import SecretRef
from nightsort.api.status import Status
from nightsort.domain.account import Account
from nightsort.domain.answer import Answer, Row, Verdict
from nightsort.domain.batch import Batch, ModelFacts
from nightsort.domain.reasons import Reason
from nightsort.domain.recovery import Kept
from nightsort.domain.run_state import RunState
from nightsort.domain.ticket import Ticket


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, with UTC as its zone. Whoever sets the machine's clock makes it jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, which nobody sets: for how long something took or is to take."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Ledger(Protocol):
    """Where the record of a run is kept."""

    async def load(self, meta: Meta) -> Resource | None:
        """The newest version; None when the resource, or this incarnation of it (uid), is gone."""
        ...

    async def save(self, meta: Meta, status: Status) -> Meta:
        """Writes the status durably, if nobody wrote the resource since `meta` was read; the new version's meta.

        Raises:
            Conflict: somebody did. Gone: the resource is not there any more. Waiting: the store cannot be reached.
            Stalled: it refuses the status.
        """
        ...

    async def ensure_recordable(self, meta: Meta) -> None:
        """Whether the store keeps every field that a record may have, asked before anything follows that needs it.

        Raises:
            Stalled: it does not, or it has not kept all of this record's last write. Gone, Waiting: see `save`.
        """
        ...

    async def owned_batches(self) -> set[str]:
        """The ids of all batches that any record owns, read from the store itself and not from a cache."""
        ...

    async def unfinished(self) -> Sequence[Resource]:
        """Every resource that has not ended, read from the store itself, without those that cannot be parsed."""
        ...

    async def others(self, meta: Meta, within: float = 0.0) -> Sequence[Resource]:
        """The other unfinished resources of the namespace, read from the store itself since this was asked.

        within: a read that began so many seconds before is as good.

        Without those that cannot be parsed.
        """
        ...

    async def remove(self, meta: Meta) -> None:
        """Deletes the resource, if it is still this version of it."""
        ...

    async def keep_long_ids(self, meta: Meta, tag: str, ids: Mapping[str, str]) -> None:
        """Keeps what the digests in a batch's custom_ids stand for (digest to id), durably.

        Raises:
            Rejected: they are too many for the store.
        """
        ...

    async def long_ids(self, meta: Meta, tag: str) -> Mapping[str, str]: ...

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        """Keeps a copy of the record, durably and beside the status: whoever writes over that does not reach it.

        removing: entries are meant to go.

        Raises:
            Conflict: the copy has batches that this status lacks. Waiting, Stalled: the store does not take it.
        """
        ...

    async def kept_record(self, meta: Meta) -> Kept:
        """What was kept of this incarnation of the resource."""
        ...

    async def forget_record(self, meta: Meta, anew: str) -> None:
        """Keeps nothing but this word of the person who said that the run begins anew."""
        ...


class BatchApi(Protocol):
    """The Message Batches API under one credential."""

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        """Buys a batch: `size` bytes of JSON from `body`, sent exactly once.

        Raises:
            OutcomeUnknown: it may have been accepted. Waiting, Stalled, Rejected: it surely was not.
        """
        ...

    async def retrieve(self, batch_id: str) -> Batch | None:
        """A batch by id; None on 404, which may pass."""
        ...

    async def recent(self, since: datetime) -> Sequence[Batch]:
        """All batches of the workspace created since then, newest first.

        Raises:
            Waiting: with the reason ListTooLong where they are more than are listed, ListUnreadable where one of them
                cannot be told from others.
        """
        ...

    async def behind(self, batch_id: str, until: datetime) -> Sequence[Batch]:
        """All batches of the workspace created behind this one, newest first, until one is newer than `until`.

        Raises:
            Waiting: with the reason ListTooLong where they are more than are listed, or the list does not lead there.
        """
        ...

    async def newest(self) -> Batch | None:
        """The batch of the workspace that was created last, as far as the list shows; None where it is empty."""
        ...

    def account(self, salt: str) -> Account:
        """Whose batches these are, as far as the answers so far have told."""
        ...

    def results(self, batch: Batch) -> AsyncIterator[Sequence[Answer]]:
        """The answers of an ended batch, in chunks and in any order; may be cut short without an error.

        Raises:
            Waiting: with the reason ResultsUnavailable where not one line came: something else stands in their place.
        """
        ...

    async def cancel(self, batch_id: str) -> None:
        """Asks for the batch's end; it ends later. Harmless when it has ended."""
        ...

    async def model(self, model: str) -> ModelFacts | None:
        """What the catalogue says of a model; None when it does not know it."""
        ...

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        """Input tokens of one request, as the API estimates them.

        Raises:
            Rejected: the API does not take such a prompt.
        """
        ...


class Source(Protocol):
    """Where tickets come from, in a fixed order of cursors."""

    async def check(self) -> Sequence[str]:
        """What is odd and in nobody's way, in words: a file of 0 bytes, where others have tickets or there are none.

        Raises:
            Waiting, Stalled, Rejected: the tickets cannot be read, or their ids are not unique.
        """
        ...

    async def count(self) -> int: ...

    def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        """Pages of tickets behind the cursor `after`, up to and with `through`.

        Raises:
            SourceChanged: what a cursor stands for is not there any more; at `through` it may show after the last page.
        """
        ...

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        """Those of the tickets that are still there, in any order. At most 1,000 ids a call."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tickets that a source has at one moment: their ids, in the order of their cursors.

    `ids` is None where they are too many to be kept; then `last` is the cursor of the last one, None where there is no
    ticket.
    """

    ids: Sequence[str] | None
    last: str | None = None


@runtime_checkable
class ChangingSource(Source, Protocol):
    """A source whose tickets are other ones while a run reads it, as those of a query with a LIMIT."""

    async def snapshot(self) -> Snapshot:
        """Which tickets there are now, all seen at the same moment.

        Raises:
            Rejected, Stalled: the source would choose other ones at each read.
        """
        ...

    def among(self, ids: Sequence[str]) -> AsyncIterator[Sequence[Ticket]]:
        """Pages of those of the tickets that are still there, in the order of a snapshot. At most 5,000 ids a call."""
        ...

    async def outdated(self, ids: Sequence[str]) -> Sequence[str]:
        """Of tickets whose label is in the results: those that the source gives only since it does not see that.

        None of them where it cannot be told. At most 1,000 ids a call.
        """
        ...


@dataclass(frozen=True, slots=True)
class Summary:
    """What a sink may add at the end of a run: counts by category and verdict, cost in USD as the status shows it."""

    resource: str
    model: str
    tickets: int
    categories: Mapping[str, int]
    verdicts: Mapping[str, int]
    actual_usd: str | None
    standard_usd: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a sink has put the rows."""

    config_maps: tuple[str, ...] = ()
    table: str | None = None
    object_store: str | None = None
    """The folder's URL."""
    without_row: int = 0
    """Labels of this write that are not in the table: their rows are not there, or the database dropped them."""
    taken: tuple[str, ...] = ()
    """Some ids of tickets among them whose row has the label of another ticket of the run, which it keeps."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run will write, as far as it is known before anything is bought.

    `ids` are those of its first tickets, where rows go into a database: elsewhere no id has to fit what is there.
    `all_ids` reads those of all, in pages, which takes its time.
    """

    tickets: int
    categories: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    model: str = ""
    all_ids: Callable[[], AsyncIterator[Sequence[str]]] | None = None


class Sink(Protocol):
    """Where rows go. Writing the same rows again changes nothing.

    What has a category is final: a row without one, perhaps of a process that was paused for long, does not replace it.
    Object storage cannot look: it has an object for each batch, which is replaced.
    """

    async def check(self, rehearsal: Rehearsal) -> None:
        """Raises Stalled or Rejected when such rows could not be delivered. Leaves nothing behind to be seen."""
        ...

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        """Stores rows, one per ticket id; returns when they are durable."""
        ...

    async def finish(self, summary: Summary) -> Stored:
        """All rows are there."""
        ...


@runtime_checkable
class LabeledSink(Sink, Protocol):
    """A sink that knows which tickets have their label, whichever run has given it."""

    async def labeled(self, ids: Sequence[str]) -> Sequence[str]:
        """Those of the tickets that have one."""
        ...


@runtime_checkable
class ClaimedSink(Sink, Protocol):
    """A sink whose place has a name that another resource may want as well."""

    async def claim(self) -> None:
        """Takes the name for this resource, durably; again, it changes nothing.

        Raises:
            Stalled: it belongs to somebody else. Waiting: the store cannot be reached.
        """
        ...


@runtime_checkable
class Placed(Protocol):
    """A source or sink in a place that a Secret names, which may come to name another one."""

    async def place(self) -> Sequence[str]:
        """Marks of the place, which hold no secret; two readings of the same place have one in common."""
        ...


class Secrets(Protocol):
    async def read(self, namespace: str, ref: SecretRef) -> str:
        """The value, stripped.

        Raises:
            Stalled: it is missing, not labelled `nightsort.dev/allow: "true"`, lacks the key, or is empty.
        """
        ...

    async def read_all(self, namespace: str, name: str) -> Mapping[str, str]:
        """All values of a Secret by key, stripped.

        Raises:
            Stalled: it is missing, not labelled `nightsort.dev/allow: "true"`, has no keys, or a value is not text.
        """
        ...


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """`data` by key; `version` is the store's mark for guarded writes, empty for one that is to be created.

    `binary` are the keys whose content is no UTF-8 text, each with the line that is not; `flaws` say what it
    is in words. `holder` says in words whose it is. None of them is ever written.
    """

    name: str
    data: Mapping[str, str]
    version: str = ""
    owner_uid: str | None = None
    binary: Mapping[str, int] = field(default_factory=dict)
    flaws: Mapping[str, str] = field(default_factory=dict)
    holder: str | None = field(default=None, compare=False)


class ConfigMaps(Protocol):
    """ConfigMaps of the cluster, or files that stand for them in local mode."""

    async def read(self, namespace: str, name: str) -> ConfigMap | None: ...

    async def write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        """Creates it (version empty) or replaces that version; it belongs to `owner` and goes with it.

        Raises:
            Conflict: it exists, or another version does. Stalled: the store refuses it.
        """
        ...


class Events(Protocol):
    async def post(self, meta: Meta, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> None:
        """Tells people of a transition; a failure to do so is logged and never raised."""
        ...


@dataclass(frozen=True, slots=True)
class ResourceStats:
    """What the operator has before it: counts of resources by (phase, standing), and of batches in flight by state."""

    resources: Mapping[tuple[str, str], int]
    batches: Mapping[str, int]
    stalled: int
    queued: int
    oldest_batch: timedelta


class Metrics(Protocol):
    """What is counted for those who run the operator: no ticket text, no ids, no names of resources."""

    def expect(self, namespace: str, model: str) -> None:
        """The counts of this namespace and model begin at zero, so that their first rise is seen as one."""
        ...

    def ended(self, namespace: str, model: str, verdict: Verdict, tickets: int) -> None:
        """So many more tickets have their row."""
        ...

    def run_ended(self, namespace: str, model: str, outcome: RunState) -> None:
        """One more run is Complete or Failed."""
        ...

    def spent(self, namespace: str, model: str, actual: Decimal, saved: Decimal) -> None:
        """USD paid for answers, and what they would have cost more at the standard price."""
        ...

    def batch_ended(self, took: timedelta) -> None: ...

    def called(self, operation: str, code: str) -> None:
        """A call of the Batches API: `ok`, or the reason why it failed."""
        ...

    def admitted(self, waited: timedelta) -> None: ...

    def looked(self, outcome: str, took: timedelta) -> None: ...

    def leads(self) -> None:
        """This replica is the active one from now on, until its process ends."""
        ...

    def sees(self, sight: ResourceStats) -> None: ...

    def unreachable(self, namespaces: int) -> None:
        """So many of the watched namespaces do not let the operator in."""
        ...


class Traces(Protocol):
    """What happened when, for whoever asks where the time of a run went. No ticket text and no ids of tickets.

    A resource's run is one trace whose id is the resource's uid, however many processes have worked on it.
    """

    def step(self, meta: Meta, name: str, batch: str | None) -> AbstractContextManager[None]:
        """A step of a resource's run lasts as long as the context; how it failed is told in a word."""
        ...

    def call(self, name: str) -> AbstractContextManager[None]:
        """Something that a step waits for; outside of a step nothing is told."""
        ...

    def ended(self, resource: Resource) -> None:
        """The run as a whole, once its outcome is written."""
        ...


class Connections(Protocol):
    """Opens what a resource names: its API account, its source and its sinks."""

    async def api(self, resource: Resource) -> BatchApi: ...

    async def source(self, resource: Resource) -> Source: ...

    async def sinks(self, resource: Resource) -> Sequence[Sink]: ...

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        """Whether the next run over the same source surely buys those tickets again that this one leaves unlabeled."""
        ...
