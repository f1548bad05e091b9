"""The steps of `nightsort classify`: read, show the price, ask, buy, wait, write."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from nightsort.api.resource import Resource
from nightsort.cli.classification import ending, memory, offer
from nightsort.cli.classification.engine import Engine
from nightsort.cli.classification.further import BESIDE
from nightsort.cli.classification.order import InvalidOrder, Order, Wanted, in_flags, same_command, wanted
from nightsort.cli.classification.output import Output
from nightsort.cli.classification.reading import TicketFile, opened
from nightsort.cli.classification.reporting import refuse_strange, report_of, write
from nightsort.cli.classification.run_names import run_name
from nightsort.cli.classification.screen import screen
from nightsort.cli.classification.waiting import Journal
from nightsort.cli.configuration import ITS_OWN, settings_of
from nightsort.cli.output.exit_codes import BAD_INPUT, INTERRUPTED, NOT_COMPLETE, TIMED_OUT, fail
from nightsort.domain.conditions import COMPLETE, is_finished, is_true
from nightsort.domain.correction import categories_of
from nightsort.domain.dependence import as_words, digest_of_settings
from nightsort.domain.dependence import settings_of as settings_of_spec
from nightsort.domain.errors import Interruption, Waiting
from nightsort.domain.printable import printable
from nightsort.domain.report import plural
from nightsort.formats.kinds import labeled_path
from nightsort.formats.tickets import InvalidFile
from nightsort.wiring import classify as wiring
from nightsort.wiring.corrections import corrections_of


def carry_out(order: Order) -> None:
    """The whole command; ends the process with a message where it cannot go on."""
    threading.Thread(target=wiring.import_client, daemon=True).start()  # it takes 2 s, and reading needs no SDK
    settings = settings_of(anthropic_base_url=ITS_OWN if order.is_simulated else order.api_url)
    try:
        table = opened(order.file, order.tickets)
        asked = wanted(order, table.template)
        with (
            wiring.opened(order.state_file, f"nightsort classify {order.file}") as state,
            asyncio.Runner() as runner,
            Engine(runner, order, settings, state) as engine,
        ):
            Classification(order, table, asked, state, engine).run()
    except (InvalidOrder, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    except Interruption as interruption:
        fail(in_flags(interruption.message, str(order.categories_file or "--categories")), BAD_INPUT)
    except KeyboardInterrupt:
        fail(f"interrupted: {come_back(order)}", INTERRUPTED)


def come_back(order: Order) -> str:
    if order.is_simulated:
        return "a simulated run starts anew"
    return f"nothing is lost and nothing is bought twice; to come back, type  {same_command(('--retry',))}"


@dataclass(slots=True)
class Classification:
    """One file on its way to labels."""

    order: Order
    table: TicketFile
    asked: Wanted
    state: wiring.State
    engine: Engine
    out: Console = field(default_factory=screen)
    err: Console = field(default_factory=lambda: screen(stderr=True))
    is_first: bool = False
    """Whether this command has bought the first answers for the file."""

    def run(self) -> None:
        """Raises InvalidOrder, InvalidFile, Interruption: the obstacle; nothing was bought."""
        order = self.order
        settings = settings_of_spec(self.asked.spec, simulated=order.simulation)
        name = str(order.file.absolute())
        comparison = wiring.Comparison(self.state, digest_of_settings(settings), name, simulated=order.is_simulated)
        output = Output(self.state, order.output or labeled_path(order.file))
        unfinished = wiring.settle(self.state)
        self.table.refuse_output(output.path)
        output.refuse_strange()
        if order.report is not None:
            refuse_strange(order.report, beside=output.path)
        self.say(*self.table.told, self.asked.told)
        corrections = corrections_of(order.file)
        corrected = categories_of(corrections)
        counts = comparison.take(self.table.present(self.asked.spec), order.choice, corrected)
        self.say(*told(counts, changes(comparison.former_settings(), settings), only_retry=order.only_retry))
        self.engine.refuse_another_workspace(comparison.under_way())
        bought = self.buy(comparison, counts) if counts.fresh else None
        if self.order.estimate:
            return
        runs = comparison.under_way()
        known = {run.meta.uid for run in runs}
        self.say(*(self.elsewhere(run) for run in unfinished if run.meta.uid not in known))
        if bought is False and not runs:
            fail("nothing was bought", NOT_COMPLETE)
        self.remember(comparison)
        ended = self.wait(runs) if runs else []
        where = written(output.path, counts, output.write(self.table, comparison, self.asked.spec, corrections))
        self.end(comparison, counts, where, ended)

    def buy(self, comparison: wiring.Comparison, counts: wiring.Counts) -> bool:
        """Shows the price and makes a run, if the user agrees. Nothing is bought before the flow has it."""
        try:
            price, day = self.engine.estimate(self.asked.spec, comparison)
        except Waiting as waiting:
            raise InvalidOrder(
                f"nothing was bought: {waiting.message}; run the same command again when that is over"
            ) from None
        offer.show(self.out, self.order, self.asked.spec, price, day)
        if self.order.estimate:
            return False
        if not offer.agreed(self.order, price):
            return False
        self.is_first = not wiring.runs_of(self.state, comparison.asked)
        self.remember(comparison)
        comparison.begin(run_name(self.order.file), self.asked.spec)
        return True

    def remember(self, comparison: wiring.Comparison) -> None:
        """Keeps the question and the flags, for the commands that come after this one."""
        comparison.keep_settings(as_words(settings_of_spec(self.asked.spec, simulated=self.order.is_simulated)))
        memory.keep(self.state, self.order)

    def elsewhere(self, run: Resource) -> str:
        """Reports a run that this command does not continue."""
        file, tickets = wiring.file_of(self.state, run), plural(run.status.tickets.total, "ticket")
        how = "asked otherwise than now" if file == str(self.order.file.absolute()) else f"of {file}"
        return f"besides, {tickets} {how} are under way: the command that asked about them collects the answers"

    def wait(self, runs: Sequence[Resource]) -> list[Resource]:
        back = None if self.order.is_simulated else same_command(("--retry",))
        with Journal(self.out, self.err, back) as journal:
            ended = self.engine.follow(runs, journal)
        for run in ended:
            wiring.ended(self.state, run)
        return ended

    def end(self, comparison: wiring.Comparison, counts: wiring.Counts, where: str, runs: Sequence[Resource]) -> None:
        tally = ending.tally_of(wiring.outcome(self.state, comparison.asked), self.asked.spec)
        ending.show(self.out, tally, runs)
        self.say(where)
        if self.is_first and not self.order.is_simulated:
            self.say(f"{self.order.state} remembers what was bought: keep it, and nothing of it is bought again")
        self.report(comparison)
        self.say(*next_steps(self.order, counts, tally))
        if not all(is_finished(run.status) for run in runs):
            fail(f"not complete: {come_back(self.order)}", TIMED_OUT if self.engine.timed_out else NOT_COMPLETE)
        if not all(is_true(run.status, COMPLETE) for run in runs):
            fail("not complete", NOT_COMPLETE)

    def report(self, comparison: wiring.Comparison) -> None:
        if self.order.report is not None:
            made = report_of(self.state, comparison.asked, self.asked.spec, self.order.file)
            write(self.order.report, made, self.order.file)
            self.say(f"{self.order.report} shows the figures, for a browser")

    def say(self, *lines: str) -> None:
        for line in lines:
            self.out.print(printable(line), soft_wrap=True)


def written(path: Path, counts: wiring.Counts, names: Sequence[str]) -> str:
    return f"{path} has all {plural(counts.total, 'row')}, with {', '.join(names[:-1])} and {names[-1]}"


def told(counts: wiring.Counts, changed: str, *, only_retry: bool = False) -> Iterator[str]:
    """The next step for each of the file's tickets, in words."""
    if only_retry and not counts.fresh and not counts.under_way:
        others = f"; {plural(counts.later, 'other ticket')} left to nightsort classify" if counts.later else ""
        yield f"nothing to retry: each ticket that was asked about has a category, or cannot get one{others}"
        return
    if not counts.fresh and not counts.under_way:
        yield f"nothing to buy: all {plural(counts.total - counts.later, 'ticket')} have their answer"
        return
    parts = [
        (counts.answered, "answered before, and not bought again"),
        (counts.corrected, "reviewed by people, whose categories stand"),
        (counts.under_way, "under way already"),
        (counts.new, "new"),
        (counts.other_text, "whose text has changed"),
        (counts.other_settings, f"to be asked anew, since {changed}"),
        (counts.retried, "to be asked again, since they got no category"),
        (counts.canceled, "to be asked again, since they were canceled"),
        (counts.later, "left to nightsort classify" if only_retry else "left for later by --limit"),
    ]
    yield f"{plural(counts.total, 'ticket')}: " + ", ".join(f"{count:,} {what}" for count, what in parts if count)


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """The settings that differ from the last time."""
    if before is None:
        return "the settings have changed"
    words = []
    if before.get("model") != after["model"]:
        words.append(f"the model was {before.get('model')}")
    old, new = ({each["name"]: each for each in one.get("categories", [])} for one in (before, after))
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    other = [name for name in new if name in old and old[name] != new[name]]
    for names, what in ((come, "new"), (gone, "gone"), (other, "described otherwise")):
        if names:
            words.append(f"{'category' if len(names) == 1 else 'categories'} {', '.join(names)} {what}")
    if not words and list(old) != list(new):
        words.append("the categories stand in another order")
    if any(before.get(name) != after.get(name) for name in BESIDE):
        words.append("other fields are asked for")
    if before.get("prompt") != after["prompt"] or before.get("unknownLabel") != after["unknownLabel"]:
        words.append("the instructions or the template are others")
    return "; ".join(words) or "the settings have changed"


def next_steps(order: Order, counts: wiring.Counts, tally: ending.Tally) -> Iterator[str]:
    if counts.later and not order.only_retry:
        yield f"next: without --limit the same command asks about the other {plural(counts.later, 'ticket')}"
    if without := tally.may_be_retried:
        again = same_command() if order.only_retry else same_command(("--retry",), more=("--retry",))
        yield f"next: {again}  asks again about the {without:,} without a category"
    if tally.canceled:
        yield f"next: the same command asks about the {tally.canceled:,} that were canceled"
    if order.is_simulated:
        yield "next: these labels are simulated: for real ones set ANTHROPIC_API_KEY, and leave out --simulate"
    elif not (counts.later or without or tally.canceled or tally.under_way):
        yield "next: when the file has changed, the same command asks only about what is new or changed"
