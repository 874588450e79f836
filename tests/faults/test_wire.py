"""What no HTTP client would send: half, doubled, endless and malformed requests. Never a 500, an echo or a hang."""

import time
from collections.abc import Iterator, Sequence

import pytest

from tests.faults.raw import CLOSE, DEADLINE, JSON, Site, check_health, is_refused, statuses
from tests.support.application import disclosed
from tests.support.server import calling

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(60)]

QUESTION = b'{"question": "What does the engine plan say?"}'


@pytest.fixture(autouse=True)
def _still_answers(site: Site, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    check_health(site, caplog.text)


HEADS: Sequence[bytes] = (
    b"\r\n" * 100 + b"x",
    b"GET\r\n\r\n",
    b"GET /healthz\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /CANARYWIRE\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /CANARYWIRE \xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: CANARYWIRE\x00\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nCANARYWIRE\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX : CANARYWIRE\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: CANARYWIRE\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 600,
    b"GET /" + b"CANARYWIRE" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
)


@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_head_that_is_none_is_refused(site: Site, head: bytes) -> None:
    assert is_refused(site.exchange(head))


@pytest.mark.parametrize("lines", [b"X: " + b"CANARYWIRE" * 40_000, b"X: CANARYWIRE\r\n" * 30_000])
def test_head_without_an_end_in_sight_is_given_up(site: Site, lines: bytes) -> None:
    came = site.exchange(
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", *(lines[n : n + 4096] for n in range(0, 99_999, 4096))
    )
    assert not came or is_refused(came)


BODIES: Sequence[tuple[str, bytes]] = (
    ("Transfer-Encoding: chunked", b"CANARYWIRE\r\n"),
    ("Transfer-Encoding: chunked", b"-1\r\n\r\n"),
    ("Transfer-Encoding: chunked", b"0x10\r\n" + b" " * 16 + b"\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", b"5\r\nCANARYWIRE\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", b"1;" + b"x=CANARYWIRE;" * 10_000 + b"\r\n[\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", b"1\r\n[\r\n0\r\n" + b"X: CANARYWIRE\r\n" * 10_000 + b"\r\n"),
    ("Content-Length: 10", b"CANARYWIRE"),
    ("Content-Length: 2", b"\xff\xfe"),
    ("Content-Length: 4", b"null"),
    ("Content-Length: 20", b'{"question": "\x00   "}'),
    ("Content-Length: 22", b'{"question": "\\ud800"}'),
    ("Content-Length: 60000", b"[" * 60_000),
    ("Content-Length: 60000", b'{"CANARYWIRE":' * 4_285 + b" " * 10),
    ("Content-Length: 60000", b'{"question": ' + b"9" * 59_986 + b"}"),
    ("Content-Length: 60000", b'{"question": "' + b"a" * 59_984 + b'"}'),
    ("Content-Length: 99999999999999999999", b"CANARYWIRE"),
    ("Content-Length: \xb2\xb3", b"CANARYWIRE"),
)


@pytest.mark.parametrize(("header", "body"), BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("path", ["/v1/answers", "/v1/search"])
def test_body_that_is_none_is_refused(site: Site, path: str, header: str, body: bytes) -> None:
    assert is_refused(site.exchange(site.request("POST", path, JSON, CLOSE, header, body=body)))


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/search"])
@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Content-Length: 100", b""),
        ("Content-Length: 100", b'{"question": "'),
        ("Transfer-Encoding: chunked", b""),
        ("Transfer-Encoding: chunked", b"ffffffffffffffffffff\r\n"),
        ("Transfer-Encoding: chunked", b"1\r\n{\r\n"),
    ],
)
def test_r14_body_that_never_comes_whole_ends_with_the_deadline(
    site: Site, path: str, header: str, body: bytes
) -> None:
    began = time.monotonic()
    came = site.exchange(site.request("POST", path, JSON, CLOSE, header, body=body))
    assert time.monotonic() - began < DEADLINE + 3
    assert statuses(came)[0] in {400, 408, 422, 503}
    assert statuses(site.exchange(site.request("POST", path, JSON, CLOSE, header, body=body, who=None))) == [401]


def test_one_request_is_never_read_as_two(site: Site) -> None:
    smuggled = site.request("GET", "/v1/documents/plan", CLOSE)
    head = site.request("POST", "/v1/search", JSON, "Content-Length: 4", "Transfer-Encoding: chunked", who=None)
    came = site.exchange(head + b"0\r\n\r\n" + smuggled)
    assert not disclosed(came.decode("latin-1")) or statuses(came)[0] == 401
    assert all(each < 500 for each in statuses(came))


def test_requests_in_one_packet_are_answered_in_their_order(site: Site) -> None:
    parts = [
        site.request("GET", "/v1/me"),
        site.request("GET", "/v1/me", who=None),
        site.request("POST", "/v1/answers", JSON, f"Content-Length: {len(QUESTION)}", body=QUESTION),
        site.request("GET", "/v1/documents/nowhere"),
        site.request("GET", "/healthz", CLOSE),
    ]
    came = site.exchange(b"".join(parts))
    assert statuses(came) == [200, 401, 200, 404, 200]
    until = time.monotonic() + 10
    while "complete" not in [each["closed"] for each in site.application.records()]:
        assert time.monotonic() < until, "the answer was not closed"
        time.sleep(0.02)


@pytest.mark.parametrize("who", ["alice", None])
def test_who_expects_to_be_asked_for_a_body_is_asked_or_refused(site: Site, who: str | None) -> None:
    head = site.request(
        "POST", "/v1/search", JSON, CLOSE, "Expect: 100-continue", f"Content-Length: {len(QUESTION)}", who=who
    )
    came = site.exchange(head, QUESTION)
    assert statuses(came) in ([[100, 200], [200]] if who else [[401], [100, 401]])


@pytest.mark.parametrize("cut", [0, 1, 16, 40, -1, -10, -60])
def test_half_a_request_is_no_request(site: Site, cut: int) -> None:
    whole = site.request("POST", "/v1/search", JSON, f"Content-Length: {len(QUESTION)}", body=QUESTION)
    before = len(site.application.records())
    with calling(site.running) as caller:
        caller.socket.sendall(whole[:cut])
    time.sleep(0.05)
    assert len(site.application.records()) == before
