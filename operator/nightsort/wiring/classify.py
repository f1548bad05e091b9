"""The services of `nightsort classify`: its state, and the flow's services over it."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.adapters.local.events import LogEvents
from nightsort.adapters.local.state import State, opened, reading
from nightsort.adapters.local.state_comparison import Asked, Comparison, Counts, Label, Present
from nightsort.adapters.local.state_figures import (
    answers_to_fields,
    first_of_each_category,
    last_asked,
    outcome,
    without_category,
)
from nightsort.adapters.local.state_ledger import StateLedger, ended, file_of, settle
from nightsort.adapters.local.state_orders import keep_order, last_order
from nightsort.adapters.local.state_outputs import StateOutput
from nightsort.adapters.local.state_rows import StateRows
from nightsort.adapters.local.state_tickets import StateTickets
from nightsort.api.examples import ExamplesFrom
from nightsort.api.resource import Resource
from nightsort.flow.run.services import Services
from nightsort.ports import BatchApi, Sink, Source
from nightsort.settings import Settings
from nightsort.wiring.connector import Connector
from nightsort.wiring.services import services_of

__all__ = [
    "CANCEL_POLL_SECONDS",
    "Asked",
    "Comparison",
    "Counts",
    "Label",
    "Present",
    "State",
    "StateOutput",
    "answers_to_fields",
    "cancel_file",
    "ended",
    "file_of",
    "first_of_each_category",
    "import_client",
    "keep_order",
    "last_asked",
    "last_order",
    "opened",
    "outcome",
    "reading",
    "runs_of",
    "settle",
    "state_services",
    "without_category",
]


CANCEL_POLL_SECONDS = 5
"""A person waits, and a batch that was asked to end mostly ends in minutes."""


def runs_of(state: State, asked: Asked) -> Sequence[Resource]:
    """The purchases for a file, under any settings, the newest first; simulated ones are separate."""
    return StateLedger(state).of_file(asked.file, simulated=asked.simulated)


def cancel_file(state: State, file: Path) -> list[Resource]:
    """Ends the unfinished runs of a file, durably: the flow cancels their batches, and keeps their answers."""
    ledger = StateLedger(state)
    over = {"active_deadline_seconds": 0, "poll_interval_seconds": CANCEL_POLL_SECONDS}
    runs = ledger.unfinished_of_file(str(file.absolute()))
    return [ledger.respec(run, run.spec.model_copy(update=over)) for run in runs]


def import_client() -> None:
    """Starts the import of the API's client, which takes 2 s, early, so that it is there when it is needed."""
    try:
        from nightsort.adapters.anthropic import client  # noqa: F401
    finally:
        gc.enable()


@dataclass(frozen=True, slots=True)
class StateConnections:
    """Implements `ports.Connections`: tickets come from the state, labels go into it."""

    connector: Connector
    state: State

    async def api(self, resource: Resource) -> BatchApi:
        return await self.connector.api(resource)

    async def source(self, resource: Resource) -> Source:
        return StateTickets.of_run(self.state, resource.meta.uid)

    async def examples(self, resource: Resource, pool: ExamplesFrom) -> Source:
        return await self.connector.examples(resource, pool)

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        return (StateRows(self.state, resource.meta.uid),)

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        return False


@asynccontextmanager
async def state_services(settings: Settings, state: State) -> AsyncIterator[Services]:
    """The flow's services over a state."""
    from nightsort.adapters.telemetry.logs import keep_words_of_exceptions_out_of_the_log

    keep_words_of_exceptions_out_of_the_log()
    async with AsyncExitStack() as closing:
        connector = Connector(settings, EnvSecrets((), {}), FileConfigMaps(state.path.parent), closing, local=True)
        services = services_of(settings, connector, StateLedger(state), LogEvents())
        yield replace(services, connections=StateConnections(connector, state), stored_bytes=None)
