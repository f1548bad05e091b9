"""A ClassificationBatch, the chart's values for a CronJob that makes one every night, and the Secrets they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightsort.api.credentials import SecretRef
from nightsort.api.model import API_VERSION, KIND
from nightsort.api.spec import Spec
from nightsort.cli.skeletons.commented import block, command_line, comment, fields, indented

Document = Mapping[str, Any]
MOST_NAME = 180
"""Characters that the chart accepts as the first part of a night's name."""
COMMENTS = {
    "model": "The model that reads the tickets.",
    "credentials": "The account that pays. Leave it out where the operator has a key of its own for you.",
    "source": "Where the tickets are: database, objectStore, configMap or inline (docs/resource.md).",
    "results": "Where the labels go; without it, into a ConfigMap.",
    "categories": "What tickets are sorted into, as in categories.yaml: change both, or make this anew.",
    "unknownLabel": "What becomes of an answer that is none of the categories.",
    "prompt": "How a ticket is put to the model.",
    "maxCostUSD": "No batch is bought that could bring the run above this.",
}
NIGHTLY = (
    "Here a table, with names to be changed. The query asks for what has neither category nor verdict: so a "
    "ticket is bought once, whatever comes of it."
)
SAME_TICKETS = (
    "The tickets of this source are the same every night, and would be bought every night: name one that has only "
    "what is new, such as database with a query."
)
URL = "Such as postgresql://USER:PASSWORD@HOST:5432/DATABASE, or mysql://…"
API_KEY = "A key of the Message Batches API."
STORE = "The options of the store, such as access_key_id, secret_access_key and region (docs/resource.md)."


def spec_for_tickets(name: str, model: str, categories: Document) -> dict[str, Any]:
    """A spec for the user to fill in: tickets that arrive in a table, and get their labels there."""
    url = {"name": f"{name}-db", "key": "url"}
    return {
        "model": model,
        "credentials": {"secretRef": {"name": f"{name}-anthropic", "key": "api-key"}},
        "source": {
            "database": {
                "urlSecretRef": url,
                "query": "SELECT id, subject, body FROM tickets WHERE category IS NULL AND verdict IS NULL",
            }
        },
        "results": {
            "database": {
                "urlSecretRef": url,
                "table": "tickets",
                "columns": {"id": "id", "category": "category", "verdict": "verdict"},
            }
        },
        **categories,
        "maxCostUSD": "5.00",
    }


def batch_file(metadata: Document, spec: Document, *, to_fill_in: bool) -> str:
    """A manifest; `to_fill_in` means that source and results are only examples."""
    head = fields({"apiVersion": API_VERSION, "kind": KIND, "metadata": dict(metadata)}, {})
    return (
        comment("A run of the operator. This shows whether the cluster would take it, and buys nothing:")
        + command_line("kubectl nightsort create --from batch.yaml --dry-run=server")
        + f"{head}spec:\n{indented(spec_text(spec, to_fill_in=to_fill_in), 2)}"
    )


def values_file(metadata: Document, spec: Document, *, to_fill_in: bool) -> str:
    """Values of the chart: a CronJob that makes such a run every night, once its suspension is lifted."""
    nightly: dict[str, Any] = {
        "enabled": True,
        "suspend": True,
        "name": metadata["name"][:MOST_NAME].rstrip("-."),
        **({"namespace": metadata["namespace"]} if "namespace" in metadata else {}),
        "schedule": "0 22 * * *",
        "timeZone": "Etc/UTC",
    }
    comments = {
        "suspend": "Nothing is bought while this is true: look at the spec below first.",
        "name": "Of each run, with the date behind it.",
        "schedule": "As cron says it.",
    }
    warning = comment(SAME_TICKETS) if spec["source"].keys() & {"inline", "configMap"} else ""
    text = fields(nightly, comments) + f"{warning}spec:\n{indented(spec_text(spec, to_fill_in=to_fill_in), 2)}"
    return (
        comment("Values of the chart for a run every night:")
        + command_line("helm upgrade --install nightsort charts/nightsort -n nightsort --reuse-values -f values.yaml")
        + f"nightly:\n{indented(text, 2)}"
    )


def spec_text(spec: Document, *, to_fill_in: bool) -> str:
    return fields(spec, COMMENTS | ({"source": f"{COMMENTS['source']} {NIGHTLY}"} if to_fill_in else {}))


def secrets_file(metadata: Document, spec: Spec) -> str | None:
    """The Secrets that a spec names, with empty values; None where it names none."""
    named: dict[str, dict[str, str]] = {}
    for name, key, about in references(spec):
        named.setdefault(name, {}).update({key: about} if key else {"": about})
    if not named:
        return None
    head = comment(
        "Fill in what is empty, apply it, and keep it out of Git: whoever reads it has the key. The label lets the "
        "operator read the Secret."
    )
    return head + "---\n".join(secret_text(metadata, name, keys) for name, keys in named.items())


def secret_text(metadata: Document, name: str, keys: Mapping[str, str]) -> str:
    namespace = {"namespace": metadata["namespace"]} if "namespace" in metadata else {}
    head = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, **namespace, "labels": {"nightsort.dev/allow": "true"}},
    }
    empty = {key: "" for key in keys if key}
    about = comment(keys.get("", ""))
    body = f"stringData:\n{indented(about + fields(empty, keys), 2)}" if empty else f"{about}stringData: {{}}\n"
    return block(head) + body


def references(spec: Spec) -> Iterator[tuple[str, str, str]]:
    """Each Secret that a spec names, with its key and a hint for its value; a store takes all keys of its Secret."""
    of_databases: list[SecretRef] = [
        place.url_secret_ref for place in (spec.source.database, spec.results.database) if place is not None
    ]
    if spec.credentials is not None:
        yield spec.credentials.secret_ref.name, spec.credentials.secret_ref.key, API_KEY
    for reference in of_databases:
        yield reference.name, reference.key, URL
    for store in (spec.source.object_store, spec.results.object_store):
        if store is not None and store.secret_ref is not None:
            yield store.secret_ref.name, "", STORE
