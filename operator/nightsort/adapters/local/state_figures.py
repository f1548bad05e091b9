"""Figures about a file from the state of `nightsort classify`. A comparison has stored the file's tickets before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nightsort.adapters.local.state import State
from nightsort.adapters.local.state_comparison import Asked
from nightsort.adapters.local.state_rows import HAS_VALUES
from nightsort.adapters.local.state_tickets import FIELDS
from nightsort.domain.fields import Value
from nightsort.domain.ticket import Ticket

LAST = """
SELECT digest, file, settings, simulated FROM settings WHERE :file IS NULL OR file = :file
ORDER BY used_at DESC, rowid DESC LIMIT 1
"""
KNOWN = "FROM temp.present p LEFT JOIN labels l ON l.id = p.id AND l.text = p.text AND l.settings = :settings"
# At the present time, and not at that of the comparison: runs may have ended since.
FLYING = """
EXISTS (SELECT 1 FROM run_tickets t WHERE t.id = p.id AND t.text = p.text AND t.settings = :settings)
"""
OUTCOME = f"""
SELECT coalesce(p.corrected, l.category) AS given, l.verdict,
       coalesce(p.corrected, l.category) IS NULL AND {FLYING} AS flying, count(*) {KNOWN}
GROUP BY given, l.verdict, flying
"""
WITHOUT = f"""
SELECT p.id, l.verdict, l.reason {KNOWN} WHERE l.verdict IS NOT NULL AND l.category IS NULL
AND p.corrected IS NULL AND NOT {FLYING} ORDER BY p.position LIMIT :most
"""
FIRST = f"""
SELECT o.given, p.position, p.id, f.fields FROM (
    SELECT coalesce(p.corrected, l.category) AS given, p.position,
           row_number() OVER (PARTITION BY coalesce(p.corrected, l.category) ORDER BY p.position) AS place
    {KNOWN} WHERE coalesce(p.corrected, l.category) IS NOT NULL
) o JOIN temp.present p ON p.position = o.position JOIN temp.present_fields f ON f.position = o.position
WHERE o.place <= :most ORDER BY p.position
"""  # noqa: S608 - constants of ours

ANSWERS = f"""
SELECT v.answers {KNOWN} JOIN label_values v ON v.id = l.id AND v.text = l.text AND v.settings = l.settings
WHERE l.verdict IS NOT NULL
"""


def last_asked(state: State, file: str | None = None) -> tuple[Asked, Mapping[str, Any]] | None:
    """The last question about this file, or about any, and its settings in words; None where there was none."""
    for digest, name, words, simulated in state.rows(LAST, {"file": file}):
        return Asked(name, digest, bool(simulated)), json.loads(words)
    return None


def outcome(state: State, asked: Asked) -> list[tuple[str | None, str | None, bool, int]]:
    """Category, verdict, whether an answer is still to come, and the number of the file's tickets with these."""
    found = state.rows(OUTCOME, {"settings": asked.settings})
    return [(category, verdict, bool(flying), count) for category, verdict, flying, count in found]


def answers_to_fields(state: State, asked: Asked) -> Iterator[Sequence[Value]]:
    """The answers to further fields, in the order of the fields, of each ticket that has any."""
    if state.rows(HAS_VALUES):
        for (answers,) in state.rows(ANSWERS, {"settings": asked.settings}):
            yield json.loads(answers)


def without_category(state: State, asked: Asked, most: int) -> Sequence[tuple[str, str, str]]:
    """The first tickets that were sent and got no category: id, verdict, reason."""
    found = state.rows(WITHOUT, {"settings": asked.settings, "most": most})
    return [(name, verdict, reason) for name, verdict, reason in found]


def first_of_each_category(state: State, asked: Asked, most: int) -> Iterator[tuple[str, Ticket]]:
    """Tickets in the order of the file, at most this many of each category."""
    for category, position, name, fields in state.rows(FIRST, {"settings": asked.settings, "most": most}):
        yield category, Ticket(name, FIELDS.decode(fields), cursor=str(position))
