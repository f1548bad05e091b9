"""A batch as the API describes it, a model as its catalogue describes it, and the catalogue itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """A snapshot. `requests` is the sum of the API's counts, 0 where it gives none.

    `expires_at` is the latest time at which the API ends the batch, where it says so.
    """

    id: str
    created_at: datetime
    requests: int
    ended: bool = False
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    canceling: bool = False
    results_url: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The facts that decide whether and how a model can be used. Tokens are counts; None where the API does not say.

    `silent`: the API does not say what the model can do, so it may well think. `retires_at` is the end of its service.
    """

    id: str
    retired: bool = False
    batch: bool = True
    can_disable_thinking: bool = False
    thinks: bool = False
    max_input_tokens: int | None = None
    silent: bool = False
    retires_at: datetime | None = None
    structured_outputs: bool = False
    low_effort: bool = False

    @property
    def always_thinks(self) -> bool:
        """Whether thoughts, which count as output, come before each answer."""
        return self.thinks and not self.can_disable_thinking

    @property
    def only_answers(self) -> bool:
        """Whether its output is the answer alone, because it cannot think, or thinking is switched off."""
        return not self.silent and (not self.thinks or self.can_disable_thinking)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models that the API shows to a key; `answered_at` is the server's own time, where the answer has it."""

    models: Sequence[ModelFacts]
    answered_at: datetime | None = None
