"""How a file was classified last, as the state of `nightsort classify` remembers it: what its flags said."""

from __future__ import annotations

from nightsort.adapters.local.state import State, now

ORDERS = """
CREATE TABLE IF NOT EXISTS orders (
    file TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    words TEXT NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (file, simulated)
)
"""
"""No part of the tables of version 1, whose programs do not look at it."""
KEEP = """
INSERT INTO orders VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET words = excluded.words, used_at = excluded.used_at
"""


def keep_order(state: State, file: str, words: str, *, simulated: bool) -> None:
    """Remembers the flags of a file, named by its absolute path; `words` is JSON."""
    state.rows(ORDERS)
    state.rows(KEEP, (file, simulated, words, now()))


def last_order(state: State, file: str, *, simulated: bool) -> str | None:
    """What was kept last; None where nothing was, as by earlier versions."""
    if not state.rows("SELECT 1 FROM sqlite_master WHERE name = 'orders'"):
        return None
    found = state.rows("SELECT words FROM orders WHERE file = ? AND simulated = ?", (file, simulated))
    return str(found[0][0]) if found else None
