"""Tells, if possible, to which account an API key belongs: compares what an intent has noted with a later key."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Marks(Protocol):
    """`organization` and `workspace` as the API's answers name them, empty where they do not; a digest of the key."""

    @property
    def organization(self) -> str: ...
    @property
    def workspace(self) -> str: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Account:
    organization: str = ""
    workspace: str = ""
    key: str = ""


class Kinship(StrEnum):
    """Whether two keys show the same batches."""

    SAME = "Same"
    OTHER = "Other"
    UNKNOWN = "Unknown"


def kinship(noted: Marks, now: Marks) -> Kinship:
    """A key belongs to one workspace for its whole life. Another key may belong to the same one: the names tell."""
    if noted.key and noted.key == now.key:
        return Kinship.SAME
    named = [
        (before, after)
        for before, after in ((noted.organization, now.organization), (noted.workspace, now.workspace))
        if before and after
    ]
    if any(before != after for before, after in named):
        return Kinship.OTHER
    return Kinship.SAME if noted.workspace and noted.workspace == now.workspace else Kinship.UNKNOWN
