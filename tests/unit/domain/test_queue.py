"""Who goes first when an account has no room for all."""

from __future__ import annotations

from nightsort.domain.queue import Load, Place, front, going, has_room, in_words

NOW = 0.0


def place(uid: str, namespace: str = "a", requests: int = 10) -> Place:
    return Place(uid, namespace, requests, asked=NOW, since=NOW)


def order(lines: dict[str, list[Place]], *loads: Load, most: int = 10) -> list[str]:
    return [one.uid for one in front(lines, loads, most)]


def test_in_a_namespace_who_came_first_goes_first() -> None:
    assert order({"a": [place("1"), place("2"), place("3")]}) == ["1", "2", "3"]


def test_namespaces_take_turns() -> None:
    lines = {"a": [place("a1"), place("a2")], "b": [place("b1", "b"), place("b2", "b")]}
    assert order(lines) == ["a1", "b1", "a2", "b2"]


def test_a_namespace_that_has_much_enqueued_waits_for_the_others() -> None:
    lines = {"a": [place("a1")], "b": [place("b1", "b"), place("b2", "b")]}
    assert order(lines, Load("a", 15), Load("elsewhere", 99)) == ["b1", "b2", "a1"]


def test_a_large_request_counts_as_what_it_is() -> None:
    lines = {"a": [place("a1", requests=100), place("a2")], "b": [place("b1", "b"), place("b2", "b")]}
    assert order(lines) == ["a1", "b1", "b2", "a2"]


def test_far_back_the_place_is_not_told_exactly() -> None:
    waiting = [place(str(number)) for number in range(20)]
    first = front({"a": waiting}, [], most=10)
    assert in_words(waiting[0], first) == "place 1"
    assert in_words(waiting[9], first) == "place 10"
    assert in_words(waiting[15], first) == "a place behind 10"


def test_nobody_waits_where_nobody_stands_in_line() -> None:
    assert front({"a": []}, []) == []


def test_there_is_room_up_to_the_limit_and_for_one_that_is_larger_when_alone() -> None:
    assert has_room(40, [Load("a", 60)], 100)
    assert not has_room(41, [Load("a", 60)], 100)
    assert has_room(500, [], 100)
    assert not has_room(500, [Load("a", 1)], 100)


def uids(first: list[Place], *loads: Load) -> list[str]:
    return [one.uid for one in going(first, loads, 100)]


def test_who_stands_behind_others_goes_where_there_is_room_for_them_as_well() -> None:
    first = [place("a1", requests=30), place("b1", "b", requests=30), place("c1", "c", requests=40)]
    assert uids(first) == ["a1", "b1", "c1"]
    assert uids(first, Load("d", 20)) == ["a1", "b1"]
    assert uids(first, Load("d", 50)) == ["a1"]


def test_what_is_larger_than_the_limit_goes_first_and_alone() -> None:
    first = [place("a1", requests=500), place("b1", "b")]
    assert uids(first) == ["a1"], "the other would keep it waiting for longer"
    assert uids(first, Load("b", 1)) == []
