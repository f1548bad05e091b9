"""kopf's login to the API server, but over a few shared connections rather than one for each resource.

A TLS connection takes a quarter of a megabyte for asyncio's read buffer. A thousand resources seen at once would open
a thousand connections for their finalizers, and the process would keep this memory.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import kopf

from nightsort import __version__

CONNECTIONS = 10
"""Connections beside those of the watches. A write to the API server takes milliseconds."""


# The errors' mode is the same as in kopf's own logins.
@kopf.on.login(errors=kopf.ErrorsMode.IGNORED)
async def login(settings: kopf.OperatorSettings, memo: kopf.Memo, **more: Any) -> kopf.AiohttpSession | None:
    """Called at the start, and again when the API server has refused the token or the session was closed."""
    # In a thread: a kubeconfig may name a program that gets the token.
    found = await asyncio.to_thread(kopf.login_via_client, settings=settings, **more)
    return None if found is None else session_of(found, CONNECTIONS + memo.watches)


class LeanResponse(aiohttp.ClientResponse):
    """Removes `managedFields` from listed objects: kopf keeps each object for as long as it exists."""

    async def json(self, **how: Any) -> Any:
        found = await super().json(**how)
        if isinstance(found, dict):
            for item in found.get("items") or ():
                item.get("metadata", {}).pop("managedFields", None)
        return found


def session_of(info: kopf.ConnectionInfo, connections: int) -> kopf.AiohttpSession:
    """kopf closes the session when it ends, or when its credentials are no longer valid."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=info.as_ssl_context()),
        headers={**info.as_http_headers(), "User-Agent": f"nightsort/{__version__}"},
        proxy=info.proxy_url,
        trust_env=info.trust_env,
        response_class=LeanResponse,
    )
    return kopf.AiohttpSession(
        server=info.server,
        default_namespace=info.default_namespace,
        priority=info.priority,
        expiration=info.expiration,
        aiohttp_session=session,
    )
