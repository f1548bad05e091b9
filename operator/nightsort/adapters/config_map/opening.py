"""Opens `spec.source.configMap` and `spec.results.configMap`."""

from __future__ import annotations

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.config_map.source import ConfigMapTickets
from nightsort.api.results import ConfigMapResults
from nightsort.api.source import ConfigMapSource
from nightsort.domain.second import columns_of
from nightsort.system.opening import Opening


class ConfigMapKind:
    async def source(self, opening: Opening, spec: ConfigMapSource) -> ConfigMapTickets:
        return ConfigMapTickets(opening.config_maps, opening.resource.meta.namespace, spec, opening.fields)

    async def sink(self, opening: Opening, spec: ConfigMapResults) -> ConfigMapRows:
        asked, meta = opening.resource.spec, opening.resource.meta
        deduped, of_set = asked.dedupe == "Exact", asked.category_set_ref is not None
        return ConfigMapRows(opening.config_maps, meta, spec, columns_of(asked), deduped=deduped, of_set=of_set)
