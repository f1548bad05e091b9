"""The steps of `nightsort evaluate`: read, choose the sample, show the price, ask, buy, wait, measure."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from math import floor

import typer
from rich.console import Console

from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.cli.classification import ending, offer
from nightsort.cli.classification.engine import Engine
from nightsort.cli.classification.order import InvalidOrder, Order, in_flags, same_command
from nightsort.cli.classification.reading import TicketFile, opened
from nightsort.cli.classification.reporting import READ_AND_WRITE, refuse_strange
from nightsort.cli.classification.run import come_back
from nightsort.cli.classification.run_names import evaluation_name
from nightsort.cli.classification.screen import screen
from nightsort.cli.classification.waiting import Journal
from nightsort.cli.configuration import ITS_OWN, settings_of
from nightsort.cli.evaluation import json_form, tables
from nightsort.cli.evaluation.measuring import Measured, measured
from nightsort.cli.evaluation.order import Candidate, EvaluationOrder, candidates
from nightsort.cli.evaluation.sampling import Sample, sample_of, told
from nightsort.cli.output.exit_codes import BAD_INPUT, INTERRUPTED, NOT_COMPLETE, TIMED_OUT, fail
from nightsort.domain.conditions import COMPLETE, is_finished, is_true
from nightsort.domain.dependence import digest_of_settings
from nightsort.domain.dependence import settings_of as settings_of_labels
from nightsort.domain.errors import Interruption, Waiting
from nightsort.domain.prices import PRICE_TABLE, PriceTable
from nightsort.domain.printable import printable
from nightsort.domain.recommendation import Recommendation, recommendation
from nightsort.domain.report import plural
from nightsort.flow.preflight.estimate import Estimate
from nightsort.formats.tickets import InvalidFile
from nightsort.report.evaluation import EvaluationReport, evaluation_page
from nightsort.settings import Settings
from nightsort.system.files import write_whole
from nightsort.wiring import classify as wiring

FRACTION = Decimal("0.0001")


def carry_out(order: EvaluationOrder) -> None:
    """The whole command; ends the process with a message where it cannot go on."""
    threading.Thread(target=wiring.import_client, daemon=True).start()  # it takes 2 s, and reading needs no SDK
    usual = order.usual
    settings = settings_of(anthropic_base_url=ITS_OWN if usual.is_simulated else usual.api_url)
    try:
        table = opened(usual.file, usual.tickets)
        readers = candidates(order, table.template)
        sample = sample_of(table, order.truth, readers, order.sample)
        with (
            wiring.opened(usual.state_file, f"nightsort evaluate {usual.file}") as state,
            asyncio.Runner() as runner,
            Engine(runner, usual, settings, state, taught(usual, sample, readers)) as engine,
        ):
            Evaluating(order, table, readers, sample, settings, state, engine).run()
    except (InvalidOrder, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    except Interruption as interruption:
        fail(in_flags(interruption.message, str(usual.categories_file or "--categories")), BAD_INPUT)
    except KeyboardInterrupt:
        fail(f"interrupted: {come_back(usual)}", INTERRUPTED)


def taught(usual: Order, sample: Sample, readers: Sequence[Candidate]) -> dict[str, str]:
    """The truth for a simulator that is to be wrong at a given rate; without one it goes by the tickets' words."""
    return sample.texts(readers[0].spec) if usual.accuracy else {}


