"""The arithmetic of docs/batch-or-real-time.md, from the price table: no run is measured for it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from benchmarks.page import replace, table
from nightsort.domain.prices import PRICE_TABLE, Price
from tests.cluster.controlplane.plane import TOP

PAGE = TOP / "docs" / "batch-or-real-time.md"
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5")
TICKETS, OWN, OUT = 3_000, 150, 5
"""Tickets of a night, tokens of a ticket's own text, and of an answer."""
PROMPTS = {"9 categories": 400, "77 categories, two examples each": 4_200}
"""Tokens that all requests share; characters of our own prompt, divided by four."""
MILLION, HALF = Decimal(1_000_000), Decimal("0.5")
LEAST = 512
"""Tokens of the shortest prompt that these models cache; a shorter one is not cached, silently (the same page)."""
HOUR_WRITE = 2
"""The price of a one-hour write, in units of the input price (vendor's price page, 2026-11-22)."""


@dataclass(frozen=True)
class Night:
    """USD of a night of TICKETS whose requests share this many tokens."""

    price: Price
    shared: int

    @property
    def _rest(self) -> Decimal:
        return TICKETS * (OWN * self.price.input + OUT * self.price.output) / MILLION

    @property
    def real_time(self) -> Decimal:
        return TICKETS * self.shared * self.price.input / MILLION + self._rest

    @property
    def cached_real_time(self) -> Decimal:
        """One after the other, so that the first alone writes the prompt into the five-minute cache."""
        tokens = self.price.cache_write + (TICKETS - 1) * self.price.cache_read
        return self.shared * tokens / MILLION + self._rest

    @property
    def batch(self) -> Decimal:
        return HALF * self.real_time

    def cached_batch(self, hits: Decimal) -> Decimal:
        """With a one-hour block; a request without a hit pays the write."""
        token = hits * self.price.cache_read + (1 - hits) * HOUR_WRITE * self.price.input
        return HALF * (TICKETS * self.shared * token / MILLION + self._rest)

    def hits_to_reach(self, usd: Decimal) -> Decimal:
        """The share of hits from which a cached batch costs at most this much."""
        none, all_of_them = self.cached_batch(Decimal(0)), self.cached_batch(Decimal(1))
        return (none - usd) / (none - all_of_them)


def rendered() -> str:
    cached = ["batch, cached, 30 % hits", "90 %", "100 %"]
    header = ["model", "prompt", "one by one", "one by one, cached", "batch", *cached]
    rows = []
    for model in MODELS:
        for name, shared in PROMPTS.items():
            night = Night(PRICE_TABLE.prices[model], shared)
            hits = [night.cached_batch(Decimal(share)) for share in ("0.3", "0.9", "1")]
            long = shared >= LEAST
            amounts = [night.real_time, night.cached_real_time if long else None, night.batch]
            amounts += hits if long else [None] * len(hits)
            shown = ("-" if usd is None else f"${usd:.3f}" for usd in amounts)
            rows.append([model, f"{name} ({shared:,} tokens)", *shown])
    return table(header, rows)


def break_even() -> str:
    large = PROMPTS["77 categories, two examples each"]
    nights = [Night(PRICE_TABLE.prices[model], large) for model in MODELS]
    rows = [
        [model, f"{night.hits_to_reach(night.batch):.0%}", f"{night.hits_to_reach(night.cached_real_time):.0%}"]
        for model, night in zip(MODELS, nights, strict=True)
    ]
    return table(["model", "cheaper than a batch without a cache", "cheaper than one by one with a cache"], rows)


def write() -> None:
    replace(PAGE, "nights", rendered())
    replace(PAGE, "hits", break_even())


if __name__ == "__main__":
    write()
