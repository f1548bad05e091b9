"""What the operator reports of a second reader: `status.review`. Shares are decimal strings between 0 and 1."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.cost import Usd
from nightsort.api.evaluated import ShareInterval, ShareText
from nightsort.api.status_model import StatusModel


class Agreement(StatusModel):
    """How often the two models gave one category."""

    read: int = 0
    """Tickets with an answer of both."""
    agreed: int = 0
    """Those on which the answers are the same: one category, or none of them in both."""
    agreement: ShareText | None = None
    """The share of agreed ones."""
    interval: ShareInterval | None = None


class ReviewStatus(StatusModel):
    """How the second model's answers compare with the first one's. Each ticket that it read is paid twice."""

    read: int = 0
    """Tickets that both models have answered."""
    agreed: int = 0
    """Those on which the answers are the same: one category, or none of them in both."""
    disagreed: int = 0
    """The others."""
    agreement: ShareText | None = None
    """The share of agreed ones, among all that were read: those with an answer that is Unknown or not sure are the
    harder ones, so that this says nothing of the rest."""
    interval: ShareInterval | None = None
    sample: Agreement | None = None
    """The same for those that were drawn by chance alone, which stand for the whole run."""
    replaced: int = 0
    """Rows that have the second answer's category."""
    needs_review: int = 0
    """Rows that a person is to look at."""
    unread: int = 0
    """Tickets chosen for it that it has not answered: their rows have the first answer."""
    message: Annotated[str, StringConstraints(max_length=1024)] | None = None
    """Why some were not read."""
    cost_usd: Usd | None = Field(default=None, alias="costUSD")
    """What the second model's answers have cost, in USD; it is a part of cost.actualUSD."""
