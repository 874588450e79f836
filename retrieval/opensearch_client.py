"""From an address to calls of OpenSearch that answer in full or raise: the one place that speaks to the engine.

Nothing is retried here and no other node is tried: a search that fails is a 503, a write is repeated by ingestion.
"""

import json
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    ConnectionError as EngineConnectionError,
)
from opensearchpy.exceptions import (
    ConnectionTimeout,
    ImproperlyConfigured,
    OpenSearchException,
    SSLError,
    TransportError,
)

from retrieval.errors import IndexMismatchError, SearchUnavailableError
from retrieval.opensearch_connection import PunctualConnection

Plain = Mapping[str, Any]

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NDJSON = {"content-type": "application/x-ndjson"}
_ABSENT = 404
_DONE = frozenset({200, 201, _ABSENT, 409})
"""Of one write: done, nothing to delete, or too late."""
_OLDEST = 3
"""Major version of OpenSearch: what this project's tests run on."""

_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, StopIteration, RecursionError)
"""What comes of reading an answer of another shape."""

Signer = Callable[[str, str, Any], Mapping[str, str]]
"""Returns the headers that sign a request: opensearch-py's own signer for SigV4."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the engine is, and how it knows us: by name and password, by a signature, or (on loopback) not at all."""

    url: str
    auth: tuple[str, str] | Signer | None = field(default=None, repr=False)
    ca: Path | None = None
    """Certificates of the authorities to believe instead of the usual ones; TLS is always verified."""
    connections: int = 16

    def check(self) -> None:
        """Return if this may be spoken to. Raises `IndexMismatchError` that names the mend."""
        written = "the address of OpenSearch is written like https://host:9200, without a name or a password in it"
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise IndexMismatchError(written) from error
        if "aoss" in host.split("."):
            message = (
                "OpenSearch Serverless assigns the ids of its vector collections' documents itself, so that a late "
                "write could not be told from a new one: use an OpenSearch domain"
            )
            raise IndexMismatchError(message)
        if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc or parts.query or parts.fragment:
            raise IndexMismatchError(written)
        if host not in _LOOPBACK and (parts.scheme != "https" or self.auth is None):
            message = "beyond this machine, OpenSearch is reached by https and with credentials only"
            raise IndexMismatchError(message)
        if isinstance(self.auth, tuple) and not all(part.isascii() for part in self.auth):
            message = "the name and the password for OpenSearch are written in ASCII: HTTP defines no other alphabet"
            raise IndexMismatchError(message)


