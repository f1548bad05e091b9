"""Events of local mode: lines of the log."""

from __future__ import annotations

import logging
from typing import Literal

from nightsort.api.resource import Meta
from nightsort.domain.reasons import Reason

logger = logging.getLogger("nightsort.events")


class LogEvents:
    async def post(self, meta: Meta, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> None:
        level = logging.WARNING if kind == "Warning" else logging.INFO
        logger.log(level, "%s: %s: %s", meta.name, reason, message)
