"""The part of `spec` that says how a ticket is put to the model."""

from __future__ import annotations

from string import Template
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from nightsort.api.examples import ExamplesFrom
from nightsort.api.model import Model

Text = Annotated[str, StringConstraints(max_length=4000)]
Caching = Literal["Auto", "Off"]


class TicketTemplate(Template):
    """`$name`, and `${any name}` for columns whose names have spaces or other signs."""

    braceidpattern = r"[^\s{}$](?:[^{}$\r\n]*[^\s{}$])?"


class Prompt(Model):
    """How a ticket is put to the model; the template is a string.Template over the ticket's fields."""

    instructions: Text = ""
    """Added to the system prompt, behind the categories."""
    template: Annotated[str, StringConstraints(min_length=1, max_length=4000)] = "Subject: $subject\n\n$body"
    """$name or ${a name} stands for a field of the ticket, $$ for a dollar sign."""
    max_body_chars: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """The body is cut to so many characters, and so is every other field that the template names. HTML becomes text
    before."""
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 50
    """The longest answer, in tokens. Less is asked for where the model does not think and no name can be so long. Where
    it is 50, fields get as much as they need. A model that always thinks gets 1,024 more for its thoughts."""
    examples_from: ExamplesFrom | None = None
    """Labelled tickets: those that resemble a ticket most are put in front of its text, with their categories. What all
    requests share stays the same."""
    caching: Caching = "Auto"
    """Auto: where it can pay, one ticket goes ahead so that others read the prompt from the API's cache, and what a
    hundred of them have read decides whether the rest does. Off: never."""
