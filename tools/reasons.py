"""Writes what is told of reasons from `nightsort.domain.reasons`; --check: is it stale?

The tables of docs/troubleshooting.md, one for each group, and the places that the alerts' texts name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from nightsort.domain.reasons import Reason
from nightsort.domain.turns import Alert, Group

TOP = Path(__file__).resolve().parents[1]
PAGE = TOP / "docs" / "troubleshooting.md"
ALERTS = (TOP / "charts" / "nightsort" / "files" / "alerts.yaml", TOP / "tests" / "cluster" / "alerts_test.yaml")
TABLE = re.compile(r"(^## (?P<title>[^\n]+)\n\n)\| reason \|[^\n]*\n(?:\|[^\n]*\n)+", re.MULTILINE)
TEXTS = {
    Alert.STALLED: re.compile(r"(?<= -o wide` says what: ).*?(?=\. They go on by themselves)"),
    Alert.RUN_FAILED: re.compile(r"(?<= -o wide` says why: ).*?(?=\. It does not go on by itself)"),
}
"""Where the text of an alert names what its reasons are about."""


def table(group: Group) -> str:
    lines = ["| reason | means | next | alert | what to do |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(row(reason) for reason in Reason if reason.group is group)]) + "\n"


def row(reason: Reason) -> str:
    cells = (f"`{reason}`", reason.means, "; ".join(map(str, reason.turns)), ", ".join(reason.alerts), reason.remedy)
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def page(text: str) -> str:
    """The page with its tables renewed; a group without a table is a mistake."""
    groups = {group.title: group for group in Group}
    renewed, count = TABLE.subn(lambda found: found[1] + table(groups[found["title"]]), text)
    if count != len(groups):
        raise ValueError(f"{PAGE.name} has {count} tables of reasons, not {len(groups)}")
    return renewed


def alerts(text: str) -> str:
    """Rules, or their tests, with what the alerts' reasons are about."""
    for alert, place in TEXTS.items():
        about = list(dict.fromkeys(reason.group.noun for reason in Reason if alert in reason.alerts))
        words = f"{', '.join(about[:-1])} or {about[-1]}"
        text, count = place.subn(words, text)
        if not count:
            raise ValueError(f"no text of {alert} names what it is about")
    return text


def renewed() -> Iterator[tuple[Path, str]]:
    yield PAGE, page(PAGE.read_text(encoding="utf-8"))
    for file in ALERTS:
        yield file, alerts(file.read_text(encoding="utf-8"))


def main() -> int:
    stale = [(file, text) for file, text in renewed() if text != file.read_text(encoding="utf-8")]
    if "--check" not in sys.argv:
        for file, text in stale:
            file.write_text(text, encoding="utf-8")
        return 0
    for file, _ in stale:
        print(f"{file.relative_to(TOP)} is stale: run 'make reasons' and commit it", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
