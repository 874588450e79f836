"""What must be true of a deployment as strangers and two people see it, one check each.

A check returns what it saw, or None if it was not given what it needs. Raises `FailedError`.
"""

import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

_PATIENCE = 150.0
"""Seconds: longer than a whole answer may take."""
_APART = 0.05
"""Seconds between the first event and the last, below which everything came at once."""
_FEW = 3
_MANY = 200
_ABSENT = "smoke/there-is-no-such-document"
_BROKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzbW9rZSJ9."
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


class FailedError(Exception):
    """What a check saw, and what it should have been."""


@dataclass(frozen=True, slots=True)
class Site:
    """A deployment, and who looks at it."""

    url: str
    token_a: str = field(repr=False)
    token_b: str = field(repr=False)
    document: str
    question: str
    exhaust: bool
    trust: ssl.SSLContext = field(repr=False)
    name: str

    @classmethod
    def at(
        cls, url: str, token_a: str, token_b: str, document: str, question: str, ca: str, name: str, *, exhaust: bool
    ) -> "Site":
        """Return the site at `url`. Raises `ValueError` and `OSError`."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            message = "an address begins with https://"
            raise ValueError(message)
        trust = ssl.create_default_context(cafile=ca or None)
        return cls(url.rstrip("/"), token_a, token_b, document, question, exhaust, trust, name or parts.hostname)

    @property
    def host(self) -> str:
        """Where it is reached."""
        return urlsplit(self.url).hostname or ""

    def ask(self, method: str, path: str, token: str = "", body: object = None) -> httpx2.Response:
        """Return the answer to one request, as it is: no redirect is followed."""
        with self._client(token) as client:
            return client.request(method, self.url + path, json=body, extensions={"sni_hostname": self.name})

    def stream(self, token: str, body: object) -> Sequence[tuple[float, str, Any]]:
        """Return the events of one answer, each with when it came, in seconds since the request."""
        started, name, heard = time.monotonic(), "", list[tuple[float, str, Any]]()
        with (
            self._client(token) as client,
            client.stream(
                "POST", f"{self.url}/v1/answers", json=body, extensions={"sni_hostname": self.name}
            ) as response,
        ):
            _expect(response, 200)
            for line in response.iter_lines():
                key, _, value = line.partition(":")
                name = value.strip() if key == "event" else name
                if key == "data":
                    heard.append((time.monotonic() - started, name, json.loads(value)))
        return heard

    def _client(self, token: str) -> httpx2.Client:
        headers = {"Host": urlsplit(self.url).netloc.replace(self.host, self.name)}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return httpx2.Client(
            verify=self.trust, headers=headers, timeout=_PATIENCE, trust_env=False, follow_redirects=False
        )


def _expect(response: httpx2.Response, *statuses: int) -> None:
    if response.status_code not in statuses:
        wanted = " or ".join(map(str, statuses))
        message = f"{response.request.method} {response.request.url.path}: {response.status_code} instead of {wanted}"
        raise FailedError(message)


def _fail_if(wrong: object, message: str) -> None:
    if wrong:
        raise FailedError(message)


def _problem(response: httpx2.Response) -> Mapping[str, Any]:
    """Return what a refusal says, but for the id that every request has of its own."""
    kind = response.headers.get("content-type", "")
    _fail_if(not kind.startswith("application/problem+json"), f"a refusal is a {kind or 'nothing'}, not a problem")
    return {name: value for name, value in response.json().items() if name != "request"}


def tls(site: Site) -> str | None:
    """TLS: a certificate that is believed, 1.2 or newer."""
    if site.host in _LOOPBACK and site.url.startswith("http:"):
        return None
    _fail_if(not site.url.startswith("https:"), "tokens would be sent in the clear: use https")
    port = urlsplit(site.url).port or 443
    with socket.create_connection((site.host, port), timeout=10) as plain:
        try:
            with site.trust.wrap_socket(plain, server_hostname=site.name) as secure:
                return f"{secure.version()}, {secure.cipher()[0]}"  # type: ignore[index]  # there is one by now
        except ssl.SSLError as error:
            message = f"its certificate is not believed: {error.reason}; see --ca and --name"
            raise FailedError(message) from error


def alive(site: Site) -> str:
    """/healthz: the processes live."""
    response = site.ask("GET", "/healthz")
    _expect(response, 200)
    _fail_if("uvicorn" in response.headers.get("server", ""), "a header tells what serves it")
    return str(response.json()["status"])


def ready(site: Site) -> str:
    """/readyz: every dependency answers."""
    response = site.ask("GET", "/readyz")
    states = response.json().get("dependencies", {})
    late = sorted(name for name, state in states.items() if state != "ready")
    _fail_if(late, f"not ready: {', '.join(late)}; see the log's not-ready lines")
    _expect(response, 200)
    return ", ".join(sorted(states))


def strangers(site: Site) -> str:
    """No token, or a broken one: 401, in the same words."""
    refusals = [site.ask("GET", "/v1/me", token) for token in ("", _BROKEN, "x", "a.b.c")]
    for each in refusals:
        _expect(each, 401)
        _fail_if(each.headers.get("www-authenticate") != "Bearer", "a 401 does not ask for a bearer token")
    _fail_if(any(_problem(each) != _problem(refusals[0]) for each in refusals), "refusals differ")
    return "401 four times"


def unread(site: Site) -> str:
    """A stranger's body is not looked at."""
    _expect(site.ask("POST", "/v1/answers", body={"question": "x" * 5_000}), 401)
    _expect(site.ask("POST", "/v1/search", body={"no": "field"}), 401)
    return "401 before 413 and 422"


