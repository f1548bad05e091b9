"""`nightsort init`: files to go on with, which everything that reads such files takes as they are."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nightsort.adapters.sql.unlabeled import finds_unlabeled_again
from nightsort.api.categories import DEFAULT_CATEGORIES
from nightsort.api.resource import InvalidResource, Resource
from nightsort.api.spec import Spec
from nightsort.cli.classification.order import Order, wanted
from nightsort.cli.commands.create import read_one
from nightsort.cli.manifests import documents_of, read
from nightsort.cli.skeletons.categories import categories_file
from nightsort.cli.skeletons.kubernetes import batch_file, values_file
from nightsort.cli.yaml_documents import load
from tests.local.office import Office
from tests.local.shell import KEY, run
from tests.support.manifests import manifest
from tests.support.outcome import Outcome

TOP = Path(__file__).parents[2]
SCHEMA = json.loads((TOP / "charts" / "nightsort" / "values.schema.json").read_text())
EXPORT = "Ticket ID,Description\nT-1,I was charged twice\nT-2,It crashes\n"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "tickets.csv").write_text(EXPORT)
    return tmp_path / "tickets.csv"


def init(file: Path, *flags: str) -> Outcome:
    return run("init", str(file), *flags)


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def read_categories(path: Path) -> Spec:
    """As `nightsort classify --categories-file` reads them."""
    return wanted(Order(file=Path("x.csv"), categories_file=path, model="claude-haiku-5-5"), "$body").spec


# --- from a file of tickets -------------------------------------------------------------------------------------------


def test_it_says_which_columns_it_found_what_it_wrote_and_what_comes_next(export: Path) -> None:
    outcome = init(export)

    assert (outcome.code, outcome.err) == (0, "")
    assert "tickets.csv: 2 tickets; id: 'Ticket ID'; body: 'Description'" in outcome.out
    assert f"written: {export.parent / 'categories.yaml'}\n" in outcome.out
    assert f"nightsort classify {export} --estimate" in outcome.out
    assert names_in(export.parent) == ["categories.yaml", "tickets.csv"]


def test_the_categories_file_has_every_field_and_says_what_each_is_for(export: Path) -> None:
    init(export)

    text = (export.parent / "categories.yaml").read_text()
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    for field in ("name", "description", "aliases", "examples"):
        assert f"\n# {field} " in comments
        assert text.count(f" {field}: ") == len(DEFAULT_CATEGORIES)
    assert read_categories(export.parent / "categories.yaml").categories == DEFAULT_CATEGORIES


def test_classify_takes_the_file_that_init_wrote(office: Office) -> None:
    office.write(6)
    assert run("init", str(office.file), "--categories", "billing,technical,account,other").code == 0

    outcome = run(
        *("classify", str(office.file), "--state", str(office.folder / "state"), "--api-url", office.api.url),
        *("--categories-file", str(office.folder / "categories.yaml"), "--yes"),
        env=KEY,
    )

    assert outcome.code == 0, outcome.told
    assert set(office.categories().values()) == {"billing", "technical", "account"}


def test_names_of_ones_own_get_the_descriptions_that_are_known_and_other_takes_unknown_answers(export: Path) -> None:
    init(export, "--categories", "billing, Refunds,Other", "--output", str(export.parent / "mine.yaml"))

    spec = read_categories(export.parent / "mine.yaml")
    assert [one.name for one in spec.categories] == ["billing", "Refunds", "Other"]
    assert [bool(one.description) for one in spec.categories] == [True, False, False]
    assert (spec.unknown_label.action, spec.unknown_label.category) == ("Fallback", "Other")


def test_without_a_category_for_the_rest_unknown_answers_fail(export: Path) -> None:
    init(export, "--categories", "billing,technical")

    assert read_categories(export.parent / "categories.yaml").unknown_label.action == "Fail"


def test_flags_about_columns_are_kept_in_the_next_command(tmp_path: Path) -> None:
    file = tmp_path / "my tickets.csv"
    file.write_text("Nr;Was ist\n1;Hilfe\n")

    outcome = init(file, "--id", "Nr", "--body", "Was ist", "--output", str(tmp_path / "c.yaml"))

    assert outcome.code == 0, outcome.told
    next_one = f"nightsort classify '{file}' --id Nr --body 'Was ist' --categories-file {tmp_path}/c.yaml --estimate"
    assert next_one in outcome.out
    assert next_one in (tmp_path / "c.yaml").read_text()


@pytest.mark.parametrize(
    ("content", "flags", "said"),
    [
        ("a,b\n1,2\n", (), "no column is known to be a subject or a body"),
        ("id,body\n1,x\n1,y\n", (), "1"),
        ("", (), "empty"),
        (EXPORT, ("--categories", "a,A"), "is named twice"),
        (EXPORT, ("--categories", "x" * 65), "--categories"),
        (EXPORT, ("--categories", " , "), "--categories"),
        (EXPORT, ("--body", "Nope"), "there is no column 'Nope' for --body"),
    ],
)
def test_bad_input_is_named_and_writes_nothing(tmp_path: Path, content: str, flags: tuple[str, ...], said: str) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text(content)

    outcome = init(file, *flags, "--kubernetes", str(tmp_path / "k"))

    assert outcome.code == 2
    assert said in outcome.err
    assert names_in(tmp_path) == ["tickets.csv"]


def test_a_file_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    assert "no such file" in init(tmp_path / "none.csv").err
    assert init(tmp_path / "none.yaml").code == 2
    assert init(tmp_path).code == 2


# --- for Kubernetes ---------------------------------------------------------------------------------------------------


def test_create_takes_the_manifest(export: Path) -> None:
    folder = export.parent / "k"
    assert init(export, "--kubernetes", str(folder)).code == 0

    outcome = run("create", "--from", str(folder / "batch.yaml"), "--dry-run=client", "-o", "yaml")

    assert outcome.code == 0, outcome.told
    assert yaml.safe_load(outcome.out)["metadata"] == {"name": "tickets"}
    spec = Resource.of(read_one(folder / "batch.yaml")).spec
    assert spec.categories == read_categories(export.parent / "categories.yaml").categories
    assert spec.unknown_label == read_categories(export.parent / "categories.yaml").unknown_label
    assert not finds_unlabeled_again(spec)


def test_the_files_for_a_cluster_take_the_categories_of_a_file_that_is_there(export: Path) -> None:
    own = export.with_name("categories.yaml")
    own.write_text(
        "categories: [{name: cards, aliases: [card]}, rest]\ninstructions: A PIN is cards.\n"
        "unknownLabel: {action: Fallback, category: rest}\n"
    )
    before, folder = own.read_text(), export.parent / "k8s"

    outcome = init(export, "--categories-file", str(own), "--kubernetes", str(folder))

    assert outcome.code == 0, outcome.told
    assert names_in(folder) == ["batch.yaml", "secret.yaml", "values.yaml"]
    assert f"next: kubectl nightsort create --from {folder / 'batch.yaml'} --dry-run=server" in outcome.out
    spec = Resource.of(read_one(folder / "batch.yaml")).spec
    assert [(one.name, one.aliases) for one in spec.categories] == [("cards", ("card",)), ("rest", ())]
    assert (spec.prompt.instructions, spec.unknown_label.category) == ("A PIN is cards.", "rest")
    values = yaml.safe_load((folder / "values.yaml").read_text())["nightly"]["spec"]
    assert values == read_one(folder / "batch.yaml")["spec"]
    assert own.read_text() == before
    for flags in ((), ("--kubernetes", str(folder / "a"), "--categories", "x"), ("--output", str(folder / "b"))):
        refused = init(export, "--categories-file", str(own), *flags)
        assert (refused.code, refused.err) == (
            2,
            "--categories-file is for --kubernetes, without --categories and --output\n",
        )


def test_the_chart_takes_the_values_and_buys_nothing_until_a_person_says_so(export: Path) -> None:
    init(export, "--kubernetes", str(export.parent))

    values = yaml.safe_load((export.parent / "values.yaml").read_text())

    jsonschema.validate(values, SCHEMA)
    assert (values["nightly"]["enabled"], values["nightly"]["suspend"]) == (True, True)
    assert values["nightly"]["spec"] == read_one(export.parent / "batch.yaml")["spec"]


def test_the_secrets_are_those_of_the_manifest_with_nothing_in_them(export: Path) -> None:
    init(export, "--kubernetes", str(export.parent))

    path = export.parent / "secret.yaml"
    secrets = {one["metadata"]["name"]: one for _, one in documents_of(path)}
    assert {name: one["stringData"] for name, one in secrets.items()} == {
        "tickets-anthropic": {"api-key": ""},
        "tickets-db": {"url": ""},
    }
    assert all(one["metadata"]["labels"] == {"nightsort.dev/allow": "true"} for one in secrets.values())
    assert KEY["ANTHROPIC_API_KEY"] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_name_that_kubernetes_would_refuse_becomes_one_that_it_takes(tmp_path: Path) -> None:
    for number, name in enumerate(("Tickets (März) 2026.CSV", "票.csv", f"{'x' * 250}.csv", "-.csv", "a\nb # c.csv")):
        (tmp_path / name).write_text(EXPORT)
        folder = tmp_path / str(number)

        assert init(tmp_path / name, "--output", str(folder / "c.yaml"), "--kubernetes", str(folder)).code == 0
        assert read(folder / "batch.yaml").resources
        assert len(read_categories(folder / "c.yaml").categories) == 5
        jsonschema.validate(yaml.safe_load((folder / "values.yaml").read_text()), SCHEMA)


# --- from a manifest --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["local.yaml", "database.yaml", "object-store.yaml", "quickstart.yaml", "export.yaml"])
def test_the_examples_come_back_as_they_are(tmp_path: Path, name: str) -> None:
    shutil.copy(TOP / "examples" / name, tmp_path / name)

    outcome = init(tmp_path / name, "--kubernetes", str(tmp_path / "k"))

    assert outcome.code == 0, outcome.told
    [resource] = read(TOP / "examples" / name).resources
    written = read_categories(tmp_path / "categories.yaml")
    assert (written.categories, written.unknown_label) == (resource.spec.categories, resource.spec.unknown_label)
    assert Resource.of(read_one(tmp_path / "k" / "batch.yaml")).spec == resource.spec
    jsonschema.validate(yaml.safe_load((tmp_path / "k" / "values.yaml").read_text()), SCHEMA)


def test_a_manifest_of_kubectl_in_json_is_told_from_tickets_in_json(tmp_path: Path) -> None:
    (tmp_path / "batch.json").write_text(json.dumps(manifest("night"), indent=4))
    text = json.dumps(manifest("night"))
    (tmp_path / "tickets.json").write_text(json.dumps({"tickets": [{"id": "1", "body": text}]}))

    assert "ClassificationBatch night" in init(tmp_path / "batch.json").out
    assert "1 ticket" in init(tmp_path / "tickets.json", "--output", str(tmp_path / "c.yaml")).out


def test_instructions_and_the_namespace_are_kept(tmp_path: Path) -> None:
    one = manifest("night", prompt={"instructions": "A password: problem # is account\nAlways."})
    one["metadata"]["namespace"] = "support"
    (tmp_path / "batch.yaml").write_text(yaml.safe_dump(one))

    init(tmp_path / "batch.yaml", "--kubernetes", str(tmp_path / "k"))

    assert read_categories(tmp_path / "categories.yaml").prompt.instructions == one["spec"]["prompt"]["instructions"]
    assert read_one(tmp_path / "k" / "batch.yaml")["metadata"] == {"name": "night", "namespace": "support"}
    assert yaml.safe_load((tmp_path / "k" / "values.yaml").read_text())["nightly"]["namespace"] == "support"


def test_values_warn_of_a_source_that_is_the_same_every_night(tmp_path: Path) -> None:
    for name in ("quickstart.yaml", "database.yaml"):
        init(TOP / "examples" / name, "--output", str(tmp_path / name), "--kubernetes", str(tmp_path / f"{name}.k"))

    assert "would be bought every night" in (tmp_path / "quickstart.yaml.k" / "values.yaml").read_text()
    assert "would be bought every night" not in (tmp_path / "database.yaml.k" / "values.yaml").read_text()


@pytest.mark.parametrize(
    ("documents", "flags", "said"),
    [
        ([manifest("a")], ("--categories", "x"), "--categories is for files of tickets"),
        ([manifest("a")], ("--body", "x"), "--body is for files of tickets"),
        ([manifest("a"), manifest("b")], (), "expected one ClassificationBatch, and there are 2"),
        ([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}], (), "and there are none"),
        ([manifest("a", promt={})], (), "spec.promt: unknown field"),
        ([manifest("../a")], (), "metadata.name may have"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(
    tmp_path: Path, documents: list[Any], flags: tuple[str, ...], said: str
) -> None:
    (tmp_path / "batch.yaml").write_text(yaml.safe_dump_all(documents))

    outcome = init(tmp_path / "batch.yaml", *flags)

    assert outcome.code == 2
    assert said in outcome.err
    assert names_in(tmp_path) == ["batch.yaml"]


# --- nothing is overwritten, and nothing is written in part -----------------------------------------------------------


@pytest.mark.parametrize("name", ["categories.yaml", "k/batch.yaml", "k/values.yaml", "k/secret.yaml"])
def test_a_file_that_is_there_stays_and_no_other_is_written(export: Path, name: str) -> None:
    (export.parent / "k").mkdir()
    (export.parent / name).write_text("mine")

    outcome = init(export, "--kubernetes", str(export.parent / "k"))

    assert outcome.code == 2
    assert outcome.err == (
        f"{export.parent / name} is there already, and nothing was written: move it away, or name another place\n"
    )
    assert (export.parent / name).read_text() == "mine"
    assert names_in(export.parent) == sorted([name, "tickets.csv"])


def test_a_link_that_leads_nowhere_is_not_written_through(export: Path) -> None:
    (export.parent / "categories.yaml").symlink_to(export.parent / "elsewhere.yaml")

    assert init(export).code == 2
    assert not (export.parent / "elsewhere.yaml").exists()


def test_two_files_of_one_name_are_refused(export: Path) -> None:
    flags = ("--output", str(export.parent / "k" / "values.yaml"), "--kubernetes", str(export.parent / "k"))

    assert init(export, *flags).code == 2
    assert names_in(export.parent) == ["tickets.csv"]


def test_a_place_that_is_no_folder_is_named(export: Path) -> None:
    (export.parent / "k").write_text("mine")

    outcome = init(export, "--kubernetes", str(export.parent / "k"))

    assert outcome.code == 2
    assert str(export.parent / "k") in outcome.err
    assert names_in(export.parent) == ["k", "tickets.csv"]


# The kernel fails the write of a file that becomes so long, or ends the process: in the middle of one of four.
WRITER = """
import resource, signal, sys
from nightsort.__main__ import main

