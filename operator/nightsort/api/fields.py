"""The part of `spec` with further answers about a ticket, which the same request gives and every result stores."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from nightsort.api.categories import CategoryName, spelled
from nightsort.api.model import Model, rules

MOST_FIELDS = 20
MOST_VALUES = 500
"""Values of all fields together: a status counts each of them, and a longer schema would hardly be taken."""
CONFIDENCES = ("low", "medium", "high")
RATIONALE_CHARS = 300
OURS = (
    "id", "key", "category", "categories", "verdict", "reason", "model", "batch_id", "batchid", "classified_at",
    "classifiedat", "input_tokens", "inputtokens", "output_tokens", "outputtokens", "confidence", "rationale",
    "hash", "category_set", "categoryset",
)  # fmt: skip
"""Names of columns that results have already, or may have."""
NONE_OF_OURS = f"!(self in {json.dumps(OURS)})"

FieldName = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]
Bound = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
ONE_KIND = "needs exactly one of values, maxLength, or minimum with maximum"
BOTH_ENDS = "minimum and maximum belong together, and minimum is the smaller one"
OF_VALUES = "multiple is for fields with values"
NOT_OURS = "results have a column of this name already: give the field another one"


def not_ours(name: str) -> str:
    if name in OURS:
        raise ValueError(NOT_OURS)
    return name


class AnswerField(Model):
    """A further answer: one or several of `values`, a text of at most `maxLength` characters, or a whole number."""

    name: Annotated[FieldName, AfterValidator(not_ours), Field(json_schema_extra=rules((NONE_OF_OURS, NOT_OURS)))]
    """The column's name in the results: small letters, digits and underscores."""
    description: Annotated[str, StringConstraints(max_length=1000)] = ""
    """What is asked; the model reads this."""
    values: Annotated[tuple[CategoryName, ...], Field(min_length=1, max_length=200)] | None = None
    """The values of which the answer is one."""
    multiple: bool = False
    """Whether the answer may have several of the values, or none."""
    max: Annotated[int, Field(ge=1, le=20)] = 3
    """How many values an answer has at the most, where it may have several."""
    max_length: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The answer is a text of at most so many characters; a longer one is cut."""
    minimum: Bound | None = None
    """The answer is a whole number, and this is the smallest."""
    maximum: Bound | None = None
    """The largest number."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> AnswerField:
        if [self.values is not None, self.max_length is not None, self.minimum is not None].count(True) != 1:
            raise ValueError(f"{self.name}: {ONE_KIND}")
        if (self.minimum is None) != (self.maximum is None):
            raise ValueError(f"{self.name}: {BOTH_ENDS}")
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError(f"{self.name}: {BOTH_ENDS}")
        if self.multiple and self.values is None:
            raise ValueError(f"{self.name}: {OF_VALUES}")
        return self

    @model_validator(mode="after")
    def _values_are_distinct(self) -> AnswerField:
        taken: set[str] = set()
        for value in self.values or ():
            if spelled(value) in taken:
                raise ValueError(f"{self.name}: the value {value!r} is named twice (capitals do not count)")
            taken.add(spelled(value))
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("[has(self.values), has(self.maxLength), has(self.minimum)].exists_one(x, x)", ONE_KIND),
            (
                "has(self.minimum) == has(self.maximum) && (!has(self.minimum) || self.minimum < self.maximum)",
                BOTH_ENDS,
            ),
            ("!has(self.multiple) || !self.multiple || has(self.values)", OF_VALUES),
        )
    )


AnswerFields = Annotated[tuple[AnswerField, ...], Field(max_length=MOST_FIELDS)]


def refuse_unclear(fields: tuple[AnswerField, ...]) -> None:
    """
    Raises:
        ValueError: two fields have one name, or all of them have too many values.
    """
    names = [field.name for field in fields]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"fields: {twice!r} is named twice")
    if (values := sum(len(field.values or ()) for field in fields)) > MOST_VALUES:
        raise ValueError(f"fields: {values} values in all, more than {MOST_VALUES}")
