"""Somebody with a file whose categories are partly known, `nightsort evaluate`, and a simulated API with a bill."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.bench import NIGHTSORT, SimulatedApi
from tests.local.office import CATEGORIES, TEXTS
from tests.local.shell import KEY, run
from tests.support.outcome import Outcome
from tests.support.processes import Server


@dataclass(frozen=True)
class Measuring:
    folder: Path
    api: SimulatedApi

    @property
    def file(self) -> Path:
        return self.folder / "known.csv"

    def write(self, tickets: int, wrong: Sequence[int] = (), unknown: Sequence[int] = ()) -> None:
        """So many tickets, each with its category; those at `wrong` have another one, those at `unknown` none."""
        names = list(TEXTS)
        with self.file.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "subject", "body", "agent_category"))
            for number in range(tickets):
                name = names[number % 3]
                truth = "" if number in unknown else names[(number + 1) % 3] if number in wrong else name
                writer.writerow((f"T-{number:04}", "Help", f"{TEXTS[name]} ({number})", truth))

    def arguments(self, command: str, *flags: str) -> list[str]:
        api = [] if "--simulate" in flags else ["--api-url", self.api.url]
        others = any(flag.startswith(("--categories", "--prompts")) for flag in flags)
        state = ["--state", str(self.folder / "state")]
        return [command, str(self.file), *state, *([] if others else CATEGORIES), *api, *flags]

    def evaluate(self, *flags: str, truth: str = "agent_category", env: Mapping[str, str] = KEY) -> Outcome:
        return run(*self.arguments("evaluate", "--truth", truth, *flags), env=env)

    def figures(self, *flags: str) -> Any:
        """What the command gives to programs."""
        outcome = self.evaluate("--yes", "--output", "json", *flags)
        assert outcome.code == 0, outcome.told
        return json.loads(outcome.out)

    def classify(self, *flags: str) -> Outcome:
        return run(*self.arguments("classify", "--body", "body", "--yes", *flags))

    def start(self, *flags: str, log: str, **more: str) -> Server:
        """The same as a process of its own, that can be killed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSORT_")}
        words = self.arguments("evaluate", "--truth", "agent_category", "--yes", *flags)
        return Server.start([*NIGHTSORT, *words], self.folder / log, env={**kept, **KEY, **more})

    def bill(self) -> Mapping[str, Any]:
        bill: Mapping[str, Any] = self.api.ask("bill")
        return bill
