"""The input for the files: the tickets of a file, or a manifest."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightsort.api.categories import DEFAULT_CATEGORIES, Category, spelled
from nightsort.api.model import API_VERSION, KIND
from nightsort.api.resource import InvalidResource, Resource
from nightsort.api.spec import Spec
from nightsort.cli.classification.order import CATEGORIES_FILE, InvalidOrder, file_of_categories, in_flags
from nightsort.cli.classification.reading import opened
from nightsort.cli.flags import TicketOptions
from nightsort.cli.manifests import (
    InvalidManifest,
    category_names,
    documents_of,
    name_of_file,
    refuse_bad_name,
    resource_of,
)
from nightsort.cli.skeletons.kubernetes import MOST_NAME, spec_for_tickets

OTHER = "other"
# kubectl's form. Within a ticket's text the quotes would have a backslash before them.
OF_A_MANIFEST = re.compile(rb'"apiVersion"\s*:\s*"nightsort\.dev/')
BEGINNING_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line's input; `proposed` are categories that a person has taken over from a model."""

    file: Path
    categories: tuple[str, ...] = ()
    model: str = ""
    tickets: TicketOptions = field(default_factory=TicketOptions)
    categories_file: Path | None = None
    """A file that has the categories already."""
    proposed: tuple[Category, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """`spec` is the form to write, and `parsed` the model; `of` names its subject, `told` are lines on the findings."""

    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    parsed: Spec
    of: str
    told: Sequence[str]
    is_manifest: bool


def given(asked: Asked) -> Given:
    """Reads the input.

    Raises:
        InvalidOrder, InvalidManifest, InvalidFile: with the place of the fault, and what to do.
    """
    return of_manifest(asked) if is_manifest(asked) else of_tickets(asked)


def is_manifest(asked: Asked) -> bool:
    """Whether a file holds a ClassificationBatch rather than tickets, by its name, or, for JSON, by its beginning."""
    suffix = asked.file.suffix.lower()
    if asked.tickets.format is not None or suffix != ".json":
        return suffix in (".yaml", ".yml")
    try:
        with asked.file.open("rb") as file:
            beginning = file.read(BEGINNING_BYTES)
    except OSError:
        return False  # the reader of tickets reports the fault
    return beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and bool(OF_A_MANIFEST.search(beginning))


def of_tickets(asked: Asked) -> Given:
    tickets = opened(asked.file, asked.tickets)
    name = name_of_file(asked.file)[:MOST_NAME].rstrip("-.") or "tickets"
    stored = asked.categories_file
    categories = of_file(stored) if stored is not None else categories_of(asked)
    spec = spec_for_tickets(name, asked.model, categories)
    manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}
    try:
        parsed = Resource.of(manifest).spec
    except InvalidResource as error:
        raise InvalidOrder(in_flags(str(error), str(stored or "--categories"))) from None
    return Given({"name": name}, spec, parsed, asked.file.name, tuple(tickets.told), is_manifest=False)


def of_file(path: Path) -> dict[str, Any]:
    """The categories, their fallback and the instructions of a file, as fields of a spec."""
    found = dict(file_of_categories(path))
    instructions = found.pop("instructions", None)
    return {**found, **({"prompt": {"instructions": instructions}} if instructions else {})}


def categories_of(asked: Asked) -> dict[str, Any]:
    """The categories of these names, and the one for unknown answers: `other`, if it is one of them."""
    known = {category.name: category for category in asked.proposed or DEFAULT_CATEGORIES}
    wanted = category_names(asked.categories) if asked.categories else list(known)
    categories: list[dict[str, Any]] = []
    for name in wanted:
        description = known[name].description if name in known else ""
        categories.append({"name": name} | ({"description": description} if description else {}))
    made: dict[str, Any] = {"categories": categories}
    if fallback := next((name for name in wanted if spelled(name) == OTHER), None):
        made["unknownLabel"] = {"action": "Fallback", "category": fallback}
    return made


def of_manifest(asked: Asked) -> Given:
    path = asked.file
    flags = {"--categories": asked.categories, "--categories-file": asked.categories_file}
    if said := [*(flag for flag, value in flags.items() if value), *asked.tickets.words]:
        raise InvalidOrder(f"{said[0]} is for files of tickets: {path} is a manifest, which says it")
    found = [(number, document) for number, document in documents_of(path) if document["kind"] == KIND]
    if len(found) != 1:
        raise InvalidManifest(f"{path}: expected one {KIND}, and there are {len(found) or 'none'}")
    [(number, document)] = found
    metadata = {"name": "tickets", **(document.get("metadata") or {})}
    for name in ("name", "namespace"):
        refuse_bad_name(f"{path}: document {number}: metadata.{name}", name, metadata.get(name))
    parsed = resource_of(path, number, {**document, "metadata": metadata}).spec
    kept = {name: metadata[name] for name in ("name", "namespace") if metadata.get(name)}
    spec = parsed.model_dump(mode="json", by_alias=True, exclude_unset=True)
    of = f"{KIND} {metadata['name']}"
    return Given(kept, spec, parsed, of, (f"{path}: {of}",), is_manifest=True)


def next_command(asked: Asked, found: Given, categories: Path) -> str:
    """The command that shows a prompt and its price with these categories."""
    file = "FILE" if found.is_manifest else str(asked.file)
    found_by_itself = not found.is_manifest and categories == asked.file.parent / CATEGORIES_FILE
    more = () if found_by_itself else ("--categories-file", str(categories))
    return shlex.join(["nightsort", "classify", file, *asked.tickets.words, *more, "--estimate"])
