"""Who acts next when a run gives a reason, which alert fires for it, and its subject."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import assert_never


class Mover(StrEnum):
    """Who acts next, in the words of docs/troubleshooting.md."""

    ITSELF = "by itself"
    YOU = "you"
    FINAL = "final"
    DONE = "done"
    EVENT = "event"


class Alert(StrEnum):
    """The alerts that fire for reasons; the other alerts watch figures."""

    STALLED = "NightsortStalled"
    RUN_FAILED = "NightsortRunFailed"
    HELD = "NightsortHeld"
    CATEGORIES_SHIFTED = "NightsortCategoriesShifted"


@dataclass(frozen=True, slots=True)
class Turn:
    """Who has to act. `condition` says when, where the same reason is used for different things."""

    mover: Mover
    condition: str = ""

    def when(self, condition: str) -> Turn:
        return replace(self, condition=condition)

    def __str__(self) -> str:
        return f"{self.mover}, {self.condition}" if self.condition else self.mover

    @property
    def alert(self) -> Alert | None:
        """The alert that fires while it is this one's turn."""
        match self.mover:
            case Mover.YOU:
                return Alert.STALLED
            case Mover.FINAL:
                return Alert.RUN_FAILED
            case Mover.ITSELF | Mover.DONE | Mover.EVENT:
                return None
            case _:
                assert_never(self.mover)


class Group(Enum):
    """The subject of a reason: the title of its table, and its name in alerts."""

    RUN = "The run", "the run"
    RESOURCE = "The resource", "the spec"
    SECRETS = "Its Secrets", "a Secret"
    SOURCE = "Its source", "the source"
    RESULTS = "Its results", "the results"
    DATABASE = "A database, as source or for results", "a database"
    STORE = "Object storage, as source or for results", "a bucket"
    API = "The API and the account", "the API's account"
    CLUSTER = "The cluster and the operator", "the cluster"
    COMMAND = "Local mode and the command line", "the command line"

    def __init__(self, title: str, noun: str) -> None:
        self.title = title
        self.noun = noun
