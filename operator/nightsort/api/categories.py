"""The part of `spec` with the categories for tickets, and the rule for answers that are none of them."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from nightsort.api.model import Model, rules

CategoryName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[^\s,]([^\n\r,]*[^\s,])?$"),
    Field(json_schema_extra=rules(("!self.contains(',')", "a category's name may have no comma"))),
]


def spelled(name: str) -> str:
    """The form of a name that counts for comparisons: without capitals, with accents in one encoding."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


class Category(Model):
    """A class that tickets are sorted into."""

    name: CategoryName
    """What a ticket is labelled with, as it is written here."""
    description: Annotated[str, StringConstraints(max_length=1000)] = ""
    """What belongs into it; the model reads this."""
    aliases: Annotated[tuple[CategoryName, ...], Field(max_length=20)] = ()
    """Other answers of the model that mean this category."""
    examples: Annotated[tuple[Annotated[str, StringConstraints(max_length=1000)], ...], Field(max_length=20)] = ()
    """Texts of tickets that belong into it; the model reads these."""


def refuse_repeated(categories: tuple[Category, ...]) -> None:
    """
    Raises:
        ValueError: a name or an alias is another one's, too.
    """
    taken: set[str] = set()
    for category in categories:
        for name in (category.name, *category.aliases):
            if spelled(name) in taken:
                raise ValueError(f"categories: {name!r} is named twice (names and aliases, capitals do not count)")
            taken.add(spelled(name))


DEFAULT_CATEGORIES = (
    Category(name="billing", description="Charges, invoices, refunds, prices and payment methods"),
    Category(name="technical", description="Errors, crashes, outages and features that do not work"),
    Category(name="account", description="Login, password, profile, security and access to the account"),
    Category(name="feedback", description="Praise, complaints, ideas and wishes"),
    Category(name="other", description="Everything else"),
)


class UnknownLabel(Model):
    """What happens to a ticket whose answer is none of the categories."""

    action: Literal["Fallback", "Retry", "Fail"] = "Fail"
    """Fallback gives it `category`; Retry asks again, up to backoffLimit; Fail leaves it without a category."""
    category: CategoryName | None = None
    """The category that Fallback gives."""

    @model_validator(mode="after")
    def _fallback_has_a_category(self) -> UnknownLabel:
        if (self.action == "Fallback") != (self.category is not None):
            raise ValueError("category must be given with action Fallback, and only then")
        return self

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "(has(self.action) && self.action == 'Fallback') == has(self.category)",
                "category must be given with action Fallback, and only then",
            )
        )
    )
