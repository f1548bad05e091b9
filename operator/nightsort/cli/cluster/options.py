"""What the commands for a cluster share: flags that mean what they mean to kubectl, and one sentence for each error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from nightsort.cli.cluster.completion import contexts, names, namespaces
from nightsort.cli.duration import seconds_of
from nightsort.cli.output.exit_codes import BAD_INPUT, INTERRUPTED, NOT_COMPLETE, fail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nightsort.api.resource import Resource
    from nightsort.wiring.cluster import Cluster

T = TypeVar("T")
CANCELED_AFTER = 0
"""Of `activeDeadlineSeconds`: the deadline that is over at any time."""
KINDS = ("cb", "classificationbatch", "classificationbatches")


def plain(name: str) -> str:
    """A name as `kubectl get -o name` writes it is a name too."""
    kind, slash, rest = name.partition("/")
    return rest if slash and kind.removesuffix(".nightsort.dev") in KINDS else name


Name = Annotated[
    str, typer.Argument(help="The ClassificationBatch.", parser=plain, autocompletion=names, metavar="NAME")
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Default: that of the kubeconfig's context.", autocompletion=namespaces),
]
Context = Annotated[
    str | None, typer.Option(help="The kubeconfig's context; by default the current one.", autocompletion=contexts)
]
Kubeconfig = Annotated[str | None, typer.Option(help="By default KUBECONFIG, or ~/.kube/config.")]
Timeout = Annotated[
    float | None,
    typer.Option(help="Give up after so long, such as 10m: exit code 124.", parser=seconds_of, metavar="DURATION"),
]


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Which cluster and namespace a command is for; what is None is as the kubeconfig has it."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None

    def run(self, work: Callable[[Cluster, str], Awaitable[T]], interrupted: str = "interrupted") -> T:
        """Does the work with the cluster and the namespace; ends the command where that cannot be done."""
        import asyncio

        from nightsort.domain.errors import Conflict, Interruption, Waiting

        try:
            return asyncio.run(self._inside(work))
        except Interruption as interruption:
            fail(interruption.message, NOT_COMPLETE if isinstance(interruption, Waiting) else BAD_INPUT)
        except Conflict:
            fail("somebody else has changed it meanwhile: try again", NOT_COMPLETE)
        except KeyboardInterrupt:
            fail(interrupted, INTERRUPTED)

    async def _inside(self, work: Callable[[Cluster, str], Awaitable[T]]) -> T:
        from nightsort.wiring.cluster import cluster

        async with cluster(self.kubeconfig, self.context) as opened:
            return await work(opened, self.namespace or opened.namespace)


def parsed(manifest: Mapping[str, Any]) -> Resource:
    """A resource of the cluster.

    Raises:
        Stalled: this program does not know a field of it.
    """
    from nightsort.api.resource import InvalidResource, Resource
    from nightsort.domain.errors import Stalled

    try:
        return Resource.served(manifest)
    except InvalidResource as invalid:
        name = manifest.get("metadata", {}).get("name")
        raise Stalled(f"cannot read {name}: {invalid}. This nightsort may be older than the cluster's") from None


def announce(resource: str, deed: str) -> None:
    """As kubectl tells of what it has done."""
    typer.echo(f"classificationbatch.nightsort.dev/{resource} {deed}")
