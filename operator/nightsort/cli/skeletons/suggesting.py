"""`nightsort init --suggest-categories`: one question to a model about a sample of the tickets.

The price is shown first, the answer is kept, and a person decides whether it becomes a file of categories.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from rich.table import Table

from nightsort.api.batch_record import Usage
from nightsort.api.categories import Category
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.cli.classification.order import InvalidOrder, Order, wanted
from nightsort.cli.classification.reading import TicketFile
from nightsort.cli.classification.screen import screen
from nightsort.cli.configuration import ITS_OWN, settings_of
from nightsort.cli.output.figures import show_figures
from nightsort.cli.output.question import yes
from nightsort.cli.simulated import settings_with_api
from nightsort.cli.skeletons.suggestion_store import Kept, SuggestionStore
from nightsort.domain.cost import UnknownPrice, money, price_of, standard_price
from nightsort.domain.errors import Interruption, OutcomeUnknown
from nightsort.domain.model_choice import choices
from nightsort.domain.prices import PriceTable
from nightsort.domain.printable import printable
from nightsort.domain.prompt import TicketText
from nightsort.domain.report import minute
from nightsort.domain.suggestion import OTHER, SAMPLE, Question, Reply, UnusableAnswer, categories_of, question
from nightsort.ports import MessagesApi
from nightsort.settings import Settings
from nightsort.system.locks import kept_by_one
from nightsort.wiring.suggestion import messages_api, prices_of

SIMULATED_SECONDS = 0.0


@dataclass(frozen=True, slots=True)
class SuggestOrder:
    """The command line's input; `max_cost` is in USD."""

    file: Path
    state: Path
    model: str
    yes: bool = False
    max_cost: str | None = None
    simulated: bool = False
    api_url: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a question costs: `most` if the answer fills its room, None where no price is known. Tokens are counts."""

    input_tokens: int
    most_output_tokens: int
    most: Decimal | None


def suggested(order: SuggestOrder, table: TicketFile) -> tuple[Category, ...]:
    """The categories that a model proposes, from its answer now or before.

    Raises:
        InvalidOrder, Interruption: there are none; the message says whether something was paid.
    """
    spec = wanted(Order(file=order.file, model=order.model, categories=(OTHER.name,)), table.template).spec
    asked = question(order.model, sample_of(spec, table))
    store = SuggestionStore(order.state, simulated=order.simulated)
    with kept_by_one(store.folder, f"nightsort init {order.file}"):
        kept = store.find(asked)
        if kept is not None and kept.reply is not None:
            say(f"the model was asked about the same tickets before, at {minute(kept.asked_at)}: nothing is bought")
            reply = kept.reply
        else:
            reply = asyncio.run(Purchase(order, spec, store, asked, kept).make())
    try:
        return categories_of(reply)
    except UnusableAnswer as unusable:
        raise InvalidOrder(
            f"{unusable}, and it is kept: another --model, or a file with other tickets, asks anew; without "
            "--suggest-categories the usual categories are written"
        ) from None


def sample_of(spec: Spec, table: TicketFile) -> list[str]:
    """Texts of SAMPLE tickets, evenly from the first to the last, as the model of classify reads them.

    Raises:
        InvalidOrder: no ticket has any.
    """
    text, chosen = TicketText(spec.prompt), list[str]()
    for number, ticket in enumerate(table.tickets()):
        due = len(chosen) * table.survey.tickets // SAMPLE
        if number >= due and len(chosen) < SAMPLE and (read := text.of(ticket)):
            chosen.append(read)
    if not chosen:
        raise InvalidOrder(f"{table.table.path}: no ticket has any text")
    return chosen


class Purchase:
    """One question to the API: priced, agreed to, and asked once."""

    def __init__(
        self, order: SuggestOrder, spec: Spec, store: SuggestionStore, asked: Question, lost: Kept | None
    ) -> None:
        self._order, self._spec, self._store, self._asked, self._lost = order, spec, store, asked, lost
        self._settings = settings_of(anthropic_base_url=ITS_OWN if order.simulated else order.api_url)

    async def make(self) -> Reply:
        simulated = SIMULATED_SECONDS if self._order.simulated else None
        made_up = Resource(Meta("default", "suggestion", ""), self._spec, Status())
        async with settings_with_api(self._settings, simulated) as settings, messages_api(settings, made_up) as api:
            return await self._buy(settings, api)

    async def _buy(self, settings: Settings, api: MessagesApi) -> Reply:
        model = await api.model(self._order.model)
        if model is None or model.retired:
            raise InvalidOrder(self._no_model(is_known=model is not None, prices=prices_of(settings)))
        body, room = self._asked.request(model)
        tokens = await api.count_tokens(self._asked.model, self._asked.system, self._asked.text)
        price = priced(settings, self._asked.model, tokens, room)
        self._show(price)
        if not self._agreed(price):
            raise InvalidOrder("nothing was bought")
        self._store.intend(self._asked)
        try:
            reply = await api.message(body, self._asked.digest)
        except OutcomeUnknown as lost:
            raise InvalidOrder(
                f"the answer was lost ({lost.answer}); it may have been paid. The same command says so and asks again"
            ) from None
        except Interruption:
            self._store.forget(self._asked)
            raise
        self._store.keep(self._asked, reply)
        self._tell_cost(settings, reply)
        return reply

    def _no_model(self, *, is_known: bool, prices: PriceTable) -> str:
        told = f"--model: {self._order.model!r} is {'retired' if is_known else 'no model of the API'}"
        return f"{told}. {choices(self._order.model, prices.prices, prices)}"

    def _show(self, price: Price) -> None:
        rows = [
            ("tickets in the sample", f"{self._asked.text.count('<ticket>'):,}"),
            ("model", self._order.model),
            ("input tokens, about", f"{price.input_tokens:,}"),
            ("output tokens, at most", f"{price.most_output_tokens:,}"),
            ("standard price, at most", "not known" if price.most is None else f"${money(price.most)}"),
        ]
        show_figures(screen(), rows)
        say("  one request, answered at once: a batch would cost half, and may take hours", "")
        if self._lost is not None:
            say(f"it was asked at {minute(self._lost.asked_at)}, and the answer was lost: that may have been paid, too")

    def _agreed(self, price: Price) -> bool:
        """
        Raises:
            InvalidOrder: it costs more than --max-cost, or there is nobody to ask.
        """
        order = self._order
        if order.max_cost is not None:
            refuse_above(order.max_cost, price.most)
            return True
        if order.yes or order.simulated:
            return True
        if not sys.stdin.isatty():
            raise InvalidOrder(
                "nothing was bought: there is no terminal to ask at. Give --yes, or the most that it may cost, such as "
                "--max-cost 0.05"
            )
        cost = "an unknown price" if price.most is None else f"at most ${money(price.most)}"
        return yes(f"Ask {order.model} for categories, for {cost}?")

    def _tell_cost(self, settings: Settings, reply: Reply) -> None:
        try:
            price = price_of(self._asked.model, prices_of(settings), reply.usage.input_tokens)
        except UnknownPrice:
            return
        say(f"it cost ${money(standard_price(reply.usage, price))}, at the standard price")


def priced(settings: Settings, model: str, tokens: int, room: int) -> Price:
    try:
        price = price_of(model, prices_of(settings), tokens)
    except UnknownPrice:
        return Price(tokens, room, None)
    return Price(tokens, room, standard_price(Usage(input_tokens=tokens, output_tokens=room), price))


def refuse_above(max_cost: str, most: Decimal | None) -> None:
    try:
        bound = Decimal(max_cost)
    except InvalidOperation:
        raise InvalidOrder(f"--max-cost: {max_cost} is no amount, such as 0.05") from None
    if most is None:
        raise InvalidOrder("nothing was bought: the model's price is not known, so that --max-cost cannot be held")
    if not most <= bound:
        raise InvalidOrder(f"nothing was bought: it may cost ${money(most)}, which is above --max-cost {max_cost}")


def show(categories: Sequence[Category]) -> None:
    """The proposals, for a person to judge."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("proposed", overflow="fold")
    table.add_column("description", overflow="fold")
    for category in categories:
        table.add_row(printable(category.name), printable(category.description))
    screen().print()
    screen().print(table)
    screen().print()


def taken(path: Path) -> bool:
    """Whether the person at the terminal takes the proposals."""
    return yes(f"Write these {path.name}, where you can change them?")


def say(*lines: str) -> None:
    for line in lines:
        screen().print(printable(line), soft_wrap=True)
