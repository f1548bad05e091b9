"""The command line as its users meet it: what is missing, settings, the simulator beside a run, terminals, help."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.bench import NIGHTSORT, batch, inline
from tests.local.shell import KEY, Shell, from_database, into_database, run, secret
from tests.support.processes import Server, free_ports
from tests.support.waiting import eventually

TWO = inline("I was charged twice", "The app crashes")


# --- what is missing --------------------------------------------------------------------------------------------------


def test_without_an_api_key_the_variable_is_named(shell: Shell) -> None:
    path = shell.write(batch("tickets", TWO))
    for env in ({}, {"ANTHROPIC_API_KEY": ""}):
        outcome = shell.local(path, env=env)
        assert outcome.code == 1
        assert "CredentialsMissing: there is no API key: set the environment variable ANTHROPIC_API_KEY" in outcome.err

    assert shell.local(path).code == 0


def test_a_key_in_a_file_goes_before_the_environment_and_a_simulated_run_needs_none(shell: Shell) -> None:
    path = shell.write(batch("tickets", TWO))
    key = shell.folder / "api-key"
    env = KEY | {"NIGHTSORT_ANTHROPIC_API_KEY_FILE": str(key)}

    assert shell.local(path, "--simulate", "--seconds", "0", env=env).code == 0, "a simulated run needs none"
    outcome = shell.local(path, env=env)
    assert outcome.code == 1
    assert f"the operator has no key of its own: {key}, which NIGHTSORT_ANTHROPIC_API_KEY_FILE names" in outcome.err

    key.write_text("another-key\n")
    assert shell.local(path, env=env).code == 0


def test_an_address_that_is_none_is_refused_at_once(shell: Shell) -> None:
    path = shell.write(batch("tickets", TWO))

    for url in ("nonsense", "127.0.0.1:80", "ftp://host", "http://host/v1/"):
        outcome = shell.local(path, "--api-url", url)
        assert outcome.code == 2
        assert outcome.err.startswith("--api-url (or NIGHTSORT_ANTHROPIC_BASE_URL): must be ")
    assert "--simulate starts an API of its own" in shell.local(path, "--simulate", "--api-url", "http://host").err


def test_the_sdks_own_variable_says_where_the_api_is_and_results_are_read_there_too(shell: Shell) -> None:
    path = shell.write(batch("tickets", TWO))
    shell.api.ask("faults", [{"kind": "foreign-results-url", "host": "http://127.0.0.1:9", "times": None}])

    outcome = run("local", str(path), "--state", str(shell.folder / "state"), env=address(shell.api.url))

    assert outcome.code == 0, outcome.told
    assert len(shell.bought()["batches"]) == 1
    assert len(shell.rows()) == 2


def test_our_own_address_and_a_simulation_go_before_the_sdks_variable(shell: Shell) -> None:
    path, nowhere = shell.write(batch("tickets", TWO)), address("http://127.0.0.1:9")
    ours = {"NIGHTSORT_ANTHROPIC_BASE_URL": shell.api.url}
    command = ("local", str(path), "--state")

    assert shell.local(path, env=nowhere).code == 0, "the flag"
    assert run(*command, str(shell.folder / "ours"), env=nowhere | ours).code == 0
    assert len(shell.bought()["batches"]) == 2
    assert shell.local(path, "--simulate", "--seconds", "0", env=address("nonsense")).code == 0
    assert len(shell.bought()["batches"]) == 2


def test_an_address_of_the_environment_that_is_none_is_refused_by_its_name(shell: Shell) -> None:
    outcome = run("local", str(shell.write(batch("tickets", TWO))), env=address("nonsense"))

    assert outcome.code == 2
    assert outcome.err.startswith("NIGHTSORT_ANTHROPIC_BASE_URL (or ANTHROPIC_BASE_URL): must be a URL such as ")


def address(url: str) -> dict[str, str]:
    return KEY | {"ANTHROPIC_BASE_URL": url}


def test_a_setting_that_is_wrong_is_named(shell: Shell) -> None:
    outcome = shell.local(shell.write(batch("tickets", TWO)), env={"NIGHTSORT_ADOPTION_GRACE_SECONDS": "soon"})

    assert outcome.code == 2
    assert outcome.err.startswith("NIGHTSORT_ADOPTION_GRACE_SECONDS: Input should be a valid number")


def test_prices_of_ones_own_stand_in_the_cost(shell: Shell) -> None:
    free = {"input": "0", "output": "0", "cache_write": "0", "cache_read": "0"}
    prices = json.dumps({"claude-haiku-4-5": free | {"input": "1000000"}})

    outcome = shell.local(shell.write(batch("tickets", TWO)), env=KEY | {"NIGHTSORT_PRICES": prices})

    assert outcome.code == 0, outcome.told
    cost, usage = shell.record()["cost"], shell.record()["batches"][0]["usage"]
    assert float(cost["standardUSD"]) == usage["inputTokens"]
    assert float(cost["actualUSD"]) == usage["inputTokens"] / 2


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ("{", "NIGHTSORT_PRICES: Expecting property name"),
        ('{"m": {"input": "much"}}', "NIGHTSORT_PRICES: m.input: Input should be a valid decimal"),
        (
            '{"m": {"input": -1, "output": 1, "cache_write": 1, "cache_read": 1}}',
            "NIGHTSORT_PRICES: the prices of 'm' must not be negative",
        ),
    ],
)
def test_prices_that_are_none_are_refused_at_once(shell: Shell, prices: str, told: str) -> None:
    outcome = shell.local(shell.write(batch("tickets", TWO)), env=KEY | {"NIGHTSORT_PRICES": prices})

    assert outcome.code == 2
    assert outcome.err.startswith(told)


def test_an_api_that_is_not_there_is_told_and_waited_for(shell: Shell) -> None:
    [port] = free_ports(1)
    process = shell.start(shell.write(batch("tickets", TWO)), "--api-url", f"http://127.0.0.1:{port}")
    eventually(lambda: f"tickets  Pending: the API at 127.0.0.1:{port} cannot be reached" in process.tail())

    with Server.start([*NIGHTSORT, "simulate", "--port", str(port), "--seconds", "0"], shell.folder / "late.log"):
        assert process.process.wait(60) == 0, process.tail()


def test_whoever_does_not_want_to_wait_longer_says_so_and_comes_back(patient_desk: Shell) -> None:
    shell = patient_desk
    file = shell.write(batch("tickets", TWO))

    def time_is_over() -> None:
        outcome = shell.local(file, "--timeout", "1s")
        assert outcome.code == 124, outcome.told
        assert outcome.err.endswith(
            "not complete when its time was over: run the same command again, and it goes on where it was\n"
        )

    time_is_over()
    while not shell.bought()["accepted"]:  # a slow machine sends it later
        time_is_over()
    shell.api.ask("end", {})
    assert shell.local(file, "--timeout", "90s").code == 0
    assert shell.bought()["accepted"] == 2


def test_a_database_that_is_not_there_is_named_and_waited_for(shell: Shell) -> None:
    [port] = free_ports(1)
    url = f"postgresql://user:hunter2@127.0.0.1:{port}/tickets"

    process = shell.start(shell.write(batch("tickets", from_database()), secret(url=url)))

    told = f"the database at 127.0.0.1:{port} cannot be reached (Connection refused)"
    eventually(lambda: told in process.tail())
    process.stop(signal.SIGTERM)
    assert "hunter2" not in process.tail()
    assert shell.bought()["created"] == 0


def test_a_suspended_resource_is_not_waited_for(shell: Shell) -> None:
    outcome = shell.local(shell.write(batch("tickets", TWO, suspend=True)))

    assert outcome.code == 1
    assert "tickets  Suspended: spec.suspend is true: nothing is bought" in outcome.err


def test_resources_that_wait_for_one_that_was_given_up_are_given_up_too(shell: Shell) -> None:
    shell.tickets(2)
    stuck = batch("a", from_database(), results=into_database("nowhere"))
    others = [batch(name, from_database()) for name in ("b", "c")]

    outcome = shell.local(shell.write(stuck, *others, secret(url=shell.url)))

    assert outcome.code == 1
    assert "a  TableMissing: " in outcome.err
    assert "c  Overlap: a goes first" in outcome.told
    assert shell.bought()["created"] == 0


def test_resources_on_the_same_source_run_one_after_the_other(shell: Shell) -> None:
    shell.tickets(2)

    outcome = shell.local(shell.write(*(batch(name, from_database()) for name in "ab"), secret(url=shell.url)))

    assert outcome.code == 0, outcome.told
    assert "b  Overlap: a goes first: it is unfinished and works on the same source" in outcome.out


def test_what_a_cluster_has_added_to_an_exported_resource_is_left_out(shell: Shell) -> None:
    exported = batch("tickets", TWO)
    exported["metadata"] |= {"uid": "1-2", "creationTimestamp": "2026-11-22T00:00:00Z", "generation": 3}
    exported["status"] = {"conditions": [{"type": "Finished", "status": "True", "reason": "Complete"}]}
    text = shell.write(exported)
    text.write_text(text.read_text().replace("'2026-11-22T00:00:00Z'", "2026-11-22T00:00:00Z"))

    assert shell.local(text).code == 0
    assert shell.bought()["accepted"] == 2


# --- the simulator beside a run ---------------------------------------------------------------------------------------


def test_a_simulated_run_needs_no_key_and_starts_anew_each_time(shell: Shell) -> None:
    path = shell.write(batch("tickets", TWO))
    kept = shell.folder / "state" / "_simulated" / "notes"
    kept.mkdir(parents=True)

    for _ in range(2):
        outcome = shell.local(path, "--simulate", "--seconds", "0", env={})
        assert outcome.code == 0, outcome.told
        assert "finished before" not in outcome.out
    assert kept.exists()


def children(pid: int) -> list[Path]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path("/proc") / child for child in found]


def ended(process: Path) -> bool:
    """A child that has died stays listed as a zombie where nobody in the container collects it."""
    return not process.exists() or ") Z " in (process / "stat").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="children are read from /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_the_simulator_ends_with_its_run_however_that_ends(shell: Shell, how: signal.Signals) -> None:
    path = shell.write(batch("tickets", TWO))
    process = shell.start(path, "--simulate", "--seconds", "600")
    eventually(lambda: "Submitted" in process.tail())
    [simulator] = children(process.pid)

    process.stop(how)

    eventually(lambda: ended(simulator))
    assert "Traceback" not in process.tail(200)


def test_two_simulated_runs_at_once_do_not_remove_each_others_record(shell: Shell) -> None:
    path = shell.write(batch("tickets", TWO))
    first = shell.start(path, "--simulate", "--seconds", "600")
    eventually(lambda: "Submitted" in first.tail())

    outcome = shell.local(path, "--simulate")
    kept = list((shell.folder / "state" / "_simulated").rglob("record.json"))
    first.stop(signal.SIGKILL)

    assert outcome.code == 2
    assert f"process {first.process.pid} (nightsort local {path}, since 20" in outcome.err
    assert kept


def test_a_port_that_is_taken_is_told(shell: Shell) -> None:
    port = shell.api.url.rsplit(":", 1)[-1]

    outcome = run("simulate", "--port", port)

    assert outcome.code == 2
    assert outcome.err.strip() == f"cannot listen on 127.0.0.1, port {port}: Address already in use"


# --- the terminal -----------------------------------------------------------------------------------------------------


def test_on_a_terminal_ctrl_c_leaves_the_cursor_and_no_trace(patient_desk: Shell) -> None:
    shell = patient_desk
    master, slave = pty.openpty()
    arguments = shell.arguments(shell.write(batch("tickets", TWO)))
    environment = os.environ | {"ANTHROPIC_API_KEY": "k", "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [*NIGHTSORT, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    try:
        shown = seen(master, "waiting for 1 batch of 2 requests")
        process.send_signal(signal.SIGINT)
        shown += seen(master, "interrupted: ")
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert "Traceback" not in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is shown again"


def seen(terminal: int, words: str) -> str:
    """What the terminal shows until it has shown these words."""
    shown = ""

    def shows() -> bool:
        nonlocal shown
        shown += os.read(terminal, 65536).decode(errors="replace")
        return words in shown

    eventually(shows)
    return shown


# --- help -------------------------------------------------------------------------------------------------------------

HEAVY = {
    "aiohttp", "anthropic", "asyncio", "kopf", "kubernetes", "msgspec", "obstore", "prometheus_client", "psycopg",
    "pydantic", "pydantic_settings", "rich", "sqlalchemy", "yaml",
}  # fmt: skip
COMMANDS = (
    "local", "simulate", "operator", "crds", "create", "watch", "results", "cancel", "retry", "completion"
)  # fmt: skip
# Typer itself takes pydantic where a command has options of a type.
HEAVY_OF_COMMANDS = HEAVY - {"pydantic"}


@pytest.mark.parametrize(
    ("command", "heavy", "most"),
    [((), HEAVY, 200), *(((name,), HEAVY_OF_COMMANDS, 320) for name in COMMANDS)],
)
def test_help_imports_nothing_heavy(command: tuple[str, ...], heavy: set[str], most: int) -> None:
    """`nightsort --help` answers in 0.3 s on an idle machine; what is imported decides that, on any machine."""
    program = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "from nightsort.__main__ import main; main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, *command, "--help"], capture_output=True, text=True, check=True
    )

    modules = done.stderr.split()
    assert heavy & set(modules) == set()
    assert len(modules) < most
    assert "Usage: " in done.stdout


def test_the_short_help_of_no_command_is_cut() -> None:
    commands = run("--help").out.split("Commands:\n")[1]
    assert "local" in commands
    assert "..." not in commands


def test_the_operator_without_a_cluster_says_so(tmp_path: Path) -> None:
    outcome = run("operator", env={"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)})

    assert outcome.code == 2
    assert "Set KUBECONFIG to a file that names one" in outcome.err
    assert "Traceback" not in outcome.told


@pytest.mark.parametrize("content", ["", "nonsense"])
def test_the_operator_with_a_kubeconfig_that_is_none_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "config").write_text(content)

    outcome = run("operator", env={"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path)})

    assert outcome.code == 2
    assert outcome.err.startswith("no cluster: ")
    assert outcome.err.count("\n") == 1


def test_the_version_is_a_flag_and_a_command() -> None:
    flag, command = run("--version"), run("version")

    assert (flag.code, flag.out) == (0, command.out)
    assert flag.out.count(".") == 2