@dataclass(slots=True)
class Evaluating:
    """One sample on its way to figures."""

    order: EvaluationOrder
    table: TicketFile
    readers: Sequence[Candidate]
    sample: Sample
    settings: Settings
    state: wiring.State
    engine: Engine
    out: Console = field(init=False)
    err: Console = field(default_factory=lambda: screen(stderr=True))

    def __post_init__(self) -> None:
        self.out = screen(stderr=self.order.form == "json")

    def run(self) -> None:
        """Raises InvalidOrder, InvalidFile, Interruption: the obstacle; nothing was bought."""
        if self.order.report is not None:
            refuse_strange(self.order.report)
        wiring.settle(self.state)
        self.say(*self.table.told, *dict.fromkeys(reader.told for reader in self.readers))
        self.say(*told(self.sample, self.order.sample, self.readers[0].spec))
        self.engine.refuse_another_workspace(self.under_way())
        bought = self.buy()
        if self.order.usual.estimate:
            return
        runs = self.under_way()
        if bought is False and not runs:
            fail("nothing was bought", NOT_COMPLETE)
        ended = self.wait(runs) if runs else []
        self.end([self.measure(place, reader) for place, reader in enumerate(self.readers)], ended)

    def comparison(self, reader: Candidate, *, count: bool = False) -> wiring.Comparison:
        """The sample in the state under one reader's settings; `count` takes its tickets."""
        usual = self.order.usual
        settings = digest_of_settings(settings_of_labels(reader.spec, simulated=usual.simulation))
        found = wiring.Comparison(self.state, settings, str(usual.file.absolute()), simulated=usual.is_simulated)
        if count:
            found.take(self.sample.present(reader.spec))
        return found

    def under_way(self) -> list[Resource]:
        return [run for reader in self.readers for run in self.comparison(reader, count=True).under_way()]

    def buy(self) -> bool | None:
        """Shows the price of what every reader still has to read, and makes runs; None where nothing is to be bought.

        Nothing is bought before the flow has the runs.
        """
        prices = [(reader, self.price(reader)) for reader in self.readers]
        wanted = [(reader, price) for reader, price in prices if price is not None]
        if not wanted:
            self.say(f"nothing to buy: {plural(len(self.sample.chosen), 'ticket')} have their answers already")
            return None
        whole = total([price for _, price in wanted])
        tables.show_offer(self.out, self.order, wanted, whole, self.prices.day)
        if self.order.usual.estimate or not offer.agreed(self.order.usual, whole):
            return False
        for number, (reader, price) in enumerate(wanted, 1):
            comparison = self.comparison(reader)
            comparison.take(self.sample.present(reader.spec), self.order.usual.choice)
            comparison.begin(evaluation_name(self.order.usual.file, number), self.bounded(reader, price, whole))
        return True

    def price(self, reader: Candidate) -> Estimate | None:
        """What the reader's missing answers cost; None where it has all of them, or they are under way."""
        comparison = self.comparison(reader)
        if not comparison.take(self.sample.present(reader.spec), self.order.usual.choice).fresh:
            return None
        try:
            price, _ = self.engine.estimate(reader.spec, comparison)
        except Waiting as waiting:
            raise InvalidOrder(
                f"nothing was bought: {waiting.message}; run the same command again when that is over"
            ) from None
        return price

    def bounded(self, reader: Candidate, price: Estimate, whole: Estimate) -> Spec:
        """The spec with the reader's part of --max-cost: its run can never cost more."""
        most = self.order.usual.max_cost
        if most is None or not price.batch or not whole.batch:
            return reader.spec
        part = (Decimal(most) * price.batch / whole.batch).quantize(FRACTION, ROUND_DOWN)
        return reader.spec.model_copy(update={"max_cost_usd": str(part)})

    def wait(self, runs: Sequence[Resource]) -> list[Resource]:
        back = None if self.order.usual.is_simulated else same_command(("--retry",))
        with Journal(self.out, self.err, back) as journal:
            ended = self.engine.follow(runs, journal)
        for run in ended:
            wiring.ended(self.state, run)
        return ended

    def measure(self, place: int, reader: Candidate) -> Measured:
        return measured(place, reader, self.comparison(reader, count=True), self.sample, self.prices)

    @property
    def prices(self) -> PriceTable:
        return PRICE_TABLE.with_own(self.settings.prices)

    def end(self, found: Sequence[Measured], runs: Sequence[Resource]) -> None:
        """Shows the figures. Readers that could not read everything have none: figures of a part would deceive."""
        if not all(is_finished(run.status) for run in runs):
            code = TIMED_OUT if self.engine.timed_out else NOT_COMPLETE
            fail(f"not complete: {come_back(self.order.usual)}", code)
        if unread := [each for each in found if each.not_asked]:
            names = ", ".join(f"{each.reader.name} ({each.not_asked:,})" for each in unread)
            fail(
                f"not complete: tickets that were not read, by {names}; the same command asks about them", NOT_COMPLETE
            )
        advice = recommendation([each.reader for each in found])
        if self.order.form == "json":
            typer.echo(json_form.of(self.order, self.sample, found, advice))
        self.report(found, advice)
        tables.show(self.out, self.sample, found, advice)
        if said := ending.cost_of(runs):
            self.say(said)
        if self.order.report is not None:
            self.say(f"{self.order.report} shows the figures, for a browser")
        self.say(*tables.next_steps(self.order, self.sample, found))
        if not all(is_true(run.status, COMPLETE) for run in runs):
            fail("not complete", NOT_COMPLETE)
        refuse_too_low(found, self.order.min_accuracy)

    def report(self, found: Sequence[Measured], advice: Recommendation) -> None:
        path, usual = self.order.report, self.order.usual
        if path is None:
            return
        notes = list(told(self.sample, self.order.sample, self.readers[0].spec))
        readers = [each.reader for each in found]
        page = EvaluationReport(usual.file.name, datetime.now(UTC), usual.is_simulated, notes, readers, advice)
        write_whole(path, evaluation_page(page).encode(), usual.file.stat().st_mode & READ_AND_WRITE)

    def say(self, *lines: str) -> None:
        for line in lines:
            self.out.print(printable(line), soft_wrap=True)


def refuse_too_low(found: Sequence[Measured], least: float | None) -> None:
    """Ends the command where a reader's interval begins below what was asked for."""
    low = [each.reader for each in found if least is not None and each.reader.evaluation.interval.low < least]
    if low:
        names = ", ".join(f"{each.name} ({floor(each.evaluation.interval.low * 1000) / 10:.1f}%)" for each in low)
        fail(f"below --min-accuracy {least}, by the lower end of the interval: {names}", NOT_COMPLETE)


def total(prices: Sequence[Estimate]) -> Estimate:
    """All of them as one purchase; its price is known where each is."""
    return replace(
        prices[0],
        tickets=sum(each.tickets for each in prices),
        requests=sum(each.requests for each in prices),
        input_tokens=sum(each.input_tokens for each in prices),
        output_tokens=sum(each.output_tokens for each in prices),
        batch=summed([each.batch for each in prices]),
        standard=summed([each.standard for each in prices]),
    )


def summed(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None
