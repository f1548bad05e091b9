"""This machine: the key, the clock, the state, and the resources of a manifest."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from nightsort import __version__
from nightsort.api.resource import Resource
from nightsort.cli.examinations import account, places
from nightsort.cli.examinations.account import Answered, Key
from nightsort.cli.examinations.findings import Finding, Findings, failed, of, ok
from nightsort.cli.manifests import Manifests
from nightsort.domain.errors import Interruption
from nightsort.domain.prices import PRICE_TABLE
from nightsort.settings import Settings
from nightsort.wiring.doctor import Places, local_places, own_key

NO_KEY = "set ANTHROPIC_API_KEY; a simulated API (--simulate) needs none"
TRIED = "tried from this machine, with the manifest's Secrets and your environment"


async def examined(settings: Settings, state: Path, manifests: Manifests | None) -> Findings:
    yield ok("nightsort", f"{__version__}, Python {platform.python_version()}")
    yield writable(state)
    prices = PRICE_TABLE.with_own(settings.prices)
    if manifests is None:
        answered, finding = await own(settings)
        yield finding
        if answered is not None:
            yield clock(answered)
        return
    found = local_places(settings, manifests.secrets, manifests.config_maps, state)
    for resource in manifests.resources:
        if len(manifests.resources) > 1:
            yield ok("resource", resource.meta.name)
        answered, finding = await of_resource(settings, found, resource)
        yield finding
        if answered is not None:
            yield clock(answered)
            for one in account.model(resource.spec.model, answered.catalogue, prices, datetime.now(UTC)):
                yield one
        async for one in places.checked(found, resource, TRIED):
            yield one


def clock(answered: Answered) -> Finding:
    there = answered.catalogue.answered_at
    return account.clock("clock", answered.began, answered.ended, there, "this machine's clock")


async def own(settings: Settings) -> tuple[Answered | None, Finding]:
    """The key of the environment."""
    try:
        value = own_key(settings)
    except Interruption as interruption:
        return None, of("key", interruption)
    if value is None:
        return None, failed("key", "there is no API key in the environment", NO_KEY)
    where = settings.anthropic_api_key_file
    origin = f"the key in {where}" if where else "the key of your environment"
    return await account.ask(Key(value, origin, settings.anthropic_base_url))


async def of_resource(settings: Settings, found: Places, resource: Resource) -> tuple[Answered | None, Finding]:
    if resource.spec.credentials is None:
        return await own(settings)
    ref = resource.spec.credentials.secret_ref
    try:
        value = await found.secrets.read(resource.meta.namespace, ref)
    except Interruption as interruption:
        return None, of("key", interruption)
    return await account.ask(Key(value, f"the key of Secret {ref.name}", settings.anthropic_base_url))


def writable(state: Path) -> Finding:
    """Nothing is made: a folder that is not there yet is looked at by the one that it would be in."""
    folder = next(one for one in (state, *state.absolute().parents) if one.exists())
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        there = "is there" if state.exists() else "is not there yet, and can be made"
        return ok("state", f"{state} {there}")
    return failed("state", f"{state}: {folder} cannot be written to", "name another folder with --state")
