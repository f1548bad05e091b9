"""Reads a file of manifests, as `kubectl apply -f` would, and reports the place of a mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nightsort.api.category_set import SET_KIND, CategorySet
from nightsort.api.model import KIND
from nightsort.api.resource import InvalidResource, Resource
from nightsort.cli.yaml_documents import MOST_BYTES, load, place_of, problem_of
from nightsort.domain.file_kinds import flaw_in

SUPPORTED = (KIND, SET_KIND, "ConfigMap", "Secret")
MAPPINGS = ("metadata", "spec", "data", "stringData", "binaryData")
# As in the CRD: objects that are written beside a resource contain its name.
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,198}[a-z0-9])?")
Document = Mapping[str, Any]


class InvalidManifest(ValueError):
    """The file cannot be used; the message names the document and the place."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """The content of one file: resources to work on, and the ConfigMaps and Secrets that they refer to."""

    resources: tuple[Resource, ...]
    config_maps: tuple[Document, ...] = ()
    category_sets: tuple[Document, ...] = ()
    secrets: tuple[Document, ...] = field(default=(), repr=False)


def read(path: Path) -> Manifests:
    """Parses a file.

    Raises:
        InvalidManifest: it is missing, is no YAML, or a document in it is wrong.
    """
    documents = list(documents_of(path))
    refuse_bad_names(path, documents)
    resources = tuple(resource_of(path, at, one) for at, one in documents if one["kind"] == KIND)
    if not resources:
        raise InvalidManifest(f"{path}: no {KIND} in this file")
    for at, one in documents:
        if one["kind"] == SET_KIND:
            refuse_bad_set(path, at, one)
    return Manifests(
        resources=resources,
        category_sets=tuple(one for _, one in documents if one["kind"] == SET_KIND),
        config_maps=tuple(one for _, one in documents if one["kind"] == "ConfigMap"),
        secrets=tuple(one for _, one in documents if one["kind"] == "Secret"),
    )


def documents_of(path: Path) -> Iterator[tuple[int, Document]]:
    """The documents with their numbers, from 1; empty ones are left out.

    Raises:
        InvalidManifest: the file is missing, is no YAML, or has a document of another kind or form.
    """
    try:
        parsed = list(load(text_of(path)))
    except yaml.YAMLError as error:
        raise InvalidManifest(f"{path}: {place_of(error)}not valid YAML{problem_of(error)}") from None
    for number, document in enumerate(parsed, start=1):
        if document is None:
            continue
        if not isinstance(document, dict) or document.get("kind") not in SUPPORTED:
            raise InvalidManifest(f"{path}: document {number}: expected one of the kinds {', '.join(SUPPORTED)}")
        for name in MAPPINGS:
            if not isinstance(document.get(name) or {}, dict):
                raise InvalidManifest(f"{path}: document {number}: {name}: expected fields, as in `name: value`")
        yield number, document


def text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InvalidManifest(f"{path}: no such file") from None
    except OSError as error:
        raise InvalidManifest(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise InvalidManifest(f"{path}: larger than {MOST_BYTES >> 20} MiB: keep tickets in a database or in files")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidManifest(f"{path}: {flaw_in((content,))}") from None


def refuse_bad_names(path: Path, documents: Iterable[tuple[int, Document]]) -> None:
    """Checks names by the API server's rules: they become names of files, and must be different.

    Raises:
        InvalidManifest: a name is missing, invalid, or used twice.
    """
    taken: dict[tuple[str, str, str], int] = {}
    for number, document in documents:
        metadata = document.get("metadata") or {}
        for name in ("name", "namespace"):
            refuse_bad_name(f"{path}: document {number}: metadata.{name}", name, metadata.get(name))
        key = (document["kind"], metadata.get("namespace") or "default", metadata["name"])
        if key in taken:
            raise InvalidManifest(
                f"{path}: document {number}: there is a {key[0]} {key[2]} before, document {taken[key]}"
            )
        taken[key] = number


def refuse_bad_name(place: str, field: str, value: object) -> None:
    if value is None and field == "namespace":
        return
    if value is None or value == "":
        raise InvalidManifest(f"{place} is missing")
    if not isinstance(value, str):
        raise InvalidManifest(f"{place} must be text: put it in quotes")
    if not NAME.fullmatch(value):
        raise InvalidManifest(f"{place} may have small letters, digits, - and . only, and at most 200 characters")


def refuse_bad_set(path: Path, number: int, document: Document) -> None:
    try:
        CategorySet.of(document)
    except InvalidResource as error:
        raise InvalidManifest(f"{path}: document {number} ({document['metadata']['name']}): {error}") from None


def category_names(given: Iterable[str]) -> list[str]:
    """The values of --categories: names with commas in between."""
    return [name.strip() for names in given for name in names.split(",") if name.strip()]


def name_of_file(path: Path) -> str:
    """What a resource for the tickets of a file is called; empty where nothing of the file's name can be taken."""
    stem = Path(path.name.removesuffix(".gz").removesuffix(".zst")).stem
    return re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-.")


def resource_of(path: Path, number: int, document: Document) -> Resource:
    """A resource as its author wrote it; fields that a cluster has added (status, times) belong to another run."""
    metadata = document["metadata"]
    namespace, name = metadata.get("namespace") or "default", metadata["name"]
    # The API server gives every resource a uid; here the name takes its place.
    known = {"namespace": namespace, "name": name, "uid": f"{namespace}/{name}"}
    written = {key: document.get(key) for key in ("apiVersion", "kind", "spec")}
    try:
        return Resource.of({**written, "metadata": known})
    except InvalidResource as error:
        raise InvalidManifest(f"{path}: document {number} ({name}): {error}") from None
