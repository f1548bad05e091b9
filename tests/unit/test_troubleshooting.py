"""What may stand in a condition or an event, and what an administrator can set, is told in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from nightsort.cli.operator import add_to
from nightsort.settings import Settings
from tests.reasons import DONE, EVENT, FINAL, ITSELF, MAKERS, YOU, reasons, takers

TOP = Path(__file__).parents[2]
REASON = re.compile(r"^\| `([A-Z]\w+)` \| [^|]+ \| ([^|]+) \|[^|]*\|$", re.MULTILINE)
SETTING = re.compile(r"^\| `(NIGHTSORT_\w+)` \|([^|]*)\| `([\w.]+)` \|([^|]*)\| [^|]+ \|$", re.MULTILINE)
TOLD = REASON.findall((TOP / "docs" / "troubleshooting.md").read_text(encoding="utf-8"))
SETTINGS = SETTING.findall((TOP / "docs" / "settings.md").read_text(encoding="utf-8"))
FIELDS = {f"NIGHTSORT_{name.upper()}": field for name, field in Settings.model_fields.items()}


def test_every_reason_of_the_code_has_one_row_and_every_row_a_reason() -> None:
    told = [reason for reason, _ in TOLD]

    assert reasons().keys() - set(told) == set()
    assert set(told) - reasons().keys() == set()
    assert len(told) == len(set(told))


def test_every_row_says_who_moves_next_as_the_code_does() -> None:
    told = {reason: {word for word in (ITSELF, YOU, FINAL, DONE, EVENT) if word in who} for reason, who in TOLD}

    assert told == {reason: who for reason, who in reasons().items() if reason in told}


def test_no_way_of_giving_a_reason_is_overlooked() -> None:
    passed_on = {"__init__", "_event"}  # the interruptions' own, and where an event is built that was posted

    assert takers() - MAKERS.keys() == passed_on


def test_every_setting_has_one_row_with_its_default() -> None:
    told = [(variable, default.strip(" `")) for variable, _, _, default in SETTINGS]
    defaults = {name: as_told(field.get_default(call_default_factory=True)) for name, field in FIELDS.items()}

    assert sorted(told) == sorted(defaults.items())


def test_every_flag_of_the_operator_stands_in_the_settings() -> None:
    app = typer.Typer(add_completion=False)
    add_to(app, lambda settings: None)
    flags = {parameter.opts[0] for parameter in typer.main.get_command(app).params}

    assert {flag.strip(" `") for _, flag, _, _ in SETTINGS} - {""} == flags


@pytest.mark.parametrize("path", [path for _, _, path, _ in SETTINGS])
def test_every_value_that_the_settings_name_is_one_of_the_chart(path: str) -> None:
    found: Any = yaml.safe_load((TOP / "charts" / "nightsort" / "values.yaml").read_text(encoding="utf-8"))
    for key in path.split("."):
        assert key in found
        found = found[key]


def as_told(default: Any) -> str:
    """As one writes it into the environment; nothing where there is none."""
    match default:
        case bool():
            return str(default).lower()
        case tuple():
            return ",".join(default)
        case float():
            return f"{default:g}"
        case None | {}:
            return ""
    return str(default)
