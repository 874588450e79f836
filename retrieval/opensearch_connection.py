"""One connection to OpenSearch whose answers come within the request's time as a whole, or not at all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opensearchpy import Urllib3HttpConnection
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, Retry, Timeout
from urllib3.exceptions import ReadTimeoutError

_CHUNK = 1 << 16


class PunctualConnection(Urllib3HttpConnection):
    """opensearch-py's connection, over a pool that bounds each request in all: urllib3 bounds each read of a socket."""

    def _create_urllib3_pool(self) -> None:
        make: Any = self._urllib3_pool_factory
        self.pool: Any = _Pool(make())


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: HTTPHeaderDict
    data: bytes


@dataclass(frozen=True, slots=True)
class _Pool:
    pool: HTTPConnectionPool

    def urlopen(
        self, method: str, url: str, body: bytes | None, *, retries: Retry, headers: Mapping[str, str], timeout: float
    ) -> _Answer:
        """Return the answer, read within `timeout` seconds. No redirect is followed: it would carry credentials."""
        until = time.monotonic() + timeout
        answer = self.pool.urlopen(
            method,
            url,
            body,
            headers,
            retries=retries,
            redirect=False,
            timeout=Timeout(total=timeout),
            preload_content=False,
        )
        parts: list[bytes] = []
        while part := answer.read1(_CHUNK):
            parts.append(part)
            if time.monotonic() > until:
                answer.close()
                message = "the answer comes in drips"
                raise ReadTimeoutError(self.pool, url, message)
        answer.release_conn()
        # A warning of the engine's may repeat what it was asked, and opensearch-py would print it.
        kept = HTTPHeaderDict((name, value) for name, value in answer.headers.items() if name.lower() != "warning")
        return _Answer(answer.status, kept, b"".join(parts))

    def close(self) -> None:
        """Close all connections."""
        self.pool.close()
