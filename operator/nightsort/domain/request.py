"""A ticket as one request of a batch, encoded for the wire."""

from __future__ import annotations

from typing import Any

import msgspec

from nightsort.api.plan import Plan
from nightsort.api.spec import Spec
from nightsort.domain import custom_id
from nightsort.domain.examples import Nearest, with_examples
from nightsort.domain.json_answer import schema_of
from nightsort.domain.prompt import TicketText, system_prompt
from nightsort.domain.ticket import Ticket

OPENING = b'{"requests":['
CLOSING = b"]}"
SEPARATOR = b","
AT_ONCE, AT_ONCE_WITH_EXAMPLES = 500, 25
FOR_AN_HOUR = {"type": "ephemeral", "ttl": "1h"}


def request_params(
    spec: Spec,
    text: str,
    *,
    disable_thinking: bool,
    max_tokens: int | None = None,
    structured: bool = False,
    low_effort: bool = False,
    cached: bool = False,
) -> dict[str, Any]:
    """The `params` of a request: the body of a plain call of the Messages API; `structured` adds the fields' schema.

    `low_effort` tells a model that always thinks to do so briefly. `cached` marks the system prompt for the API's
    cache, for an hour: five minutes are too short for batches.
    """
    thinking = {"thinking": {"type": "disabled"}} if disable_thinking else {}
    form = {"format": {"type": "json_schema", "schema": schema_of(spec)}} if structured else {}
    config = form | ({"effort": "low"} if low_effort else {})
    geo = {} if spec.inference_geo is None else {"inference_geo": spec.inference_geo}
    return {
        "model": spec.model,
        **geo,
        "max_tokens": max_tokens or spec.prompt.max_tokens,
        **thinking,
        **({"output_config": config} if config else {}),
        "system": [{"type": "text", "text": system_prompt(spec), "cache_control": FOR_AN_HOUR}]
        if cached
        else system_prompt(spec),
        "messages": [{"role": "user", "content": text}],
    }


def as_sent(spec: Spec, plan: Plan | None) -> Spec:
    """The spec with the answer limit that requests were really sent with."""
    if plan is None or plan.max_tokens is None or plan.max_tokens == spec.prompt.max_tokens:
        return spec
    return spec.model_copy(update={"prompt": spec.prompt.model_copy(update={"max_tokens": plan.max_tokens})})


def bytes_of(text: bytes) -> int:
    """Bytes of a text as JSON, without its quotes: the measure from which tokens of uncounted texts are derived."""
    return len(text) - 2


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A ticket's text as JSON, and whether a field of the ticket was cut for it."""

    text: bytes
    cut: bool


class Encoder:
    """Encodes tickets of one resource; their common part is encoded once, so that 100,000 take about a second.

    Where examples are asked for, `nearest` finds them, in a quarter of a millisecond a ticket; an encoder without it
    tells only whether there is a text to send.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        disable_thinking: bool,
        max_tokens: int | None = None,
        structured: bool = False,
        low_effort: bool = False,
        nearest: Nearest | None = None,
        cached: bool = False,
    ) -> None:
        self._text = TicketText(spec.prompt)
        pool = spec.prompt.examples_from
        self._nearest, self._k = nearest, pool.k if pool is not None else 0
        mark = "\x00"
        params = msgspec.json.encode(
            request_params(
                spec,
                mark,
                disable_thinking=disable_thinking,
                max_tokens=max_tokens,
                structured=structured,
                low_effort=low_effort,
                cached=cached,
            )
        )
        self._head, self._tail = params.rsplit(msgspec.json.encode(mark), 1)
        self._encode = msgspec.json.Encoder().encode

    @property
    def at_once(self) -> int:
        """How many short tickets may be encoded before other tasks have their turn: a few milliseconds' work."""
        return AT_ONCE if self._nearest is None else AT_ONCE_WITH_EXAMPLES

    def text(self, ticket: Ticket) -> bytes | None:
        """The ticket's text as JSON, or None where it has none to send."""
        sent = self.sent(ticket)
        return None if sent is None else sent.text

    def sent(self, ticket: Ticket) -> Sent | None:
        """The text, and whether the ticket has more."""
        rendered = self._text.rendered(ticket)
        if rendered is None:
            return None
        text = rendered.text
        if self._nearest is not None:
            text = with_examples(text, self._nearest.of(ticket.id, text, self._k))
        return Sent(self._encode(text), rendered.cut)

    def request(self, tag: str, ticket_id: str, text: bytes) -> bytes:
        """One element of `requests`."""
        identity = custom_id.encode(tag, ticket_id).encode()
        return b'{"custom_id":"%b","params":%b%b%b}' % (identity, self._head, text, self._tail)
