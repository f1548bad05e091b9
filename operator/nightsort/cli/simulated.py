"""A simulator beside a local run: a process of its own, so that it shares neither our loop nor our memory."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from pydantic import SecretStr

from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.settings import Settings

FAREWELL_SECONDS = 5.0


@asynccontextmanager
async def settings_with_api(
    settings: Settings, simulated: float | None, accuracy: Sequence[str] = (), truths: Mapping[str, str] | None = None
) -> AsyncIterator[Settings]:
    """Settings with the API's address: the real one, or a simulator whose batches take this many seconds.

    `accuracy` are the simulated models' shares of right answers, as on the command line; `truths` the true categories
    by ticket's text.
    """
    if simulated is None:
        yield settings
        return
    async with simulator(simulated, accuracy) as url:
        if truths:
            await teach(url, truths)
        own = {"anthropic_api_key": SecretStr("simulated"), "anthropic_api_key_file": None}
        yield settings.model_copy(update={"anthropic_base_url": url, **own})


@asynccontextmanager
async def simulator(seconds: float, accuracy: Sequence[str] = ()) -> AsyncIterator[str]:
    """Its URL, while it runs. It ends with this process, even if that is killed, since its input ends then.

    A session of its own keeps Ctrl-C from it until the run is over.

    Raises:
        Stalled: it did not start; its own message says why.
    """
    command = ["simulate", "--port", "0", "--seconds", str(seconds), "--until-input-ends"]
    command += [word for each in accuracy for word in ("--accuracy", each)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "nightsort", *command, stdin=PIPE, stdout=PIPE, start_new_session=True
    )
    try:
        line = await process.stdout.readline() if process.stdout else b""
        if not line:
            raise Stalled("the simulator did not start", reason=Reason.SIMULATOR_DOWN)
        yield line.decode().split()[-1]
    finally:
        await end(process)


async def teach(url: str, truths: Mapping[str, str]) -> None:
    """Tells a simulator the true categories of tickets, by their texts."""
    from aiohttp import ClientSession

    async with ClientSession() as session, session.post(f"{url}/_simulator/truths", json=dict(truths)) as answer:
        answer.raise_for_status()


async def end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), FAREWELL_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
