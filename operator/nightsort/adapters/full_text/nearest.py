"""The labelled tickets that resemble a text most: an index of words by tantivy, which weighs them by BM25.

BM25 is TF-IDF whose term frequency is damped and set beside the text's length. tantivy takes 17 MB of disk;
scikit-learn with scipy and numpy would take 200 MB, finds no more and is no faster.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightsort.domain.errors import Stalled
from nightsort.domain.examples import Example
from nightsort.domain.reasons import Reason
from nightsort.system.threads import InThread

if TYPE_CHECKING:
    import tantivy

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
"""Chinese and Japanese have no spaces between words: there each character is one."""
MOST_WORDS = 200
"""Words of a ticket that are looked for: a text of 2,000 characters has about as many, and more cost time alone."""
LONGEST_WORD = 64
TIES = 16
"""Examples beyond the wanted ones that are looked at, so that ids decide among equally near ones."""
HEAP_BYTES = 50_000_000
"""What tantivy asks for while it indexes; it uses what it needs."""
MISSING = "prompt.examplesFrom needs tantivy, which is not installed: pip install 'nightsort[examples]'"


def words_of(text: str) -> list[str]:
    return [word[:LONGEST_WORD] for word in WORD.findall(text.lower())]


async def indexed(examples: Sequence[Example], in_thread: InThread = asyncio.to_thread) -> NearestByWords:
    """An index of the examples, made in a thread: 10,000 take about half a second.

    Raises:
        Stalled: tantivy is not installed.
    """
    return await in_thread(index_of, examples)


def index_of(examples: Sequence[Example]) -> NearestByWords:
    try:
        import tantivy
    except ImportError:
        raise Stalled(MISSING, reason=Reason.EXAMPLES_NOT_INSTALLED) from None
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("words", stored=False, tokenizer_name="whitespace", index_option="freq")
    builder.add_unsigned_field("place", stored=True)
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)  # one thread keeps the order, and so the answers
    for place, example in enumerate(examples):
        document = tantivy.Document()
        document.add_text("words", " ".join(words_of(example.text)))
        document.add_unsigned("place", place)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return NearestByWords(tuple(examples), schema, index.searcher())


@dataclass(frozen=True, slots=True)
class NearestByWords:
    """Implements `domain.examples.Nearest`."""

    examples: Sequence[Example]
    schema: tantivy.Schema
    searcher: tantivy.Searcher

    def of(self, ticket_id: str, text: str, k: int) -> Sequence[Example]:
        from tantivy import Occur, Query

        words = list(dict.fromkeys(words_of(text)))[:MOST_WORDS]
        if not words or not self.examples:
            return ()
        terms = [(Occur.Should, Query.term_query(self.schema, "words", word, "freq")) for word in words]
        hits = self.searcher.search(Query.boolean_query(terms), k + 1 + TIES, count=False).hits
        found = [(-score, self.examples[self.searcher.doc(address)["place"][0]]) for score, address in hits]
        found.sort(key=lambda one: (one[0], one[1].id))
        return [example for _, example in found if example.id != ticket_id][:k]
