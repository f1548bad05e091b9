"""Reads a file of manifests, as `kubectl apply -f` would, and says where a mistake stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nightsort.api.model import KIND
from nightsort.api.resource import InvalidResource, Resource

SUPPORTED = (KIND, "ConfigMap", "Secret")
Document = Mapping[str, Any]


class InvalidManifest(ValueError):
    """The file cannot be used; the message names the document and the place."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """What one file declares: resources to work on, and the ConfigMaps and Secrets that they refer to."""

    resources: tuple[Resource, ...]
    config_maps: tuple[Document, ...] = ()
    secrets: tuple[Document, ...] = field(default=(), repr=False)


def read(path: Path) -> Manifests:
    """Parses a file.

    Raises:
        InvalidManifest: it is missing, is no YAML, or a document in it is wrong.
    """
    documents = list(documents_of(path))
    resources = tuple(resource_of(path, at, one) for at, one in documents if one["kind"] == KIND)
    if not resources:
        raise InvalidManifest(f"{path}: no {KIND} in this file")
    return Manifests(
        resources=resources,
        config_maps=tuple(one for _, one in documents if one["kind"] == "ConfigMap"),
        secrets=tuple(one for _, one in documents if one["kind"] == "Secret"),
    )


def documents_of(path: Path) -> Iterator[tuple[int, Document]]:
    """The documents with their numbers, from 1; empty ones are left out."""
    try:
        parsed = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InvalidManifest(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{path}: cannot be read ({type(error).__name__})") from None
    except yaml.YAMLError as error:
        raise InvalidManifest(f"{path}: {place_of(error)}not valid YAML") from None
    for number, document in enumerate(parsed, start=1):
        if document is None:
            continue
        if not isinstance(document, dict) or document.get("kind") not in SUPPORTED:
            raise InvalidManifest(f"{path}: document {number}: expected one of the kinds {', '.join(SUPPORTED)}")
        yield number, document


def place_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def resource_of(path: Path, number: int, document: Document) -> Resource:
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise InvalidManifest(f"{path}: document {number}: metadata.name is missing")
    # The API server gives every resource an identity of its own; here the name must do.
    named = {"uid": f"{metadata.get('namespace') or 'default'}/{metadata['name']}", **metadata}
    try:
        return Resource.of({**document, "metadata": named})
    except InvalidResource as error:
        raise InvalidManifest(f"{path}: document {number} ({metadata['name']}): {error}") from None
