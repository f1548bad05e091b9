"""Events in the cluster, as `kubectl describe` shows them. Each is an object of its own: for transitions only."""

from __future__ import annotations

import logging
import os
import uuid
from datetime import UTC, datetime
from typing import Literal

from kubernetes.aio.client import ApiClient, EventsV1Api, EventsV1Event, V1ObjectMeta, V1ObjectReference

from nightsort.adapters.kubernetes.client import TIMEOUT, translated
from nightsort.api.model import API_VERSION, KIND
from nightsort.api.resource import Meta
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.domain.reasons import Reason

logger = logging.getLogger(__name__)

COMPONENT = "nightsort"
# The API's limits (events.k8s.io/v1): a note of 1 kB, a reason of 128 characters, an instance of 128.
NOTE_BYTES = 1024
MAX_WORD = 128


class KubeEvents:
    def __init__(self, client: ApiClient) -> None:
        self._events = EventsV1Api(client)

    async def post(self, meta: Meta, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> None:
        event = self._event(meta, kind, reason, message)
        try:
            with translated(f"post an event of {meta.key}"):
                await self._events.create_namespaced_event(meta.namespace, event, _request_timeout=TIMEOUT)
        except (Interruption, Conflict, Gone) as error:
            logger.warning("event %s of %s is lost: %s", reason, meta.key, error)

    def _event(self, meta: Meta, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> EventsV1Event:
        return EventsV1Event(
            metadata=V1ObjectMeta(name=f"{meta.name}.{uuid.uuid4().hex[:16]}", namespace=meta.namespace),
            regarding=V1ObjectReference(
                api_version=API_VERSION, kind=KIND, name=meta.name, namespace=meta.namespace, uid=meta.uid
            ),
            type=kind,
            reason=reason[:MAX_WORD],
            action=reason[:MAX_WORD],
            note=shortened(message),
            event_time=now(),
            reporting_controller=COMPONENT,
            reporting_instance=os.environ.get("HOSTNAME", "nightsort")[:MAX_WORD],
        )


def now() -> datetime:
    """A time with microseconds, which the API server requires and `isoformat` leaves out when they are zero."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond or 1)


def shortened(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= NOTE_BYTES:
        return message
    return encoded[: NOTE_BYTES - 3].decode(errors="ignore") + "…"
