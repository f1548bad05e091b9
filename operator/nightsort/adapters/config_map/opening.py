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
        fields = columns_of(opening.resource.spec)
        return ConfigMapRows(opening.config_maps, opening.resource.meta, spec, fields)
