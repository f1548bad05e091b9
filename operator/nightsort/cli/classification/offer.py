"""Shows the price before anything is bought, and asks for consent."""

from __future__ import annotations

import sys
from decimal import Decimal

from rich.console import Console

from nightsort.api.spec import Spec
from nightsort.cli.classification.order import InvalidOrder, Order
from nightsort.cli.output.figures import show_figures
from nightsort.cli.output.question import yes
from nightsort.domain.cost import NIGHTS_OF_A_MONTH, money
from nightsort.domain.printable import printable
from nightsort.domain.prompt import system_prompt
from nightsort.domain.report import plural
from nightsort.flow.preflight.estimate import Estimate, on_the_same_text

SHOWN_LINES = 8
SHOWN_CHARS = 160


def show(console: Console, order: Order, spec: Spec, price: Estimate, prices_of: str) -> None:
    """The figures of the purchase, and one prompt as the model reads it."""
    show_figures(console, figures(spec, price, prices_of))
    if same := on_the_same_text(price, "--dedupe"):
        console.print(f"\n  {same}", soft_wrap=True)
    if price.cache.told and order.estimate:
        console.print(f"\n  {price.cache.nearly or price.cache.told}", soft_wrap=True)
    if price.example is not None:
        console.print("\n  a prompt, as the model reads it:")
        show_text(console, system_prompt(spec), whole=order.estimate)
        console.print("  │ ---")
        show_text(console, price.example, whole=order.estimate)
    console.print()


def figures(spec: Spec, price: Estimate, prices_of: str) -> list[tuple[str, str]]:
    unsent = price.tickets - price.requests
    told = [("tickets to ask about", f"{price.tickets:,}")]
    if price.duplicates:
        told.append(("with the same text as one of them, and free", f"{price.duplicates:,}"))
    if unsent:
        told.append(("of them without any text, and free", f"{unsent:,}"))
    told += [
        ("model", spec.model),
        *([("where it runs", spec.inference_geo)] if spec.inference_geo is not None else []),
        ("input tokens, about", f"{price.input_tokens:,}"),
        ("output tokens, about", f"{price.output_tokens:,}"),
    ]
    if price.batch is None or price.standard is None:
        return [*told, ("price", f"not known for {spec.model} (NIGHTSORT_PRICES can tell it)")]
    least = price.batch
    cached = price.cached
    return [
        *told,
        ("price as a batch", f"${money(price.batch)}"),
        *([("with the prompt's cache, at best", f"${money(cached)}")] if cached is not None else []),
        ("standard price", f"${money(price.standard, beside=least)}"),
        (f"{NIGHTS_OF_A_MONTH} such nights, as batches", f"${money(price.batch * NIGHTS_OF_A_MONTH)}"),
        ("prices of", prices_of),
    ]


def show_text(console: Console, text: str, *, whole: bool) -> None:
    """A text behind a rule; only its beginning, unless all of it was asked for."""
    lines = text.splitlines()
    shown = lines if whole else [line[:SHOWN_CHARS] for line in lines[:SHOWN_LINES]]
    for line in shown:
        console.print(f"  │ {printable(line)}", soft_wrap=True)
    if len(lines) > len(shown):
        console.print(f"  │ … and {plural(len(lines) - len(shown), 'line')} more (--estimate shows all)")


def agreed(order: Order, price: Estimate) -> bool:
    """Whether to buy; a person at a terminal is asked.

    Raises:
        InvalidOrder: the price is above --max-cost, or there is nobody to ask.
    """
    refuse_above(order, price)
    if order.yes or order.max_cost is not None or order.is_simulated:
        return True
    if not sys.stdin.isatty():
        least = "" if price.batch is None else f" {money(price.batch * 2)}"
        raise InvalidOrder(
            f"nothing was bought: there is no terminal to ask at. Give --yes, or the most that it may cost, such as "
            f"--max-cost{least or ' 5.00'}"
        )
    cost = "an unknown price" if price.batch is None else f"about ${money(price.batch)}"
    return yes(f"Ask about {plural(price.tickets, 'ticket')} for {cost}?")


def refuse_above(order: Order, price: Estimate) -> None:
    if order.max_cost is None:
        return
    if price.batch is None:
        raise InvalidOrder(
            "nothing was bought: the model's price is not known, so that --max-cost cannot be held. Leave it out, or "
            "tell the price (NIGHTSORT_PRICES)"
        )
    if price.batch > Decimal(order.max_cost):
        raise InvalidOrder(
            f"nothing was bought: it is estimated at ${money(price.batch)}, which is above --max-cost "
            f"{order.max_cost}; --limit asks about fewer tickets"
        )
