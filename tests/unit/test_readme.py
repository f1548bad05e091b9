"""What the README shows is what the code takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightsort.api.resource import Resource
from nightsort.domain.answer import Verdict
from nightsort.wiring.queries import finds_unlabeled_again

TOP = Path(__file__).parents[2]
MODEL = "claude-haiku-5-5"
BARE = {"apiVersion": "nightsort.dev/v1alpha1", "kind": "ClassificationBatch", "metadata": {"name": "night"}}
README = (TOP / "README.md").read_text(encoding="utf-8")
REFERENCE = (TOP / "docs" / "resource.md").read_text(encoding="utf-8")
EXAMPLES = sorted(
    path
    for path in (TOP / "examples").rglob("*.yaml")
    if re.search(r"^kind: ClassificationBatch", path.read_text(), re.MULTILINE)
)


def blocks(language: str, page: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("page", [README, REFERENCE], ids=["README", "reference"])
def test_the_annotated_resource_is_one(page: str) -> None:
    (resource,) = [block for block in blocks("yaml", page) if "kind: ClassificationBatch" in block]
    spec = Resource.of(yaml.safe_load(resource)).spec
    assert spec.max_cost_usd == "5.00"
    assert (spec.model, spec.unknown_label.action) == (MODEL, "Fallback")


def test_the_table_of_verdicts_is_whole() -> None:
    told = re.findall(r"^\| ([A-Z][a-z]+) \|", REFERENCE, re.MULTILINE)
    assert [word for word in told if word != "Verdict"] == [verdict.value for verdict in Verdict]


def test_the_readme_is_short_enough_to_be_read() -> None:
    """Its words, and those of the resource and the commands that it shows, without what the commands print."""
    assert len(re.sub(r"```text\n.*?```", "", README, flags=re.DOTALL).split()) <= 750


def test_every_make_target_that_a_page_names_exists() -> None:
    pages = [TOP / "README.md", TOP / "CONTRIBUTING.md", *(TOP / "docs").rglob("*.md")]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    named = {target for text in texts for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)}
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")

    assert [target for target in sorted(named) if f"\n{target}:" not in makefile] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(TOP)))
def test_every_example_is_a_resource(path: Path) -> None:
    documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
    resources = [Resource.of(document) for document in documents if document["kind"] == "ClassificationBatch"]
    assert resources
    hold_what_is_copied(resources)


def test_the_night_of_the_chart_is_a_resource() -> None:
    page = (TOP / "charts" / "nightsort" / "README.md").read_text(encoding="utf-8")
    (night,) = re.findall(r"```yaml\n(nightly:\n.*?)```", page, re.DOTALL)
    spec = yaml.safe_load(night)["nightly"]["spec"]
    resource = Resource.of({**BARE, "spec": spec})

    hold_what_is_copied([resource])
    assert not finds_unlabeled_again(Resource.of({**BARE, "spec": kept_once(spec)}).spec)


def hold_what_is_copied(resources: Iterable[Resource]) -> None:
    """The vendor's current small model, and no ticket that a run over the same table would buy again and again."""
    for resource in resources:
        assert resource.spec.model == MODEL
        assert resource.spec.unknown_label.action == "Fallback"


def kept_once(spec: Mapping[str, Any]) -> dict[str, Any]:
    """With what the page advises where refused tickets are not to be bought again."""
    made = deepcopy(dict(spec))
    made["results"]["database"]["columns"] = {"verdict": "verdict"}
    made["source"]["database"]["query"] += " AND verdict IS NULL"
    return made


PAGES = [TOP / "README.md", TOP / "charts", TOP / "docs", TOP / "examples", TOP / "gitops", TOP / "deploy"]


def test_no_page_names_a_model_that_has_a_successor() -> None:
    files = [file for page in PAGES for file in ([page] if page.is_file() else page.rglob("*")) if file.is_file()]
    texts = {file: file.read_text(encoding="utf-8", errors="replace") for file in files}

    assert [str(file.relative_to(TOP)) for file, text in texts.items() if "claude-haiku-4" in text] == []
