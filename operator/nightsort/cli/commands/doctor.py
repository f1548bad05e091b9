"""`nightsort doctor`: looks at an installation, or this machine, and says what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.cluster.options import ClusterOptions, Context, Kubeconfig, Namespace, UrlEnv, parsed, run_argument
from nightsort.cli.flags import ApiUrl, StateFolder
from nightsort.cli.output.exit_codes import BAD_INPUT, INTERRUPTED, NOT_COMPLETE, fail

if TYPE_CHECKING:
    from nightsort.api.resource import Resource
    from nightsort.cli.examinations.findings import Finding, Findings
    from nightsort.cli.manifests import Manifests
    from nightsort.settings import Settings

Filename = Annotated[
    Path | None, typer.Option("--filename", "-f", help="A manifest: its source, results, key and model are looked at.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]
ServiceAccount = Annotated[
    str | None,
    typer.Option(help="The operator's, if its Deployment cannot be seen.", metavar="NAMESPACE/NAME"),
]


def add_to(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    name: Annotated[
        str | None, run_argument("A ClassificationBatch, whose source and results are looked at, too.")
    ] = None,
    filename: Filename = None,
    json: Json = False,
    url_env: UrlEnv = None,
    service_account: ServiceAccount = None,
    api_url: ApiUrl = None,
    state: StateFolder = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say what works and what does not, and what to do.

    `nightsort doctor` looks at this machine: the key, by one free call, the clock, the state, and with -f the source
    and the results of a manifest. `kubectl nightsort doctor`, or any flag about a cluster, looks at an installation:
    CRD, operator, your permissions and the operator's, the key where you may read it, the clocks. Nothing is bought,
    written or changed, and no secret is shown.

    Exit codes: 0 nothing failed, 1 something did, 2 bad input.
    """
    import asyncio

    from nightsort.cli.configuration import settings_of
    from nightsort.cli.worlds import World, given

    if name is not None and filename is not None:
        fail("name a ClassificationBatch, or give a manifest with -f", BAD_INPUT)
    settings = settings_of(anthropic_base_url=api_url)
    flags = given(
        namespace=namespace, context=context, kubeconfig=kubeconfig, url_env=url_env, service_account=service_account
    )
    here = World(state, flags).is_here(None) and name is None
    manifests = manifests_in(filename)
    if here:
        from nightsort.cli.examinations.here import examined
        from nightsort.cli.state_folder import state_folder

        findings = examined(settings, state_folder(state), manifests)
    else:
        options = ClusterOptions(namespace, context, kubeconfig, url_env)
        findings = in_cluster(options, settings, name, manifests, account_of(service_account), api_url or "")
    try:
        found = asyncio.run(told(findings, as_document=json))
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    end(found, as_document=json)


def manifests_in(path: Path | None) -> Manifests | None:
    from nightsort.cli.manifests import InvalidManifest, read

    if path is None:
        return None
    try:
        return read(path)
    except InvalidManifest as invalid:
        fail(str(invalid), BAD_INPUT)


def account_of(given: str | None) -> str:
    namespace, slash, name = (given or "").partition("/")
    if given and not (namespace and slash and name):
        fail("--service-account: write NAMESPACE/NAME, such as nightsort/nightsort", BAD_INPUT)
    return f"{namespace}:{name}" if given else ""


async def in_cluster(
    options: ClusterOptions,
    settings: Settings,
    name: str | None,
    manifests: Manifests | None,
    account: str,
    url: str,
) -> Findings:
    """The findings of a cluster, and of a resource in it or the first of a manifest."""
    from nightsort.cli.examinations.findings import of
    from nightsort.cli.examinations.in_cluster import Examination
    from nightsort.domain.errors import Interruption
    from nightsort.wiring.doctor import inspected

    try:
        async with inspected(options.kubeconfig, options.context) as (inspection, cluster):
            namespace = options.namespace or cluster.namespace
            resource = parsed(await cluster.resources.read(namespace, name)) if name else None
            if manifests is not None:
                resource = placed(manifests.resources[0], namespace)
                namespace = resource.meta.namespace
            made = Examination(inspection, cluster, namespace, settings, resource, name is not None, account)
            made.url_env, made.url = options.url_env or "", url
            async for one in made.findings():
                yield one
    except Interruption as interruption:
        yield of("cluster", interruption)


def placed(resource: Resource, namespace: str) -> Resource:
    """A resource of a manifest, in the namespace in which `kubectl apply` would create it."""
    from dataclasses import replace

    own = resource.meta.namespace
    return replace(resource, meta=replace(resource.meta, namespace=namespace if own == "default" else own))


async def told(findings: Findings, *, as_document: bool) -> list[Finding]:
    """All of them; lines are printed as they come."""
    found = []
    async for one in findings:
        found.append(one)
        if not as_document:
            typer.echo(one.line)
            sys.stdout.flush()
    return found


def end(found: list[Finding], *, as_document: bool) -> None:
    from nightsort import __version__
    from nightsort.cli.examinations.findings import Level, as_json, verdict_of

    typer.echo(as_json(__version__, found) if as_document else verdict_of(found))
    if any(one.level is Level.FAILED for one in found):
        raise typer.Exit(NOT_COMPLETE)
