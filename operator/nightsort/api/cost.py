"""The money of a run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.status_model import StatusModel

Usd = Annotated[str, StringConstraints(max_length=32)]


class Cost(StatusModel):
    """Money as decimal strings in USD; a figure that is not known is absent."""

    estimated_usd: Usd | None = Field(default=None, alias="estimatedUSD")
    """What the run was expected to cost, before it bought anything."""
    actual_usd: Usd | None = Field(default=None, alias="actualUSD")
    """What it has cost, by the usage that the API told."""
    standard_usd: Usd | None = Field(default=None, alias="standardUSD")
    """What the same usage costs at the standard price, one call for each ticket."""
    saved_usd: Usd | None = Field(default=None, alias="savedUSD")
    """The difference of the two."""
    cache_saved_usd: Usd | None = Field(default=None, alias="cacheSavedUSD")
    """What the prompt's cache has saved, as a batch; below zero where too little was read from it."""
    prices_of: Annotated[str, StringConstraints(max_length=32)] | None = None
    """The date of the prices by which this is reckoned."""
    unpriced: int | None = None
    """Requests whose cost is not known, and not in actualUSD: their answers told no usage, or never came."""
