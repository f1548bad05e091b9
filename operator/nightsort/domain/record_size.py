"""The sizes in bytes of a record's entries, and what else of a resource takes of the room in the store."""

from __future__ import annotations

import json

from nightsort.api.batch_record import BatchRecord
from nightsort.api.evaluated import MOST_CONFUSIONS
from nightsort.api.spec import Spec
from nightsort.domain.fields import fields_of

RECORD_BYTES = 1_400
"""Bytes of an entry without its cursors, with Kubernetes' notes about the ownership of its fields."""
SEEN_BYTES = 700
"""Bytes of the note about the account before a purchase, which is kept while that is in flight."""
US_BYTES = 300
"""Bytes of the tokens that were used in the US. They come when the note about the account goes, which has more."""
LARGEST_CURSOR_BYTES = 6 * 1024
STORED_BYTES = 1_500_000
"""etcd takes 1.5 MiB by default for the whole object: the spec, an annotation that repeats it, and the status."""
MOST_RECORD_BYTES = 1_100_000
LEAST_RECORD_BYTES = 100_000
"""Least bytes for a run to begin: seven entries in flight at a time, however long their cursors are."""
AROUND_RECORD_BYTES = 100_000
"""Bytes of metadata with other annotations and notes of ownership, conditions and messages, without category counts."""
CATEGORY_BYTES = 300
"""Bytes of a category's count, beside three times its name: the entry, and Kubernetes' note of it."""
FIGURES_BYTES = 120
"""Bytes of a category's figures, or of a confusion, without its names."""
CELL_BYTES = 16
VALUE_BYTES = 40
"""Bytes of a count of a field's value, beside the value: Kubernetes has one note for the whole list."""
MOST_ANNOTATION_BYTES = 300_000
"""kubectl repeats no larger manifest: Kubernetes takes 256 KiB of annotations, and a manifest may lack defaults."""
RETRIES_BYTES = 20 * RECORD_BYTES
HTML = "<>&\u2028\u2029"
"""Characters that Go escapes with six characters each, since HTML or JavaScript could misread them."""


def bytes_beside(spec: Spec, limit: int) -> int:
    """The bytes for batches in a resource of `limit` bytes, beside the spec and all else."""
    counts = sum(CATEGORY_BYTES + 3 * stored_bytes(category.name) for category in spec.categories)
    values = (value for field in fields_of(spec) for value in field.values)
    counts += sum(VALUE_BYTES + stored_bytes(value) for value in values)
    if spec.category_set_ref is not None:  # the status has the names, too
        counts += sum(stored_bytes(category.name) for category in spec.categories)
    return limit - spec_bytes(spec.as_written) - counts - AROUND_RECORD_BYTES - RETRIES_BYTES - evaluation_bytes(spec)


def evaluation_bytes(spec: Spec) -> int:
    """Bytes of the figures on known tickets: of each category, the confusions, and a cell for each ticket at most."""
    if spec.evaluation is None:
        return 0
    names = [stored_bytes(category.name) for category in spec.categories]
    confusions = MOST_CONFUSIONS * (FIGURES_BYTES + 2 * max(names))
    return sum(FIGURES_BYTES + name for name in names) + confusions + CELL_BYTES * spec.evaluation.sample


def spec_bytes(spec: Spec) -> int:
    """Bytes of a spec in the stored object, and in the quoted annotation that repeats it after an apply."""
    text = spec.model_dump_json(by_alias=True, exclude_none=True)
    escaped = sum(map(text.count, HTML))
    plain = len(text.encode()) + 5 * escaped
    repeated = plain + text.count('"') + text.count("\\") + escaped
    return plain + (repeated if plain <= MOST_ANNOTATION_BYTES else 0)


def size_of(record: BatchRecord) -> int:
    """Bytes that an entry takes in the stored object, rounded up."""
    parts = SEEN_BYTES * bool(record.seen) + us_bytes(record)
    return RECORD_BYTES + parts + stored_bytes(record.after) + stored_bytes(record.through)


def us_bytes(record: BatchRecord) -> int:
    return 0 if record.usage.us is None else US_BYTES


def stored_bytes(text: str | None) -> int:
    """Bytes of a text as Go writes JSON: in UTF-8, with the characters that HTML could misread escaped."""
    if text is None:
        return 0
    return len(json.dumps(text, ensure_ascii=False).encode()) + 5 * sum(map(text.count, HTML))
