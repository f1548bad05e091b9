"""The plan of a resource that `create --dry-run=server` shows: its tickets, tokens and price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nightsort.api.resource import Resource
from nightsort.domain.category_set import with_categories
from nightsort.domain.errors import Interruption
from nightsort.domain.reasons import Reason

if TYPE_CHECKING:
    from nightsort.cli.cluster.manifest_bundle import ManifestBundle
    from nightsort.wiring.cluster import Cluster

NO_KEY = (
    "not known here: with ANTHROPIC_API_KEY in the environment, the API counts the tokens, which is free; or "
    "`kubectl nightsort estimate` lets the operator do it"
)
ELSEWHERE = (
    "not known here, since the operator alone has the Secrets of the source: `kubectl nightsort estimate` lets it do so"
)


async def plan_of(order: ManifestBundle, cluster: Cluster) -> Sequence[tuple[str, str]]:
    """Names and values, line by line; a price that cannot be told says why."""
    from nightsort.cli.classification.offer import figures
    from nightsort.cli.configuration import settings_of
    from nightsort.wiring.estimates import can_be_estimated, estimate_of

    resource = Resource.of(order.manifest)
    if not can_be_estimated(resource):
        return [("price", ELSEWHERE)]
    ref = resource.spec.category_set_ref
    try:
        if ref is not None:
            found = await cluster.category_sets.read(resource.meta.namespace, ref.name)
            if found is None:
                return [("price", f"not known: CategorySet {ref.name} does not exist")]
            resource = with_categories(resource, found.spec)
        price, day = await estimate_of(resource, settings_of(), cluster.config_maps, order.tickets)
    except ValueError as error:
        return [("price", f"not known: CategorySet {ref.name if ref else ''}: {error}")]
    except Interruption as interruption:
        missing = interruption.reason is Reason.CREDENTIALS_MISSING
        return [("price", NO_KEY if missing else f"not known: {interruption.message}")]
    return figures(resource.spec, price, day)
