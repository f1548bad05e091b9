"""Ids of tickets with several key columns: the columns' texts as a JSON list."""

from __future__ import annotations

import json
from collections.abc import Sequence

from nightsort.adapters.sql.session import Session


def joined(parts: Sequence[str]) -> str:
    """The id of a ticket whose key columns have these texts; a single column's text is the id itself."""
    return parts[0] if len(parts) == 1 else json.dumps(list(parts), ensure_ascii=False)


def joined_key(session: Session, columns: Sequence[str]) -> str:
    """The expression for the id of a row of `t` with these key columns; NULL where one of them is."""
    names = [f"t.{session.quote(column)}" for column in columns]
    missing = " OR ".join(f"{name} IS NULL" for name in names)
    texts = ", ".join(f"CAST({name} AS {'CHAR' if session.family == 'mysql' else 'text'})" for name in names)
    match session.family:
        case "postgresql":
            array = f'CAST(json_build_array({texts}) AS text) COLLATE "C"'
        case "mysql":
            array = f"CONVERT(JSON_ARRAY({texts}) USING utf8mb4) COLLATE utf8mb4_bin"
        case _:
            array = f"json_array({texts})"
    return f"CASE WHEN {missing} THEN NULL ELSE {array} END"


def parted(ticket_id: str, columns: int) -> tuple[str, ...]:
    """The text of each key column.

    Raises:
        ValueError: the id is no list of this many texts.
    """
    if columns == 1:
        return (ticket_id,)
    parts = json.loads(ticket_id)
    if not isinstance(parts, list) or len(parts) != columns or not all(isinstance(part, str) for part in parts):
        raise ValueError(ticket_id)
    return tuple(parts)


def is_list(ticket_id: str, columns: int) -> bool:
    """Whether the id can be split into its parts."""
    try:
        parted(ticket_id, columns)
    except ValueError:
        return False
    return True
