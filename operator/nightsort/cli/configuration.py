"""The settings of a command: from the environment, overridden by flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nightsort.cli.output.exit_codes import BAD_INPUT, fail

if TYPE_CHECKING:
    from nightsort.settings import Settings

ITS_OWN = "http://127.0.0.1"
"""The simulator's address, until its port is known; the environment's address is ignored."""


def settings_of(**flags: Any) -> Settings:
    """Ends the command if a setting is wrong; flags that are None were not given."""
    from pydantic import ValidationError

    from nightsort.settings import Settings

    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        fail("\n".join(map(told, error.errors())), BAD_INPUT)


def told(item: Any) -> str:
    """The fault of a setting, and its place inside of it."""
    setting, *inside = map(str, item["loc"])
    return ": ".join([called(setting), *([".".join(inside)] if inside else []), message(item)])


def called(setting: str) -> str:
    """The setting by its environment variable, or by its flag; of two variables the first is named."""
    match setting:
        case "anthropic_base_url":
            return "--api-url (or NIGHTSORT_ANTHROPIC_BASE_URL)"
        case "NIGHTSORT_ANTHROPIC_BASE_URL":
            return "NIGHTSORT_ANTHROPIC_BASE_URL (or ANTHROPIC_BASE_URL)"
        case _:
            return f"NIGHTSORT_{setting.upper().removeprefix('NIGHTSORT_')}"


def message(item: Any) -> str:
    return str(item["msg"]).removeprefix("Value error, ")
