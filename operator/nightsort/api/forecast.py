"""The forecast of a run that was created suspended: what it would buy, and what that would cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.cost import Usd
from nightsort.api.status_model import Line, StatusModel
from nightsort.api.times import Time


class Forecast(StatusModel):
    """What a suspended run would buy and cost. Money is a decimal string in USD; what is not known is absent."""

    planned_time: Time
    """When this was reckoned, from the source as it was then."""
    obstacle: Line | None = None
    """What kept the run from being planned; it is tried again by itself."""
    tickets: int = 0
    """How many tickets the source has."""
    requests: int = 0
    """How many of them have a text, and would be sent."""
    duplicates: int = 0
    """How many have the same text as another one that would be sent, and would get its row."""
    batches: int = 0
    """How many batches they would travel in."""
    input_tokens: int = 0
    """Tokens to be read: the prompt of each request, and the tickets' texts."""
    output_tokens: int = 0
    """Tokens of the expected answers."""
    shared_tokens: int = 0
    """Of a request's input tokens, those of the prompt that all requests share."""
    batch_usd: Usd | None = Field(default=None, alias="batchUSD")
    """The expected cost of the run."""
    low_usd: Usd | None = Field(default=None, alias="lowUSD")
    """The lower end of the range in which the cost is expected."""
    high_usd: Usd | None = Field(default=None, alias="highUSD")
    """The upper end of that range."""
    most_usd: Usd | None = Field(default=None, alias="mostUSD")
    """The cost if every answer used all the tokens that it may."""
    cached_usd: Usd | None = Field(default=None, alias="cachedUSD")
    """The expected cost if every request but the first reads the prompt from the API's cache; absent where none is
    used. The other amounts are without it, but for the range, which holds both."""
    standard_usd: Usd | None = Field(default=None, alias="standardUSD")
    """The expected cost of the same requests at the standard price, one call for each ticket."""
    month_usd: Usd | None = Field(default=None, alias="monthUSD")
    """The expected cost of thirty such runs."""
    prices_of: Annotated[str, StringConstraints(max_length=32)] | None = None
    """The date of the prices."""
    caching: Line | None = None
    """Whether a cache for the prompt can pay, in a sentence."""
    remarks: Line | None = None
    """What pre-flight found that stops nothing."""
