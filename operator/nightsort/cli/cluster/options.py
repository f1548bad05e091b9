"""The common parts of the commands for a cluster: flags with kubectl's meaning, and one sentence for each error."""

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
"""A value of `activeDeadlineSeconds`: the deadline that is over at any time."""
KINDS = ("cb", "classificationbatch", "classificationbatches")


def plain(name: str) -> str:
    """Accepts a name also in the form of `kubectl get -o name`."""
    kind, slash, rest = name.partition("/")
    return rest if slash and kind.removesuffix(".nightsort.dev") in KINDS else name


def run_argument(help: str, metavar: str = "NAME") -> Any:
    """The argument that names a run; where it may be left out, Typer shows it in brackets."""
    return typer.Argument(help=help, parser=plain, autocompletion=names, metavar=metavar, show_default=False)


RUN = "A file that was classified, a manifest, or a ClassificationBatch of a cluster."
Name = Annotated[str, run_argument("The ClassificationBatch.")]
FileOrName = Annotated[str, run_argument(RUN, "FILE|NAME")]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Default: that of the kubeconfig's context.", autocompletion=namespaces),
]
Context = Annotated[
    str | None, typer.Option(help="The kubeconfig's context; by default the current one.", autocompletion=contexts)
]
Kubeconfig = Annotated[str | None, typer.Option(help="By default KUBECONFIG, or ~/.kube/config.")]
UrlEnv = Annotated[
    str | None,
    typer.Option(
        help="For rows in a database: the environment variable with its URL. Default: DATABASE_URL, else the Secret.",
        metavar="VARIABLE",
    ),
]
TicketsUrlEnv = Annotated[
    str | None,
    typer.Option(
        help="For tickets in a database other than the rows': the environment variable with its URL.",
        metavar="VARIABLE",
    ),
]
TicketsQuery = Annotated[
    str | None,
    typer.Option(
        help="For tickets in a database: a query of yours in the place of the run's, with the same columns.",
        metavar="QUERY",
    ),
]
CorrectionsName = Annotated[
    str | None,
    typer.Option(help="In a cluster: the ConfigMap with what people have said; by default NAME-corrections."),
]
Timeout = Annotated[
    float | None,
    typer.Option(help="Give up after so long, such as 10m: exit code 124.", parser=seconds_of, metavar="DURATION"),
]


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """The cluster and namespace of a command; None means the kubeconfig's choice."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None
    url_env: str | None = None
    tickets_url_env: str | None = None
    tickets_query: str | None = None

    def run(self, work: Callable[[Cluster, str], Awaitable[T]], interrupted: str = "interrupted") -> T:
        """Does the work with the cluster and the namespace; ends the command where that is not possible."""
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
        from nightsort.wiring.cluster import OwnTickets, cluster

        own = OwnTickets(self.tickets_url_env or "", self.tickets_query or "")
        async with cluster(self.kubeconfig, self.context, self.url_env or "", own) as opened:
            return await work(opened, self.namespace or opened.namespace)


def parsed(manifest: Mapping[str, Any]) -> Resource:
    """A resource of the cluster.

    Raises:
        Stalled: this program does not know one of its fields.
    """
    from nightsort.api.resource import InvalidResource, Resource
    from nightsort.domain.category_set import with_categories
    from nightsort.domain.errors import Stalled

    try:
        return with_categories(Resource.served(manifest))
    except InvalidResource as invalid:
        name = manifest.get("metadata", {}).get("name")
        raise Stalled(f"cannot read {name}: {invalid}. This nightsort may be older than the cluster's") from None


def announce(resource: str, deed: str) -> None:
    """The report of a change, in kubectl's form."""
    typer.echo(f"classificationbatch.nightsort.dev/{resource} {deed}")