how, most = sys.argv.pop(1), int(sys.argv.pop(1))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL if how == "killed" else signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
main()
"""


@pytest.mark.parametrize("most", [100, 1800])
@pytest.mark.parametrize("how", ["killed", "refused"])
def test_a_write_that_ends_in_the_middle_leaves_no_file(export: Path, how: str, most: int) -> None:
    command = [sys.executable, "-B", "-c", WRITER, how, str(most), "init", str(export), "--kubernetes"]

    ended = subprocess.run(
        [*command, str(export.parent / "k")], capture_output=True, text=True, check=False, timeout=60, env=os.environ
    )

    assert ended.returncode == (-signal.SIGXFSZ if how == "killed" else 2), ended.stderr
    assert how == "killed" or "cannot write" in ended.stderr
    assert [name for name in names_in(export.parent) if not name.endswith(".part")] == ["tickets.csv"]


def test_what_only_some_parsers_take_for_a_number_is_in_quotes(export: Path) -> None:
    init(export, "--categories", "1e3,0o17,no,plain")

    names = [line for line in (export.parent / "categories.yaml").read_text().splitlines() if "- name" in line]
    assert names == ['  - name: "1e3"', '  - name: "0o17"', "  - name: 'no'", "  - name: plain"]


# --- whatever stands in a spec ----------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
NAMES = st.text(max_size=12) | st.sampled_from(["yes", "1e3", "0o17", "null", "~", "- a", "a: b", "#", "'", "1.0"])


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4))
    categories = [
        {"name": name, "description": draw(TEXT), "examples": draw(st.lists(TEXT, max_size=2))} for name in names
    ]
    spec = {"categories": categories, "prompt": {"instructions": draw(TEXT)}}
    if draw(st.booleans()):
        spec["unknownLabel"] = {"action": "Fallback", "category": names[0]}
    return dict(manifest("night", **spec)["spec"])


@settings(max_examples=150, deadline=None)
@given(raw=specs(), of=TEXT, command=TEXT)
def test_whatever_stands_in_a_spec_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, raw: dict[str, Any], of: str, command: str
) -> None:
    try:
        spec = Resource.of(manifest("night") | {"spec": raw}).spec
    except InvalidResource:
        return
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    path = tmp_path_factory.mktemp("init") / "categories.yaml"
    path.write_text(categories_file(spec, of, command), encoding="utf-8", newline="")
    again = read_categories(path)
    assert (again.categories, again.unknown_label) == (spec.categories, spec.unknown_label)
    assert again.prompt.instructions == spec.prompt.instructions

    [batch] = load(batch_file({"name": "night"}, written, to_fill_in=False))
    [values] = load(values_file({"name": "night"}, written, to_fill_in=True))
    assert Resource.of(batch).spec == spec
    assert values["nightly"]["spec"] == batch["spec"]


@pytest.mark.parametrize(
    "text", ["\n", "\n\n", " a\nb", "\ta\nb", "a\n b", "a\n", "a\n\nb", "a\n\n\n", "a \nb", "# a\nb", "- a\n- b"]
)
def test_texts_of_several_lines_are_read_back(tmp_path: Path, text: str) -> None:
    categories = [{"name": "billing", "description": text, "examples": [text]}]
    spec = Resource.of(manifest("night", categories=categories, prompt={"instructions": text})).spec
    path = tmp_path / "categories.yaml"
    path.write_text(categories_file(spec, "", ""), encoding="utf-8", newline="")

    again = read_categories(path)

    assert (again.categories, again.prompt.instructions) == (spec.categories, spec.prompt.instructions)
    [batch] = load(
        batch_file({"name": "night"}, spec.model_dump(mode="json", by_alias=True, exclude_unset=True), to_fill_in=False)
    )
    assert Resource.of(batch).spec == spec
