"""The CategorySet that a run names: read once, before anything is bought, and kept beside the run until its end."""

from __future__ import annotations

import logging

from nightsort.api.category_set import CategorySet, CategorySetSpec
from nightsort.api.category_set_use import CategorySetUse
from nightsort.api.resource import Meta
from nightsort.domain.category_set import hash_of, use_of
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Conflict, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.report import progress
from nightsort.flow.run.run import Run

logger = logging.getLogger(__name__)
CONTENT = "set"


async def read_set(run: Run) -> CategorySet | None:
    """The set as it stands now, which this pass works by; None where the resource names none.

    Raises:
        Waiting: it is not there yet. Stalled: it cannot be read, or does not go with the resource.
    """
    ref = run.spec.category_set_ref
    if ref is None:
        return None
    found = await run.services.category_sets.read(run.resource.meta.namespace, ref.name)
    if found is None:
        raise Waiting(f"CategorySet {ref.name} does not exist; it may come later", reason=Reason.CATEGORY_SET_MISSING)
    try:
        run.use_category_set(found.spec)
    except ValueError as error:
        raise Stalled(f"CategorySet {ref.name}: {error}", reason=Reason.CATEGORY_SET_INVALID) from None
    return found


async def keep_set(run: Run, found: CategorySet | None) -> CategorySetUse | None:
    """Keeps a copy durably, and returns what the status says of it; each try has a place of its own."""
    if found is None:
        return None
    tag = run.services.new_tag()
    await keep_copy(run, tag, found.spec)
    return use_of(found, tag)


async def keep_copy(run: Run, tag: str, given: CategorySetSpec) -> None:
    words = given.model_dump_json(by_alias=True, exclude_defaults=True)
    await run.services.ledger.keep_long_ids(run.resource.meta, place_of(tag), {CONTENT: words})
    run.memory.category_set = (tag, given)


async def hold_set(run: Run) -> None:
    """Makes sure that a run which has begun works by the categories that it has begun with.

    Raises:
        Waiting: they cannot be read now. Stalled: they are gone, and the set is another by now.
        Conflict: nothing was bought yet, and the run begins with the set of now.
    """
    status = run.status
    if run.spec.category_set_ref is None or status.plan is None or run.category_set is not None:
        return
    if is_finished(status) or run.resource.meta.deletion_timestamp is not None:
        return
    use = status.category_set
    if use is None:
        await begin_again(run)
        raise Conflict(run.resource.meta.key)
    given = await kept_copy(run, use)
    if given is None:
        given = await the_same(run, use)
        await keep_copy(run, use.kept, given)
    run.memory.category_set = (use.kept, given)
    run.use_category_set(given)


async def kept_copy(run: Run, use: CategorySetUse) -> CategorySetSpec | None:
    """The copy; None where it is gone, or is that of another set."""
    words = (await run.services.ledger.long_ids(run.resource.meta, place_of(use.kept))).get(CONTENT)
    if words is None:
        return None
    try:
        given = CategorySetSpec.model_validate_json(words)
    except ValueError:
        return None
    return given if hash_of(given) == use.hash else None


async def the_same(run: Run, use: CategorySetUse) -> CategorySetSpec:
    """The set itself, where it still is the one that the run has begun with.

    Raises:
        Stalled: it is not, and nobody knows the categories of this run any more.
    """
    found = await run.services.category_sets.read(run.resource.meta.namespace, use.name)
    if found is None or hash_of(found.spec) != use.hash:
        raise Stalled(
            f"the copy of CategorySet {use.name} in ConfigMap {name_of_copy(run.resource.meta, use)} is gone, and the "
            f"set is another by now. Restore the ConfigMap, or the set of generation {use.generation}; deleting this "
            "resource ends the run",
            reason=Reason.CATEGORY_SET_LOST,
        )
    logger.warning("%s: the copy of its CategorySet was gone, and is kept anew", run.resource.meta.key)
    return found.spec


async def begin_again(run: Run) -> None:
    """Goes back before pre-flight, since a status with a plan has lost its set.

    Raises:
        Stalled: something may have been bought.
    """
    name = run.spec.category_set_ref.name if run.spec.category_set_ref is not None else ""
    if run.status.batches:
        raise Stalled(
            f"the status has lost which version of CategorySet {name} the run has begun with (status.categorySet)",
            reason=Reason.CATEGORY_SET_LOST,
        )
    status = run.status.model_copy(update={"plan": None, "evaluation": None})
    await run.save(status, progress(status))


def name_of_copy(meta: Meta, use: CategorySetUse) -> str:
    return f"{meta.name}-ids-{place_of(use.kept)}"


def place_of(tag: str) -> str:
    return f"{tag}c"
