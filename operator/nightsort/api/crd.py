"""The CustomResourceDefinition, rendered from the models, so that API server and operator have the same rules.

pydantic uses JSON Schema, the API server a subset of OpenAPI v3 ("structural schema"): no references, no titles, no
alternatives, null only where declared. CEL rules and list keys of the models are passed on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from nightsort.api.category_set import SET_KIND, SET_PLURAL, CategorySetSpec
from nightsort.api.model import GROUP, KIND, PLURAL, RULES, VERSION
from nightsort.api.spec import Spec
from nightsort.api.status import Status

Schema = dict[str, Any]

HEADER = "# Rendered from operator/nightsort/api by `make crds`; do not edit.\n"
# Kept as pydantic writes them, in this order.
KEPT = (
    "description", "type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems",
    "maxItems", "maxProperties", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
)  # fmt: skip
INT32_MAX = 2**31 - 1
# Names of owned ConfigMaps are built from the resource's name, which leaves them 53 of a name's 253 characters.
MAX_NAME = 200

IDENTITY: Schema = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": MAX_NAME}}},
}

COLUMNS: tuple[tuple[str, str, str, int], ...] = (
    ("Phase", "string", ".status.phase", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 0),
    ("Tickets", "integer", ".status.tickets.total", 0),
    ("Labeled", "integer", ".status.tickets.labeled", 0),
    ("Unknown", "integer", ".status.tickets.unknown", 0),
    ("Failed", "integer", ".status.tickets.failed", 0),
    ("Reused", "integer", ".status.tickets.reused", 0),
    ("Cost", "string", ".status.cost.actualUSD", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Batch", "string", ".status.batches[0].id", 1),
    ("Model", "string", ".spec.model", 1),
    ("Estimate", "string", ".status.cost.estimatedUSD", 1),
    ("Saved", "string", ".status.cost.savedUSD", 1),
    ("Message", "string", ".status.message", 1),
)


SET_COLUMNS = (
    ("Version", "integer", ".metadata.generation", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)


def render(plural: str | None = None) -> str:
    """The CRDs as YAML documents, or that of one kind; the same for the same models."""
    wanted = [one for one in (crd(), crd_of_sets()) if plural in (None, one["spec"]["names"]["plural"])]
    return HEADER + "---\n".join(map(dumped, wanted))


def dumped(document: Schema) -> str:
    return yaml.dump(document, sort_keys=False, allow_unicode=True, width=120, Dumper=WithoutAnchors)


def crd() -> Schema:
    version = {
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column(*each) for each in COLUMNS],
        "selectableFields": [{"jsonPath": ".spec.model"}, {"jsonPath": ".status.phase"}],
        "schema": {"openAPIV3Schema": root()},
    }
    return definition(KIND, PLURAL, "cb", version)


def crd_of_sets() -> Schema:
    schema = {
        "description": "Categories that several ClassificationBatches share, with instructions and known tickets.",
        "type": "object",
        "required": ["spec"],
        "properties": {**IDENTITY, "spec": telling_defaults(structural(CategorySetSpec))},
    }
    columns = [column(*each) for each in SET_COLUMNS]
    # kubectl's `cs` are the component statuses.
    return definition(
        SET_KIND, SET_PLURAL, "catset", {"additionalPrinterColumns": columns, "schema": {"openAPIV3Schema": schema}}
    )


def definition(kind: str, plural: str, short: str, version: Schema) -> Schema:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["all", "nightsort"] if kind == KIND else ["nightsort"],
            },
            "scope": "Namespaced",
            "versions": [{"name": VERSION, "served": True, "storage": True, **version}],
        },
    }


def column(name: str, kind: str, path: str, priority: int) -> Schema:
    shown = {"name": name, "type": kind, "jsonPath": path}
    return shown | {"priority": priority} if priority else shown


def root() -> Schema:
    return {
        "description": "Sorts support tickets into categories by one or more message batches.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            **IDENTITY,
            "spec": telling_defaults(structural(Spec)),
            "status": without_defaults(structural(Status)),
        },
    }


def structural(model: type[BaseModel]) -> Schema:
    """A model's structural schema."""
    schema = model.model_json_schema()
    return convert(schema, schema.get("$defs", {}))


def convert(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """One node of a JSON Schema, and everything below it, in the API server's form."""
    schema = resolve(schema, definitions)
    made = {key: schema[key] for key in KEPT if key in schema}
    if "description" in made:
        made["description"] = first_paragraph(made["description"])
    if made["type"] == "integer":
        made["format"] = "int32" if schema.get("maximum", INT32_MAX + 1) <= INT32_MAX else "int64"
    if "default" in schema:
        made |= default(schema["default"], made["type"])
    if "items" in schema:
        made["items"] = convert(schema["items"], definitions)
    if "properties" in schema:
        made["properties"] = {name: convert(each, definitions) for name, each in schema["properties"].items()}
    for each in schema.get("patternProperties", {}).values():  # of a map, whose keys no structural schema can bound
        made["additionalProperties"] = convert(each, definitions)
    if schema.get("required"):
        made["required"] = schema["required"]
    if schema.get(RULES):
        made[RULES] = schema[RULES]
    return made


def resolve(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The node with its reference, or its only alternative beside null, written out in place.

    Attributes beside the reference describe the field and override the model's own; rules of both are kept.
    """
    inner: Schema
    if "$ref" in schema:
        inner = definitions[schema["$ref"].rsplit("/", 1)[-1]]
    elif "anyOf" in schema:
        [inner] = [each for each in schema["anyOf"] if each.get("type") != "null"]
    else:
        return schema
    inner = resolve(inner, definitions)
    outer = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf")}
    return inner | outer | {RULES: outer.get(RULES, []) + inner.get(RULES, [])}


def default(value: Any, kind: str) -> Schema:
    """The `default` to write out, if any: an empty value may as well be absent, and an object fills itself in."""
    if kind == "object" and value is not None:
        return {"default": {}}
    if empty(value):
        return {}
    if isinstance(value, list):
        value = [{key: part for key, part in each.items() if not empty(part)} for each in value]
    return {"default": value}


def empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def without_defaults(schema: Schema) -> Schema:
    """Removes defaults: the operator writes the whole status, and a default would only add what it did not say."""
    made = {key: value for key, value in schema.items() if key != "default"}
    if "items" in made:
        made["items"] = without_defaults(made["items"])
    if "properties" in made:
        made["properties"] = {name: without_defaults(each) for name, each in made["properties"].items()}
    return made


def telling_defaults(schema: Schema) -> Schema:
    """With each default in the description too: `kubectl explain` shows no other (1.37)."""
    made = dict(schema)
    if "default" in made and made["type"] != "object" and "description" in made:
        made["description"] = f"{made['description']} Default: {in_words(made['default'])}."
    if "items" in made:
        made["items"] = telling_defaults(made["items"])
    if "properties" in made:
        made["properties"] = {name: telling_defaults(each) for name, each in made["properties"].items()}
    return made


def in_words(value: Any) -> str:
    """A default in words: text as it is, unless it has several lines; of a list of objects their names."""
    if isinstance(value, list):
        return ", ".join(each["name"] for each in value)
    return value if isinstance(value, str) and "\n" not in value else json.dumps(value)


def first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n", 1)[0].split())


class WithoutAnchors(yaml.SafeDumper):
    """Writes repeated parts out again: kubectl reads YAML anchors, and people do not."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
