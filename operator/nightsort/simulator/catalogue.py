"""The models of the simulated API, with their abilities and prices."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from nightsort.simulator.billing import UNITS_PER_USD
from nightsort.simulator.prompt_cache import HOUR, NO_USE, Use

US, GLOBAL, NOT_AVAILABLE = "us", "global", "not_available"
US_FACTOR = Decimal("1.1")
UNITS_PER_TOKEN_PRICE = UNITS_PER_USD // 1_000_000
"""Prices are for a million tokens."""
EFFORTS = ("low", "medium", "high", "xhigh", "max")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model: prices are USD per million tokens at the standard rate (vendor's price page, 2026-11-22)."""

    id: str
    input_price: Decimal
    output_price: Decimal
    read_price: Decimal | None = None
    """Of tokens that are read from the cache; by default a tenth of the input price."""
    least_prefix: int | None = 512
    """Tokens from which on a prompt is cached; None: never."""
    thinks_by_default: bool = False
    can_disable_thinking: bool = True
    thinking_budget: bool = False
    """Whether `thinking: {"type": "enabled"}` with a budget is accepted."""
    structured_outputs: bool = True
    max_input_tokens: int = 1_000_000
    max_tokens: int = 64_000
    takes_geo: bool = True
    """Whether requests may say where they run; otherwise `inference_geo` is refused."""
    created_at: datetime = datetime(2026, 5, 1, tzinfo=UTC)
    retires_at: datetime | None = None
    retired: bool = False

    @property
    def display_name(self) -> str:
        """A name for people, e.g. `Claude Haiku 4.5`."""
        words, numbers = [], []
        for part in self.id.split("-"):
            if part.isdigit() and len(part) < 8:
                numbers.append(part)
            elif not part.isdigit():
                words.append(part.capitalize())
        return f"{' '.join(words)} {'.'.join(numbers)}"

    @property
    def line(self) -> str | None:
        """The family that the model belongs to."""
        families = ("haiku", "sonnet", "opus", "fable", "mythos")
        return next((family for family in families if family in self.id), None)

    def cost(self, input_tokens: int, output_tokens: int, use: Use = NO_USE, geo: str = GLOBAL) -> int:
        """The cost of this many tokens at the standard rate, in units of 1e-10 USD: a tenth more in the US.

        Beside them, those that were written into the cache (2 times the input for an hour, 1.25 times for five
        minutes) and read from it.
        """
        cost = self.input_price * input_tokens + self.output_price * output_tokens
        if use is not NO_USE:
            read = self.input_price / 10 if self.read_price is None else self.read_price
            write = self.input_price * (2 if use.ttl == HOUR else Decimal("1.25"))
            cost += read * use.read + write * use.written
        return int(cost * UNITS_PER_TOKEN_PRICE * (US_FACTOR if geo == US else 1))

    def geo(self, asked: str | None, default: str) -> str:
        """Where a request runs, as its usage tells it; `default` is the workspace's."""
        return (asked or default) if self.takes_geo else NOT_AVAILABLE

    def info(self) -> dict[str, Any]:
        """The model as the API shows it."""
        return {
            "id": self.id,
            "type": "model",
            "display_name": self.display_name,
            "created_at": self.created_at,
            "lifecycle": "retired" if self.retired else "deprecated" if self.retires_at else "active",
            "deprecated_at": datetime(2026, 1, 1, tzinfo=UTC) if self.retires_at else None,
            "retires_at": self.retires_at,
            "line": self.line,
            "max_input_tokens": self.max_input_tokens,
            "max_tokens": self.max_tokens,
            "capabilities": self._capabilities(),
        }

    def _capabilities(self) -> dict[str, Any]:
        thinking = self.thinks_by_default or self.thinking_budget
        return {
            "batch": _support(not self.retired),
            "citations": _support(True),
            "code_execution": _support(True),
            "context_management": {
                "supported": True,
                "clear_thinking_20251015": _support(True),
                "clear_tool_uses_20250919": _support(True),
                "compact_20260112": _support(True),
            },
            "effort": {"supported": thinking} | dict.fromkeys(EFFORTS, _support(thinking)),
            "image_input": _support(True),
            "pdf_input": _support(True),
            "server_tools": {"supported": True, "code_execution": _support(True), "web_search": _support(True)},
            "structured_outputs": _support(self.structured_outputs),
            "thinking": {
                "supported": thinking,
                "types": {
                    "adaptive": _support(self.thinks_by_default),
                    "between_tools": _support(self.thinks_by_default and self.can_disable_thinking),
                    "disabled": _support(self.can_disable_thinking),
                    "enabled": _support(self.thinking_budget),
                },
            },
        }


