"""Tells which tickets this run or the next one buys again, before anything is bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightsort.domain.reasons import Reason
from nightsort.domain.report import plural
from nightsort.domain.snapshot import Snapshot
from nightsort.flow.preflight.lag import first_ids
from nightsort.flow.preflight.reuse import reuses
from nightsort.flow.run.run import Run
from nightsort.ports import LabeledSink, Sink, Source

LOOKED_UP = 1_000
"""Tickets whose labels are looked up: enough to tell a table that has most of them from one that has none."""
UNKNOWN_AGAIN = (
    "tickets whose answer is none of the categories stay without one, and the next run with this query buys them "
    "again: use reuse Unchanged or unknownLabel.action Fallback in the next resource"
)


async def bought_again(
    run: Run, source: Source, sinks: Sequence[Sink], snapshot: Snapshot | None
) -> Mapping[Reason, str]:
    """A sentence for each way in which tickets are paid for more than once; none with `reuse: Unchanged`."""
    if reuses(run.spec):
        return {}
    falls_back = run.spec.unknown_label.action == "Fallback"
    unknown = not falls_back and await run.services.connections.finds_unlabeled_again(run.resource)
    labeled = await labeled_before(run, source, sinks, snapshot)
    told = {Reason.UNKNOWN_BOUGHT_AGAIN: UNKNOWN_AGAIN if unknown else "", Reason.LABELED_BOUGHT_AGAIN: labeled}
    return {reason: message for reason, message in told.items() if message}


async def labeled_before(run: Run, source: Source, sinks: Sequence[Sink], snapshot: Snapshot | None) -> str:
    """Of tickets that have their label in the table already."""
    database = run.spec.results.database
    consulted = [sink for sink in sinks if isinstance(sink, LabeledSink)]
    if database is None or not consulted:
        return ""
    ids = (snapshot.ids if snapshot is not None and snapshot.ids is not None else await first_ids(source))[:LOOKED_UP]
    count = max([len(await sink.labeled(ids)) for sink in consulted])
    if not count:
        return ""
    kept = database.mode == "Update" and not database.overwrite
    then = "and the new ones are not stored" if kept else "and are bought again"
    return (
        f"{count:,} of the first {plural(len(ids), 'ticket')} have their label in table {database.table} already, "
        f"{then}: use reuse Unchanged in the next resource, or leave them out in its query"
    )
