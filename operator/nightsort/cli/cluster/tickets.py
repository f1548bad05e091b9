"""Makes a resource from a file of tickets: the file becomes a ConfigMap that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightsort.api.model import API_VERSION, KIND, Format
from nightsort.api.resource import InvalidResource, Resource
from nightsort.api.spec import InferenceGeo
from nightsort.cli.classification.further import NOTHING_MORE, FurtherAnswers
from nightsort.cli.classification.order import InvalidOrder, asked_for, file_of_categories, in_flags
from nightsort.cli.cluster.exported import Exported, exported, is_export
from nightsort.cli.cluster.manifest_bundle import ManifestBundle
from nightsort.cli.flags import TicketOptions
from nightsort.cli.manifests import InvalidManifest, category_names, name_of_file, refuse_bad_name, text_of
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Rejected
from nightsort.domain.model_choice import choices
from nightsort.domain.prices import PRICE_TABLE, Price
from nightsort.domain.prompt import TicketText, placeholders
from nightsort.domain.ticket import Ticket
from nightsort.wiring.cluster import tickets_in, tickets_of

MOST_BYTES = 1024 * 1024
"""Bytes that the data of a ConfigMap may have."""
ENDINGS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".json": "json"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """The settings that a file of tickets does not have."""

    model: str | None = None
    categories: Sequence[str] = ()
    template: str | None = None
    max_cost: str | None = None
    category_set: str | None = None
    categories_file: Path | None = None
    fallback: str | None = None
    instructions: str | None = None
    further: FurtherAnswers = NOTHING_MORE
    inference_geo: InferenceGeo | None = None

    @property
    def given(self) -> list[str]:
        """The flags that were given."""
        flags = {
            "--model": self.model,
            "--categories": self.categories,
            "--categories-file": self.categories_file,
            "--category-set": self.category_set,
            "--fallback": self.fallback,
            "--instructions": self.instructions,
            "--template": self.template,
            "--max-cost": self.max_cost,
            "--inference-geo": self.inference_geo,
        }
        return [*(flag for flag, value in flags.items() if value), *self.further.words]

    @property
    def asked(self) -> dict[str, Any]:
        """The parts of the spec that say what is asked, as `classify` reads them.

        Raises:
            InvalidManifest: the file of categories or a flag cannot be used, or two flags say the same.
        """
        places = {
            "--categories": self.categories,
            "--categories-file": self.categories_file,
            "--category-set": self.category_set,
        }
        if len(named := [flag for flag, value in places.items() if value]) > 1:
            raise InvalidManifest(f"{' and '.join(named)} both say what the categories are: give one of them")
        try:
            given = file_of_categories(self.categories_file) if self.categories_file is not None else {}
            parts = asked_for(given, self.instructions, self.further)
        except InvalidOrder as error:
            raise InvalidManifest(str(error)) from None
        if names := category_names(self.categories):
            parts["categories"] = [{"name": name} for name in names]
        if self.category_set is not None:
            parts["categorySetRef"] = {"name": self.category_set}
        if self.fallback is not None:
            parts["unknownLabel"] = {"action": "Fallback", "category": self.fallback}
        return parts


def is_tickets(path: Path) -> bool:
    """Whether a file holds tickets rather than a manifest, which may be JSON too."""
    if path.suffix != ".json":
        return is_export(path)
    return text_of(path).lstrip("\ufeff \t\r\n").startswith("[")


def manifest_of(path: Path, wishes: Wishes, own_prices: Mapping[str, Price] | None = None) -> dict[str, Any]:
    """A resource for the tickets of a file, under the file's name.

    Raises:
        InvalidManifest: no model was given or it is not known, or a flag cannot be used.
    """
    if wishes.model is None:
        raise InvalidManifest(f"{path} has tickets and no model: give --model, such as --model claude-haiku-5-5")
    refuse_unknown(wishes.model, own_prices or {})
    spec: dict[str, Any] = {
        "model": wishes.model,
        "source": {"configMap": {"name": "tickets", "key": "tickets.csv"}},
        **wishes.asked,
    }
    if wishes.template is not None:
        spec["prompt"] = {"template": wishes.template, **spec.get("prompt", {})}
    if wishes.max_cost is not None:
        spec["maxCostUSD"] = wishes.max_cost
    if wishes.inference_geo is not None:
        spec["inferenceGeo"] = wishes.inference_geo
    made = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name_of_file(path)}, "spec": spec}
    try:
        Resource.of(made)
    except InvalidResource as error:
        said = str(error).replace("spec: unknownLabel.category", "--fallback") if wishes.fallback else str(error)
        raise InvalidManifest(in_flags(said, str(wishes.categories_file or "--categories"))) from None
    return made


def refuse_unknown(model: str, own_prices: Mapping[str, Price]) -> None:
    """
    Raises:
        InvalidManifest: no price of the model is known, neither the vendor's nor one of the user's own.
    """
    prices = PRICE_TABLE.with_own(own_prices)
    if prices.of(model) is None:
        raise InvalidManifest(
            f"--model: {model!r} is not known. {choices(model, prices.prices, prices)}. For another model give its "
            "price (NIGHTSORT_PRICES), or write a manifest, which the operator checks against the API's own list"
        )


def with_tickets(manifest: dict[str, Any], path: Path, options: TicketOptions) -> ManifestBundle:
    """The bundle of a named manifest and its file.

    A file that the operator can read stays unchanged; any other export becomes JSON lines.

    Raises:
        InvalidManifest: the file is too large, or its tickets cannot be used.
    """
    refuse_bad_name("--name", "name", manifest["metadata"]["name"])
    name = f"{manifest['metadata']['name']}-tickets"
    found = content_of(manifest, path, options)
    key = f"tickets{found.suffix}"
    if len(found.text.encode()) > MOST_BYTES:
        raise InvalidManifest(
            f"{path} has more bytes of tickets than the {MOST_BYTES:,} that a ConfigMap holds: put the tickets into "
            "object storage or a database, and write a manifest with source.objectStore or source.database"
        )
    manifest["spec"]["source"]["configMap"] = {"name": name, "key": key, **(found.source or {})}
    prompt = manifest["spec"].get("prompt", {})
    if found.template is not None and "template" not in prompt:
        manifest["spec"]["prompt"] = {"template": found.template, **prompt}
    bundle = ManifestBundle(manifest, ConfigMap(name, {key: found.text}))
    refuse_unread(bundle, path)
    return bundle


def content_of(manifest: dict[str, Any], path: Path, options: TicketOptions) -> Exported:
    """The text of the tickets in a form that the operator reads.

    Raises:
        InvalidManifest: no way of reading works.
    """
    if path.suffix in ENDINGS and not options.words:
        try:
            text = text_of(path)
            refuse_unusable(manifest, path, text, ENDINGS[path.suffix])
            return Exported(text, path.suffix)
        except InvalidManifest:
            pass  # it may be an export: that reader accepts more forms, and gives better messages
    return exported(path, options, MOST_BYTES)


def refuse_unread(bundle: ManifestBundle, path: Path) -> None:
    """Reads the ConfigMap as the operator will.

    Raises:
        InvalidManifest: with the place of the fault, or no ticket has a text.
    """
    try:
        resource = Resource.of(bundle.manifest)
        source = resource.spec.source.config_map
        assert source is not None  # noqa: S101 - it was made here
        found = tickets_in(bundle.tickets, source, placeholders(resource.spec.prompt))
    except InvalidResource as error:
        raise InvalidManifest(str(error)) from None
    except Rejected as error:
        fault = error.message.partition(", key ")[2].partition(", ")[2]
        hint = " (--template, such as '$body')" if "prompt.template names" in fault else ""
        raise InvalidManifest(f"{path}: {fault}{hint}") from None
    refuse_empty(path, resource, found[0] if found is not None else ())


def refuse_empty(path: Path, resource: Resource, tickets: Sequence[Mapping[str, str]]) -> None:
    """
    Raises:
        InvalidManifest: no ticket has a text that could be sent.
    """
    text = TicketText(resource.spec.prompt)
    if not any(text.of(Ticket(each.get("id", ""), each, cursor="")) for each in tickets):
        what = f"no ticket of {len(tickets):,} has a text" if tickets else "it has no tickets"
        raise InvalidManifest(
            f"{path}: {what}, and nothing was made (--body or --text name the columns with the texts, --template what "
            "is sent of them)"
        )


def refuse_unusable(manifest: dict[str, Any], path: Path, text: str, kind: Format) -> None:
    """Checks for faults that the operator would report later.

    Raises:
        InvalidManifest: with the place.
    """
    try:
        fields = placeholders(Resource.of(manifest).spec.prompt)
        tickets_of(text, kind, fields)
    except InvalidResource as error:
        raise InvalidManifest(str(error)) from None
    except Rejected as error:
        hint = " (--template, such as '$body')" if "prompt.template names" in error.message else ""
        raise InvalidManifest(f"{path}: {error.message}{hint}") from None
