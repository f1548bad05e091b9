"""`nightsort completion`, and the candidates for shells; kubectl asks `kubectl_complete-nightsort`.

Typer completes commands and flags. Names come from kubectl itself: it answers ten times as fast as our own client can
be imported, and with the user's own login.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import typer

KUBECTL_SECONDS = 5
FINISHED = ("Complete", "Failed")
# kubectl's directives: whether files are offered where there are no other candidates.
FILES, NO_FILES = ":0", ":4"
FLAGS = ("namespace", "context", "kubeconfig")


def add_to(app: typer.Typer) -> None:
    app.command("completion")(completion)


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.")]) -> None:
    """Print the completion script of a shell.

    For bash: source <(nightsort completion bash). With kubectl's own completion, `kubectl nightsort` is completed
    without it.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined] # it is there, and not listed

    typer.echo(get_completion_script(prog_name="nightsort", complete_var="_NIGHTSORT_COMPLETE", shell=shell))


def names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Resources with their phases: unfinished ones for `cancel`, finished ones for `retry`."""
    template = r'{range .items[*]}{.metadata.name}{"\t"}{.status.phase}{"\n"}{end}'
    lines = kubectl(context, "get", "classificationbatches.nightsort.dev", "-o", f"jsonpath={template}")
    found = [(name, phase) for name, _, phase in (line.partition("\t") for line in lines)]
    if context.info_name in ("cancel", "retry"):
        found = [(name, phase) for name, phase in found if (phase in FINISHED) == (context.info_name == "retry")]
    return [(name, phase or "new") for name, phase in found if name.startswith(incomplete)]


def namespaces(context: typer.Context, incomplete: str) -> list[str]:
    lines = kubectl(context, "get", "namespaces", "-o", r'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}')
    return [line for line in lines if line.startswith(incomplete)]


def contexts(context: typer.Context, incomplete: str) -> list[str]:
    lines = kubectl(context, "config", "get-contexts", "-o", "name")
    return [line for line in lines if line.startswith(incomplete)]


def kubectl(context: typer.Context, *arguments: str) -> list[str]:
    """The lines that kubectl prints for the given flags; none where it is missing or fails."""
    import shutil
    import subprocess

    program = shutil.which("kubectl")
    if program is None:
        return []
    flags = [f"--{name}={context.params[name]}" for name in FLAGS if context.params.get(name)]
    command = [program, *arguments, *flags, f"--request-timeout={KUBECTL_SECONDS}s"]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own kubectl, without a shell
            command, capture_output=True, text=True, timeout=2 * KUBECTL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def for_kubectl(main: Callable[[], None]) -> None:
    """Answers kubectl's request to complete its plugin `nightsort`: a candidate a line with its help, then a directive.

    Typer prints the same for the shell fish, without the directive.
    """
    import sys

    *done, incomplete = sys.argv[1:] or [""]
    found = [line for line in said_to_fish(main, done, incomplete) if line]
    # Where a file name is expected, Typer answers with the words typed so far.
    if [line.partition("\t")[0] for line in found] == [incomplete] or not found:
        typer.echo(FILES)
        return
    typer.echo("\n".join([*found, NO_FILES]))


def said_to_fish(main: Callable[[], None], done: list[str], incomplete: str) -> Iterator[str]:
    import contextlib
    import io
    import os
    import shlex
    import sys

    words = " ".join(["nightsort", *map(shlex.quote, done), shlex.quote(incomplete) if incomplete else ""])
    os.environ |= {
        "_NIGHTSORT_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": words,
    }
    sys.argv[0] = "nightsort"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main()
    yield from said.getvalue().splitlines()
