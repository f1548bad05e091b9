"""The rules of a spec that the API server holds, in CEL, with the words for a spec that breaks them."""

from __future__ import annotations

import json
import re

from nightsort.api.categories import DEFAULT_CATEGORIES
from nightsort.api.evaluation import NO_COLUMN
from nightsort.api.fields import MOST_VALUES
from nightsort.api.reuse import FINDS_ROWS, NOTHING_TO_REUSE
from nightsort.api.review import FIELD_TAKEN, NO_CONFIDENCE, REVIEW_COLUMNS, SAME_MODEL, UNCHANGEABLE

NAMES_SUBJECT = re.compile(r"(^|[^$])([$][$])*[$](subject([^_a-zA-Z0-9]|$)|[{]subject[}])")
NO_SUBJECT = (
    "textColumns makes the body, and no column is the subject, which prompt.template names: give columns.subject, or a "
    "template without it, such as $body"
)
TWO_PLACES = "categories and categorySetRef both say what tickets are sorted into: give one of them"
INLINE_TRUTH = "evaluation.truth.column: inline tickets have no other columns than id, subject and body"
OWN_TRUTH = (
    "[has(self.evaluation.truth.configMap), has(self.evaluation.truth.objectStore), "
    "has(self.evaluation.truth.database)].exists(x, x)"
)
ANOTHER = "is immutable. Create another resource instead"


def has_no_subject(kind: str) -> str:
    """The CEL condition for a file whose body is made of several columns, none of which is the subject."""
    file = f"self.source.{kind}"
    given = f"has({file}.columns) && has({file}.columns.subject)"
    return f"(has({file}) && has({file}.textColumns) && !({given}))"


SPEC_RULES = (
    (FINDS_ROWS, f"reuse: {NOTHING_TO_REUSE}"),
    (
        (
            f"!({has_no_subject('configMap')} || {has_no_subject('objectStore')}) || "
            f"!self.prompt.template.matches('{NAMES_SUBJECT.pattern}')"
        ),
        NO_SUBJECT,
    ),
    ("!has(self.categorySetRef) || !has(self.categories)", TWO_PLACES),
    (
        (
            "!has(self.unknownLabel.category) || has(self.categorySetRef) || (has(self.categories) ? "
            "self.categories.exists(c, c.name == self.unknownLabel.category) : "
            f"self.unknownLabel.category in {[category.name for category in DEFAULT_CATEGORIES]})"
        ),
        "unknownLabel.category must be one of the categories",
    ),
    (
        # The list around the names makes them small once: once for each pair costs more than is allowed.
        (
            "!has(self.categories) || [self.categories.map(c, c.name.lowerAscii())].all(names, "
            "names.all(n, names.exists_one(m, m == n)))"
        ),
        "a category is named twice (capitals do not count)",
    ),
    (
        (f"!has(self.evaluation) || has(self.categorySetRef) || has(self.evaluation.truth.column) || {OWN_TRUTH}"),
        f"evaluation.truth: {NO_COLUMN}",
    ),
    (
        (
            "!has(self.evaluation) || !has(self.source.inline) || "
            f"(has(self.categorySetRef) && !has(self.evaluation.truth.column)) || {OWN_TRUTH}"
        ),
        INLINE_TRUTH,
    ),
    ("has(self.categories) == has(oldSelf.categories)", f"categories {ANOTHER}"),
    ("has(self.categorySetRef) == has(oldSelf.categorySetRef)", f"categorySetRef {ANOTHER}"),
    (
        "has(self.evaluation) == has(oldSelf.evaluation)",
        "evaluation is immutable but for release. Create another resource instead",
    ),
    (
        f"!has(self.fields) || self.fields.map(f, has(f.values) ? f.values.size() : 0).sum() <= {MOST_VALUES}",
        f"fields: more than {MOST_VALUES} values in all",
    ),
    ("has(self.review) == has(oldSelf.review)", UNCHANGEABLE),
    ("!has(self.review) || self.review.model != self.model", SAME_MODEL),
    (
        ("!has(self.review) || !('LowConfidence' in self.review.of) || (has(self.confidence) && self.confidence)"),
        NO_CONFIDENCE,
    ),
    (
        (f"!has(self.review) || !has(self.fields) || !self.fields.exists(f, f.name in {json.dumps(REVIEW_COLUMNS)})"),
        FIELD_TAKEN,
    ),
    ("has(self.fields) == has(oldSelf.fields)", f"fields {ANOTHER}"),
    ("has(self.inferenceGeo) == has(oldSelf.inferenceGeo)", f"inferenceGeo {ANOTHER}"),
    ("has(self.credentials) == has(oldSelf.credentials)", f"credentials {ANOTHER}"),
)
