"""Makes a resource of a file of tickets: the file becomes a ConfigMap that belongs to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightsort.api.model import API_VERSION, KIND, Format
from nightsort.api.resource import InvalidResource, Resource
from nightsort.cli.cluster.manifest_bundle import ManifestBundle
from nightsort.cli.manifests import InvalidManifest, refuse_bad_name, text_of
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Rejected
from nightsort.domain.prompt import placeholders
from nightsort.wiring.cluster import tickets_of

MOST_BYTES = 1024 * 1024
"""What the data of a ConfigMap may have."""
ENDINGS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".json": "json"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a file of tickets does not say."""

    model: str | None = None
    categories: Sequence[str] = ()
    template: str | None = None
    max_cost: str | None = None

    @property
    def given(self) -> list[str]:
        """The flags that were given."""
        flags = {
            "--model": self.model,
            "--categories": self.categories,
            "--template": self.template,
            "--max-cost": self.max_cost,
        }
        return [flag for flag, value in flags.items() if value]


def is_tickets(path: Path) -> bool:
    """Whether a file holds tickets rather than a manifest, which may be JSON too."""
    if path.suffix != ".json":
        return path.suffix in ENDINGS
    return text_of(path).lstrip("\ufeff \t\r\n").startswith("[")


def manifest_of(path: Path, wishes: Wishes) -> dict[str, Any]:
    """A resource for the tickets of a file, under the file's name.

    Raises:
        InvalidManifest: no model was given.
    """
    if wishes.model is None:
        raise InvalidManifest(f"{path} has tickets and no model: give --model, such as --model claude-haiku-5-5")
    spec: dict[str, Any] = {
        "model": wishes.model,
        "source": {"configMap": {"name": "tickets", "key": f"tickets{path.suffix}"}},
    }
    names = [name.strip() for given in wishes.categories for name in given.split(",") if name.strip()]
    if names:
        spec["categories"] = [{"name": name} for name in names]
    if wishes.template is not None:
        spec["prompt"] = {"template": wishes.template}
    if wishes.max_cost is not None:
        spec["maxCostUSD"] = wishes.max_cost
    name = re.sub(r"[^a-z0-9.]+", "-", path.stem.lower()).strip("-.")
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}


def with_tickets(manifest: dict[str, Any], path: Path) -> ManifestBundle:
    """The order for a named manifest and its file.

    Raises:
        InvalidManifest: the file is too large, or its tickets cannot be used.
    """
    text = text_of(path)
    if (size := len(text.encode())) > MOST_BYTES:
        raise InvalidManifest(
            f"{path} has {size:,} bytes, and a ConfigMap holds {MOST_BYTES:,}: put the tickets into object storage or "
            "a database, and write a manifest with source.objectStore or source.database"
        )
    refuse_bad_name("--name", "name", manifest["metadata"]["name"])
    name = f"{manifest['metadata']['name']}-tickets"
    manifest["spec"]["source"]["configMap"]["name"] = name
    refuse_unusable(manifest, path, text)
    return ManifestBundle(manifest, ConfigMap(name, {f"tickets{path.suffix}": text}))


def refuse_unusable(manifest: dict[str, Any], path: Path, text: str) -> None:
    """What the operator would complain of later.

    Raises:
        InvalidManifest: with the place.
    """
    try:
        fields = placeholders(Resource.of(manifest).spec.prompt)
        tickets_of(text, ENDINGS[path.suffix], fields)
    except InvalidResource as error:
        raise InvalidManifest(str(error)) from None
    except Rejected as error:
        hint = " (--template, such as '$body')" if "prompt.template names" in error.message else ""
        raise InvalidManifest(f"{path}: {error.message}{hint}") from None
