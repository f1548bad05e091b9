"""The CRD as it is rendered from the models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from nightsort.api.categories import DEFAULT_CATEGORIES
from nightsort.api.category_set import SET_PLURAL, CategorySetSpec
from nightsort.api.crd import COLUMNS, crd, crd_of_sets, render, structural
from nightsort.api.model import PLURAL, Model
from nightsort.api.spec import Spec

CRDS = Path(__file__).parents[2] / "crds"

Schema = dict[str, Any]


def schema(document: Schema) -> Schema:
    found: Schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from nodes(each, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}[]")


OF_BATCHES = [(path, node) for path, node in nodes(schema(crd())) if path.startswith((".spec", ".status"))]
OF_SETS = [(f"{SET_PLURAL}{path}", node) for path, node in nodes(schema(crd_of_sets())) if path.startswith(".spec")]
OURS = [*OF_BATCHES, *OF_SETS]


@pytest.mark.parametrize("plural", [PLURAL, SET_PLURAL])
def test_the_file_in_crds_is_what_the_models_say(plural: str) -> None:
    file = CRDS / f"nightsort.dev_{plural}.yaml"
    assert file.read_text() == render(plural), "run `make crds` and commit the file"


def test_the_documents_say_what_the_renderer_made() -> None:
    assert list(yaml.safe_load_all(render())) == [crd(), crd_of_sets()]


@pytest.mark.parametrize(("path", "node"), OURS, ids=[path for path, _ in OURS])
def test_every_list_and_text_is_bounded(path: str, node: Schema) -> None:
    if node["type"] == "array":
        assert node["maxItems"] > 0
    if node["type"] == "string":
        assert node.get("maxLength") or node.get("enum") or node.get("format") == "date-time"


FIELDS = [(path, node) for path, node in OURS if not path.endswith("[]")]


@pytest.mark.parametrize(("path", "node"), FIELDS, ids=[path for path, _ in FIELDS])
def test_every_field_has_a_description(path: str, node: Schema) -> None:
    """What `kubectl explain` shows is the docstring below the field, or that of the field's model."""
    description = node.get("description", "")

    assert len(description) > len("The id."), f"{path}: write a docstring below the field"
    assert description.endswith((".", "`")), f"{path}: a description is a sentence"


def defaults(model: type[Model], path: str) -> Iterator[tuple[str, Any]]:
    """What the fields of a model are when they are left out, by their paths, and of all models below it."""
    for name, field in model.model_fields.items():
        place = f"{path}.{field.alias or name}"
        if not field.is_required():
            yield place, field.get_default()
        for inner in models_in(field.annotation):
            yield from defaults(inner, place)


def models_in(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


DEFAULTS = [*defaults(Spec, ".spec"), *defaults(CategorySetSpec, f"{SET_PLURAL}.spec")]


@pytest.mark.parametrize(("path", "value"), DEFAULTS, ids=[path for path, _ in DEFAULTS])
def test_every_default_is_told(path: str, value: Any) -> None:
    """By the schema, or in words where the field is empty or absent by default and that means something."""
    node = {place.replace("[]", ""): node for place, node in FIELDS}[path]

    if isinstance(value, Model):
        assert node["default"] == {}, "an object is filled in by the defaults of its fields"
    elif value == DEFAULT_CATEGORIES:
        assert "default" not in node, "beside a categorySetRef it would be wrong; the description has it"
    elif value not in (None, "", ()):
        assert node["default"] == value
        assert node["description"].endswith(
            f" Default: {json.dumps(value) if chr(10) in str(value) else words(value)}."
        )


def words(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value)


def test_the_default_categories_are_named_to_people() -> None:
    [node] = [node for path, node in OURS if path == ".spec.categories"]

    assert node["description"].endswith(" Default: billing, technical, account, feedback, other.")


def test_a_status_tells_no_defaults() -> None:
    """The operator writes it whole."""
    assert not [
        path for path, node in OURS if path.startswith(".status") and " Default: " in node.get("description", "")
    ]


@pytest.mark.parametrize(("path", "node"), OURS, ids=[path for path, _ in OURS])
def test_every_node_is_structural(path: str, node: Schema) -> None:
    assert node["type"] in ("object", "array", "string", "integer", "boolean")
    assert not node.keys() & {"$ref", "anyOf", "allOf", "title", "const", "nullable"}
    if "additionalProperties" in node:  # of a map, which has no fields of its own, and an end
        assert "properties" not in node
        assert node["maxProperties"] > 0


def test_a_field_keeps_its_own_rules_and_those_of_its_model() -> None:
    rules = [
        each["rule"] for each in schema(crd())["properties"]["spec"]["properties"]["source"]["x-kubernetes-validations"]
    ]

    assert rules == [
        "self == oldSelf",
        "[has(self.inline), has(self.configMap), has(self.database), has(self.objectStore)].exists_one(x, x)",
    ]


def test_the_status_has_no_defaults() -> None:
    assert not [path for path, node in OURS if path.startswith(".status") and "default" in node]


def test_what_is_printed_or_selected_is_declared() -> None:
    declared = {path.replace("[]", "[0]") for path, _ in nodes(schema(crd()))} | {".metadata.creationTimestamp"}
    selected = [field["jsonPath"] for field in crd()["spec"]["versions"][0]["selectableFields"]]

    printed = {re.sub(r"\[\?\(@\.type==\"\w+\"\)\]", "[0]", path) for _, _, path, _ in COLUMNS}
    assert printed | set(selected) <= declared


def test_the_defaults_in_the_schema_are_those_of_the_models() -> None:
    source: Schema = {"inline": {"tickets": []}}

    filled = fill(structural(Spec), {"model": "m", "source": source})

    assert set(filled) >= {"results", "unknownLabel", "prompt", "shards", "backoffLimit"}
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
