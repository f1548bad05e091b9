"""The operator's scope: whether the API server serves our kind, and which watched namespaces grant access.

kopf looks for the kind once, when it begins, and a single refused list ends the whole operator (1.45). kopf's own
scanning repairs neither: it watches all CRDs and namespaces of the cluster, which an account of a few namespaces may
not do, it keeps a namespace that has lost only its Role, and it fails all the same when the kind is removed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import aiohttp
from kopf._cogs.structs.references import Insights  # an argument of kopf.operator, whose type kopf keeps private
from kubernetes.aio.client import ApiClient

from nightsort.api.model import GROUP, PLURAL, VERSION
from nightsort.domain.errors import Stalled
from nightsort.ports import Metrics

logger = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""Seconds between checks for something to work on."""
PROBE_SECONDS = 10.0
REFUSALS = 4
"""Refusals in a row: one may pass, and finalizers take their time. kopf gives up later, 54 seconds after its first."""
TIMEOUT = 10.0
OK, FORBIDDEN, NOT_FOUND = 200, 403, 404
NO_ANSWER = 0
Scope = str | None
"""A namespace, or all of the cluster."""


class Scopes:
    """`namespaces` are the watched ones; none means all of the cluster. kopf follows the `insights`."""

    def __init__(self, client: ApiClient, namespaces: Sequence[str], metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics
        self._watched: Sequence[Scope] = tuple(dict.fromkeys(namespaces)) or (None,)
        self._open: set[Scope] = set(self._watched)
        self._answers: dict[Scope, int] = {}
        self._refusals = dict.fromkeys(self._watched, REFUSALS - 1)  # at the start a single refusal is enough
        self.insights = Insights()

    @property
    def namespaces(self) -> list[str]:
        """The namespaces that grant access; none where all of the cluster is watched."""
        return sorted(scope for scope in self._open if scope is not None)

    async def opened(self) -> None:
        """Waits until the kind is served and can be listed somewhere; says once what it waits for."""
        told = ""
        while why := await self.closed():
            if why != told:
                logger.warning("nothing can be worked on yet: %s", why)
            told = why
            await asyncio.sleep(LOOK_SECONDS)

    async def closed(self) -> str:
        """Why there is nothing to work on; empty where there is something."""
        told = await self._discover()
        if told == OK:
            await self._probe()
        if NOT_FOUND in (told, *self._answers.values()):
            return no_kind()
        if told != OK:
            return f"the API server does not say which kinds it serves ({told or 'no answer'})"
        if self._open:
            return ""
        if None in self._answers:
            return f"{PLURAL} cannot be listed in all namespaces: {reason(self._answers[None])}"
        return "none of the watched namespaces lets the operator in"

    async def keep(self) -> None:
        """Tells kopf which namespaces to watch, as they come and go, for as long as there are any.

        A namespace that goes does not affect the others, and is watched again when it comes back.

        Raises:
            Stalled: none is left.
        """
        await self.insights.ready_resources.wait()
        if not self.insights.watched_resources:  # kopf asked an API server that does not serve the kind yet
            raise Stalled(no_kind())
        await self.insights.ready_namespaces.wait()
        while True:
            await self._hand_over()
            await asyncio.sleep(PROBE_SECONDS)
            await self._probe()
            if not self._open and (why := await self.closed()):
                raise Stalled(why)

    async def _hand_over(self) -> None:
        if self.insights.namespaces == self._open:
            return
        async with self.insights.revised:
            self.insights.namespaces.clear()
            self.insights.namespaces.update(self._open)  # type: ignore[arg-type]  # a NewType of kopf's own
            self.insights.revised.notify_all()

    async def _probe(self) -> None:
        for scope in self._watched:
            self._answers[scope] = await self._list(scope)
            was_open = scope in self._open
            self._judge(scope, self._answers[scope])
            if scope is not None and was_open and scope not in self._open:
                logger.warning("namespace %s is not worked on: %s", scope, reason(self._answers[scope]))
            if scope is not None and not was_open and scope in self._open:
                logger.info("namespace %s is worked on again", scope)
        self._metrics.unreachable(len(self._watched) - len(self._open))

    def _judge(self, scope: Scope, status: int) -> None:
        """An answer that is neither a list nor a refusal says nothing: a new kind gets 429 for a while."""
        if status == OK:
            self._refusals[scope] = 0
            self._open.add(scope)
        elif status in (FORBIDDEN, NOT_FOUND):
            self._refusals[scope] += 1
        if self._refusals[scope] >= REFUSALS:
            self._open.discard(scope)

    async def _discover(self) -> int:
        """Whether discovery, where kopf looks for the kind, has it; lists work a moment earlier."""
        status, found = await self._get("/apis")
        if status != OK:
            return status
        if GROUP not in {one.get("name") for one in found.get("groups") or ()}:
            return NOT_FOUND
        status, found = await self._get(f"/apis/{GROUP}/{VERSION}")
        kinds = {one.get("name") for one in found.get("resources") or ()}
        return NOT_FOUND if status == OK and PLURAL not in kinds else status

    async def _list(self, scope: Scope) -> int:
        """The answer to a list. The list asks for a name that no resource can have, so it is always empty."""
        where = PLURAL if scope is None else f"namespaces/{scope}/{PLURAL}"
        status, _ = await self._get(f"/apis/{GROUP}/{VERSION}/{where}", fieldSelector="metadata.name=-")
        return status

    async def _get(self, path: str, **query: str) -> tuple[int, dict[str, Any]]:
        """Avoids the library's models, which refuse fields that any other API of the cluster has left out."""
        request = await self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            response = await self._client.call_api(*request, _request_timeout=TIMEOUT)
            return int(response.status), json.loads(await response.read())  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, OSError, ValueError):  # a time-out is an OSError
            return NO_ANSWER, {}


def no_kind() -> str:
    brought = "`kubectl apply --server-side -f crds/` brings the CRD, or crds.install=true of the chart"
    return f"the API server does not serve {PLURAL}.{VERSION}.{GROUP}: {brought}"


def reason(refusal: int) -> str:
    if refusal == NOT_FOUND:
        return no_kind()
    return "the operator's account may not list there; the Role and RoleBinding of the chart would let it"
