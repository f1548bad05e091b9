"""The chart's files agree with each other and with the operator that they install."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from nightsort import __version__
from nightsort.api.crd import crd, crd_of_sets
from nightsort.settings import Settings
from tools.chart_readme import CHART, renewed, values

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_the_chart_has_the_operators_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("made", [crd(), crd_of_sets()], ids=lambda made: str(made["spec"]["names"]["plural"]))
def test_the_charts_crds_are_those_that_the_models_give(made: dict[str, Any]) -> None:
    """Stale? `make crds`."""
    assert yaml.safe_load((CHART / "files" / f"{made['spec']['names']['plural']}.yaml").read_text()) == made


def test_the_readme_tells_of_the_values_as_they_are() -> None:
    """Stale? `make chart-readme`."""
    readme = (CHART / "README.md").read_text()

    assert readme == renewed(readme, (CHART / "values.yaml").read_text())


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        yield from leaves(part, f"{path}.{name}" if path else name)
    if "properties" not in schema:
        yield path


def test_every_value_has_a_schema_and_a_meaning() -> None:
    jsonschema.validate(VALUES, SCHEMA)
    told = {each.path for each in values((CHART / "values.yaml").read_text())}
    known = {path.removesuffix(".requests").removesuffix(".limits").removesuffix(".claims") for path in leaves(SCHEMA)}

    assert told == known - {"global"}


def test_every_setting_of_the_operator_has_a_value() -> None:
    """A setting that is added is given a value here, or is said to have one elsewhere."""
    by_name = {
        name: words[0] + "".join(map(str.title, words[1:]))
        for name in Settings.model_fields
        if (words := name.split("_"))
    }
    elsewhere = {
        "namespaces": "watchNamespaces",
        "anthropic_api_key": "extraEnv",
        "anthropic_api_key_file": "apiKey",
        "liveness_port": "liveness",
        "lease": "replicas",
    }

    assert {by_name[name] for name in Settings.model_fields.keys() - elsewhere} == VALUES["settings"].keys()
    assert set(elsewhere.values()) <= VALUES.keys()
