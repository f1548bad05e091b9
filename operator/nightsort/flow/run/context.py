"""The resource and batch in work, for log lines: no caller has to pass the resource to each line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

RESOURCE: ContextVar[str | None] = ContextVar("resource", default=None)
"""Namespace and name."""
BATCH: ContextVar[str | None] = ContextVar("batch", default=None)
"""The API's id."""


@contextmanager
def about(key: str) -> Iterator[None]:
    """Log lines that are written inside are about this resource."""
    token = RESOURCE.set(key)
    try:
        yield
    finally:
        RESOURCE.reset(token)


@contextmanager
def about_batch(batch_id: str | None) -> Iterator[None]:
    """Log lines that are written inside are about this batch too."""
    token = BATCH.set(batch_id)
    try:
        yield
    finally:
        BATCH.reset(token)
