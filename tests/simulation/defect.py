"""One deliberate defect: what it puts in whose place, and of what the oracle is to complain then."""

from __future__ import annotations

import contextlib
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

from nightsort.flow.run.services import Services
from tests.simulation.chaos import Chaos
from tests.simulation.scenario import Scenario
from tests.simulation.truth import Shelf
from tests.simulation.world import World, honest

CAME_THROUGH = "an error came through"


@dataclass(frozen=True)
class Defect:
    """Names of the flow with what stands in their place, and what else is spoiled.

    `breaks` is a pattern of how the oracle's complaint begins; `scenario` and `chaos` make likelier what shows it.
    """

    name: str
    breaks: str
    instead: Sequence[tuple[Any, str, Any]] = ()
    spoil: Callable[[Services], Services] = honest
    shelf: Callable[[], Shelf] = Shelf
    scenario: Callable[[random.Random], Scenario] | None = None
    chaos: Callable[[random.Random], Chaos] | None = None

    def caught(self, seeds: Iterable[int]) -> tuple[bool, Counter[str]]:
        """Whether one of the seeds makes the oracle complain of what the defect breaks; of what else it did.

        Raises:
            AssertionError: the defect itself is broken: an error came through.
        """
        others = Counter[str]()
        for complaint in filter(None, map(self.complaint, seeds)):
            assert not complaint.startswith(CAME_THROUGH), complaint
            if re.match(self.breaks, complaint):
                return True, others
            others[complaint] += 1
        return False, others

    def complaint(self, seed: int) -> str | None:
        rng = random.Random(seed)
        scenario = self.scenario(rng) if self.scenario else None
        chaos = self.chaos(rng) if self.chaos else None
        with self.applied():
            return World(seed, scenario, chaos, self.spoil, self.shelf).live().broken

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for place, name, value in self.instead:
                stack.enter_context(mock.patch.object(place, name, value))
            yield
