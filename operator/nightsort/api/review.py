"""What a user asks for after the first answers: `spec.review`, a second model that reads some tickets once more."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from nightsort.api.model import Model, rules

REVIEW_COLUMNS = ("review", "second_category")
"""The columns that results have beside the others where a second model reads."""
NOTHING_DRAWN = "must be above 0%: no ticket would be drawn"
SAMPLE_MISSING = 'of: Sample needs sample, such as "5%"'
SAMPLE_UNUSED = "sample is for of: Sample"
NAMED_TWICE = "of: each kind of ticket is named once"
SAME_MODEL = "review.model: must be another model than spec.model, which has read these tickets already"
NO_CONFIDENCE = "review.of: LowConfidence needs confidence: true"
FIELD_TAKEN = "fields: review and second_category are columns of spec.review; give the field another name"
UNCHANGEABLE = "review is immutable. Create another resource instead"

Kind = Literal["Unknown", "LowConfidence", "Sample"]


def above_none(value: str) -> str:
    if not Decimal(value.removesuffix("%")):
        raise ValueError(NOTHING_DRAWN)
    return value


Percentage = Annotated[
    str,
    StringConstraints(max_length=6, pattern=r"^(100|[0-9]{1,2}(\.[0-9]{1,2})?)%$"),
    AfterValidator(above_none),
    Field(json_schema_extra=rules(("self.matches('[1-9]')", NOTHING_DRAWN))),
]
"""A share as text, such as 5% or 0.5%."""


class Review(Model):
    """A second model that reads some tickets after the first one. Each of these is paid twice, once for each model."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """The model that reads them once more, by the name that the API gives it; another one than `spec.model`."""
    of: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=3)]
    """Which tickets: Unknown, whose answer is none of the categories; LowConfidence, of which the first model says
    that it is not sure; Sample, a share of all that have an answer, drawn by chance. Only the agreement on the sample
    tells of the others."""
    sample: Percentage | None = None
    """The share that Sample draws, such as "5%". The same run draws the same tickets, whatever happens meanwhile."""
    on_disagreement: Literal["Keep", "Replace", "NeedsReview"] = "Keep"
    """What a row has where the two differ: Keep the first answer, Replace it by the second one's category where that
    has one, or keep it and mark the row NeedsReview, for a person to decide."""

    @property
    def share(self) -> Decimal:
        """The share of the sample, between 0 and 1."""
        return Decimal(self.sample.removesuffix("%")) / 100 if self.sample is not None else Decimal(0)

    @model_validator(mode="after")
    def _kinds_are_clear(self) -> Review:
        if len(set(self.of)) < len(self.of):
            raise ValueError(NAMED_TWICE)
        if "Sample" in self.of and self.sample is None:
            raise ValueError(SAMPLE_MISSING)
        if "Sample" not in self.of and self.sample is not None:
            raise ValueError(SAMPLE_UNUSED)
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!('Sample' in self.of) || has(self.sample)", SAMPLE_MISSING),
            ("!has(self.sample) || 'Sample' in self.of", SAMPLE_UNUSED),
            ("self.of.all(kind, self.of.exists_one(other, other == kind))", NAMED_TWICE),
        )
    )
