"""PostgreSQL's JSON as Python has it, or as its text where it nests deeper than Python follows or is very long."""

from __future__ import annotations

import json
from typing import Any

from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader

MOST_PARSED_BYTES = 1024 * 1024
"""In Python, what is parsed takes up to thirty times as much."""


class AnyJson(Loader):
    """Lists and objects are given as text at once: they are not needed otherwise."""

    def load(self, data: Buffer) -> Any:
        text = bytes(data).decode()
        if len(text) > MOST_PARSED_BYTES:
            return text
        try:
            value = json.loads(text)
            return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
        except (RecursionError, ValueError):  # ValueError: a number of more digits than Python reads
            return text


def take_any_json(connection: Connection[Any]) -> None:
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, AnyJson)
