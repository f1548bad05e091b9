"""kopf's memory of objects, switched off: the status holds everything that Nightsort remembers."""

from __future__ import annotations

from typing import Any

import kopf


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no copy of the spec in an annotation, where inline tickets would not fit.

    Every object looks unchanged to kopf; only deletion is a change that has a handler.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return kopf.BodyEssence({})

    def store(self, **_: Any) -> None:
        return None
