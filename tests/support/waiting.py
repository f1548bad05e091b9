"""Waiting for what a real server does in its own time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T], seconds: float = 30, every: float = 0.1) -> T:
    """The first truthy answer; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(every)
    return answer


async def settled() -> None:
    """Every task of the loop has come as far as it can without a timer or the network."""
    for _ in range(100):
        await asyncio.sleep(0)
