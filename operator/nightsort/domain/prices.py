"""Prices of the Claude models, from the vendor's price page as of PRICES_OF. There is no price API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

PRICES_OF = "2026-11-22"
OWN = "NIGHTSORT_PRICES"
US_SURCHARGE = Decimal("0.1")
"""Share of the price, in every column, by which requests are dearer that run in the US alone (vendor's price page)."""
_DATE_SUFFIX = re.compile(r"-\d{8}$")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens at the standard rate; `cache_write` is the 5-minute write.

    `cache_write_hour` is the write for an hour: without it twice the input, as for all of the vendor's models.

    A request whose prompt has more than `long_from` tokens costs `long_factor` times as much, in every column.
    `agreed_on` is the day (YYYY-MM-DD) of a price of the user's own.
    """

    input: Decimal
    output: Decimal
    cache_write: Decimal
    cache_read: Decimal
    long_from: int | None = None
    long_factor: int = 1
    agreed_on: str | None = None
    cache_write_hour: Decimal | None = None

    @property
    def hour_write(self) -> Decimal:
        return 2 * self.input if self.cache_write_hour is None else self.cache_write_hour

    def at(self, prompt: int) -> Price:
        """The price of requests whose prompts have this many tokens."""
        if self.long_from is None or prompt <= self.long_from:
            return self
        return replace(self.times(self.long_factor), long_from=None)

    def in_us(self) -> Price:
        """The price of requests that run in the US alone."""
        return self.times(1 + US_SURCHARGE)

    def times(self, factor: Decimal | int) -> Price:
        """So many times the price, in every column."""
        return replace(
            self,
            input=self.input * factor,
            output=self.output * factor,
            cache_write=self.cache_write * factor,
            cache_read=self.cache_read * factor,
            cache_write_hour=self.hour_write * factor,
        )

    @classmethod
    def of(cls, input: str, output: str, cache_write: str, cache_read: str) -> Price:
        return cls(Decimal(input), Decimal(output), Decimal(cache_write), Decimal(cache_read))


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by model id, and the day (YYYY-MM-DD) of the vendor's; `own` are ids with a price of the user's own."""

    prices: Mapping[str, Price]
    day: str
    own: frozenset[str] = frozenset()

    def with_own(self, prices: Mapping[str, Price]) -> PriceTable:
        """The table with the user's prices: agreed ones, or prices of models that it does not have."""
        return PriceTable({**self.prices, **prices}, self.day, self.own | prices.keys())

    def of(self, model: str) -> Price | None:
        """The price of a model, dated ids (`claude-haiku-4-5-20251001`) included."""
        return self.prices.get(self._id(model))

    def day_of(self, model: str) -> str:
        """The day (YYYY-MM-DD) of a model's price, or OWN for a price of the user's own without a day."""
        known = self._id(model)
        return self.prices[known].agreed_on or OWN if known in self.own else self.day

    def _id(self, model: str) -> str:
        return model if model in self.prices else without_date(model)


def without_date(model: str) -> str:
    """A model's id without the date of its version."""
    return _DATE_SUFFIX.sub("", model)


def least_prefix_of(model: str) -> int | None:
    """From how many tokens on the API caches a prompt for this model; None where that is not known."""
    return LEAST_PREFIXES.get(without_date(model))


def takes_geo(model: str) -> bool:
    """Whether requests for this model may say where it runs; models that are not known may."""
    return without_date(model) not in WITHOUT_GEO


_PRICES = {
    "claude-haiku-5-5": replace(Price.of("0.10", "0.50", "0.125", "0.01"), long_from=100_000, long_factor=5),
    "claude-haiku-4-5": Price.of("1", "5", "1.25", "0.10"),
    "claude-sonnet-5-5": Price.of("2", "10", "2.50", "0.10"),
    "claude-sonnet-5": Price.of("2", "10", "2.50", "0.20"),
    "claude-sonnet-4-6": Price.of("3", "15", "3.75", "0.30"),
    "claude-sonnet-4-5": Price.of("3", "15", "3.75", "0.30"),
    "claude-opus-5-5": Price.of("4", "20", "5", "0.20"),
    "claude-opus-5": Price.of("5", "25", "6.25", "0.50"),
    "claude-opus-4-8": Price.of("5", "25", "6.25", "0.50"),
    "claude-opus-4-7": Price.of("5", "25", "6.25", "0.50"),
    "claude-opus-4-6": Price.of("5", "25", "6.25", "0.50"),
    "claude-opus-4-5": Price.of("5", "25", "6.25", "0.50"),
    "claude-fable-5-2": Price.of("8", "40", "10", "0.20"),
    "claude-mythos-5-2": Price.of("8", "40", "10", "0.20"),
    "claude-fable-5-1": Price.of("10", "50", "12.50", "0.25"),
    "claude-mythos-5-1": Price.of("10", "50", "12.50", "0.25"),
    "claude-fable-5": Price.of("10", "50", "12.50", "1"),
    "claude-mythos-5": Price.of("10", "50", "12.50", "1"),
}
LEAST_PREFIXES = {
    **dict.fromkeys(("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-opus-5"), 512),
    **dict.fromkeys(("claude-fable-5-1", "claude-mythos-5-1", "claude-fable-5", "claude-mythos-5"), 512),
    **dict.fromkeys(("claude-sonnet-5", "claude-sonnet-4-6", "claude-sonnet-4-5", "claude-opus-4-8"), 1024),
    "claude-opus-4-7": 2048,
    **dict.fromkeys(("claude-haiku-4-5", "claude-opus-4-6", "claude-opus-4-5"), 4096),
}
"""Tokens. A shorter prompt is not cached, and the API does not say so (vendor's documentation, 2026-11-22)."""
WITHOUT_GEO = frozenset(("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"))
"""Models that refuse `inference_geo` (400), as all before 4.6 do (vendor's documentation, 2026-11-22)."""
PRICE_TABLE = PriceTable(_PRICES, PRICES_OF)
