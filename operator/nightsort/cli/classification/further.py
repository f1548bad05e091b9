"""What `--field`, `--categories-per-ticket`, `--confidence` and `--rationale` ask for beside the category."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BESIDE = ("categoriesPerTicket", "fields", "confidence", "rationale")
"""Names of these parts in a spec, and in a file of categories."""
FORM = (
    "write it as urgency=low,medium,high (one of them), topics:2=price,quality,delivery (up to two of them), "
    "summary=text:200 (at most 200 characters) or stars=1..5 (a whole number)"
)
TEXT = re.compile(r"text:(\d{1,9})")
RANGE = re.compile(r"(-?\d{1,10})\.\.(-?\d{1,10})")


@dataclass(frozen=True, slots=True)
class FurtherAnswers:
    """The flags as they were given; `per_ticket` is the most categories of a ticket."""

    fields: tuple[str, ...] = ()
    per_ticket: int | None = None
    confidence: bool = False
    rationale: bool = False

    def as_spec(self) -> dict[str, Any]:
        """The parts of a spec. Raises ValueError: a field is in no form that is known."""
        asked: dict[str, Any] = {}
        if self.fields:
            asked["fields"] = [field_of(word) for word in self.fields]
        if self.per_ticket is not None:
            asked["categoriesPerTicket"] = self.per_ticket
        flags = {"confidence": self.confidence, "rationale": self.rationale}
        return asked | {name: True for name, given in flags.items() if given}

    @property
    def words(self) -> Sequence[str]:
        """The flags as they are typed."""
        fields = [word for field in self.fields for word in ("--field", field)]
        several = [] if self.per_ticket is None else ["--categories-per-ticket", str(self.per_ticket)]
        return [
            *fields,
            *several,
            *(["--confidence"] if self.confidence else []),
            *(["--rationale"] if self.rationale else []),
        ]

    def to_keep(self) -> dict[str, Any]:
        return {
            "fields": list(self.fields),
            "perTicket": self.per_ticket,
            "confidence": self.confidence,
            "rationale": self.rationale,
        }

    @classmethod
    def kept(cls, words: Mapping[str, Any]) -> FurtherAnswers:
        return cls(tuple(words["fields"]), words["perTicket"], words["confidence"], words["rationale"])


NOTHING_MORE = FurtherAnswers()


def field_of(word: str) -> dict[str, Any]:
    """A field of a spec.

    Raises:
        ValueError: the word is in another form; the message shows the known ones.
    """
    name, equals, form = word.partition("=")
    name, colon, most = name.strip().partition(":")
    form = form.strip()
    if not equals or not form or (colon and not most.isdecimal()):
        raise ValueError(f"--field {word}: {FORM}")
    if not colon and (text := TEXT.fullmatch(form)):
        return {"name": name, "maxLength": int(text[1])}
    if not colon and (ends := RANGE.fullmatch(form)):
        return {"name": name, "minimum": int(ends[1]), "maximum": int(ends[2])}
    values = [value.strip() for value in form.split(",") if value.strip()]
    if len(values) < 2:
        raise ValueError(f"--field {word}: {FORM}")
    return {"name": name, "values": values} | ({"multiple": True, "max": int(most)} if colon else {})
