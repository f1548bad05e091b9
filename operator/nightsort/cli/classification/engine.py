"""Drives the flow for `nightsort classify`: an estimate first, then the runs until their end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Self

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.cli.classification.order import InvalidOrder, Order
from nightsort.cli.classification.waiting import Journal
from nightsort.cli.local_runner import LocalRunner
from nightsort.cli.simulated import settings_with_api
from nightsort.domain.candidate import ALL_OVER
from nightsort.domain.errors import Waiting
from nightsort.domain.record import in_state
from nightsort.domain.report import plural
from nightsort.flow.preflight.estimate import Estimate, estimate
from nightsort.flow.run.services import Services
from nightsort.settings import Settings
from nightsort.wiring.classify import Comparison, State, state_services


class Engine:
    """The flow, and a loop to run it in; the simulator and the client are started when they are first needed."""

    def __init__(
        self,
        runner: asyncio.Runner,
        order: Order,
        settings: Settings,
        state: State,
        truths: Mapping[str, str] | None = None,
    ) -> None:
        """`truths` are for the simulator: the true categories by ticket's text."""
        self._runner, self._order, self._settings, self._state = runner, order, settings, state
        self._truths = truths
        self._closing = AsyncExitStack()
        self._services: Services | None = None
        self.timed_out = False
        """Whether the wait ended since its time was over."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._closing.aclose())

    def estimate(self, spec: Spec, comparison: Comparison) -> tuple[Estimate, str]:
        """The cost of a file's tickets that are to be sent, and the day of the prices."""
        return self._runner.run(self._estimate(spec, comparison))

    def refuse_another_workspace(self, runs: Sequence[Resource]) -> None:
        """Checks the key before anything more is bought: each workspace shows only its own batches.

        Raises:
            InvalidOrder: the API does not show a batch that is under way. Interruption: the key is refused.
        """
        if runs:
            self._runner.run(self._refuse_another_workspace(runs))

    def follow(self, runs: Sequence[Resource], journal: Journal) -> list[Resource]:
        """Works on runs until nothing is left to do, or the time is over; returns their states."""
        return self._runner.run(self._follow(runs, journal))

    async def _ready(self) -> Services:
        if self._services is None:
            settings = await self._closing.enter_async_context(
                settings_with_api(self._settings, self._order.simulated, self._order.accuracy, self._truths)
            )
            self._services = await self._closing.enter_async_context(state_services(settings, self._state))
        return self._services

    async def _refuse_another_workspace(self, runs: Sequence[Resource]) -> None:
        services = await self._ready()
        for run in runs:
            record = next(iter(in_state(run.status, BatchState.SUBMITTED)), None)
            if record is None or record.id is None or services.clock.now() > record.intended_at + ALL_OVER:
                continue
            api = await services.connections.api(run)
            with suppress(Waiting):  # an outage: the run waits until it is over
                if await api.retrieve(record.id) is None:
                    raise InvalidOrder(
                        f"the API does not show {record.id}, with {plural(record.requests, 'request')} under way: is "
                        "ANTHROPIC_API_KEY of another workspace now? Bring the former one back; nothing was bought, "
                        "and what is under way is not lost"
                    )

    async def _estimate(self, spec: Spec, comparison: Comparison) -> tuple[Estimate, str]:
        services = await self._ready()
        api = await services.connections.api(Resource(Meta("default", "estimate", ""), spec, Status()))
        return await estimate(spec, comparison.source(), api, services.prices), services.prices.day

    async def _follow(self, runs: Sequence[Resource], journal: Journal) -> list[Resource]:
        services = await self._ready()
        reminding = asyncio.create_task(journal.remind())
        runner = LocalRunner(services, journal)
        try:
            return await runner.run(runs, self._order.timeout)
        finally:
            reminding.cancel()
            self.timed_out = runner.timed_out
