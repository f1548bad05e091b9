"""PostgreSQL's JSON and lists as Python values, or as text where they are very long or deeper than Python can parse.

Text that the server types as a list of numbers takes eighteen times its bytes in Python, and may be invalid.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.abc import AdaptContext, Buffer, Loader
from psycopg.adapt import Loader as LoaderOfText
from psycopg.pq import Format

MOST_PARSED_BYTES = 1024 * 1024
"""Bytes; parsed Python values take up to thirty times as much."""
NESTED = ("psycopg.types.array", "psycopg.types.composite", "psycopg.types.multirange")
"""Types whose loaders make many objects of one value."""


class AnyJson(LoaderOfText):
    """Gives lists and objects as text at once: they are not needed in another form."""

    def load(self, data: Buffer) -> Any:
        text = bytes(data).decode()
        if len(text) > MOST_PARSED_BYTES:
            return text
        try:
            value = json.loads(text)
            return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
        except (RecursionError, ValueError):  # ValueError: a number of more digits than Python reads
            return text


@cache
def bounded_loaders() -> dict[int, type[Loader]]:
    """Loaders by the number of the type."""
    numbers = {number for each in psycopg.adapters.types for number in (each.oid, each.array_oid) if number}
    found = {number: psycopg.adapters.get_loader(number, Format.TEXT) for number in numbers}
    return {number: bounded(loader) for number, loader in found.items() if loader and loader.__module__ in NESTED}


def bounded(loader: type[Loader]) -> type[Loader]:
    """The loader with a bound, in a class that does not inherit from it: C code ignores overridden methods."""

    class Bounded(LoaderOfText):
        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._load = loader(oid, context).load

        def load(self, data: Buffer) -> Any:
            return bytes(data).decode() if len(data) > MOST_PARSED_BYTES else self._load(data)

    return Bounded


def take_any_nesting(connection: Connection[Any]) -> None:
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, AnyJson)
    for number, loader in bounded_loaders().items():
        connection.adapters.register_loader(number, loader)