def inside(site: Site) -> str:
    """Counters and interfaces of the inside are not to be seen."""
    for path in ("/metrics", "/docs", "/redoc"):
        _expect(site.ask("GET", path), 404)
    return "404"


def routing(site: Site) -> str:
    """PUT and DELETE of documents reach the service that may write, and no other address writes."""
    for method in ("PUT", "DELETE"):
        _expect(site.ask(method, f"/v1/documents/{_ABSENT}"), 401)
        for path in ("/v1/documents", "/V1/DOCUMENTS/x", "/v1//documents/x"):
            _expect(site.ask(method, path), 401, 404, 405)
    _expect(site.ask("GET", f"/v1/uploads/{'0' * 32}"), 401)
    _expect(site.ask("PUT", "/v1/answers"), 405)
    _expect(site.ask("POST", f"/v1/documents/{_ABSENT}"), 405)
    return "401 there, 404 and 405 elsewhere"


def bounds(site: Site) -> str | None:
    """Too much is refused: a question, a number, a body."""
    if not site.token_a:
        return None
    _expect(site.ask("POST", "/v1/search", site.token_a, {"question": "x" * 5_000}), 422)
    _expect(site.ask("POST", "/v1/search", site.token_a, {"question": "x", "k": 51}), 422)
    _expect(site.ask("POST", "/v1/search", site.token_a, {"question": "x" * 70_000}), 413)
    return "422, 422, 413"


def streamed(site: Site) -> str | None:
    """An answer comes as it is made: its first event before its last."""
    if not site.token_a:
        return None
    heard = site.stream(site.token_a, {"question": site.question})
    _fail_if(not heard or heard[0][1] != "receipt", "an answer does not begin with its receipt")
    first, (last, name, data) = heard[0][0], heard[-1]
    _fail_if(name != "done", f"it ended by {name}: {data.get('detail') if name == 'error' else 'cut off'}")
    words = sum(1 for _, each, _ in heard if each == "token")
    _fail_if(words > _FEW and last - first < _APART, "all of it came at once: something between buffers it")
    return f"first event after {first:.1f} s, {words} pieces, done after {last:.1f} s"


def mine(site: Site) -> str | None:
    """A may read the document."""
    if not (site.token_a and site.document):
        return None
    response = site.ask("GET", f"/v1/documents/{site.document}", site.token_a)
    _expect(response, 200)
    return f"version {response.json()['version']}"


def hidden(site: Site) -> str | None:
    """B may not, and is told what is told of a document that there is not."""
    if not (site.token_b and site.document):
        return None
    secret = site.ask("GET", f"/v1/documents/{site.document}", site.token_b)
    absent = site.ask("GET", f"/v1/documents/{_ABSENT}", site.token_b)
    _expect(secret, 404)
    _expect(absent, 404)
    _fail_if(_problem(secret) != _problem(absent), "what is hidden is refused in other words than what is absent")
    return "the same 404"


def unfound(site: Site) -> str | None:
    """B's search does not find it, by the question that finds it for A."""
    if not (site.token_a and site.token_b and site.document):
        return None
    asked = {"question": site.question, "k": 50}
    found = [_found(site.ask("POST", "/v1/search", token, asked)) for token in (site.token_a, site.token_b)]
    _fail_if(site.document in found[1], "B finds a document that B must not read")
    _fail_if(site.document not in found[0], "A does not find it either: ask another --question")
    return f"{len(found[0])} documents for A, {len(found[1])} for B"


def _found(response: httpx2.Response) -> set[str]:
    _expect(response, 200)
    return {str(each["document"]) for each in response.json()["passages"]}


def exhausted(site: Site) -> str | None:
    """Who asks too often is told when to come back."""
    if not (site.token_a and site.exhaust):
        return None
    for number in range(_MANY):
        response = site.ask("GET", "/v1/me", site.token_a)
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            return f"429 after {number} requests, come back in {int(response.headers['retry-after'])} s"
        _expect(response, 200)
    message = f"{_MANY} requests in a row were all served"
    raise FailedError(message)


CHECKS: Sequence[Callable[[Site], str | None]] = (
    tls,
    alive,
    ready,
    strangers,
    unread,
    inside,
    routing,
    bounds,
    streamed,
    mine,
    hidden,
    unfound,
    exhausted,
)
