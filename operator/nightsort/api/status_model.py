"""The base of all parts of the status."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from nightsort.api.model import Model

Line = Annotated[str, StringConstraints(max_length=1024)]
Marks = Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(max_length=4)]


class StatusModel(Model):
    """A part of the status; fields that another version wrote are kept out rather than refused."""

    model_config = ConfigDict(extra="ignore")
