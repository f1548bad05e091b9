"""Money as users write it: a decimal string."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from nightsort.api.model import rules


def positive_money(value: str) -> str:
    if Decimal(value) <= 0:
        raise ValueError("must be more than 0")
    return value


Money = Annotated[
    str,
    StringConstraints(max_length=16, pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$"),
    AfterValidator(positive_money),
    Field(json_schema_extra=rules(("self.matches('[1-9]')", "must be more than 0"))),
]
