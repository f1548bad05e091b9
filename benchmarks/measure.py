"""What a process finds out about itself: time, memory, the longest pause of its event loop."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

LAG_SECONDS = 0.005


def peak_mb() -> float:
    """The most memory that this program has had. Not ru_maxrss, which begins with that of the parent."""
    return status_kb("VmHWM") / 1024


def now_mb() -> float:
    return status_kb("VmRSS") / 1024


def status_kb(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


class Lag:
    """Asks to be woken every 5 ms and notes how late that was at the worst.

    `busiest` is the most work, in seconds of CPU, that the loop's own thread has done in between: unlike `worst` it
    does not tell of other programs that keep the machine busy.
    """

    def __init__(self) -> None:
        self.worst = self.busiest = 0.0

    async def sample(self) -> None:
        while True:
            due, worked = time.perf_counter() + LAG_SECONDS, time.thread_time()
            await asyncio.sleep(LAG_SECONDS)
            self.worst = max(self.worst, time.perf_counter() - due)
            self.busiest = max(self.busiest, time.thread_time() - worked)


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Lag]:
    lag = Lag()
    sampler = asyncio.create_task(lag.sample())
    try:
        yield lag
    finally:
        sampler.cancel()


def told(lag: Lag) -> dict[str, float]:
    return {"stall": round(lag.worst, 4), "busiest": round(lag.busiest, 4)}


class Watch:
    """Seconds since the start, and those of them that were spent waiting for a batch."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.cpu_began = time.process_time()
        self.waited = 0.0

    @property
    def wall(self) -> float:
        return time.perf_counter() - self.began

    def report(self, **more: Any) -> None:
        """Prints the measurement as the last line of the output."""
        wall = self.wall
        figures = {
            "wall": wall,
            "waited": self.waited,
            "work": wall - self.waited,
            "cpu": time.process_time() - self.cpu_began,
            "peak_mb": peak_mb(),
        }
        print(json.dumps({name: round(value, 3) for name, value in figures.items()} | more))
