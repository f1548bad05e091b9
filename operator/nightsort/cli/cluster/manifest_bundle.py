"""A new resource, with the file of tickets that it reads, if that is new too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightsort.api.resource import Meta
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

    async def deliver(self, cluster: Cluster, *, dry_run: bool = False) -> bool:
        """Creates both; False where a resource of that name exists already.

        A second try completes the work of an interrupted one.

        Raises:
            Stalled, Waiting: they cannot be created, and nothing is left of them.
        """
        name = self.manifest["metadata"]["name"]
        if self.tickets is None:
            return await cluster.resources.create(self.manifest, dry_run=dry_run)
        is_new = await cluster.resources.create(self.manifest, dry_run=True)
        namespace = self.manifest["metadata"]["namespace"]
        taken = await cluster.config_maps.read(namespace, self.tickets.name) is not None
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
