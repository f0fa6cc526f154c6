"""Fetching the key sets of token issuers. The only place that speaks HTTP to them.

When an issuer is away a fetch fails within ten seconds; what was fetched before is the caller's to keep.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

FETCH_SECONDS = 10.0
BYTES_MAX = 256 * 1024  # a set of a hundred keys is a tenth of that
_CHUNK = 16 * 1024


class JwksFetchFailed(Exception):
    """There is no document: no connection, no 2xx answer, too slow or too large. The message says which."""


class JwksClient:
    """Fetches the key set at one address. Redirects are not followed: one could lead away from HTTPS."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, seconds: float = FETCH_SECONDS) -> None:
        self._session = session
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=seconds)

    async def fetch(self) -> bytes:
        """Return the document, at most 256 KiB of it after decompression.

        Raises:
            JwksFetchFailed: It could not be had within ten seconds.
        """
        try:
            async with self._session.get(self._url, timeout=self._timeout, allow_redirects=False) as answer:
                if not 200 <= answer.status < 300:
                    raise JwksFetchFailed(f"the issuer answered {answer.status}")
                return await _read(answer.content)
        except TimeoutError as err:
            raise JwksFetchFailed("the issuer did not answer in time") from err
        except (aiohttp.ClientError, OSError, ValueError) as err:
            raise JwksFetchFailed(f"the issuer could not be asked: {err!r}") from err


async def _read(content: aiohttp.StreamReader) -> bytes:
    document = bytearray()
    async for chunk in content.iter_chunked(_CHUNK):
        document += chunk
        if len(document) > BYTES_MAX:
            raise JwksFetchFailed(f"the answer is longer than {BYTES_MAX} bytes")
    return bytes(document)


@asynccontextmanager
async def open_jwks_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Make the connection pool for issuers. Nothing is connected until a key set is needed.

    `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, `SSL_CERT_FILE` and `SSL_CERT_DIR` are obeyed.
    """
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(), limit=4)
    headers = {"accept": "application/json", "user-agent": "unkey-api"}
    async with aiohttp.ClientSession(connector=connector, trust_env=True, headers=headers) as session:
        yield session
