"""Somebody with a file of tickets, `nightsort classify`, and a simulated API that keeps a bill."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.bench import NIGHTSORT, SimulatedApi
from tests.local.shell import KEY, run
from tests.support.outcome import Outcome
from tests.support.processes import Server

CATEGORIES = ("--categories", "billing,technical,account,other")
TEXTS = {"billing": "A billing question", "technical": "A technical problem", "account": "My account is locked"}


@dataclass(frozen=True)
class Office:
    folder: Path
    api: SimulatedApi

    @property
    def file(self) -> Path:
        return self.folder / "tickets.csv"

    @property
    def labeled(self) -> Path:
        return self.folder / "tickets.labeled.csv"

    @property
    def state(self) -> Path:
        return self.folder / "state" / "classify.sqlite"

    def write(self, tickets: int | Mapping[str, str]) -> Path:
        """A file of so many tickets, or of these texts by id."""
        if isinstance(tickets, int):
            words = list(TEXTS.values())
            tickets = {f"T-{number:04}": f"{words[number % 3]} ({number})" for number in range(1, tickets + 1)}
        with self.file.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "subject", "body"))
            writer.writerows((name, "Help", text) for name, text in tickets.items())
        return self.file

    def arguments(self, *flags: str) -> list[str]:
        api = [] if "--simulate" in flags else ["--api-url", self.api.url]
        categories = [] if any(flag.startswith("--categories") for flag in flags) else CATEGORIES
        return ["classify", str(self.file), "--state", str(self.folder / "state"), *categories, *api, *flags]

    def classify(self, *flags: str, env: Mapping[str, str] = KEY) -> Outcome:
        """`nightsort classify` until its end, in this process, without a terminal."""
        return run(*self.arguments(*flags), env=env)

    def start(self, *flags: str, log: str = "classify.log", **more: str) -> Server:
        """The same as a process of its own, that can be killed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSORT_")}
        return Server.start([*NIGHTSORT, *self.arguments(*flags)], self.folder / log, env={**kept, **KEY, **more})

    def bill(self) -> Mapping[str, Any]:
        bill: Mapping[str, Any] = self.api.ask("bill")
        return bill

    def rows(self) -> Sequence[Mapping[str, str]]:
        """What the labelled file holds."""
        with self.labeled.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def categories(self) -> dict[str, str]:
        return {row["id"]: row["category"] for row in self.rows()}


def figures(out: str) -> dict[str, int]:
    """The table at the end, tickets by what they came to."""
    lines = out.splitlines()
    table = lines[lines.index(next(line for line in lines if line.startswith("category "))) + 1 :]
    found = (re.fullmatch(r"(.+?) +([\d,]+) +[\d.]+%", line) for line in table)
    return {match[1]: int(match[2].replace(",", "")) for match in found if match}
