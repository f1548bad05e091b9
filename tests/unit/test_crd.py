"""The CRD as it is rendered from the models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightsort.api.crd import COLUMNS, crd, render, structural
from nightsort.api.spec import Spec

RENDERED = Path(__file__).parents[2] / "crds" / "nightsort.dev_classificationbatches.yaml"

Schema = dict[str, Any]


def schema() -> Schema:
    found: Schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from nodes(each, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


OURS = [
    (path, node)
    for path, node in nodes(schema())
    if path.startswith((".spec", ".status"))
]  # fmt: skip


def test_the_file_in_crds_is_what_the_models_say() -> None:
    assert RENDERED.read_text() == render(), "run `make crds` and commit the file"


def test_the_document_says_what_the_renderer_made() -> None:
    assert yaml.safe_load(render()) == crd()


@pytest.mark.parametrize(("path", "node"), OURS, ids=[path for path, _ in OURS])
def test_every_list_and_text_is_bounded(path: str, node: Schema) -> None:
    if node["type"] == "array":
        assert node["maxItems"] > 0
    if node["type"] == "string":
        assert node.get("maxLength") or node.get("enum") or node.get("format") == "date-time"


@pytest.mark.parametrize(("path", "node"), OURS, ids=[path for path, _ in OURS])
def test_every_node_is_structural(path: str, node: Schema) -> None:
    assert node["type"] in ("object", "array", "string", "integer", "boolean")
    assert not node.keys() & {"$ref", "anyOf", "allOf", "title", "additionalProperties", "const", "nullable"}


def test_a_field_keeps_its_own_rules_and_those_of_its_model() -> None:
    rules = [
        each["rule"] for each in schema()["properties"]["spec"]["properties"]["source"]["x-kubernetes-validations"]
    ]

    assert rules == [
        "self == oldSelf",
        "[has(self.inline), has(self.configMap), has(self.database), has(self.objectStore)].exists_one(x, x)",
    ]


def test_the_status_has_no_defaults() -> None:
    assert not [path for path, node in OURS if path.startswith(".status") and "default" in node]


def test_what_is_printed_or_selected_is_declared() -> None:
    declared = {path.replace("[]", "[0]") for path, _ in nodes(schema())} | {".metadata.creationTimestamp"}
    selected = [field["jsonPath"] for field in crd()["spec"]["versions"][0]["selectableFields"]]

    assert {path for _, _, path, _ in COLUMNS} | set(selected) <= declared


def test_the_defaults_in_the_schema_are_those_of_the_models() -> None:
    source: Schema = {"inline": {"tickets": []}}

    filled = fill(structural(Spec), {"model": "m", "source": source})

    assert set(filled) >= {"results", "categories", "unknownLabel", "prompt", "shards", "backoffLimit"}
    assert Spec.model_validate(filled) == Spec.model_validate({"model": "m", "source": source})


def fill(schema: Schema, value: Any) -> Any:
    """What the API server makes of a value: defaults of a node first, then of what is below it."""
    if schema["type"] == "array":
        return [fill(schema["items"], each) for each in value]
    if schema["type"] != "object":
        return value
    below: dict[str, Schema] = schema["properties"]
    given = {name: node["default"] for name, node in below.items() if "default" in node} | value
    return {name: fill(below[name], each) for name, each in given.items()}
