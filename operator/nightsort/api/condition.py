"""A condition of the status."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from nightsort.api.status_model import StatusModel
from nightsort.api.times import Time


class Condition(StatusModel):
    """A condition as `metav1.Condition` has it."""

    type: Annotated[str, StringConstraints(max_length=316)]
    """What the condition is about, such as Finished."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: int | None = None
    """The generation of the spec that it speaks of."""
    last_transition_time: Time
    """When its status changed last."""
    reason: Annotated[str, StringConstraints(max_length=1024)]
    """Why, in a word for programs; docs/troubleshooting.md says who moves next."""
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    """Why, in a sentence for people."""
