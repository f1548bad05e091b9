"""The resources of a manifest file with what a directory remembers of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nightsort.api.resource import Resource
from nightsort.cli.manifests import Manifests
from nightsort.cli.output.exit_codes import BAD_INPUT, fail
from nightsort.cli.skeletons.given import Asked
from nightsort.cli.skeletons.given import is_manifest as is_manifest_of
from nightsort.wiring.local_rows import LocalFiles
from nightsort.wiring.local_runs import folder_of_runs


@dataclass(frozen=True, slots=True)
class Known:
    """Resources that have run, of a manifest file; `folder` has their records."""

    manifests: Manifests
    resources: Sequence[Resource]
    files: LocalFiles
    simulated: bool

    @property
    def folder(self) -> Path:
        return self.files.folder


def is_manifest(file: Path) -> bool:
    """Whether a file is a manifest rather than one of tickets."""
    return is_manifest_of(Asked(file))


async def known(manifests: Manifests, state: Path) -> Known | None:
    """What is remembered of them; real runs before simulated ones. None where none has run.

    Raises:
        Stalled: a record cannot be read.
    """
    for simulated in (False, True):
        files = LocalFiles.of(folder_of_runs(state, simulated=simulated), manifests.config_maps, manifests.secrets)
        found = [await files.resource(resource) for resource in manifests.resources]
        if resources := [resource for resource in found if resource is not None]:
            return Known(manifests, resources, files, simulated)
    return None


def the_one(file: Path, known: Known, name: str | None) -> Resource:
    """The resource of this name; without a name there must be only one. Ends the command otherwise."""
    names = [resource.meta.name for resource in known.resources]
    if name is None and len(names) > 1:
        fail(f"{file} has several resources: name one of them with --resource: {', '.join(names)}", BAD_INPUT)
    found = [one for one in known.resources if name in (None, one.meta.name, one.meta.key)]
    if not found:
        fail(f"{file} has no resource {name} that has run here: {', '.join(names)}", BAD_INPUT)
    return found[0]
