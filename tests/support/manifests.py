"""Manifests of resources, good and bad, for whoever must tell them apart: the models and the API server."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Manifest = dict[str, Any]

SPEC: Manifest = {
    "model": "claude-haiku-4-5",
    "source": {"inline": {"tickets": [{"id": "1", "subject": "Charged twice", "body": "Please refund me"}]}},
}


def manifest(name: str = "tickets", **spec: Any) -> Manifest:
    """A manifest that works, with fields of the spec in the place of its own; a field that is None is left out."""
    merged = {key: value for key, value in (deepcopy(SPEC) | spec).items() if value is not None}
    return {
        "apiVersion": "nightsort.dev/v1alpha1",
        "kind": "ClassificationBatch",
        "metadata": {"name": name},
        "spec": merged,
    }


def stored(name: str, uid: str = "11111111-2222-4333-8444-555555555555", namespace: str = "support") -> Manifest:
    """A manifest as the API server hands it out: with an incarnation and a version."""
    made = manifest(name)
    made["metadata"] |= {"namespace": namespace, "uid": uid, "resourceVersion": "1", "generation": 1}
    return made


def names(*given: str) -> list[Manifest]:
    return [{"name": name} for name in given]


INLINE = SPEC["source"]["inline"]
CONFIG_MAP = {"name": "tickets", "key": "tickets.csv"}
OBJECTS = {"url": "s3://support/tickets-*.jsonl.gz", "secretRef": {"name": "s3"}}
DATABASE = {"urlSecretRef": {"name": "db", "key": "url"}, "query": "SELECT * FROM tickets"}

# Refused by the models and by the API server alike: what is wrong, the spec's fields, where, and in which words
# (capitals do not count).
REVIEW = {"model": "claude-sonnet-5-5", "of": ["Sample"], "sample": "5%"}
REFUSED: dict[str, tuple[Manifest, str, str]] = {
    "a second reader without a model": ({"review": {"of": ["Unknown"]}}, "spec.review.model", "required"),
    "a second reader of nothing": ({"review": REVIEW | {"of": []}}, "spec.review.of", "at least 1 item"),
    "a second reader that is the first": (
        {"review": REVIEW | {"model": "claude-haiku-4-5"}},
        "spec",
        "must be another model than spec.model",
    ),
    "a sample above all": ({"review": REVIEW | {"sample": "101%"}}, "spec.review.sample", "should match"),
    "a sample of none": ({"review": REVIEW | {"sample": "0.0%"}}, "spec.review.sample", "must be above 0%"),
    "a sample without a share": (
        {"review": {"model": "claude-sonnet-5-5", "of": ["Sample"]}},
        "spec.review",
        "of: Sample needs sample",
    ),
    "a share of no sample": ({"review": REVIEW | {"of": ["Unknown"]}}, "spec.review", "sample is for of: Sample"),
    "a kind of tickets that is named twice": (
        {"review": REVIEW | {"of": ["Sample", "Sample"]}},
        "spec.review",
        "each kind of ticket is named once",
    ),
    "unsure tickets of a model that is not asked": (
        {"review": {"model": "claude-sonnet-5-5", "of": ["LowConfidence"]}},
        "spec",
        "LowConfidence needs confidence: true",
    ),
    "a field named like the second reader's column": (
        {"review": REVIEW, "fields": [{"name": "review", "maxLength": 5}]},
        "spec",
        "are columns of spec.review",
    ),
    "an accuracy of more than all": (
        {"source": {"configMap": CONFIG_MAP}, "evaluation": {"truth": {"column": "agent"}, "minAccuracy": "1.5"}},
        "spec.evaluation.minAccuracy",
        "should match",
    ),
    "an accuracy of all": (
        {"source": {"configMap": CONFIG_MAP}, "evaluation": {"truth": {"column": "agent"}, "minAccuracy": "1"}},
        "spec.evaluation.minAccuracy",
        "must be below 1",
    ),
    "a larger sample than is kept": (
        {"source": {"configMap": CONFIG_MAP}, "evaluation": {"truth": {"column": "agent"}, "sample": 2001}},
        "spec.evaluation.sample",
        "less than or equal to 2000",
    ),
    "known tickets nowhere": (
        {"evaluation": {"truth": {}}},
        "spec",
        "needs the column of the source",
    ),
    "known tickets nowhere, not even empty": (
        {"evaluation": {}},
        "spec",
        "evaluation.truth: needs the column of the source with the known categories",
    ),
    "categories beside a CategorySet": (
        {"categories": names("billing"), "categorySetRef": {"name": "support"}},
        "spec",
        "categories and categorySetRef both say what tickets are sorted into",
    ),
    "a CategorySet without a name": ({"categorySetRef": {}}, "spec.categorySetRef.name", "required"),
    "a field with the name of the column of CategorySets": (
        {"fields": [{"name": "category_set", "maxLength": 9}]},
        "spec.fields[0].name",
        "results have a column of this name already",
    ),
    "known tickets in two places": (
        {"evaluation": {"truth": {"configMap": {"name": "a", "key": "a.csv"}, "database": DATABASE}}},
        "spec.evaluation.truth",
        "are in one of configMap, objectStore, database",
    ),
    "known categories of inline tickets": (
        {"evaluation": {"truth": {"column": "agent"}}},
        "spec",
        "inline tickets have no other columns",
    ),
    "examples from nowhere": (
        {"prompt": {"examplesFrom": {"k": 3}}},
        "spec.prompt.examplesFrom",
        "needs exactly one of configMap, database, objectStore",
    ),
    "examples from two places": (
        {"prompt": {"examplesFrom": {"configMap": CONFIG_MAP, "database": DATABASE}}},
        "spec.prompt.examplesFrom",
        "needs exactly one of configMap, database, objectStore",
    ),
    "no examples of many": (
        {"prompt": {"examplesFrom": {"configMap": CONFIG_MAP, "k": 0}}},
        "spec.prompt.examplesFrom.k",
        "greater than or equal to 1",
    ),
    "more examples than a request has room for": (
        {"prompt": {"examplesFrom": {"configMap": CONFIG_MAP, "k": 21}}},
        "spec.prompt.examplesFrom.k",
        "less than or equal to 20",
    ),
    "no source": ({"source": {}}, "spec.source", "needs exactly one of inline, configMap, database, objectStore"),
    "two sources": (
        {"source": {"inline": INLINE, "configMap": CONFIG_MAP}},
        "spec.source",
        "needs exactly one of inline, configMap, database, objectStore",
    ),
    "three sources": (
        {"source": {"inline": INLINE, "configMap": CONFIG_MAP, "database": DATABASE}},
        "spec.source",
        "needs exactly one of inline, configMap, database, objectStore",
    ),
    "a database and objects": (
        {"source": {"database": DATABASE, "objectStore": OBJECTS}},
        "spec.source",
        "needs exactly one of inline, configMap, database, objectStore",
    ),
    "objects of an unknown kind": (
        {"source": {"objectStore": {"url": "s3://support/tickets-*"}}},
        "spec.source.objectStore",
        "url must end in .csv, .txt, .tsv, .tab, .jsonl, .ndjson, .json, .xlsx, .xlsm, .parquet (then .gz or .zst), or",
    ),
    "objects of a scheme that is not there": (
        {"source": {"objectStore": {"url": "ftp://support/tickets.csv"}}},
        "spec.source.objectStore.url",
        "match",
    ),
    "a bucket without objects": (
        {"source": {"objectStore": {"url": "s3://support/", "format": "csv"}}},
        "spec.source.objectStore.url",
        "match",
    ),
    "a bucket that is no name": (
        {"source": {"objectStore": {"url": "s3://user@evil/tickets.csv"}}},
        "spec.source.objectStore.url",
        "match",
    ),
    "results in a pattern": (
        {"results": {"objectStore": {"url": "s3://support/results-*/"}}},
        "spec.results.objectStore.url",
        "match",
    ),
    "results as a JSON list": (
        {"results": {"objectStore": {"url": "s3://support/results/", "format": "json"}}},
        "spec.results.objectStore.format",
        "jsonl",
    ),
    "source missing": ({"source": None}, "spec.source", "required"),
    "model missing": ({"model": None}, "spec.model", "required"),
    "model empty": ({"model": ""}, "spec.model", "at least 1 char"),
    "key with an unknown ending": (
        {"source": {"configMap": {"name": "tickets", "key": "tickets.xls"}}},
        "spec.source.configMap",
        "key must end in .csv, .txt, .tsv, .tab, .jsonl, .ndjson, .json, .xlsx, .xlsm, .parquet (then .gz or .zst), or",
    ),
    "key that is only an ending": (
        {"source": {"configMap": {"name": "tickets", "key": "csv"}}},
        "spec.source.configMap",
        "key must end in .csv, .txt, .tsv, .tab, .jsonl, .ndjson, .json, .xlsx, .xlsm, .parquet (then .gz or .zst), or",
    ),
    "a body of one column and of several": (
        {"source": {"configMap": CONFIG_MAP | {"columns": {"body": "Text"}, "textColumns": ["Q", "A"]}}},
        "spec.source.configMap",
        "columns.body and textColumns both say what the body is",
    ),
    "a body of one column and of several in a database": (
        {"source": {"database": DATABASE | {"columns": {"body": "text"}, "textColumns": ["q", "a"]}}},
        "spec.source.database",
        "columns.body and textColumns both say what the body is",
    ),
    "no text columns": (
        {"source": {"configMap": CONFIG_MAP | {"textColumns": []}}},
        "spec.source.configMap.textColumns",
        "at least 1 item",
    ),
    "text columns, and a template with a subject": (
        {"source": {"configMap": CONFIG_MAP | {"textColumns": ["Q", "A"]}}},
        "spec",
        "textColumns makes the body, and no column is the subject, which prompt.template names",
    ),
    "text columns of objects, and a subject in braces": (
        {"source": {"objectStore": OBJECTS | {"textColumns": ["Q"]}}, "prompt": {"template": "$$ $$${subject} $body"}},
        "spec",
        "textColumns makes the body, and no column is the subject, which prompt.template names",
    ),
    "a column without a name": (
        {"source": {"objectStore": OBJECTS | {"columns": {"id": ""}}}},
        "spec.source.objectStore.columns.id",
        "at least 1 char",
    ),
    "a delimiter of JSON": (
        {"source": {"configMap": {"name": "tickets", "key": "tickets.jsonl.gz", "delimiter": ";"}}},
        "spec.source.configMap",
        "delimiter is for csv and tsv alone",
    ),
    "a delimiter of what is a spreadsheet, whatever its ending": (
        {"source": {"objectStore": OBJECTS | {"format": "xlsx", "delimiter": ";"}}},
        "spec.source.objectStore",
        "delimiter is for csv and tsv alone",
    ),
    "a delimiter that is a letter": (
        {"source": {"configMap": CONFIG_MAP | {"delimiter": "x"}}},
        "spec.source.configMap.delimiter",
        "match",
    ),
    "a sheet of a text file": (
        {"source": {"configMap": CONFIG_MAP | {"sheet": "Tickets"}}},
        "spec.source.configMap",
        "sheet is for spreadsheets alone",
    ),
    "an encoding of a spreadsheet": (
        {"source": {"configMap": {"name": "tickets", "key": "tickets.xlsx", "encoding": "cp1252"}}},
        "spec.source.configMap",
        "encoding is for text alone",
    ),
    "an encoding that does not exist": (
        {"source": {"configMap": CONFIG_MAP | {"encoding": "windows-1259"}}},
        "spec.source.configMap.encoding",
        "match",
    ),
    "name of a ConfigMap with capitals": (
        {"source": {"configMap": {"name": "Tickets", "key": "tickets.csv"}}},
        "spec.source.configMap.name",
        "match",
    ),
    "unknown format": (
        {"source": {"configMap": CONFIG_MAP | {"format": "xml"}}},
        "spec.source.configMap.format",
        "jsonl",
    ),
    "Fallback to a category that is not declared": (
        {"categories": names("billing"), "unknownLabel": {"action": "Fallback", "category": "other"}},
        "spec",
        "unknownLabel.category",
    ),
    "Fallback to none of the default categories": (
        {"unknownLabel": {"action": "Fallback", "category": "shipping"}},
        "spec",
        "unknownLabel.category",
    ),
    "Fallback without a category": (
        {"unknownLabel": {"action": "Fallback"}},
        "spec.unknownLabel",
        "category must be given with action Fallback, and only then",
    ),
    "Retry with a category": (
        {"unknownLabel": {"action": "Retry", "category": "other"}},
        "spec.unknownLabel",
        "category must be given with action Fallback, and only then",
    ),
    "category without an action": (
        {"unknownLabel": {"category": "other"}},
        "spec.unknownLabel",
        "category must be given with action Fallback, and only then",
    ),
    "category named twice": ({"categories": names("billing", "billing")}, "spec", "twice"),
    "category named twice but for capitals": ({"categories": names("billing", "Billing")}, "spec", "twice"),
    "no categories": ({"categories": []}, "spec.categories", "at least 1 item"),
    "category with a comma": ({"categories": names("a, b")}, "spec.categories[0].name", "match"),
    "cost of nothing": ({"maxCostUSD": "0.00"}, "spec.maxCostUSD", "must be more than 0"),
    "cost in words": ({"maxCostUSD": "five"}, "spec.maxCostUSD", "match"),
    "too many attempts": ({"backoffLimit": 11}, "spec.backoffLimit", "less than or equal to 10"),
    "text for a number": ({"backoffLimit": "two"}, "spec.backoffLimit", "integer"),
    "shards beyond the API's limit": (
        {"shards": {"maxRequests": 100_001}},
        "spec.shards.maxRequests",
        "less than or equal to 100000",
    ),
    "a table that is no name": (
        {
            "results": {
                "database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": "tickets; DROP TABLE tickets"}
            }
        },
        "spec.results.database.table",
        "match",
    ),
    "a field like a column of results": (
        {"fields": [{"name": "verdict", "maxLength": 10}]},
        "spec.fields[0].name",
        "results have a column of this name already",
    ),
    "a field with capitals": ({"fields": [{"name": "Urgency", "maxLength": 10}]}, "spec.fields[0].name", "match"),
    "a field of two kinds": (
        {"fields": [{"name": "urgency", "values": ["low", "high"], "maxLength": 10}]},
        "spec.fields[0]",
        "needs exactly one of values, maxLength, or minimum with maximum",
    ),
    "a field of no kind": ({"fields": [{"name": "urgency"}]}, "spec.fields[0]", "needs exactly one of values"),
    "a range with one end": (
        {"fields": [{"name": "stars", "minimum": 1}]},
        "spec.fields[0]",
        "minimum and maximum belong together",
    ),
    "several texts": (
        {"fields": [{"name": "summary", "maxLength": 10, "multiple": True}]},
        "spec.fields[0]",
        "multiple is for fields with values",
    ),
    "more values than a status counts": (
        {"fields": [{"name": f"f{n}", "values": [f"v{each}" for each in range(180)]} for n in range(3)]},
        "spec",
        "more than 500",
    ),
    "too many categories for a ticket": ({"categoriesPerTicket": 11}, "spec.categoriesPerTicket", "10"),
}

# Accepted by both.
ACCEPTED: dict[str, Manifest] = {
    "a second reader": {
        "confidence": True,
        "review": REVIEW | {"of": ["Unknown", "LowConfidence", "Sample"], "sample": "0.5%"},
    },
    "an evaluation": {"source": {"configMap": CONFIG_MAP}, "evaluation": {"truth": {"column": "agent"}}},
    "an evaluation by a set of its own": {
        "evaluation": {"truth": {"configMap": {"name": "known", "key": "known.csv"}}}
    },
    "an evaluation with a threshold": {
        "source": {"configMap": CONFIG_MAP},
        "evaluation": {"truth": {"column": "agent"}, "minAccuracy": "0.9", "onFailure": "Report", "sample": 2000},
    },
    "examples from a file": {"prompt": {"examplesFrom": {"configMap": CONFIG_MAP}}},
    "examples from a database": {"prompt": {"examplesFrom": {"database": DATABASE, "column": "agent", "k": 20}}},
    "the least": {},
    "source in a ConfigMap": {"source": {"configMap": CONFIG_MAP}},
    "key without an ending but with a format": {
        "source": {"configMap": {"name": "tickets", "key": "data", "format": "csv"}}
    },
    "source in a database": {"source": {"database": DATABASE}},
    "source in objects": {"source": {"objectStore": OBJECTS}},
    "objects without an ending but with a format": {
        "source": {"objectStore": {"url": "gs://support/nightly/*/part-?", "format": "csv"}}
    },
    "results in objects": {
        "results": {"objectStore": {"url": "az://support", "secretRef": {"name": "azure"}, "format": "csv"}}
    },
    "results in a folder of local mode": {"results": {"objectStore": {"url": "file:///var/results"}}},
    "no tickets": {"source": {"inline": {"tickets": []}}},
    "Fallback to a declared category": {
        "categories": names("billing", "other"),
        "unknownLabel": {"action": "Fallback", "category": "other"},
    },
    "a CategorySet": {"categorySetRef": {"name": "support"}},
    "a CategorySet with its own fallback and known tickets": {
        "categorySetRef": {"name": "support"},
        "unknownLabel": {"action": "Fallback", "category": "of the set"},
        "evaluation": {"sample": 20},
    },
    "Fallback to a default category": {"unknownLabel": {"action": "Fallback", "category": "other"}},
    "Retry": {"unknownLabel": {"action": "Retry"}},
    "category with a space": {"categories": names("account access")},
    "results in both": {
        "results": {
            "configMap": {"format": "csv"},
            "database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": "public.tickets", "mode": "Upsert"},
        }
    },
    "a limit of cost": {"maxCostUSD": "5.00"},
    "fields of each kind": {
        "fields": [
            {"name": "urgency", "values": ["low", "high"]},
            {"name": "topics", "values": ["a", "b"], "multiple": True, "max": 2},
            {"name": "summary", "maxLength": 200},
            {"name": "stars", "minimum": -5, "maximum": 5},
        ],
        "categoriesPerTicket": 3,
        "confidence": True,
        "rationale": True,
        "results": {
            "database": {
                "urlSecretRef": {"name": "db", "key": "url"},
                "table": "tickets",
                "columns": {"fields": {"urgency": "how_soon"}},
            }
        },
    },
    "credentials": {"credentials": {"secretRef": {"name": "anthropic", "key": "api-key"}}},
}
