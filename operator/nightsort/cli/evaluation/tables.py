"""What `nightsort evaluate` shows: the price, and the figures of the readers in tables that add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from nightsort.cli.classification.offer import show_text
from nightsort.cli.classification.order import same_command
from nightsort.cli.evaluation.measuring import Measured
from nightsort.cli.evaluation.order import Candidate, EvaluationOrder
from nightsort.cli.evaluation.sampling import Sample
from nightsort.domain.cost import money
from nightsort.domain.evaluation import LARGEST_CONFUSIONS, Evaluation
from nightsort.domain.printable import printable
from nightsort.domain.prompt import system_prompt
from nightsort.domain.recommendation import Reader, Recommendation, comparisons, percent
from nightsort.domain.report import plural
from nightsort.flow.preflight.estimate import Estimate

NO_LABEL, NOT_KNOWN = "(no label)", "not known"
WEIGHTED_APART = 0.005
"""Differences below half a point are not worth a sentence."""
Offers = Sequence[tuple[Candidate, Estimate]]


def table_with(console: Console, *columns: str, footer: Sequence[str] = ()) -> Table:
    """A table whose first column is words and whose others are figures."""
    lines = console.is_terminal
    table = Table(box=box.HEAVY_HEAD if lines else None, pad_edge=lines, show_footer=bool(footer))
    for place, name in enumerate(columns):
        total = footer[place] if footer else ""
        if place:
            table.add_column(name, total, justify="right", no_wrap=True)
        else:
            table.add_column(name, total, overflow="fold")
    return table


def show_offer(console: Console, order: EvaluationOrder, offers: Offers, whole: Estimate, day: str) -> None:
    """The price of each reader and of all of them, and with --estimate what they are told."""
    footer = ("total", f"{whole.tickets:,}", f"{whole.input_tokens:,}", f"{whole.output_tokens:,}", usd(whole))
    table = table_with(console, "reader", "tickets", "input tokens", "output tokens", "price", footer=footer)
    for reader, price in offers:
        figures = (price.tickets, price.input_tokens, price.output_tokens)
        table.add_row(printable(reader.name), *(f"{figure:,}" for figure in figures), usd(price, whole))
    console.print()
    console.print(table)
    geo = order.usual.inference_geo
    where = "" if geo is None else f" with --inference-geo {geo}"
    console.print(f"estimated, as batches{where}, at prices of {day}", soft_wrap=True)
    if order.usual.estimate:
        for reader, price in offers:
            console.print()
            console.print(f"{printable(reader.name)}:", soft_wrap=True)
            show_text(console, system_prompt(reader.spec), whole=True)
            show_text(console, f"---\n{price.example or ''}", whole=True)
    console.print()


def usd(price: Estimate, whole: Estimate | None = None) -> str:
    if price.batch is None:
        return NOT_KNOWN
    return f"${money(price.batch, beside=whole.batch if whole else None)}"


def show(console: Console, sample: Sample, found: Sequence[Measured], advice: Recommendation) -> None:
    """Readers side by side, the recommended one by category, its confusions, and what follows."""
    readers = [each.reader for each in found]
    console.print()
    console.print(readers_table(console, readers))
    shown = advice.reader
    console.print()
    if len(readers) > 1:
        console.print(printable(f"by category, as {shown.name} reads them:"), soft_wrap=True)
    console.print(categories_table(console, shown.evaluation))
    if shown.evaluation.correct < shown.evaluation.known:
        console.print()
        console.print(confusions_table(console, shown.evaluation))
    console.print()
    for sentence in (*remarks(sample, shown), *advice.sentences):
        console.print(printable(sentence), soft_wrap=True)


def readers_table(console: Console, readers: Sequence[Reader]) -> Table:
    table = table_with(
        console, "reader", "known", "right", "wrong", "no label", "accuracy", "95% interval", "$ / 1,000 tickets"
    )
    least = min((each.per_thousand for each in readers if each.per_thousand is not None), default=None)
    for reader in readers:
        found = reader.evaluation
        wrong = found.known - found.correct - found.unanswered
        table.add_row(
            printable(reader.name),
            *(f"{count:,}" for count in (found.known, found.correct, wrong, found.unanswered)),
            percent(found.accuracy),
            f"{percent(found.interval.low)} to {percent(found.interval.high)}",
            NOT_KNOWN if reader.per_thousand is None else money(reader.per_thousand, beside=least),
        )
    return table


def categories_table(console: Console, found: Evaluation) -> Table:
    """Known tickets add up to all, and so do the labelled ones with those that have no label."""
    labeled = found.known - found.unanswered
    footer = ("total", f"{found.known:,}", f"{labeled:,}", f"{found.correct:,}", "", "", "", "")
    columns = ("category", "known", "labelled", "right", "precision", "recall", "F1", "")
    table = table_with(console, *columns, footer=footer)
    for one in found.categories:
        shares = (one.precision, one.recall, one.f1)
        table.add_row(
            printable(one.name),
            *(f"{count:,}" for count in (one.support, one.labeled, one.correct)),
            *("" if one.has_few else f"{share:.2f}" for share in shares),
            "too few to tell" if one.has_few else "",
        )
    return table


def confusions_table(console: Console, found: Evaluation) -> Table:
    """The largest confusions; with the others they are all tickets that are not right."""
    missed = found.known - found.correct
    shown = found.confusions(LARGEST_CONFUSIONS)
    table = table_with(console, "known category", "tickets", "label", footer=("total", f"{missed:,}", ""))
    table.columns[2].justify = "left"
    for one in shown:
        table.add_row(printable(one.truth), f"{one.tickets:,}", printable(one.label or NO_LABEL))
    if rest := missed - sum(one.tickets for one in shown):
        table.add_row("(others)", f"{rest:,}", "")
    return table


def remarks(sample: Sample, reader: Reader) -> Iterator[str]:
    if sample.is_whole:
        return
    weighted = reader.evaluation.accuracy_for(sample.known)
    if weighted is not None and abs(weighted - reader.evaluation.accuracy) >= WEIGHTED_APART:
        known = sum(sample.known.values())
        yield (
            f"the sample has all categories alike; weighted as they occur among the {known:,} known tickets, "
            f"{reader.name} is right on about {percent(weighted)}"
        )


def next_steps(order: EvaluationOrder, sample: Sample, found: Sequence[Measured]) -> Iterator[str]:
    if not sample.is_whole and any(not each.is_significant for each in comparisons([one.reader for one in found])):
        known = sum(sample.known.values())
        more = f"--sample {known} measures with all, and buys the others alone"
        yield f"next: the file has {known:,} known tickets; {more}"
    if failed := sum(each.failed for each in found):
        again = same_command(("--retry",), more=("--retry",))
        yield f"next: {plural(failed, 'answer')} did not come, and counted as no label: {again}  asks again"
    if order.usual.is_simulated:
        yield "next: these labels are simulated: for real ones set ANTHROPIC_API_KEY, and leave out --simulate"
