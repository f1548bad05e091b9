"""The reasons that the code can give in conditions, events and metrics, read from its syntax trees.

A reason is a CamelCase word that is handed to whatever makes an interruption, a summary or an event; names of
constants are followed, to other modules too. Who moves next follows from the class, as in `domain.errors`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "operator" / "nightsort"
SILENT = ("api/", "cli/", "simulator/", "kube/", "wiring/cluster.py", "adapters/kubernetes/resources.py")
"""What writes no status and no event: a command that ends shows the message without its reason."""
REASON = re.compile(r"(?:[A-Z][a-z]+)+")
KINDS_OF_EVENTS = frozenset({"Normal", "Warning"})

ITSELF, YOU, FINAL, DONE, EVENT = "by itself", "you", "final", "done", "event"
MAKERS = {
    "Waiting": ITSELF,
    "OutcomeUnknown": ITSELF,
    "working": ITSELF,
    "WORKING": ITSELF,
    "Stalled": YOU,
    "SourceChanged": YOU,
    "NotTaken": YOU,
    "STALLED": YOU,
    "SUSPENDED": YOU,
    "Rejected": FINAL,
    "RefusedBatch": FINAL,
    "Stop": FINAL,
    "FAILED": FINAL,
    "COMPLETE": DONE,
    "note": EVENT,
    "warn": EVENT,
    "post": EVENT,
    "post_event": EVENT,
    "Warned": EVENT,
    # These make a Stalled of a message and a reason.
    "stalled": YOU,
    "_stalled": YOU,
    "refuse": YOU,
    "complain": YOU,
}
"""By what is called, or by the first argument of a Cause and a ConditionSummary."""
BY_FIRST_ARGUMENT = frozenset({"Cause", "ConditionSummary"})
WITH_A_DEFAULT = frozenset(
    {"Waiting", "OutcomeUnknown", "Stalled", "SourceChanged", "NotTaken", "Rejected", "RefusedBatch"}
)
"""An interruption without a reason gives the name of its class."""

Constants = Mapping[str, list[ast.expr]]


def reasons() -> dict[str, set[str]]:
    """Who moves next, by reason; more than one where the same word is said of different things."""
    modules = list(parsed())
    shared = {name: values for module in modules for name, values in constants(module).items() if name.isupper()}
    found: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        known = {**shared, **constants(module)}
        for call in calls(module):
            for reason in given(call, known):
                found[reason].add(MAKERS[maker(call)])
                if any(keyword.arg == "tries" for keyword in call.keywords):
                    found[reason].add(YOU)  # after so many
    return found


def takers() -> set[str]:
    """Functions that are handed a reason, and interruptions: one that is no maker would keep its reasons from us."""
    return {
        node.name
        for module in parsed()
        for node in ast.walk(module)
        if (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and takes_a_reason(node))
        or (isinstance(node, ast.ClassDef) and any(last_name(base) in {*MAKERS, "Interruption"} for base in node.bases))
    }


def takes_a_reason(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(each.arg == "reason" for each in (*function.args.args, *function.args.kwonlyargs))


def parsed() -> Iterator[ast.Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.relative_to(PACKAGE).as_posix().startswith(SILENT):
            yield ast.parse(path.read_text(encoding="utf-8"))


def constants(module: ast.Module) -> Constants:
    """What names are assigned to, whatever their scope."""
    found: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            for target, value in assigned(node.targets, node.value):
                found[target].append(value)
    return found


def assigned(targets: Iterable[ast.expr], value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, value
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its in zip(target.elts, value.elts, strict=True):
                yield from assigned([one], its)


def calls(module: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module) if isinstance(node, ast.Call) and maker(node) in MAKERS)


def maker(call: ast.Call) -> str:
    name = last_name(call.func)
    return last_name(call.args[0]) if name in BY_FIRST_ARGUMENT and call.args else name


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def given(call: ast.Call, known: Constants) -> set[str]:
    """The reasons among a call's arguments."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
    if not named and last_name(call.func) in WITH_A_DEFAULT:
        return {last_name(call.func)}
    found = {word for argument in named or call.args for word in words(argument, known)}
    return {word for word in found - KINDS_OF_EVENTS if REASON.fullmatch(word)}


def words(node: ast.expr, known: Constants) -> Iterator[str]:
    """The strings that an expression may come to; f-strings and attributes are none of them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name):
        for value in known.get(node.id, ()):
            if not (isinstance(value, ast.Name) and value.id == node.id):
                yield from words(value, known)
    elif isinstance(node, ast.IfExp):
        yield from (*words(node.body, known), *words(node.orelse, known))
    elif isinstance(node, ast.Dict):
        for each in node.values:
            yield from words(each, known)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        for each in (node.func.value, *node.args):  # of a table, with what goes for the rest
            yield from words(each, known)
