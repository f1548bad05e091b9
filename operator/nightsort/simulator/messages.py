"""Answers to single requests, for which a person waits: at the standard price, and at once."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import msgspec

from nightsort.simulator.answers import STOP_WORDS, WORD, stem
from nightsort.simulator.billing import UNITS_PER_USD
from nightsort.simulator.items import Answered, Respondent
from nightsort.simulator.params import Params, Refused, asked_tokens, checked, system_text, tokens
from nightsort.simulator.wire import ApiFailure, Errored, Message, Succeeded, TextBlock, Usage, new_id

MOST_CATEGORIES = 8
TICKET = re.compile(r"<ticket>(.*?)</ticket>", re.DOTALL)


class MessagesBill(msgspec.Struct):
    """The single requests so far, and the amount to pay for them in USD."""

    answered: int = 0
    usd: Decimal = Decimal(0)


def answer(body: bytes, respondent: Respondent, bill: MessagesBill) -> Message:
    """The answer to one request: categories where a list of them is asked for, else as `respondent` answers in a batch.

    Raises:
        ApiFailure: the request is wrong.
    """
    try:
        params, model = checked(body)
        length = len(system_text(params.system))
    except Refused as refusal:
        raise ApiFailure(400, str(refusal)) from None
    if not asks_for_a_list(params):
        return as_in_a_batch(respondent.answer(body), bill)
    asked = asked_tokens(length, params)
    whole = proposals(params.messages[-1].text)
    room = (params.max_tokens or 0) * 4
    text = whole[:room]
    written = tokens(len(text))
    geo = model.geo(params.inference_geo, respondent.geo)
    pay(bill, model.cost(asked, written, geo=geo))
    return Message(
        id=new_id("msg"),
        model=model.id,
        content=[TextBlock(text)],
        stop_reason="end_turn" if text == whole else "max_tokens",
        usage=Usage(input_tokens=asked, output_tokens=written, service_tier="standard", inference_geo=geo),
    )


def as_in_a_batch(answered: Answered, bill: MessagesBill) -> Message:
    match answered.result:
        case Succeeded(message):
            pay(bill, answered.cost)
            usage = msgspec.structs.replace(message.usage, service_tier="standard")
            return msgspec.structs.replace(message, usage=usage)
        case Errored(error):
            raise ApiFailure(500, error.error.message, type=error.error.type)
        case _:
            raise ApiFailure(529, "Overloaded")


def pay(bill: MessagesBill, cost: int) -> None:
    bill.answered += 1
    bill.usd += Decimal(cost) / UNITS_PER_USD


def asks_for_a_list(params: Params) -> bool:
    wanted = params.output_config.format if params.output_config else None
    properties = wanted.schema.get("properties", {}) if wanted else {}
    first = next(iter(properties.values()), None)
    return isinstance(first, dict) and first.get("type") == "array"


def proposals(text: str) -> str:
    """The words that most tickets have, as categories."""
    tickets = TICKET.findall(text) or text.splitlines()
    seen, words = Counter[str](), {}
    for ticket in tickets:
        found = {stem(word): word for word in WORD.findall(ticket.lower()) if word not in STOP_WORDS and len(word) > 3}
        seen.update(found.keys())
        words.update({root: word for root, word in found.items() if root not in words})
    chosen = sorted(seen, key=lambda root: (-seen[root], root))[:MOST_CATEGORIES]
    made = [{"name": words[root], "description": f"Tickets about {words[root]}"} for root in chosen]
    return msgspec.json.encode({"categories": made}).decode()
