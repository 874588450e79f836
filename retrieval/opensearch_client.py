"""From an address to calls of OpenSearch that answer in full or raise: the one place that speaks to the engine.

Nothing is retried here and no other node is tried: a search that fails is a 503, a write is repeated by ingestion.
"""

import json
import logging
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ImproperlyConfigured, OpenSearchException

from retrieval.errors import IndexMismatchError, SearchUnavailableError
from retrieval.opensearch_address import Address
from retrieval.opensearch_answers import UNREADABLE, Plain, garbled, refusal, rows_of, told
from retrieval.opensearch_connection import PunctualConnection

_NDJSON = {"content-type": "application/x-ndjson"}
_ABSENT = 404
_DONE = frozenset({200, 201, _ABSENT, 409})
"""Of one write: done, nothing to delete, or too late."""
_OLDEST = 3
"""Major version of OpenSearch: what this project's tests run on."""


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
        known = version if isinstance(version, Mapping) else {}
        kind, number = known.get("distribution"), str(known.get("number", ""))
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
        return [rows_of(answer, header["index"]) for answer, (header, _) in zip(answers, requests, strict=True)]

    def bulk(self, index: str, lines: Iterable[Plain], timeout: float = 60.0) -> list[Plain]:
        """Return what became of each operation; those that came too late (a version conflict) are among them."""
        operations = list(lines)
        body = "".join(f"{json.dumps(line)}\n" for line in operations)
        answer = self._perform("POST", f"/{index}/_bulk", body, {"refresh": "true"}, timeout, _NDJSON)
        try:
            outcomes: list[Plain] = [next(iter(item.values())) for item in answer["items"]]
            for each in outcomes:
                if each["status"] not in _DONE or (each["status"] == _ABSENT and "error" in each):
                    raise SearchUnavailableError(refusal(each["status"], each.get("error"), self.host))
        except UNREADABLE as error:
            raise SearchUnavailableError(garbled(self.host)) from error
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
            raise SearchUnavailableError(told(error, self.host)) from None
        except UNREADABLE:
            raise SearchUnavailableError(garbled(self.host)) from None
        if not isinstance(answer, Mapping):
            raise SearchUnavailableError(garbled(self.host))
        return answer
