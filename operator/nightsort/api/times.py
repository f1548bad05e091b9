"""Times as Kubernetes writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer


def rfc3339(moment: datetime) -> str:
    """Kubernetes' form of a time: UTC, seconds, `Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
MicroTime = Annotated[datetime, PlainSerializer(rfc3339_micro, return_type=str, when_used="json")]
