"""What is to be reviewed, by whom, and what the tickets of a run are."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nightsort.api.spec import Spec
from nightsort.domain.case import Case, Selection, Why
from nightsort.domain.correction import MOST_NAME_CHARS
from nightsort.domain.fields import AskedField
from nightsort.domain.printable import printable
from nightsort.ports import CorrectionStore

SAMPLE = 20
USUAL = (Why.DISAGREEMENT, Why.UNKNOWN, Why.LOW_CONFIDENCE, Why.FAILED)


class InvalidWish(ValueError):
    """A flag cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which tickets are to be reviewed, and the name of who does.

    `exported` and `imported` are files of Label Studio, which take the place of a session at the terminal.
    """

    kinds: tuple[Why, ...] = USUAL
    sample: int = 0
    by: str = ""
    exported: Path | None = None
    imported: Path | None = None

    @property
    def needs_terminal(self) -> bool:
        return self.exported is None and self.imported is None


def wish_of(of: Sequence[str], sample: int | None, by: str | None) -> Wish:
    """The flags as they are meant: a sample alone is wanted beside the usual tickets.

    Raises:
        InvalidWish: there is no such kind of tickets, or the name is none.
    """
    words = [part.strip().lower() for word in of for part in word.split(",") if part.strip()]
    if unknown := [word for word in words if word not in set(Why)]:
        raise InvalidWish(f"--of: {unknown[0]} is none of {', '.join(Why)}")
    kinds = tuple(Why(word) for word in dict.fromkeys(words)) or (*USUAL, *((Why.SAMPLE,) if sample else ()))
    if sample and Why.SAMPLE not in kinds:
        raise InvalidWish("--sample says how many tickets are drawn: name sample with --of, too, or leave --of out")
    name = (getpass.getuser() if by is None else by).strip()
    if not name or not name.isprintable() or len(name) > MOST_NAME_CHARS:
        raise InvalidWish(f"--by: give the name of who reviews, in at most {MOST_NAME_CHARS} characters")
    return Wish(kinds, (sample or SAMPLE) if Why.SAMPLE in kinds else 0, name)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A run that people review: its cases, without what was decided before; `all_cases` with it.

    `left_out` are tickets beyond those that a session takes; `remarks` are told at the end."""

    name: str
    spec: Spec
    store: CorrectionStore
    all_cases: Sequence[Case]
    cases: Sequence[Case]
    left_out: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def decided_before(self) -> int:
        return len(self.all_cases) - len(self.cases)


def selection_of(wish: Wish, fields: Sequence[AskedField]) -> Selection:
    return Selection(wish.kinds, wish.sample, fields)


def with_texts(cases: Iterable[Case], texts: Mapping[str, Mapping[str, str]]) -> list[Case]:
    """The cases whose tickets are there, with their texts."""
    return [msgspec.structs.replace(case, fields=texts[case.id]) for case in cases if case.id in texts]


def nothing_to_review(found: Reviewed, wish: Wish) -> str:
    """Why there is no ticket to show, and what else could be asked for."""
    kinds = ", ".join(wish.kinds)
    if found.decided_before:
        return f"all {found.decided_before:,} tickets of {found.name} ({kinds}) are reviewed already"
    more = "" if Why.SAMPLE in wish.kinds else f"; --sample {SAMPLE} draws some of the others by chance"
    return f"nothing to review: {printable(found.name)} has no ticket of these kinds: {kinds}{more}"
