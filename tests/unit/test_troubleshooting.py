"""What may stand in a condition or an event, and what an administrator can set, is told in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from nightsort.cli.commands.operator import add_to
from nightsort.settings import Settings
from tools.reasons import renewed

TOP = Path(__file__).parents[2]
SETTING = re.compile(r"^\| `(NIGHTSORT_\w+)` \|([^|]*)\| `([\w.]+)` \|([^|]*)\| [^|]+ \|$", re.MULTILINE)
SETTINGS = SETTING.findall((TOP / "docs" / "settings.md").read_text(encoding="utf-8"))
FIELDS = {f"NIGHTSORT_{name.upper()}": field for name, field in Settings.model_fields.items()}


def test_what_is_told_of_reasons_is_what_their_list_says() -> None:
    stale = [path.name for path, text in renewed() if path.read_text(encoding="utf-8") != text]

    assert stale == [], "run 'make reasons' and commit it"


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
