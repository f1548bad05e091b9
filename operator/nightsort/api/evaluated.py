"""What the operator reports of an evaluation: `status.evaluation`. Shares are decimal strings between 0 and 1."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.cost import Usd
from nightsort.api.status_model import StatusModel

ShareText = Annotated[str, StringConstraints(max_length=8)]
CategoryText = Annotated[str, StringConstraints(max_length=64)]
MOST_CONFUSIONS = 10
MOST_MATRIX_CHARS = 32_768


class Outcome(StrEnum):
    """Whether the labels are good enough, by spec.evaluation.minAccuracy."""

    PASSED = "Passed"
    FAILED = "Failed"


class PlannedEvaluation(StatusModel):
    """What pre-flight found out about known tickets."""

    available: int
    """How many known tickets there are."""
    sample: int
    """How many of them are bought."""
    ids: Annotated[str, StringConstraints(max_length=16)]
    """The tag under which their ids and categories are kept."""


class CategoryAccuracy(StatusModel):
    """How well a category is recognised. A share whose whole is 0 is 0."""

    name: CategoryText
    """The category's name."""
    precision: ShareText
    """Of the known tickets with this label, the share that belongs to it."""
    recall: ShareText
    """Of the known tickets that belong to it, the share with this label."""
    f1: ShareText
    """The harmonic mean of the two."""
    support: int
    """How many known tickets belong to it; fewer than ten say next to nothing."""


class ConfusionCount(StatusModel):
    """Known tickets of a category that got another label."""

    truth: CategoryText
    """The known category."""
    label: CategoryText | None = None
    """The label that they got; absent where they got none."""
    tickets: int
    """How many there are."""


class ShareInterval(StatusModel):
    """Wilson's score interval at 95 %."""

    low: ShareText
    """Its lower end, which minAccuracy is held against."""
    high: ShareText
    """Its upper end."""


class EvaluationStatus(StatusModel):
    """How the labels compare with the known categories."""

    outcome: Outcome | None = None
    """Whether the lower end of the interval reaches minAccuracy; absent until every known ticket has its answer."""
    released: bool = False
    """Whether a person has let the run go on all the same."""
    available: int = 0
    """How many known tickets there are."""
    sample: int = 0
    """How many of them are bought for it."""
    known: int = 0
    """How many of these have an answer; what follows is of them."""
    correct: int = 0
    """How many got their known category."""
    accuracy: ShareText | None = None
    """The share of correct ones."""
    interval: ShareInterval | None = None
    cost_usd: Usd | None = Field(default=None, alias="costUSD")
    """What the known tickets have cost, in USD; it is a part of cost.actualUSD."""
    categories: Annotated[tuple[CategoryAccuracy, ...], Field(max_length=200)] = ()
    """The categories that have known tickets or got a label, in the order of the spec."""
    confusions: Annotated[tuple[ConfusionCount, ...], Field(max_length=MOST_CONFUSIONS)] = ()
    """The ten largest confusions."""
    matrix: Annotated[str, StringConstraints(max_length=MOST_MATRIX_CHARS)] = ""
    """All answers, as `truth:label=tickets` by the places of the categories in the spec; `-` is no label."""
