"""`python -m tests.simulation.replay SEED` tells a seed's story; with `--soak N` it lives N seeds from SEED on."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.world import World

CHUNK = 50
CHUNKS_PER_LINE = 100


def failures(seeds: Iterable[int]) -> list[tuple[int, str]]:
    """The seeds at which an invariant did not hold, and which."""
    return [(seed, broken) for seed in seeds if (broken := World(seed).live().broken)]


def silence() -> None:
    """What a process logs is in its story already. Never where other tests run: they read logs."""
    logging.disable(logging.CRITICAL)


def soak(
    first: int, count: int, processes: int | None = None, tell: Callable[[str], None] = lambda text: None
) -> list[tuple[int, str]]:
    """Lives many seeds, spread over processes; `tell` hears how far it is, and of each failure when it is found."""
    chunks = [range(start, min(start + CHUNK, first + count)) for start in range(first, first + count, CHUNK)]
    # Processes of their own: they inherit neither the tests' coverage nor their threads.
    with ProcessPoolExecutor(processes or os.cpu_count(), get_context("spawn"), silence) as pool:
        found: list[tuple[int, str]] = []
        for done, broken in enumerate(pool.map(failures, chunks), start=1):
            for seed, why in broken:
                tell(f"seed {seed}: {why.splitlines()[0]}")
            if done % CHUNKS_PER_LINE == 0:
                tell(f"up to seed {chunks[done - 1][-1]}: {len(found) + len(broken)} broken")
            found += broken
        return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--soak", type=int, metavar="N", help="how many seeds to live, from SEED on")
    parser.add_argument("--processes", type=int, metavar="N", help="how many at once; by default one per processor")
    options = parser.parse_args(arguments)
    silence()
    if options.soak is None:
        world = World(options.seed)
        broken = world.live().broken
        say(world.story())
        say(f"seed {options.seed}: {broken or 'all was well'}")
        return 1 if broken else 0
    begun = time.monotonic()
    found = soak(options.seed, options.soak, options.processes, say)
    seconds = time.monotonic() - begun
    say(f"{options.soak:,} seeds in {seconds:.0f} s, {options.soak / seconds:.0f} a second: {len(found)} broken")
    return 1 if found else 0


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
