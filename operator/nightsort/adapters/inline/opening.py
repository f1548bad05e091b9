"""Opens `spec.source.inline`."""

from __future__ import annotations

from nightsort.adapters.inline.source import InlineTickets
from nightsort.api.source import InlineSource
from nightsort.system.opening import Opening


class InlineKind:
    async def source(self, opening: Opening, spec: InlineSource) -> InlineTickets:
        return InlineTickets(spec, opening.fields)
