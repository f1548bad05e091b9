"""Compares a source with the results: a replica that lags shows tickets without the label that they have."""

from __future__ import annotations

from collections.abc import Sequence

from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.report import plural
from nightsort.domain.snapshot import Snapshot
from nightsort.flow.run.run import Run
from nightsort.ports import ChangingSource, LabeledSink, Sink, Source

MOST_HELD_IDS = 1_000
"""Number of labeled tickets that are looked up in the source: a single one that should not be there is enough."""


async def wait_until_seen(run: Run, source: Source, sinks: Sequence[Sink], snapshot: Snapshot | None) -> None:
    """Waits for a replica that is older than the last write: nothing is bought until it has caught up.

    Where the source has more ids than can be kept, only the first ones are checked.

    Raises:
        Waiting: the source gives tickets only because it does not see their labels yet.
    """
    if snapshot is None or not isinstance(source, ChangingSource):
        return
    consulted = [sink for sink in sinks if isinstance(sink, LabeledSink)]
    if not consulted:
        return
    ids = snapshot.ids if snapshot.ids is not None else await first_ids(source)
    for sink in consulted:
        labeled = await sink.labeled(ids)
        late = await source.outdated(labeled[:MOST_HELD_IDS]) if labeled else ()
        if late:
            raise Waiting(
                f"the source gives {plural(len(late), 'ticket')} that {'has' if len(late) == 1 else 'have'} a label in "
                "the table of the results: it is read from a copy that lags, and nothing is bought until it has caught "
                f"up; one of them is {late[0][:64]!r}",
                reason=Reason.SOURCE_LAGS,
                every=run.spec.poll_interval_seconds,
            )


async def first_ids(source: Source) -> Sequence[str]:
    async for page in source.tickets():
        return [ticket.id for ticket in page]
    return ()
