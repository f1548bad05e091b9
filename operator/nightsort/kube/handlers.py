"""kopf's handlers, which only call the flow. Their `patch` stays empty: a failed patch would kill the timer."""

from __future__ import annotations

from typing import Any

import kopf

from nightsort.api.model import GROUP, PLURAL, VERSION
from nightsort.kube.scheduler import ResourceScheduler

RESOURCE = (GROUP, VERSION, PLURAL)
TICK_SECONDS = 1.0


def unfinished(status: kopf.Status, **_: Any) -> bool:
    """Finished resources have no timer and no finalizer: they can be deleted while the operator is away."""
    conditions = status.get("conditions") or ()
    return not any(one.get("type") == "Finished" and one.get("status") == "True" for one in conditions)


def first_look(memo: kopf.Memo, namespace: str | None, **_: Any) -> float:
    """Spreads the first passes after a restart, when all timers start at once. It must not raise."""
    scheduler: ResourceScheduler = memo.scheduler
    return scheduler.turn(namespace or "")


@kopf.timer(*RESOURCE, interval=TICK_SECONDS, initial_delay=first_look, when=unfinished)
async def look(body: kopf.Body, memo: kopf.Memo, **more: Any) -> None:
    scheduler: ResourceScheduler = memo.scheduler
    stopped: kopf.DaemonStopped = more["stopped"]
    await scheduler.reconcile(body, stopped.is_set)
    await scheduler.rest(str(body["metadata"]["uid"]), TICK_SECONDS, stopped.wait)


# PERMANENT: an unforeseen error is logged, and must not hold up the deletion for ever.
@kopf.on.delete(*RESOURCE, when=unfinished, errors=kopf.ErrorsMode.PERMANENT)
async def finalize(body: kopf.Body, memo: kopf.Memo, **_: Any) -> None:
    scheduler: ResourceScheduler = memo.scheduler
    await scheduler.finalize(body)


@kopf.on.event(*RESOURCE)
async def seen(event: kopf.RawEvent, body: kopf.Body, memo: kopf.Memo, **_: Any) -> None:
    scheduler: ResourceScheduler = memo.scheduler
    scheduler.see(event["type"], body)
