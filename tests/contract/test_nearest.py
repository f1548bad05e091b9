"""What every search for similar labelled tickets does, and what the real one finds among real questions."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence

import pytest

from nightsort.adapters.full_text import nearest
from nightsort.domain.errors import Stalled
from nightsort.domain.examples import Example, Nearest
from nightsort.domain.reasons import Reason
from nightsort.system.threads import InThread, ThreadPools
from nightsort.testing.nearest import indexed
from nightsort.wiring import services
from tests.support import banking77

Index = Callable[[Sequence[Example]], Awaitable[Nearest]]
POOL = (
    Example("a", "my card was charged twice", "billing"),
    Example("b", "the app crashes when i log in", "technical"),
    Example("c", "charged twice for one order, my card", "billing"),
    Example("d", "hello", "other"),
)


@pytest.fixture(params=[nearest.indexed, indexed], ids=["tantivy", "memory"])
def index(request: pytest.FixtureRequest) -> Index:
    made: Index = request.param
    return made


def ids(found: Sequence[Example]) -> list[str]:
    return [one.id for one in found]


async def test_the_nearest_come_first_and_those_that_share_no_word_not_at_all(index: Index) -> None:
    found = (await index(POOL)).of("new", "i was charged twice on my card", 3)

    assert set(ids(found[:2])) == {"a", "c"}
    assert "d" not in ids(found)


async def test_no_more_come_than_are_wanted(index: Index) -> None:
    assert len((await index(POOL)).of("new", "my card was charged twice", 1)) == 1


async def test_a_ticket_is_never_its_own_example(index: Index) -> None:
    found = (await index(POOL)).of("a", "my card was charged twice", 2)

    assert "a" not in ids(found)
    assert ids(found)[0] == "c"


async def test_the_same_text_under_another_id_is_an_example(index: Index) -> None:
    assert ids((await index(POOL)).of("new", "my card was charged twice", 1)) == ["a"]


async def test_equally_near_ones_come_in_the_order_of_their_ids(index: Index) -> None:
    alike = [Example(f"{number:02}", "charged twice", "billing") for number in range(12)]

    assert ids((await index(alike)).of("05", "charged twice", 5)) == ["00", "01", "02", "03", "04"]


@pytest.mark.parametrize("text", ["", "?! …", "zebra"])
async def test_a_text_that_nothing_resembles_has_no_examples(index: Index, text: str) -> None:
    assert ids((await index(POOL)).of("new", text, 5)) == []


async def test_an_empty_pool_has_no_examples(index: Index) -> None:
    assert ids((await index(())).of("new", "charged twice", 5)) == []


async def test_words_have_no_grammar_that_could_go_wrong(index: Index) -> None:
    text = 'charged) OR "twice* AND NOT (body:~ \\ ' + "x" * 100_000

    assert set(ids((await index(POOL)).of("new", text, 5))) <= {"a", "c"}


async def test_words_of_chinese_are_found_without_spaces() -> None:
    pool = [Example("card", "我的卡被扣了两次款", "billing"), Example("app", "应用程序崩溃", "technical")]

    assert ids((await nearest.indexed(pool)).of("new", "扣款两次", 2)) == ["card"]


async def test_the_category_of_a_question_is_among_its_ten_neighbours() -> None:
    """BANKING77: 3,080 questions against a pool of 10,003, in 77 categories."""
    pool = [Example(f"p{number}", text, category) for number, (text, category) in enumerate(banking77.pool())]
    search = await nearest.indexed(pool)

    found = [
        category in {one.category for one in search.of(f"q{number}", text, 10)}
        for number, (text, category) in enumerate(banking77.questions())
    ]

    assert len(pool) == 10_003
    assert sum(found) >= 0.95 * len(found)


async def test_no_question_of_the_pool_is_its_own_neighbour() -> None:
    pool = [Example(f"p{number}", text, category) for number, (text, category) in enumerate(banking77.pool()[::10])]
    search = await nearest.indexed(pool)

    assert not [one.id for one in pool if one.id in ids(search.of(one.id, one.text, 10))]


class Watched(ThreadPools):
    """Notes whose threads are asked for."""

    asked: str | None = None

    def share(self, namespace: str, server: str) -> InThread:
        self.asked = namespace
        return super().share(namespace, server)


async def test_an_index_is_built_in_the_threads_of_the_namespace_that_wants_it() -> None:
    pools = Watched()

    search = await services.indexed(pools, POOL, "support")

    assert pools.asked == "support"
    assert ids(search.of("new", "hello", 1)) == ["d"]


async def test_without_tantivy_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tantivy", None)

    with pytest.raises(Stalled, match=r"pip install 'nightsort\[examples\]'") as stalled:
        await nearest.indexed(POOL)

    assert stalled.value.reason is Reason.EXAMPLES_NOT_INSTALLED
