"""What was looked at, and what came of it: lines for people, or JSON. No secret is part of a finding."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from enum import StrEnum

from nightsort.domain.errors import Interruption
from nightsort.domain.printable import printable
from nightsort.domain.reasons import Reason

WIDTHS = (8, 18)


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """`remedy` is what to do, where there is something."""

    level: Level
    subject: str
    message: str
    remedy: str = ""

    @property
    def line(self) -> str:
        level, subject = self.level.value.ljust(WIDTHS[0]), self.subject.ljust(WIDTHS[1])
        remedy = f"\n{' ' * sum(WIDTHS)}  -> {self.remedy}" if self.remedy else ""
        return printable(f"{level} {subject} {self.message}") + (printable_lines(remedy) if remedy else "")


Findings = AsyncIterator[Finding]


def ok(subject: str, message: str) -> Finding:
    return Finding(Level.OK, subject, message)


def warning(subject: str, message: str, remedy: str = "") -> Finding:
    return Finding(Level.WARNING, subject, message, remedy)


def failed(subject: str, message: str, remedy: str = "") -> Finding:
    return Finding(Level.FAILED, subject, message, remedy)


def of(subject: str, interruption: Interruption, level: Level = Level.FAILED, note: str = "") -> Finding:
    """What an adapter has said, and what its reason advises."""
    reason = interruption.reason
    remedy = plain(reason.remedy) if isinstance(reason, Reason) else ""
    return Finding(level, subject, f"{interruption.message}{note}", remedy)


def plain(markdown: str) -> str:
    """A remedy of the docs without its marks."""
    return markdown.replace("`", "")


def printable_lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def as_json(version: str, findings: Iterable[Finding]) -> str:
    found = list(findings)
    checks = [
        {"check": one.subject, "result": one.level.value, "message": one.message, "remedy": one.remedy or None}
        for one in found
    ]
    return json.dumps(
        {"version": version, "failed": any(one.level is Level.FAILED for one in found), "checks": checks}, indent=2
    )


def verdict_of(findings: Iterable[Finding]) -> str:
    levels = [one.level for one in findings]
    warnings, failures = levels.count(Level.WARNING), levels.count(Level.FAILED)
    if not warnings and not failures:
        return "everything that was looked at works"
    return f"{failures} failed, {warnings} to look at, {levels.count(Level.OK)} ok"
