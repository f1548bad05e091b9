"""The parameters of one request, and the API's checks of them when a batch is processed."""

from __future__ import annotations

from typing import Any

import msgspec

from nightsort.simulator.catalogue import CATALOGUE, GLOBAL, US, Model
from nightsort.simulator.json_answers import refusal_of
from nightsort.simulator.prompt_cache import SECONDS, Marked

CHARS_PER_TOKEN = 4
MESSAGE_OVERHEAD = 8
"""Tokens that every request has beside its text."""


class Turn(msgspec.Struct):
    """One message of the conversation."""

    role: str
    content: str | list[dict[str, Any]]

    @property
    def text(self) -> str:
        """The turn's words."""
        return plain_text(self.content)


class Thinking(msgspec.Struct):
    """Whether and how the model thinks."""

    type: str


class Format(msgspec.Struct):
    """The form of an answer."""

    type: str
    schema: dict[str, Any] = {}


class OutputConfig(msgspec.Struct):
    """The requested form of the answer, and how much the model is to think."""

    format: Format | None = None
    effort: str | None = None


class Params(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The parameters of a request, as far as the simulator looks at them."""

    model: str
    messages: list[Turn]
    max_tokens: int | None = None
    system: msgspec.Raw = msgspec.Raw(b'""')
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    stream: bool | None = None
    temperature: Any = None
    top_p: Any = None
    top_k: Any = None
    metadata: Any = None
    stop_sequences: Any = None
    service_tier: Any = None
    tools: Any = None
    tool_choice: Any = None
    cache_control: Any = None
    container: Any = None
    inference_geo: str | None = None

    @property
    def effort(self) -> str | None:
        """How much the model is to think, where the request says so."""
        return self.output_config.effort if self.output_config else None


class Refused(Exception):
    """The request itself is wrong; the message says how."""


PARAMS = msgspec.json.Decoder(Params)
SYSTEM = msgspec.json.Decoder(str | list[dict[str, Any]])


def plain_text(content: str | list[dict[str, Any]]) -> str:
    """The text of a string or of a list of blocks."""
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in content)


def tokens(characters: int) -> int:
    """About how many tokens this many characters are."""
    return -(-characters // CHARS_PER_TOKEN)


def checked(raw: bytes | msgspec.Raw) -> tuple[Params, Model]:
    """The parameters of a request and its model.

    Raises:
        Refused: the API would answer this request with invalid_request_error.
    """
    try:
        params = PARAMS.decode(raw)
    except msgspec.DecodeError as error:
        raise Refused(str(error)) from None
    if params.stream:
        raise Refused("stream: streaming is not supported in a batch")
    if params.max_tokens is None:
        raise Refused("max_tokens: Field required")
    if params.max_tokens < 1:
        raise Refused("max_tokens: Input should be greater than or equal to 1")
    return params, check_prompt(params)


def check_prompt(params: Params) -> Model:
    """The model of valid parameters.

    Raises:
        Refused: an unknown or retired model, a sampling parameter, thinking that the model lacks, a place that it does
            not take, an empty message.
    """
    for name in ("temperature", "top_p", "top_k"):
        if getattr(params, name) is not None:
            raise Refused(f"{name}: Extra inputs are not permitted")
    model = CATALOGUE.get(params.model)
    if model is None or model.retired:
        raise Refused(f"model: {params.model}")
    _check_thinking(params, model)
    _check_geo(params, model)
    form = params.output_config.format if params.output_config else None
    if form and not model.structured_outputs:
        raise Refused(f"output_config.format: not supported by {model.id}")
    efforts = model.info()["capabilities"]["effort"]
    if params.effort is not None and not efforts.get(params.effort, {}).get("supported"):
        raise Refused(f"output_config.effort: {params.effort} is not supported by {model.id}")
    if form and form.type == "json_schema" and (refusal := refusal_of(form.schema)):
        raise Refused(refusal)
    if not params.messages:
        raise Refused("messages: at least one message is required")
    for position, turn in enumerate(params.messages):
        if not turn.text.strip():
            raise Refused(f"messages.{position}: user messages must have non-empty content")
    return model


def _check_thinking(params: Params, model: Model) -> None:
    wanted = params.thinking.type if params.thinking else None
    allowed = model.info()["capabilities"]["thinking"]["types"] if wanted else {}
    if wanted and not allowed.get(wanted, {}).get("supported"):
        raise Refused(f"thinking.type: {wanted} is not supported by {model.id}")


def _check_geo(params: Params, model: Model) -> None:
    geo = params.inference_geo
    if geo is not None and geo not in (US, GLOBAL):
        raise Refused("inference_geo: Input should be 'us' or 'global'")
    if geo is not None and not model.takes_geo:
        raise Refused(f"inference_geo: not supported by {model.id}")


def count_tokens(raw: bytes) -> int:
    """The tokens of a count_tokens request.

    Raises:
        Refused: the request is wrong.
    """
    try:
        params = PARAMS.decode(raw)
    except msgspec.DecodeError as error:
        raise Refused(str(error)) from None
    if params.max_tokens is not None or params.stream is not None:
        raise Refused("max_tokens: Extra inputs are not permitted")
    if params.inference_geo is not None:
        raise Refused("inference_geo: Extra inputs are not permitted")
    check_prompt(params)
    return asked_tokens(len(system_text(params.system)), params)


def system_text(system: bytes | msgspec.Raw) -> str:
    """The system prompt's words.

    Raises:
        Refused: it is neither a string nor a list of blocks.
    """
    try:
        return plain_text(SYSTEM.decode(system))
    except msgspec.DecodeError as error:
        raise Refused(f"system: {error}") from None


def marked_part(system: bytes | msgspec.Raw) -> Marked | None:
    """The system prompt up to its last mark for the cache; None without a mark.

    Raises:
        Refused: a mark is none that the API knows.
    """
    blocks = SYSTEM.decode(system)
    if isinstance(blocks, str):
        return None
    last = max((place for place, block in enumerate(blocks) if block.get("cache_control")), default=None)
    if last is None:
        return None
    mark = blocks[last]["cache_control"]
    kept = mark.get("ttl", "5m") if isinstance(mark, dict) else None
    if kept not in SECONDS or mark.get("type") != "ephemeral":
        raise Refused(f"system.{last}.cache_control: Input should be ephemeral, with a ttl of 5m or 1h")
    return Marked(plain_text(blocks[: last + 1]), kept)


def asked_tokens(system_length: int, params: Params) -> int:
    """The input tokens of a request whose system prompt has this many characters."""
    return tokens(system_length + sum(len(turn.text) for turn in params.messages)) + MESSAGE_OVERHEAD
