"""The text of a `categories.yaml`, which `nightsort classify` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightsort.api.categories import Category
from nightsort.api.spec import Spec
from nightsort.cli.skeletons.commented import block, command_line, comment, indented
from nightsort.domain.dependence import fields_asked

OF_A_CATEGORY = (
    "name         what a ticket is labelled with, as it is written here; it may have no comma",
    "description  what belongs into it and, where two are near each other, what does not; the model reads this",
    "aliases      other answers of the model that mean this category, such as [invoice, payments]; at most 20",
    "examples     texts of tickets that belong into it, such as [I was charged twice]; at most 20. The model",
    "             reads them with every ticket, so that they cost tokens every time",
)
OF_UNKNOWN_LABEL = (
    "What becomes of an answer that is none of the categories. Fallback gives the ticket `category`, Retry asks again, "
    "Fail leaves it without a category."
)
OF_FIELDS = "Further answers of the same request, each of which is a column of the results."
OF_INSTRUCTIONS = "What else the model is told, such as: A problem with the password is account."


def categories_file(spec: Spec, of: str, command: str) -> str:
    """The categories of a spec, with comments on each field, and the other fields that decide about labels.

    Args:
        of: the name of what is sorted, such as a file.
        command: the command that shows their effect.
    """
    parts = [
        comment(f"What {of} is sorted into. Change what you like; then this shows a prompt and its price:"),
        command_line(command),
        "#\n",
        *(f"# {line}\n" for line in OF_A_CATEGORY),
        "categories:\n",
        *(indented(block([whole(category)]), 2) for category in spec.categories),
        "\n",
        comment(OF_UNKNOWN_LABEL),
        block({"unknownLabel": spec.unknown_label.model_dump(mode="json", by_alias=True, exclude_none=True)}),
        "\n",
        comment(OF_INSTRUCTIONS),
        block({"instructions": spec.prompt.instructions}),
        *further(spec),
    ]
    return "".join(parts)


def further(spec: Spec) -> Sequence[str]:
    """What is asked beside the category, where anything is."""
    asked = fields_asked(spec)
    return ["\n", comment(OF_FIELDS), block(asked)] if asked else []


def whole(category: Category) -> dict[str, Any]:
    """All four fields, including empty ones, for the user to fill in."""
    return category.model_dump(mode="json", by_alias=True)
