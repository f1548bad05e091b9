"""How GitOps tools judge a resource: kstatus by its rules, Argo CD by our Lua, Flux by our expressions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import celpy
import yaml
from celpy.adapter import json_to_cel
from lupa.lua51 import LuaRuntime  # type: ignore[import-not-found,import-untyped,unused-ignore]

TOP = Path(__file__).resolve().parents[2]
LUA = TOP / "gitops" / "argocd-health.lua"
FLUX = TOP / "examples" / "gitops" / "flux" / "support.yaml"


def conditions(manifest: Any) -> dict[str, str]:
    return {one["type"]: one["status"] for one in (manifest.get("status") or {}).get("conditions", ())}


def kstatus(manifest: Any) -> str:
    """The rules of sigs.k8s.io/cli-utils for a kind that it does not know, in their order."""
    told = conditions(manifest)
    if manifest["metadata"].get("deletionTimestamp"):
        return "Terminating"
    if outdated(manifest) or told.get("Reconciling") == "True":
        return "InProgress"
    if told.get("Stalled") == "True":
        return "Failed"
    return "InProgress" if told.get("Ready", "True") != "True" else "Current"


def outdated(manifest: Any) -> bool:
    seen = (manifest.get("status") or {}).get("observedGeneration")
    return seen is not None and seen != manifest["metadata"].get("generation")


def argo_cd(manifest: Any) -> tuple[str, str]:
    """Health and message as Argo CD's Lua 5.1 makes them, in which no script may reach outside."""
    lua = LuaRuntime(register_eval=False)
    lua.execute("os, io, require, dofile, loadfile, package, debug = nil")
    lua.globals().obj = lua.table_from(manifest, recursive=True)
    health = lua.execute(LUA.read_text())
    return str(health["status"]), str(health["message"])


@cache
def expressions() -> dict[str, Any]:
    [checks] = yaml.safe_load(FLUX.read_text())["spec"]["healthCheckExprs"]
    environment = celpy.Environment()
    names = ("inProgress", "failed", "current")
    return {name: environment.program(environment.compile(checks[name])) for name in names}


def flux(manifest: Any) -> str:
    """As fluxcd/pkg's runtime/cel evaluates: generation first, then in progress, failed, current.

    Without a status its CEL knows no such variable, which is an error; Flux asks again until its time-out.
    """
    if "status" not in manifest:
        return "Unknown"
    if outdated(manifest):
        return "InProgress"
    given = json_to_cel({key: manifest[key] for key in ("metadata", "spec", "status") if key in manifest})
    for name, verdict in zip(expressions(), ("InProgress", "Failed", "Current"), strict=True):
        if bool(expressions()[name].evaluate(given)):
            return verdict
    return "InProgress"