def _support(supported: bool) -> dict[str, bool]:
    return {"supported": supported}


_READ_PRICES = {
    "claude-sonnet-5-5": Decimal("0.10"),
    "claude-opus-5-5": Decimal("0.20"),
    "claude-fable-5-2": Decimal("0.20"),
    "claude-mythos-5-2": Decimal("0.20"),
    "claude-fable-5-1": Decimal("0.25"),
    "claude-mythos-5-1": Decimal("0.25"),
}
"""Of models that ask for less than a tenth of the input price."""


def _thinker(id: str, input_price: str, output_price: str, **more: Any) -> Model:
    more = {"thinks_by_default": True, "read_price": _READ_PRICES.get(id)} | more
    return Model(id=id, input_price=Decimal(input_price), output_price=Decimal(output_price), **more)


def _earlier(id: str, input_price: str, output_price: str, **more: Any) -> Model:
    defaults: dict[str, Any] = {
        "thinking_budget": True,
        "max_input_tokens": 200_000,
        "created_at": datetime(2025, 10, 1, tzinfo=UTC),
    }
    return Model(id=id, input_price=Decimal(input_price), output_price=Decimal(output_price), **(defaults | more))


CATALOGUE: dict[str, Model] = {
    model.id: model
    for model in (
        _thinker("claude-fable-5-2", "8", "40", can_disable_thinking=False, least_prefix=None),
        _thinker("claude-mythos-5-2", "8", "40", can_disable_thinking=False, least_prefix=None),
        _thinker("claude-haiku-5-5", "0.10", "0.50"),
        _thinker("claude-sonnet-5-5", "2", "10"),
        _thinker("claude-opus-5-5", "4", "20", can_disable_thinking=False),
        _thinker("claude-fable-5-1", "10", "50", can_disable_thinking=False),
        _thinker("claude-mythos-5-1", "10", "50", can_disable_thinking=False),
        _thinker("claude-sonnet-5", "2", "10", least_prefix=1024),
        _thinker("claude-fable-5", "10", "50", can_disable_thinking=False),
        _thinker("claude-mythos-5", "10", "50", can_disable_thinking=False),
        _thinker("claude-opus-5", "5", "25"),
        _earlier("claude-opus-4-8", "5", "25", least_prefix=1024),
        _earlier("claude-opus-4-7", "5", "25", least_prefix=2048),
        _earlier("claude-opus-4-6", "5", "25", least_prefix=4096),
        _earlier("claude-sonnet-4-6", "3", "15", least_prefix=1024),
        _earlier("claude-haiku-4-5", "1", "5", least_prefix=4096, takes_geo=False),
        _earlier("claude-haiku-4-5-20251001", "1", "5", least_prefix=4096, takes_geo=False),
        _earlier("claude-opus-4-5", "5", "25", least_prefix=4096, takes_geo=False),
        _earlier(
            "claude-sonnet-4-5",
            "3",
            "15",
            least_prefix=1024,
            takes_geo=False,
            retires_at=datetime(2027, 3, 1, tzinfo=UTC),
        ),
        _earlier(
            "claude-3-haiku-20240307",
            "0.25",
            "1.25",
            thinking_budget=False,
            takes_geo=False,
            structured_outputs=False,
            max_tokens=4096,
            created_at=datetime(2024, 3, 7, tzinfo=UTC),
            retires_at=datetime(2026, 4, 20, tzinfo=UTC),
            retired=True,
        ),
    )
}
