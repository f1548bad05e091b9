"""Drives the flow for `nightsort classify`: an estimate first, then the runs until their end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.cli.classification.order import Order
from nightsort.cli.classification.waiting import Journal
from nightsort.cli.local_runner import LocalRunner
from nightsort.cli.simulated import settings_with_api
from nightsort.flow.preflight.estimate import Estimate, estimate
from nightsort.flow.run.services import Services
from nightsort.settings import Settings
from nightsort.wiring.classify import Comparison, State, state_services


class Engine:
    """The flow, and a loop to run it in; the simulator and the client are started when they are first needed."""

    def __init__(self, runner: asyncio.Runner, order: Order, settings: Settings, state: State) -> None:
        self._runner, self._order, self._settings, self._state = runner, order, settings, state
        self._closing = AsyncExitStack()
        self._services: Services | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._closing.aclose())

    def estimate(self, spec: Spec, comparison: Comparison) -> tuple[Estimate, str]:
        """The cost of a file's tickets that are to be sent, and the day of the prices."""
        return self._runner.run(self._estimate(spec, comparison))

    def follow(self, runs: Sequence[Resource], journal: Journal) -> list[Resource]:
        """Works on runs until nothing is left to do, or the time is over; returns their states."""
        return self._runner.run(self._follow(runs, journal))

    async def _ready(self) -> Services:
        if self._services is None:
            settings = await self._closing.enter_async_context(settings_with_api(self._settings, self._order.simulated))
            self._services = await self._closing.enter_async_context(state_services(settings, self._state))
        return self._services

    async def _estimate(self, spec: Spec, comparison: Comparison) -> tuple[Estimate, str]:
        services = await self._ready()
        api = await services.connections.api(Resource(Meta("default", "estimate", ""), spec, Status()))
        return await estimate(spec, comparison.source(), api, services.prices), services.prices.day

    async def _follow(self, runs: Sequence[Resource], journal: Journal) -> list[Resource]:
        services = await self._ready()
        reminding = asyncio.create_task(journal.remind())
        try:
            async with asyncio.timeout(self._order.timeout):
                return await LocalRunner(services, journal).run(runs)
        except TimeoutError:
            return [await services.ledger.load(run.meta) or run for run in runs]
        finally:
            reminding.cancel()
