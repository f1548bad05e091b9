"""A new resource, with the file of tickets that it reads, if that is new too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nightsort.api.model import IMMUTABLE, RULES
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.cli.cluster.options import parsed
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Conflict, Interruption, Stalled
from nightsort.domain.reasons import Reason

if TYPE_CHECKING:
    from nightsort.wiring.cluster import Cluster


@dataclass(frozen=True, slots=True)
class ManifestBundle:
    """`manifest` has a name and a namespace; its source is the ConfigMap `tickets`, where there is one."""

    manifest: dict[str, Any]
    tickets: ConfigMap | None = None

    def as_yaml(self) -> str:
        import yaml

        documents = [self.manifest]
        if self.tickets is not None:
            namespace = self.manifest["metadata"].get("namespace")
            metadata = {"name": self.tickets.name, **({"namespace": namespace} if namespace else {})}
            data = dict(self.tickets.data)
            documents.insert(0, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        return str(yaml.dump_all(documents, Dumper=dumper(), sort_keys=False, allow_unicode=True))

    async def deliver(self, cluster: Cluster, *, dry_run: bool = False, comparing: bool = True) -> bool:
        """Creates both; False where the same resource exists already.

        A second try completes the work of an interrupted one. `comparing` reads a resource that exists, to tell whether
        it is the same; the nightly CronJob has no right to read, and its names are its own.

        Raises:
            Stalled: another resource has the name. Stalled, Waiting: they cannot be created, and nothing is left of
                them.
        """
        name = self.manifest["metadata"]["name"]
        namespace = self.manifest["metadata"]["namespace"]
        is_new = await cluster.resources.create(self.manifest, dry_run=dry_run or self.tickets is not None)
        if comparing and not is_new and (found := await seen(cluster, namespace, name)) is not None:
            refuse_another(self.manifest, found)
        if self.tickets is None:
            return is_new
        kept = await cluster.config_maps.read(namespace, self.tickets.name)
        taken = kept is not None
        if not is_new and kept is not None and kept.data != self.tickets.data:
            raise taken_by_another(name, "with other tickets")
        if is_new and taken:
            raise Stalled(
                f"ConfigMap {self.tickets.name} is there already: remove it, or give another --name",
                reason=Reason.NAME_TAKEN,
            )
        if dry_run or taken:
            return is_new
        is_new = await cluster.resources.create(self.manifest)
        found = await cluster.resources.read(namespace, name)
        if is_new or reads(found, self.tickets.name):
            await write_tickets(cluster, Meta.of(found), self.tickets, is_new=is_new)
        return is_new


async def seen(cluster: Cluster, namespace: str, name: str) -> Mapping[str, Any] | None:
    """The resource of the name; None where its reading is not allowed, as to the nightly CronJob."""
    try:
        return await cluster.resources.read(namespace, name)
    except Stalled as stalled:
        if stalled.reason is Reason.FORBIDDEN:
            return None
        raise


def refuse_another(manifest: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Compares what decides what is bought; what may change during a run may have changed.

    Raises:
        Stalled: the resource of the name is another one.
    """
    wanted, there = Resource.of(manifest).spec, parsed(found).spec.as_written
    differing = [wire(name) for name in deciding() if getattr(wanted, name) != getattr(there, name)]
    if differing:
        raise taken_by_another(there_name(found), f"with another spec ({', '.join(differing)})")


def deciding() -> Iterator[str]:
    """The fields of a spec that cannot change once the resource exists."""
    [rule] = IMMUTABLE[RULES]
    for name, field in Spec.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and rule in cast("list[Any]", extra.get(RULES, [])):
            yield name


def taken_by_another(name: str, how: str) -> Stalled:
    return Stalled(
        f"{name} is there already, {how}, and nothing was made: give another --name, or delete it first",
        reason=Reason.NAME_TAKEN,
    )


def there_name(found: Mapping[str, Any]) -> str:
    return str(found["metadata"]["name"])


def wire(name: str) -> str:
    return Spec.model_fields[name].alias or name


async def write_tickets(cluster: Cluster, owner: Meta, tickets: ConfigMap, *, is_new: bool) -> None:
    """Writes the tickets, for which the resource waits; if that fails, a new resource is deleted again."""
    try:
        await cluster.config_maps.write(owner, tickets)
    except Conflict:
        pass  # another process does the same at the same time
    except Interruption:
        if is_new:
            await cluster.resources.remove(owner)
        raise


def reads(manifest: Any, config_map: str) -> bool:
    return bool((manifest["spec"]["source"].get("configMap") or {}).get("name") == config_map)


def dumper() -> Any:
    """Writes texts of several lines as blocks, so that a file of tickets can be read and compared."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return Dumper
