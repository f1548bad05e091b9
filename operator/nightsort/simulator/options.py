"""The options of a simulator at its start."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from nightsort.simulator.mistakes import Mistakes, Truths


class SimulatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the simulated API behaves without faults.

    Times are seconds, rates are shares of a batch's requests between 0 and 1, sizes are bytes.
    """

    seconds: float = 1.0
    """How long a batch is processed; it never ends before its answers are ready."""
    cancel_seconds: float = 0.05
    """How long a batch stays `canceling`."""
    expire_after_seconds: float = 86_400.0
    """When unprocessed requests expire; 24 h in the real API."""
    error_rate: float = 0.0
    refusal_rate: float = 0.0
    unknown_rate: float = 0.0
    truncation_rate: float = 0.0
    expire_rate: float = 0.0
    fixed_answer: str | None = None
    """The words of every answer; the requests are not read. For measurements: a batch of 100,000 ends in its time."""
    mistakes: Mistakes = Mistakes()
    """How often the models are wrong; without any, every answer is the true category."""
    truths: Truths = msgspec.field(default_factory=Truths)
    """The true categories that are known; other tickets belong to the category whose words they have."""
    cache_hits: float = 1.0
    """The share of requests that read a marked prompt from the cache, once an earlier batch has written it."""
    inference_geo: Literal["global", "us"] = "global"
    """Where requests run that do not say it: the default of every workspace."""
    seed: int = 0
    """Fixes the order of the results and the requests that the rates hit."""
    max_requests: int = 100_000
    max_bytes: int = 256_000_000
    enqueue_limit: int | None = None
    """Requests in unfinished batches of all keys together; a create beyond it answers 429."""
    api_keys: frozenset[str] | None = None
    """The valid keys; by default every key is valid, each with a workspace of its own."""
    spool_dir: Path | None = None
    """The folder of bodies and results while the simulator runs; default: the system's folder for temporary files."""
