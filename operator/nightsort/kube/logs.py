"""The log as JSON: one object a line, with the resource and the batch in question."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from nightsort.flow.run.context import BATCH, RESOURCE

REFUSALS = ("APINotFoundError", "APIForbiddenError")
"""kopf's classes by name, since kopf keeps them private."""


class JsonLines(logging.Formatter):
    """time, level, logger, message; resource (namespace/name), batch and error where known."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "resource": RESOURCE.get() or seen_by_kopf(record),
            "batch": BATCH.get(),
            "error": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=False)


def seen_by_kopf(record: logging.LogRecord) -> str | None:
    """kopf's own lines name their resource in an attribute."""
    found = getattr(record, "k8s_ref", None)
    return f"{found.get('namespace')}/{found.get('name')}" if isinstance(found, dict) else None


def spare_tracebacks() -> None:
    """Logs the API server's refusals of kopf without a traceback: the place in kopf does not help the reader."""
    for name in ("kopf._core.reactor.orchestration", "kopf._core.reactor.running"):
        logging.getLogger(name).addFilter(without_traceback)


def tell_calls_to_debuggers_alone() -> None:
    """Logs the lines of HTTP clients, one for each call, at the level DEBUG."""
    for name in ("httpx", "httpx2", "httpcore2", "aiohttp.access"):
        logging.getLogger(name).addFilter(at_debug)


def at_debug(record: logging.LogRecord) -> bool:
    if record.levelno > logging.INFO:
        return True
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[0] and record.exc_info[0].__name__ in REFUSALS:
        record.exc_info = None
    return True


def write_json() -> None:
    """Every handler of the root logger writes JSON from now on."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines())
