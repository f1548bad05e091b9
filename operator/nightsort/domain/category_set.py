"""The categories that a run takes from a CategorySet: told apart by a hash, and put into the run's spec."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

from nightsort.api.category_set import CategorySet, CategorySetSpec
from nightsort.api.category_set_use import CategorySetUse
from nightsort.api.resource import Resource
from nightsort.domain.dependence import DIGEST_BYTES, as_words


def hash_of(given: CategorySetSpec) -> str:
    """A hash of what labels depend on: known tickets are no part of it. Defaults are left out."""
    words = given.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"truth"})
    return blake2b(as_words(words).encode(), digest_size=DIGEST_BYTES).hexdigest()


def use_of(found: CategorySet, tag: str) -> CategorySetUse:
    """What a status says of a set; `tag` is that of the copy."""
    names = tuple(category.name for category in found.spec.categories)
    return CategorySetUse(
        name=found.name, hash=hash_of(found.spec), generation=found.generation, categories=names, kept=tag
    )


def with_categories(resource: Resource, given: CategorySetSpec | None = None) -> Resource:
    """The resource with the categories of its set: all that the set says where it is given, else the names alone.

    Raises:
        ValueError: the set does not go with the resource.
    """
    use = resource.status.category_set
    if resource.spec.category_set_ref is None:
        return resource
    if given is not None:
        return replace(resource, spec=resource.spec.with_set(given))
    return resource if use is None else replace(resource, spec=resource.spec.with_names(use.categories))


def hash_in_rows(resource: Resource) -> str | None:
    """The hash that stands in the rows of a run; None where its categories are its own."""
    use = resource.status.category_set
    return use.hash if use is not None and resource.spec.category_set_ref is not None else None
