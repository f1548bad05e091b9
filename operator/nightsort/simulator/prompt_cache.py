"""The cache of prompts, as batches use it: what one batch has written, later ones read, as long as it is kept."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import msgspec

SECONDS = {"5m": 300.0, "1h": 3600.0}
HOUR = "1h"


class Marked(msgspec.Struct, frozen=True):
    """The part of a prompt up to its last mark: its characters, and for how long it is to be kept (`5m` or `1h`)."""

    text: str
    ttl: str


class Use(msgspec.Struct, frozen=True):
    """Tokens of one request that were written into the cache, or read from it."""

    written: int = 0
    read: int = 0
    ttl: str = HOUR


NO_USE = Use()
Key = tuple[str, str, str]
"""Workspace, model and text."""


class PromptCache:
    """What all batches together have written; batches end in threads of their own."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kept: dict[Key, float] = {}
        self._lock = threading.Lock()

    def has(self, key: Key) -> bool:
        with self._lock:
            return self._kept.get(key, 0.0) > self._now()

    def keep(self, key: Key, ttl: str) -> None:
        with self._lock:
            self._kept[key] = max(self._kept.get(key, 0.0), self._now() + SECONDS[ttl])


class BatchCache:
    """The cache as one batch sees it. Its requests run side by side: none reads what another one of them writes.

    `hits` is the share of requests that read a prompt which is there; the same seed hits the same ones.
    """

    def __init__(self, cache: PromptCache, workspace: str, hits: float, seed: str) -> None:
        self._cache, self._workspace, self._hits = cache, workspace, hits
        self._chance = random.Random(f"cache {seed}")  # noqa: S311 - repeatable, not secret
        self._there: dict[Key, bool] = {}
        self._used: dict[Key, str] = {}

    def use(self, model: str, marked: Marked, tokens: int) -> Use:
        """What a request with this prompt reads or writes."""
        key = (self._workspace, model, marked.text)
        if key not in self._there:
            self._there[key] = self._cache.has(key)
        self._used[key] = marked.ttl
        if self._there[key] and (self._hits >= 1 or self._chance.random() < self._hits):
            return Use(read=tokens)
        return Use(written=tokens, ttl=marked.ttl)

    def end(self) -> None:
        """What the batch has written or read is kept from its end on."""
        for key, ttl in self._used.items():
            self._cache.keep(key, ttl)
