"""The names that help desks give to the columns of an export, and how certain the meaning of each is.

Names are compared without capitals, accents, spaces and marks: `Ticket #`, `ticket-number` and `TicketNumber` are one.
"""

from __future__ import annotations

ID = "id"
SUBJECT = "subject"
BODY = "body"


def words(*lines: str) -> tuple[str, ...]:
    return tuple(word.strip() for line in lines for word in line.split(","))


STEPS: dict[str, tuple[tuple[str, ...], ...]] = {
    ID: (
        words(
            "id, ticket id, ticket, ticket no, ticket nr, ticket num, ticket number, ticket key, ticket ref",
            "case id, case no, case number, issue id, issue key, issue number, request id, request number",
            "conversation id, incident id, incident number, ticketnummer, vorgangsnummer, numero de ticket",
            "no de ticket, id de ticket, id du ticket",
        ),
        words(
            "case, issue, number, no, nr, num, nummer, numero, vorgang, key, reference, ref, uid, uuid, guid, oid",
            "record id, identifiant",
        ),
        words("external id, unique external id, sys id, row id, index"),
    ),
    SUBJECT: (
        words(
            "subject, ticket subject, case subject, conversation subject, betreff, sujet, objet, asunto, oggetto",
            "onderwerp, assunto",
        ),
        words(
            "summary, issue summary, short description, title, ticket title, conversation title, titel, titre, titulo",
            "titolo",
        ),
        words("topic, headline"),
    ),
    BODY: (
        words(
            "body, description, ticket description, ticket body, case description, issue description, message",
            "message body, text, body text, content, beschreibung, nachricht, anfrage, inhalt, contenu, corps, cuerpo",
            "mensaje, mensagem, descripcion, descricao, descrizione, testo, corpo, bericht, omschrijving",
            "conversation body, initial message, first message",
        ),
        words(
            "question, request, complaint, feedback, review, inquiry, enquiry, details, first comment, conversation",
            "conversation text, transcript",
        ),
        words("comment, comments, latest comment, last message, notes, note, public comments"),
    ),
}
"""One column of the first step with a match is chosen; two matches are a question to the user."""
LAST_PARTS = {SUBJECT: ("subject", "summary", "title"), BODY: ("body", "description", "text", "message")}
"""Last parts of names such as `fields.summary`, which come from nested objects."""
KNOWN_TOGETHER = (
    ("issue key", "issue id"),  # Jira: people know a ticket by its key
    ("case number", "id"),  # Salesforce, Data Loader: the number that people know beside 18 characters
    ("case number", "case id"),  # Salesforce, reports
)
"""The first is chosen where a file has both."""
