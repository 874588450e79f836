"""The application as it is deployed: real adapters and clients, each backend behind a proxy that can fail."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2
import pytest

from authz.identity import Issuer, Key
from authz.oidc import JwksClient, Limits
from authz.policy_set import PolicySet
from authz.resource import tenant_id
from retrieval.audit import Logged
from retrieval.opensearch import OpenSearchIndex
from retrieval.opensearch_address import Address
from retrieval.opensearch_client import Engine
from retrieval.opensearch_mapping import IndexDesign, index_name
from retrieval.retrieve import Stores
from service import compose
from service.app import create_app
from service.dependencies import Dependencies
from service.main import build
from service.settings import Settings
from tests.support.cloud import Cloud
from tests.support.demo import Site
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.keyserver import AUTHORITIES
from tests.support.log import Log, logging_here
from tests.support.loopback_server import body, loopback_server
from tests.support.server import Running, serving

SILENCE = 1.5
"""Seconds that a stream of the model may say nothing."""
DOCUMENT = "hr/salary-bands.md"
QUESTION = "What are the salary bands for engineers?"
KEYS = Limits(silence=0.5, patience=1, retry=0.1)
"""Shorter than the deadline, and open again at once."""
BACKENDS = ("keys", "limits", "directory", "registry", "audit", "embedding", "model", "search")
INDEX = index_name("antechamber-faults")
_CHANGED = {
    "stream_timeout": SILENCE, "answer_timeout": 8, "rate": "100000/minute", "concurrency": 64,
    "threads": 16, "streams": 16, "writes": True, "index": "sqlite",
}  # fmt: skip


class FreshKeys:
    """`SigningKeys` over the real client, which a test lets forget what it has fetched."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._client = JwksClient(limits=KEYS, authorities=AUTHORITIES)

    def key(self, issuer: Issuer, kid: str, algorithm: str) -> Key:
        """Return the key."""
        return self._client.key(issuer, kid, algorithm)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running application, and the proxies before its backends, by the backends' names."""

    site: Site
    running: Running
    on: Dependencies
    keys: FreshKeys
    proxies: Mapping[str, FaultProxy]
    log: Log

    def client(self, person: str = "ana") -> httpx2.Client:
        """Return a client that bears the token of `person`."""
        headers = {"Authorization": f"Bearer {self.site.token(person)}"}
        url = f"http://127.0.0.1:{self.running.port}"
        return httpx2.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def ask(self, path: str) -> httpx2.Response:
        """Return the whole response to one request of `path`."""
        with self.client() as client:
            return client.get(path) if "documents" in path else client.post(path, json={"question": QUESTION})

    def record(self, request: str, *, within: float = 0, closed: bool = False) -> Logged | None:
        """Return the record of the request of this id, if there is one `within` so many seconds."""
        until = time.monotonic() + within
        while True:
            found = [each for each in self._records() if each.record.get("request") == request]
            if (found and (found[0].closing or not closed)) or time.monotonic() > until:
                return found[0] if found else None
            time.sleep(0.1)

    def served_again(self, path: str, within: float = 20) -> httpx2.Response:
        """Return the first response that is no 503, or the last; a busy machine may take longer than the deadline."""
        until = time.monotonic() + within
        while True:
            response = self.ask(path)
            if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE or time.monotonic() > until:
                return response
            time.sleep(0.2)

    def _records(self) -> Iterator[Logged]:
        after: str | None = None
        while page := self.site.operator.audit.read(tenant_id("acme"), after, 100):
            yield from page
            after = page[-1].receipt.id


@contextmanager
def deployed(site: Site, cloud: Cloud, deadline: float) -> Iterator[Deployment]:
    """Run the application of `site` on loopback, each of its backends behind a proxy of its own.

    `deadline` is in seconds.
    """
    settings = _settings(site).model_copy(update={"deadline": deadline})
    on, _ = build(settings)
    with ExitStack() as stack:
        with serving(create_app(on)) as running, httpx2.Client(trust_env=False, timeout=60) as client:
            engine = stack.enter_context(loopback_server(_engine(_rows(site, running, client))))
        backends = dict.fromkeys(BACKENDS, cloud.aws) | {
            "embedding": cloud.bedrock, "model": cloud.bedrock, "search": engine,
        }  # fmt: skip
        proxies = {name: stack.enter_context(fault_proxy(url)) for name, url in backends.items()}
        keys = FreshKeys()
        log = stack.enter_context(logging_here())
        proxied = _behind(on, settings, proxies, keys)
        running = stack.enter_context(serving(create_app(proxied)))
        yield Deployment(site, running, proxied, keys, proxies, log)


def _settings(site: Site) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.variables().items():
            patch.setenv(name, value)
        found = Settings(**_CHANGED)  # type: ignore[arg-type]  # fields of several types; the rest from the environment
    return found.model_copy(update={"index_path": site.folder / found.index_path, "embedding_cache": None})


def _behind(on: Dependencies, settings: Settings, proxies: Mapping[str, FaultProxy], keys: FreshKeys) -> Dependencies:
    at = {name: settings.model_copy(update={"aws_endpoint": proxy.url}) for name, proxy in proxies.items()}
    bedrock = {name: settings.model_copy(update={"bedrock_endpoint": proxies[name].url}) for name in proxies}
    policies: PolicySet = on.policies()
    design = IndexDesign(policies.attributes, settings.embedding_model, settings.dimensions)
    index = OpenSearchIndex(Engine.at(Address(proxies["search"].url)), INDEX, design)
    return replace(
        on,
        issuers={name: _keyed(issuer, proxies["keys"]) for name, issuer in on.issuers.items()},
        keys=keys,
        limits=compose.limits(at["limits"])[0],
        directory=compose.directory(at["directory"], policies.attributes),
        embedder=compose.embedder(bedrock["embedding"]),
        model=compose.model(bedrock["model"]),
        index=lambda: index,
        stores=Stores(
            compose.registry(at["registry"], policies.attributes), compose.audit(at["audit"]), on.stores.clock
        ),
    )


def _keyed(issuer: Issuer, proxy: FaultProxy) -> Issuer:
    path = (issuer.jwks_uri or "").split("/", 3)[3]
    return replace(issuer, jwks_uri=f"{proxy.url}/{path}")


def _rows(site: Site, running: Running, client: httpx2.Client) -> list[dict[str, Any]]:
    """Return a document's passages as rows of OpenSearch, as the local index has them."""
    url = f"http://127.0.0.1:{running.port}/v1/documents/{DOCUMENT}"
    found = client.get(url, headers={"Authorization": f"Bearer {site.token('ana')}"}).json()
    row = {"document": f"acme/{DOCUMENT}", "version": found["version"], "revision": int(found["revision"])}
    rows = [row | {"ordinal": each["ordinal"], "text": each["text"]} for each in found["passages"]]
    return [{"_index": INDEX, "_id": str(number), "_source": each} for number, each in enumerate(rows)]


def _engine(rows: list[dict[str, Any]]) -> "Any":  # noqa: ANN401 - an `Answer`
    """Return what answers every search with `rows`."""
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    whole = {"timed_out": False, "_shards": shards, "hits": {"hits": rows}, "status": 200}

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked = request.rfile.read(int(request.headers["Content-Length"])).count(b"\n") // 2
        body(json.dumps({"responses": [whole] * asked}).encode(), Content_Type="application/json")(request)

    return answer
