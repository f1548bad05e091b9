"""Reviews of runs in a cluster, with the credentials of the person who reviews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nightsort.cli.cluster.nights import are_at_hand, pages_of, runs_in
from nightsort.cli.cluster.options import parsed
from nightsort.cli.output.rows import elsewhere
from nightsort.cli.reviews.order import Reviewed, Wish, selection_of, with_texts
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.second import columns_of

if TYPE_CHECKING:
    from nightsort.domain.correction import Corrections
    from nightsort.wiring.cluster import Cluster

IDS_PER_READ = 500


def corrections_name(name: str, given: str | None) -> str:
    """The ConfigMap with the corrections of a run."""
    return given or f"{name}-corrections"


async def reviewed(cluster: Cluster, namespace: str, name: str, wish: Wish, config_map: str | None) -> Reviewed:
    """Raises Rejected: rows or tickets are where a person's own credentials do not lead. Stalled, Waiting."""
    run = parsed(await cluster.resources.read(namespace, name))
    if not are_at_hand(run):
        raise Rejected(elsewhere(run))
    source = await cluster.source(run)
    runs, _ = await runs_in(cluster, namespace)
    selection = selection_of(wish, columns_of(run.spec))
    async for rows in pages_of(cluster, runs.night(run)):
        for row in rows:
            selection.see(row)
    chosen = selection.cases()
    ids = [case.id for case in chosen]
    texts: dict[str, Mapping[str, str]] = {}
    for start in range(0, len(ids), IDS_PER_READ):
        texts |= {ticket.id: ticket.fields for ticket in await source.by_ids(ids[start : start + IDS_PER_READ])}
    store = cluster.corrections(namespace, corrections_name(name, config_map))
    decided = await store.read()
    cases = with_texts(chosen, texts)
    left = [case for case in cases if case.id not in decided]
    return Reviewed(name, run.spec, store, cases, left, selection.left_out)


async def corrections_at_hand(
    cluster: Cluster, namespace: str, name: str, config_map: str | None
) -> tuple[Corrections, str]:
    """What people have said, and a remark where it cannot be read."""
    try:
        return await cluster.corrections(namespace, corrections_name(name, config_map)).read(), ""
    except Stalled as stalled:
        return {}, f"corrections are left out: {stalled.message}"
