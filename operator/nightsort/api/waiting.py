"""The part of `status` that says what a run waits for while it cannot go on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from nightsort.api.status_model import StatusModel
from nightsort.api.times import Time


class Ends(StrEnum):
    """Who ends a wait."""

    BY_ITSELF = "ByItself"
    BY_YOU = "ByYou"


class Wait(StatusModel):
    """What the run waits for while it cannot go on; the message beside it says it in a sentence."""

    reason: Annotated[str, StringConstraints(max_length=128)]
    """What it waits for, in a word for programs."""
    ends: Ends
    """Who ends it: ByItself, or ByYou where somebody has to change something."""
    since: Time
    """When it began."""
    tries: int = 0
    """Failed tries in a row: 1, 2, and then at each doubling; 1 where somebody has to change something, and 0 where
    nothing fails and a turn is waited for."""
