"""Judges what a prompt in the API's cache is bought for: nothing is written there that nobody reads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nightsort.api.resource import Meta
from nightsort.domain.answer import Answer
from nightsort.testing.batch_api import Held
from tests.simulation.scenario import CACHED

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle
    from tests.simulation.world import World

MARGIN = timedelta(minutes=10)
"""Between a cache that counts as cold and one that is; who pauses for longer may find it cold after all."""
JUST_NOW = timedelta(minutes=2)


class CacheOracle:
    def __init__(self, judge: Oracle, world: World) -> None:
        self._judge, self._world = judge, world
        self._woken_until: datetime | None = None

    def paused(self, seconds: float) -> None:
        """A process sleeps: what it has found out before it may be over when it goes on."""
        if timedelta(seconds=seconds) > MARGIN:
            until = self._world.clock.now() + timedelta(seconds=seconds) + JUST_NOW
            self._woken_until = max(self._woken_until or until, until)

    def bought(self, meta: Meta, bought: Held, own: Collection[Held]) -> None:
        """A prompt that is not in the cache is written there by one ticket; what is not read is not written again.

        `own` are all batches of the run, this one among them.
        """
        accounts = self._world.accounts.values()
        marked = {batch: there for account in accounts for batch, there in account.marked.items()}
        if self._world.scenario.cached is None or bought.id not in marked:
            return
        alone, slept = len(bought.answers) == 1, self._woken_until is not None and self._now() < self._woken_until
        self._judge.demand(
            alone or slept or marked[bought.id], f"P2: {bought.id} writes the prompt with {len(bought.answers)} tickets"
        )
        users = [held for held in own if held.id in marked]
        many = sum(len(held.answers) for held in users if len(held.answers) > 1)
        known = any(self._can_tell_that_it_pays(held) for held in users if held.ends_at <= self._now())
        self._judge.demand(many <= CACHED.probe or known, f"P2: {meta.name} writes {many} prompts that nobody reads")

    def _can_tell_that_it_pays(self, held: Held) -> bool:
        """By the answers of a batch that are charged, or by those of them that have come where some do not."""
        read = sum(answer.cache_read_tokens for answer in held.answers)
        written = sum(answer.cache_write_hour_tokens for answer in held.answers if is_charged(answer))
        accounts = self._world.accounts.values()
        withheld = any(answer.custom_id in each.withheld for answer in held.answers for each in accounts)
        partly = self._world.scenario.is_spoilt or withheld or held.id in self._world.cut_short
        return read > (0 if partly else written)

    def _now(self) -> datetime:
        return self._world.clock.now()


def is_charged(answer: Answer) -> bool:
    """A refusal is free as long as it has said nothing."""
    return answer.stop_reason != "refusal" or answer.output_tokens > 0