@dataclass(frozen=True, slots=True)
class Engine:
    """OpenSearch at one address. Raises `SearchUnavailableError` for whatever it does not do in full."""

    client: OpenSearch = field(repr=False)
    host: str

    @classmethod
    def at(cls, address: Address) -> "Engine":
        """Return the engine at `address`; nothing is sent yet. Raises `IndexMismatchError`."""
        address.check()
        # Its log would hold requests, and these hold questions and documents.
        for name in ("opensearch", "opensearchpy.trace"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        secure = urlsplit(address.url).scheme == "https"
        tls: dict[str, Any] = {"verify_certs": True, "ca_certs": address.ca and str(address.ca)} if secure else {}
        try:
            if address.ca is not None:
                ssl.create_default_context(cafile=str(address.ca))  # read now, and not at the first request
            client = OpenSearch(
                address.url,
                http_auth=address.auth,
                connection_class=PunctualConnection,
                pool_maxsize=address.connections,
                max_retries=0,
                **tls,
            )
        except (ImproperlyConfigured, OSError, ValueError) as error:
            message = (
                f"no client for OpenSearch can be made: {type(error).__name__}; is the file of certificates there?"
            )
            raise IndexMismatchError(message) from error
        return cls(client, urlsplit(address.url).hostname or "")

    def check_version(self, timeout: float = 10.0) -> None:
        """Return if an OpenSearch of a version that is known answers. Raises `IndexMismatchError` otherwise."""
        version = self.call("GET", "/", timeout=timeout).get("version")
        told = version if isinstance(version, Mapping) else {}
        kind, number = told.get("distribution"), str(told.get("number", ""))
        major = number.partition(".")[0]
        if kind != "opensearch" or not major.isdigit() or int(major) < _OLDEST:
            message = (
                f"at {self.host} answers {kind or 'something else'} {number}: OpenSearch {_OLDEST} or newer is needed"
            )
            raise IndexMismatchError(message)

    def call(
        self,
        method: str,
        path: str,
        body: Plain | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Plain:
        """Return the engine's answer to one request. Raises `SearchUnavailableError`."""
        return self._perform(method, path, json.dumps(body) if body is not None else None, params, timeout, {})

    def search(self, requests: Sequence[tuple[Plain, Plain]], timeout: float) -> list[Sequence[Plain]]:
        """Return all rows that each of `requests` found, header and body, sent as one `_msearch`."""
        lines = "".join(f"{json.dumps(part)}\n" for request in requests for part in request)
        answers = self._perform("POST", "/_msearch", lines, None, timeout, _NDJSON).get("responses")
        if not isinstance(answers, list) or len(answers) != len(requests):
            message = "OpenSearch answered another number of searches than it was asked"
            raise SearchUnavailableError(message)
        return [_rows(answer, header["index"]) for answer, (header, _) in zip(answers, requests, strict=True)]

    def bulk(self, index: str, lines: Iterable[Plain], timeout: float = 60.0) -> list[Plain]:
        """Return what became of each operation; those that came too late (a version conflict) are among them."""
        operations = list(lines)
        body = "".join(f"{json.dumps(line)}\n" for line in operations)
        answer = self._perform("POST", f"/{index}/_bulk", body, {"refresh": "true"}, timeout, _NDJSON)
        try:
            outcomes: list[Plain] = [next(iter(item.values())) for item in answer["items"]]
            for each in outcomes:
                if each["status"] not in _DONE or (each["status"] == _ABSENT and "error" in each):
                    raise SearchUnavailableError(_refusal(each["status"], each.get("error"), self.host))
        except _UNREADABLE as error:
            raise SearchUnavailableError(_garbled(self.host)) from error
        if len(outcomes) != sum(1 for each in operations if each.keys() <= {"index", "delete"}):
            message = f"OpenSearch at {self.host} answered to another number of writes than it was asked: repeat them"
            raise SearchUnavailableError(message)
        return outcomes

    def _perform(
        self,
        method: str,
        path: str,
        body: str | None,
        params: Mapping[str, str] | None,
        timeout: float,
        headers: Mapping[str, str],
    ) -> Plain:
        try:
            answer = self.client.transport.perform_request(
                method, path, params={**(params or {}), "request_timeout": timeout}, body=body, headers=dict(headers)
            )
        except OpenSearchException as error:
            # Not chained: what the engine says may repeat a question, and a log may hold the whole chain.
            raise SearchUnavailableError(_told(error, self.host)) from None
        except _UNREADABLE:
            raise SearchUnavailableError(_garbled(self.host)) from None
        if not isinstance(answer, Mapping):
            raise SearchUnavailableError(_garbled(self.host))
        return answer


def _rows(answer: object, index: object) -> Sequence[Plain]:
    """Return the rows of `answer` if it is whole: a part of the allowed passages must not pass for all of them."""
    if not isinstance(answer, Mapping) or answer.get("error") or not isinstance(answer.get("_shards"), Mapping):
        told = answer if isinstance(answer, Mapping) else {}
        raise SearchUnavailableError(_refusal(told.get("status"), told.get("error"), "the cluster"))
    shards = answer["_shards"]
    partial = answer.get("timed_out") is not False or answer.get("terminated_early")
    if partial or shards.get("failed") != 0 or not shards.get("total") or shards.get("successful") != shards["total"]:
        message = "OpenSearch answered in part only: a shard failed, or time ran out"
        raise SearchUnavailableError(message)
    try:
        rows: list[Plain] = [*answer["hits"]["hits"]]
        strangers = [row for row in rows if row["_index"] != index or not isinstance(row["_id"], str)]
    except _UNREADABLE as error:
        raise SearchUnavailableError(_garbled("the cluster")) from error
    if strangers:
        message = f"a hit came from another index than {index}: it is an alias"
        raise SearchUnavailableError(message)
    return rows


def _told(error: OpenSearchException, host: str) -> str:
    if isinstance(error, ConnectionTimeout):
        return f"OpenSearch at {host} did not answer in time"
    if isinstance(error, SSLError):
        return f"the certificate of OpenSearch at {host} is not one that is believed: see ANTECHAMBER_OPENSEARCH_CA"
    if isinstance(error, EngineConnectionError):
        return f"OpenSearch at {host} cannot be reached: is it running, and ANTECHAMBER_OPENSEARCH_URL its address?"
    if isinstance(error, TransportError):
        info = error.info.get("error") if isinstance(error.info, Mapping) else None
        return _refusal(error.status_code, info, host)
    return _garbled(host)


def _garbled(host: str) -> str:
    return f"OpenSearch at {host} answered what cannot be read: does something else answer at its address?"


def _refusal(status: object, error: object, host: str) -> str:
    """Return what a refusal means and how to mend it, without the engine's reason: that may repeat a question."""
    kind = str(error.get("type")) if isinstance(error, Mapping) else "unknown"
    reason = str(error.get("reason")) if isinstance(error, Mapping) else ""
    if kind == "cluster_block_exception":
        if "flood-stage" in reason:
            return f"OpenSearch at {host} is short of disk and takes no writes: free some; nothing was lost"
        return f"the index at {host} is blocked (read-only, or its cluster has no manager): lift the block and repeat"
    mends = {
        401: "does not know these credentials: see ANTECHAMBER_OPENSEARCH_USER and _PASSWORD, or the role",
        403: "does not let these credentials do this: see the role's permissions",
        404: "has no such index: make one with `antechamber index rebuild`",
        429: "is overloaded: repeat it later",
    }
    known = mends.get(status) if isinstance(status, int) else None
    return f"OpenSearch at {host} {known or 'refused'} ({status}, {kind})"
