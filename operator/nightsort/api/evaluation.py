"""What a user asks for before anything is published: `spec.evaluation`, a comparison with known categories."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from nightsort.api.model import IMMUTABLE, Model, rules

MOST_KNOWN = 2_000
"""Known tickets that are bought at the most: their interval is about one per cent wide on each side."""


def below_one(value: str) -> str:
    if Decimal(value) >= 1:
        raise ValueError("must be below 1: no sample can show that every label is right")
    return value


Share = Annotated[
    str,
    StringConstraints(max_length=8, pattern=r"^(0|1|0\.[0-9]{1,4}|1\.0{1,4})$"),
    AfterValidator(below_one),
    Field(
        json_schema_extra=rules(("double(self) < 1.0", "must be below 1: no sample can show that every label is right"))
    ),
]
"""A share between 0 and 1 as text."""


class Truth(Model):
    """Where the known categories are."""

    column: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """The source's column with the category that a person has given; empty where nobody has."""


def immutable(**more: Any) -> Any:
    return Field(json_schema_extra=IMMUTABLE, **more)


class Evaluation(Model):
    """Tickets with a known category travel first; below the threshold nothing more is bought and nothing published."""

    truth: Truth = immutable()
    sample: Annotated[int, Field(ge=1, le=MOST_KNOWN)] = immutable(default=300)
    """How many known tickets are bought for it, spread evenly over the categories."""
    min_accuracy: Share | None = immutable(default=None)
    """The least accuracy, such as "0.90", that the lower end of the 95 % interval must reach. Without it the figures
    are told, and decide nothing."""
    on_failure: Literal["Hold", "Fail", "Report"] = immutable(default="Hold")
    """What happens below minAccuracy: Hold waits for `release`, Fail ends the run, Report goes on."""
    release: bool = False
    """A person's word that a held run goes on. It cannot be taken back once the run has gone on."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.minAccuracy) == has(oldSelf.minAccuracy)",
                "minAccuracy is immutable. Create another resource instead",
            ),
        )
    )
