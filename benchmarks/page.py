"""The tables and plots of docs/performance.md, between the marks that stand there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.plot import Line, plot

Results = dict[str, Any]
LARGEST = "100000"


def write(results: Results, docs: Path) -> None:
    """Replaces what stands between the marks, and draws the plots anew."""
    replace(docs / "performance.md", "targets", targets(results))
    replace(docs / "performance.md", "tickets", tickets_table(results))
    replace(docs / "performance.md", "resources", resources_table(results["fleet"]))
    replace(docs / "performance.md", "machine", machine_line(results))
    if results.get("many"):
        replace(docs / "scaling.md", "scaling", resources_table([results["many"]]))
    draw(results, docs)


def replace(page: Path, name: str, content: str) -> None:
    """Puts the content between the marks of this name."""
    before, opening, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, closing, after = rest.partition(f"<!-- /{name} -->")
    page.write_text(before + opening + content + closing + after)


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def targets(results: Results) -> str:
    """The aims with what was measured, and whether it is reached."""
    size = LARGEST if LARGEST in results["tickets"] else max(results["tickets"], key=int)
    at = results["tickets"][size]
    ours, floor, naive = at["nightsort"], at["floor"], at["naive"]
    ratio = (ours["work"] + 1) / (floor["work"] + 1)
    count, million = f"{int(size):,}", results["tickets"].get("1000000", {}).get("nightsort")
    one = next(each for each in results["fleet"] if each["resources"] == 1_000)
    rows = [
        row(
            f"{count} tickets, SQLite to SQLite, after imports",
            f"{naive['wall']:.1f} s",
            "≤ 5 s",
            f"{ours['wall']:.1f} s",
            ours["wall"] <= 5,
        ),
        row(
            "the same beside the floor, batch of 1 s in both",
            f"{(naive['work'] + 1) / (floor['work'] + 1):.1f} x",
            "≤ 1.5 x",
            f"{ratio:.2f} x",
            ratio <= 1.5,
        ),
        row(
            "peak memory", f"{naive['peak_mb']:.0f} MB", "≤ 200 MB", f"{ours['peak_mb']:.0f} MB", ours["peak_mb"] <= 200
        ),
    ]
    if million:
        rows.append(
            row(
                "peak memory, 1,000,000 tickets",
                "-",
                "flat",
                f"{million['peak_mb']:.0f} MB",
                million["peak_mb"] <= ours["peak_mb"] * 1.1,
            )
        )
    asynchronous = at["naive async"]
    rows += [
        row(
            "event loop stalled longest",
            f"{asynchronous['stall'] * 1000:,.0f} ms",
            "≤ 100 ms",
            f"{ours['stall'] * 1000:.0f} ms",
            ours["stall"] <= 0.1,
        ),
        row(
            f"{count} tickets, PostgreSQL to PostgreSQL",
            "-",
            "≤ 8 s",
            f"{results['postgresql']['wall']:.1f} s",
            results["postgresql"]["wall"] <= 8,
        ),
        row(
            "event loop stalled longest, PostgreSQL",
            "-",
            "≤ 100 ms",
            f"{results['postgresql']['stall'] * 1000:.0f} ms",
            results["postgresql"]["stall"] <= 0.1,
        ),
        row(
            "1,000 resources in flight, list calls an interval",
            "1,000",
            "1",
            f"{one['lists_an_interval']:g}",
            one["lists_an_interval"] <= 1,
        ),
        row("`nightsort --help`", "-", "≤ 0.3 s", f"{results['help']:.2f} s", results["help"] <= 0.3),
    ]
    return table(["work", "naive script", "to reach", "measured", ""], rows + cluster_rows(results.get("cluster")))


def cluster_rows(cluster: Results | None) -> list[list[str]]:
    """What the operator's own process on a real API server takes."""
    if not cluster:
        return []
    flying, finished = cluster["flying"], cluster["finished"]
    calls = sum(finished["calls"].values())
    return [
        row(
            "1,000 in flight: idle CPU of the operator",
            "-",
            "< 5 %",
            f"{flying['idle_cpu_percent']:.1f} %",
            flying["idle_cpu_percent"] < 5,
        ),
        row(
            "1,000 in flight: memory of the operator",
            "-",
            "≤ 250 MB",
            f"{flying['memory_mb']:.0f} MB",
            flying["memory_mb"] <= 250,
        ),
        row(
            "10,000 finished: until a new one is submitted",
            "-",
            "≤ 15 s",
            f"{finished['started_seconds']:.0f} s",
            finished["started_seconds"] <= 15,
        ),
        row(
            "10,000 finished: memory of the operator",
            "-",
            "≤ 300 MB",
            f"{finished['memory_mb']:.0f} MB",
            finished["memory_mb"] <= 300,
        ),
        row("10,000 finished: calls, all for the new one", "-", "0 for them", f"{calls}", calls <= 20),
    ]


def row(work: str, naive: str, aim: str, measured: str, reached: bool) -> list[str]:
    return [work, naive, aim, f"**{measured}**", "reached" if reached else "missed"]


def tickets_table(results: Results) -> str:
    header = [
        "tickets",
        "",
        "wall, s",
        "without waiting, s",
        "CPU, s",
        "peak, MB",
        "longest stall, ms",
        "most work in one go, ms",
    ]
    rows = []
    for count, contenders in results["tickets"].items():
        for name, one in contenders.items():
            stall, busiest = (f"{one[key] * 1000:.0f}" if key in one else "-" for key in ("stall", "busiest"))
            rows.append(
                [
                    f"{int(count):,}",
                    name,
                    f"{one['wall']:.2f}",
                    f"{one['work']:.2f}",
                    f"{one['cpu']:.2f}",
                    f"{one['peak_mb']:.0f}",
                    stall,
                    busiest,
                ]
            )
    return table(header, rows)


def resources_table(fleets: list[Results]) -> str:
    header = [
        "resources",
        "credentials",
        "list calls an interval",
        "other calls",
        "status writes",
        "CPU of the flow, % of a core",
        "memory beyond imports, MB",
    ]
    rows = [
        [
            f"{one['resources']:,}",
            str(one["credentials"]),
            f"{one['lists_an_interval']:g}",
            str(one["other_calls"]),
            str(one["writes"]),
            f"{one['cpu_percent']:g}",
            f"{one['memory_mb']:.0f}",
        ]
        for one in fleets
    ]
    return table(header, rows)


def machine_line(results: Results) -> str:
    machine = results["machine"]
    loads = f"load {machine['load'][0]} before and {machine['load_after'][0]} after"
    where = f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}"
    return f"{where}; {loads}. Size: {results['size']}.\n"


def draw(results: Results, docs: Path) -> None:
    """Wall time and memory over tickets, CPU and calls over resources."""
    names = {"nightsort": "Nightsort", "naive": "naive script", "floor": "floor"}
    for key, label, file in (("wall", "wall, s", "wall"), ("peak_mb", "peak memory, MB", "memory")):
        lines = [
            Line(shown, [(int(count), at[name][key]) for count, at in results["tickets"].items() if name in at])
            for name, shown in names.items()
        ]
        (docs / f"performance-{file}.svg").write_text(plot(lines, "tickets", label))
    fleet = results["fleet"]
    cpu = Line("CPU of the flow, % of a core", [(one["resources"], one["cpu_percent"]) for one in fleet])
    calls = Line("list calls an interval", [(one["resources"], one["lists_an_interval"]) for one in fleet])
    (docs / "performance-resources.svg").write_text(plot([cpu, calls], "resources in flight", ""))
