"""`nightsort create` from tickets: what is asked, and what is refused before anything is made."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.cli.classification.further import FurtherAnswers
from nightsort.cli.classification.order import Order, wanted
from nightsort.cli.cluster.manifest_bundle import ManifestBundle
from nightsort.cli.cluster.tickets import Wishes
from nightsort.cli.commands.create import order_of
from nightsort.cli.flags import TicketOptions
from nightsort.cli.manifests import InvalidManifest
from tests.support.manifests import manifest

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
WISHES = Wishes(model="claude-haiku-4-5")


def bundle(path: Path, wishes: Wishes) -> ManifestBundle:
    return order_of(path, wishes, None, NOW, None, None, TicketOptions())


def parsed_spec(spec: dict[str, Any]) -> Spec:
    return Resource.of({**manifest("night"), "spec": spec}).spec


def test_a_file_of_categories_says_the_same_as_to_classify(tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text("id,subject,body\n1,a,b\n")
    (tmp_path / "sorts.yaml").write_text(
        "categories:\n- name: billing\n  description: Money\n- other\ninstructions: Be brief\n"
        "unknownLabel: {action: Fallback, category: other}\nconfidence: true\n"
    )

    spec = bundle(tmp_path / "tickets.csv", replace(WISHES, categories_file=tmp_path / "sorts.yaml")).manifest["spec"]

    order = Order(tmp_path / "tickets.csv", categories_file=tmp_path / "sorts.yaml", model=WISHES.model or "")
    theirs, ours = wanted(order, "$subject\n\n$body").spec, parsed_spec(spec)
    for part in ("categories", "unknown_label", "confidence"):
        assert getattr(ours, part) == getattr(theirs, part)
    assert ours.prompt.instructions == theirs.prompt.instructions == "Be brief"
    assert ours.categories[0].description == "Money"


def test_flags_for_fallback_instructions_and_further_answers_become_parts_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text("Ticket ID,Description\n1,a\n")
    further = FurtherAnswers(("urgency=low,high",), 2, confidence=True, rationale=True)
    wishes = replace(WISHES, categories=("billing,other",), fallback="other", instructions="Be brief", further=further)

    made = bundle(tmp_path / "export.csv", wishes)

    spec = made.manifest["spec"]
    assert spec["unknownLabel"] == {"action": "Fallback", "category": "other"}
    assert spec["fields"] == [{"name": "urgency", "values": ["low", "high"]}]
    assert (spec["categoriesPerTicket"], spec["confidence"], spec["rationale"]) == (2, True, True)
    assert spec["prompt"] == {"template": "$body", "instructions": "Be brief"}, "an export's template stays"


def test_where_the_model_runs_becomes_a_part_of_the_spec_and_is_not_written_where_nobody_says_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "tickets.csv").write_text("id,subject,body\n1,a,b\n")

    asked = bundle(tmp_path / "tickets.csv", Wishes(model="claude-haiku-5-5", inference_geo="us"))
    plain = bundle(tmp_path / "tickets.csv", WISHES)

    assert asked.manifest["spec"]["inferenceGeo"] == "us"
    assert "inferenceGeo" not in plain.manifest["spec"]


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"fallback": "refund"}, "^--fallback: 'refund' is not one of the categories"),
        ({"categories": ("a,b",), "category_set": "sorts"}, "--categories and --category-set both say"),
        ({"further": FurtherAnswers(("urgency",))}, "--field urgency: write it as"),
        ({"model": "claude-haiku-55"}, r"'claude-haiku-55' is not known. There are claude-haiku-5-5 \(0.10 / 0.50\)"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_made(tmp_path: Path, wishes: dict[str, Any], told: str) -> None:
    (tmp_path / "tickets.csv").write_text("id,subject,body\n1,a,b\n")

    with pytest.raises(InvalidManifest, match=told):
        bundle(tmp_path / "tickets.csv", replace(WISHES, **wishes))


def test_a_model_with_a_price_of_ones_own_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tickets.csv").write_text("id,subject,body\n1,a,b\n")
    price = {"input": "1", "output": "5", "cache_write": "1.25", "cache_read": "0.10"}
    monkeypatch.setenv("NIGHTSORT_PRICES", json.dumps({"house-model": price}))

    made = bundle(tmp_path / "tickets.csv", replace(WISHES, model="house-model"))

    assert made.manifest["spec"]["model"] == "house-model"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("id,subject,body\n", "it has no tickets"),
        ("id,subject,body\n1,,\n2, ,\n", "no ticket of 2 has a text"),
        ("Ticket ID,Description\n1,\n", "no ticket of 1 has a text"),
    ],
)
def test_a_file_in_which_no_ticket_has_a_text_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "tickets.csv").write_text(content)

    with pytest.raises(InvalidManifest, match=told):
        bundle(tmp_path / "tickets.csv", WISHES)
