"""One command line as a user has it, imports and output included: time, CPU and memory of the whole process.

Arguments: those of `nightsort`. Prints its measurement as JSON, behind what the command prints.
"""

from __future__ import annotations

import json
import sys
import time

BEGAN = time.perf_counter()


def main() -> None:
    from nightsort.__main__ import main as nightsort

    sys.argv[0] = "nightsort"
    code: object = 0
    try:
        nightsort()
    except SystemExit as end:
        code = end.code
    wall = time.perf_counter() - BEGAN
    if code:
        raise SystemExit(f"ended with {code}")
    from benchmarks.measure import peak_mb

    figures = {"wall": wall, "work": wall, "cpu": time.process_time(), "peak_mb": peak_mb()}
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
