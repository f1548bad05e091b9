"""Dates and times that Python lacks, such as PostgreSQL's `infinity`, years before Christ or 24:00, as text."""

from __future__ import annotations

from typing import Any

from psycopg import Connection, DataError
from psycopg.abc import Buffer, Loader
from psycopg.types.datetime import (
    DateLoader,
    IntervalLoader,
    TimeLoader,
    TimestampLoader,
    TimestamptzLoader,
    TimetzLoader,
)


def as_sent(data: Buffer) -> str:
    return bytes(data).decode()


class AnyDate(DateLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except DataError:
            return as_sent(data)


class AnyTime(TimeLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except DataError:
            return as_sent(data)


class AnyTimetz(TimetzLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except DataError:
            return as_sent(data)


class AnyTimestamp(TimestampLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except DataError:
            return as_sent(data)


class AnyTimestamptz(TimestamptzLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except DataError:
            return as_sent(data)


class AnyInterval(IntervalLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except (DataError, OverflowError):
            return as_sent(data)


LOADERS: dict[str, type[Loader]] = {
    "date": AnyDate,
    "time": AnyTime,
    "timetz": AnyTimetz,
    "timestamp": AnyTimestamp,
    "timestamptz": AnyTimestamptz,
    "interval": AnyInterval,
}


def take_any_time(connection: Connection[Any]) -> None:
    for name, loader in LOADERS.items():
        connection.adapters.register_loader(name, loader)
