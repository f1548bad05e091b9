"""One active replica by a Lease: the client library's election, with a safe lock.

The library's own lock cannot create the Lease, and waits without an end for an API server that does not answer: a
leader that is cut off would never give up.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, V1Lease, V1ObjectMeta
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15
"""Seconds that other replicas wait for a leader that does not renew its Lease."""
RENEW_SECONDS = 10
"""Seconds that a leader works without having renewed its Lease; less than others wait."""
RETRY_SECONDS = 2
CALL_SECONDS = 3.0
LOST_LEADERSHIP = 3
T = TypeVar("T")


class SafeLeaseLock(LeaseLock):
    """Every call ends in time; an error on the way counts as not having got the Lease."""

    async def get(self, name: str, namespace: str) -> Any:
        return await ended(super().get(name, namespace), (False, ApiException(reason="no answer")))

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        return bool(await ended(super().update(name, namespace, updated_record), False))

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        lease = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        return bool(await ended(self._create(namespace, lease), False))

    async def _create(self, namespace: str, lease: V1Lease) -> bool:
        try:
            await self.api_instance.create_namespaced_lease(namespace, lease)
        except ApiException as error:
            logger.info("the Lease was not created (%s)", error.status)
            return False
        return True

    async def give_back(self) -> None:
        """Clears the holder: the next replica then begins at once, rather than after the Lease has run out."""
        await self.get(self.name, self.namespace)
        lease = self.lease_reference
        if lease is None or lease.spec is None or lease.spec.holder_identity != self.identity:
            return
        lease.spec.holder_identity = None
        await ended(self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease), None)


async def ended(call: Awaitable[Any], otherwise: Any) -> Any:
    """The call's result, or `otherwise` where the API server does not answer in time."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await call
    except (TimeoutError, aiohttp.ClientError, OSError, ApiException):
        return otherwise


async def lead(
    client: ApiClient, name: str, namespace: str, identity: str, work: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Waits until it is this replica's turn, then works until the work ends.

    When the Lease is lost the process ends at once, at any instruction: any further step could only disturb the next
    leader, and a killed process loses nothing.
    """
    lock = SafeLeaseLock(name, namespace, identity, client)
    started: asyncio.Future[asyncio.Task[None]] = asyncio.get_running_loop().create_future()

    async def leading() -> None:
        logger.info("%s leads", identity)
        started.set_result(asyncio.create_task(work()))

    config = Config(lock, LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, leading, lost)
    election = asyncio.create_task(LeaderElection(config).run())
    try:
        working = await first_of(started, election)
        await first_of(working, election)
    finally:
        election.cancel()
        await asyncio.gather(election, return_exceptions=True)
        await lock.give_back()


async def first_of(wanted: asyncio.Future[T], beside: asyncio.Task[None]) -> T:
    """The result of the awaited task; a task beside it ends earlier only by an error, which is raised."""
    both: set[asyncio.Future[Any]] = {wanted, beside}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not wanted.done():
        await beside
    return await wanted


async def lost() -> NoReturn:
    logger.error("the Lease was lost; this replica ends, and another one goes on")
    logging.shutdown()
    os._exit(LOST_LEADERSHIP)
