"""The part of `status` about the CategorySet that a run works by."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.evaluated import CategoryText
from nightsort.api.status_model import StatusModel


class CategorySetUse(StatusModel):
    """The CategorySet as it stood when the run began; all of the run is sorted by that."""

    name: Annotated[str, StringConstraints(max_length=253)]
    """The set's name."""
    hash: Annotated[str, StringConstraints(max_length=64)]
    """A hash of its categories and instructions, which stands in each row."""
    generation: int = 1
    """The set's generation at that moment."""
    categories: Annotated[tuple[CategoryText, ...], Field(max_length=200)] = ()
    """The names of its categories, in their order."""
    kept: Annotated[str, StringConstraints(max_length=16)] = ""
    """The tag under which a copy of the set is kept beside the resource."""
