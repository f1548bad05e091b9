"""Reviews of runs in a cluster, with the credentials of the person who reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nightsort.cli.cluster.nights import are_at_hand, pages_of, runs_in
from nightsort.cli.cluster.options import parsed
from nightsort.cli.cluster.retry_plan import RETRY_OF
from nightsort.cli.output.rows import elsewhere
from nightsort.cli.reviews.gathering import gathered
from nightsort.cli.reviews.order import Reviewed, Wish
from nightsort.domain.errors import Interruption, Rejected, Stalled

if TYPE_CHECKING:
    from nightsort.domain.correction import Correction, Corrections
    from nightsort.wiring.cluster import Cluster


def corrections_name(name: str, given: str | None) -> str:
    """The ConfigMap with the corrections of a run."""
    return given or f"{name}-corrections"


async def reviewed(cluster: Cluster, namespace: str, name: str, wish: Wish, config_map: str | None) -> Reviewed:
    """Raises Rejected: there are no rows. Stalled, Waiting: rows or tickets cannot be read."""
    run = parsed(await cluster.resources.read(namespace, name))
    if not are_at_hand(run):
        raise Rejected(elsewhere(run))
    source = await cluster.source(run)
    runs, _ = await runs_in(cluster, namespace)
    store = cluster.corrections(namespace, corrections_name(name, config_map))
    return await gathered(run, wish, pages_of(cluster, runs.night(run)), source, store)


async def corrections_at_hand(
    cluster: Cluster, namespace: str, name: str, config_map: str | None
) -> tuple[Corrections, str]:
    """What people have said, and a remark where it cannot be read."""
    try:
        return await cluster.corrections(namespace, corrections_name(name, config_map)).read(), ""
    except Stalled as stalled:
        return {}, f"corrections are left out: {stalled.message}"


async def corrections_of_retried(
    cluster: Cluster, namespace: str, manifest: Mapping[str, Any]
) -> tuple[Corrections, Sequence[str]]:
    """What people have said about a run and those that it retries: a review of the first shows tickets of all."""
    said: dict[str, Correction] = {}
    remarks, seen = list[str](), set[str]()
    name = str(manifest["metadata"]["name"])
    while name and name not in seen:
        seen.add(name)
        found, remark = await corrections_at_hand(cluster, namespace, name, None)
        said = {**found, **said}
        remarks += [remark] if remark else []
        try:
            known = manifest if len(seen) == 1 else await cluster.resources.read(namespace, name)
        except Interruption:
            break  # it has been deleted; what was said of it stays
        name = str((known["metadata"].get("annotations") or {}).get(RETRY_OF, ""))
    return said, remarks
