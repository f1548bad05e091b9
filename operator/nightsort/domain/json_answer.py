"""Asks for a JSON object with the category and the fields: in words for every model, as a schema where it takes one."""

from __future__ import annotations

from typing import Any

from nightsort.api.spec import Spec
from nightsort.domain.fields import CATEGORIES, CONFIDENCE, RATIONALE, AskedField, FieldKind, fields_of

CATEGORY = "category"
CLOSING = "Answer with one JSON object and nothing else. It has exactly these members:"
NAME_TOKENS = 32
"""Tokens of a category's name as a member, and of the brackets around the object."""
MOST_ANSWER_TOKENS = 4096
"""What `prompt.maxTokens` may be at the most."""


def members_of(spec: Spec) -> tuple[AskedField, ...]:
    """The object's members in their order: reasons come before what they are reasons for, as models write in order."""
    fields = {field.name: field for field in fields_of(spec)}
    names = tuple(category.name for category in spec.categories)
    label = fields.pop(CATEGORIES, None) or AskedField(CATEGORY, FieldKind.ONE, values=names)
    rationale, confidence = fields.pop(RATIONALE, None), fields.pop(CONFIDENCE, None)
    ordered = (rationale, label, *fields.values(), confidence)
    return tuple(member for member in ordered if member is not None)


def demand(spec: Spec) -> str:
    """The end of the system prompt, which says how to answer."""
    return "\n".join((CLOSING, *(f'"{member.name}": {wording(member)}' for member in members_of(spec))))


def wording(member: AskedField) -> str:
    match member.name:
        case "category":
            return "the name of exactly one category, spelled as in the list"
        case "categories":
            return (
                f"a list of the names of the categories that fit, spelled as in the list; at least one, at most "
                f"{member.most}, the best one first"
            )
        case "confidence":
            return f"how sure you are of the category; {form_of(member)}"
        case "rationale":
            return f"why the ticket belongs there, in one sentence; {form_of(member)}"
        case _:
            said = " ".join(member.description.split())
            return f"{said}; {form_of(member)}" if said else form_of(member)


def form_of(member: AskedField) -> str:
    quoted = ", ".join(f'"{value}"' for value in member.values)
    match member.kind:
        case FieldKind.ONE:
            return f"one of {quoted}"
        case FieldKind.SEVERAL:
            return f"a list of at most {member.most} of {quoted}; empty where none fits"
        case FieldKind.TEXT:
            return f"a text of at most {member.most} characters"
        case FieldKind.NUMBER:
            return f"a whole number from {member.least} to {member.greatest}"


def schema_of(spec: Spec) -> dict[str, Any]:
    """The JSON schema: structured outputs take no lengths and no ranges, so the prompt says these."""
    members = members_of(spec)
    return {
        "type": "object",
        "properties": {member.name: schema_of_member(member) for member in members},
        "required": [member.name for member in members],
        "additionalProperties": False,
    }


def schema_of_member(member: AskedField) -> dict[str, Any]:
    match member.kind:
        case FieldKind.ONE:
            return {"type": "string", "enum": list(member.values)}
        case FieldKind.SEVERAL:
            return {"type": "array", "items": {"type": "string", "enum": list(member.values)}}
        case FieldKind.TEXT:
            return {"type": "string"}
        case FieldKind.NUMBER:
            return {"type": "integer"}


def tokens_needed(spec: Spec) -> int:
    """Tokens of a long answer: with fewer, many would be cut."""
    return sum(member.likely_tokens for member in members_of(spec)) + NAME_TOKENS // 4


def tokens_allowed(spec: Spec) -> int:
    """Tokens that are enough for nearly every answer."""
    most = sum(member.most_tokens for member in members_of(spec)) + NAME_TOKENS
    return min(max(most, tokens_needed(spec)), MOST_ANSWER_TOKENS)
