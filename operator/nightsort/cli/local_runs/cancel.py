"""`nightsort cancel` for runs of this machine.

A run of a file ends: what was answered counts, and the same classify asks about the rest. A run of a manifest is
suspended: what was answered is stored, and the same `nightsort local` goes on with the rest.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nightsort.api.resource import Resource
from nightsort.cli.classification import ending
from nightsort.cli.classification.engine import Engine
from nightsort.cli.classification.known import KnownFile, known, last_question
from nightsort.cli.classification.memory import command_of, shown, state_flag
from nightsort.cli.classification.order import STATE_FILE, InvalidOrder, Order
from nightsort.cli.classification.output import Output
from nightsort.cli.classification.run_names import is_evaluation
from nightsort.cli.classification.screen import screen
from nightsort.cli.classification.waiting import Journal
from nightsort.cli.configuration import settings_of
from nightsort.cli.local_runs import manifests
from nightsort.cli.local_runs.job import Job, finished, manifests_of
from nightsort.cli.output.exit_codes import BAD_INPUT, INTERRUPTED, NOT_COMPLETE, TIMED_OUT, fail
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Interruption
from nightsort.domain.printable import printable
from nightsort.domain.reasons import Reason
from nightsort.domain.record import is_in_flight
from nightsort.domain.report import plural
from nightsort.formats.kinds import labeled_path
from nightsort.formats.tickets import InvalidFile
from nightsort.wiring import classify as wiring

PATIENCE = "batches are asked to end; what they have answered by then is kept. That may take some minutes"


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """The command line's input; `timeout` is in seconds."""

    file: Path
    folder: Path
    api_url: str | None = None
    timeout: float | None = None

    @property
    def again(self) -> str:
        return shlex.join(["nightsort", "cancel", shown(self.file), *state_flag(self.folder)])


def carry_out(order: CancelOrder) -> None:
    """The whole command; ends the process with a message where it cannot go on."""
    try:
        if manifests.is_manifest(order.file):
            cancel_manifest(order)
        else:
            cancel_file(order)
    except (InvalidOrder, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)
    except KeyboardInterrupt:
        fail(f"interrupted: to go on with it, type  {order.again}", INTERRUPTED)


def cancel_file(order: CancelOrder) -> None:
    path = order.folder / STATE_FILE
    if not path.is_file():
        raise InvalidOrder(f"{path}: no such file. `nightsort classify` makes it; --state names another directory")
    settings = settings_of(anthropic_base_url=order.api_url)
    with wiring.opened(path, f"nightsort cancel {order.file}") as state:
        wiring.settle(state)
        runs = wiring.cancel_file(state, order.file)
        if not runs:
            last_question(state, order.file, order.folder)  # an unknown file is refused
            say(f"nothing of {order.file} is under way: there is nothing to cancel")
            return
        say(PATIENCE)
        wait = Order(order.file, timeout=order.timeout, state=order.folder)
        with asyncio.Runner() as runner, Engine(runner, wait, settings, state) as engine:
            ended = follow(engine, runs)
        for run in ended:
            wiring.ended(state, run)
        report(order, state, ended, timed_out=engine.timed_out)


class CancelJournal(Journal):
    """Leaves out how the flow is told to end a run, which is a person's wish here."""

    def event(self, name: str, reason: str, message: str, *, trouble: bool) -> None:
        if not (trouble and reason == Reason.CANCELED):
            super().event(name, reason, message, trouble=trouble)


def follow(engine: Engine, runs: Sequence[Resource]) -> list[Resource]:
    with CancelJournal(screen(), screen(stderr=True), None) as journal:
        return engine.follow(runs, journal)


def report(order: CancelOrder, state: wiring.State, runs: Sequence[Resource], *, timed_out: bool) -> None:
    """Writes the labelled file, and tells what was answered and what it cost."""
    if said := ending.cost_of(runs):
        say(said)
    if not all(is_finished(run.status) for run in runs):
        over = " when its time was over" if timed_out else ""
        fail(f"not ended{over}: to go on with it, type  {order.again}", TIMED_OUT if timed_out else NOT_COMPLETE)
    if all(is_evaluation(run, order.file) for run in runs):
        say("canceled, and its answers are kept: the same nightsort evaluate asks about the rest")
        return
    try:
        found = known(state, order.file, order.folder)
        where = written(state, found)
    except (InvalidOrder, InvalidFile) as error:
        fail(f"canceled, and its answers are kept; but no file was written: {error}", NOT_COMPLETE)
    tally = ending.tally_of(wiring.outcome(state, found.comparison.asked), found.spec)
    ending.show(screen(), tally, ())
    say(where)
    if found.counts.fresh:
        say(f"next: {command_of(found.order)}  asks about the other {plural(found.counts.fresh, 'ticket')}")


def written(state: wiring.State, found: KnownFile) -> str:
    output = Output(state, found.order.output or labeled_path(found.order.file))
    found.table.refuse_output(output.path)
    output.refuse_strange()
    output.write(found.table, found.comparison, found.spec, found.corrections)
    return f"{output.path} has all {plural(found.counts.total, 'row')}, with what was answered"


def cancel_manifest(order: CancelOrder) -> None:
    given = manifests_of(order.file)
    found = asyncio.run(manifests.known(given, order.folder))
    there = [] if found is None or found.simulated else found.resources
    running = [one for one in there if not is_finished(one.status)]
    if not any(is_in_flight(one.status) for one in running):
        say(f"nothing of {order.file} is under way: there is nothing to cancel")
        return
    say(PATIENCE)
    names = {one.meta.key for one in running}
    held = tuple(suspended(one) for one in given.resources if one.meta.key in names)
    settings = settings_of(anthropic_base_url=order.api_url)
    job = Job(order.file, replace(given, resources=held), settings, order.folder, timeout=order.timeout, canceling=True)
    finished(job)
    after = asyncio.run(manifests.known(given, order.folder))
    if after is not None and any(is_in_flight(one.status) for one in after.resources):
        over = " when its time was over" if job.timed_out else ""
        fail(f"not ended{over}: to go on with it, type  {order.again}", TIMED_OUT if job.timed_out else NOT_COMPLETE)
    back = shlex.join(["nightsort", "local", shown(order.file), *state_flag(order.folder)])
    say(f"next: {back}  goes on with what is left")


def suspended(resource: Resource) -> Resource:
    spec = resource.spec.model_copy(update={"suspend": True, "poll_interval_seconds": wiring.CANCEL_POLL_SECONDS})
    return replace(resource, spec=spec)


def say(*lines: str) -> None:
    for line in lines:
        screen().print(printable(line), soft_wrap=True)
