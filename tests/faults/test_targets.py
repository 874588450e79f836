"""Methods, paths, queries and evidence of every odd shape: refused alike, and nothing of them repeated."""

from collections.abc import Iterator, Sequence

import pytest

from tests.faults.raw import CANARY, CLOSE, Site, check_health, is_refused, statuses
from tests.support.application import canary, disclosed

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(60)]


@pytest.fixture(autouse=True)
def _still_answers(site: Site, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    check_health(site, caplog.text)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PATCH", "CANARYWIRE", "get", "M" * 1000])
@pytest.mark.parametrize("path", ["/v1/answers", "/v1/documents/plan", "/v1/me", "/healthz", "/nowhere"])
def test_other_method_is_refused_whatever_it_is(site: Site, method: str, path: str) -> None:
    came = site.exchange(site.request(method, path, CLOSE, "Origin: https://CANARYWIRE.test"))
    assert is_refused(came)
    assert b"access-control" not in came.lower()


def test_connect_is_refused(site: Site) -> None:
    assert is_refused(site.exchange(site.request("CONNECT", "CANARYWIRE:443", CLOSE)))


TARGETS: Sequence[str] = (
    "//v1/documents/plan",
    "/v1//documents/plan",
    "/v1/documents//plan",
    "/v1/documents/./plan",
    "/v1/documents/%2e%2e/%2e%2e/healthz",
    "/v1/documents/../../etc/passwd",
    "/v1/documents/..%2f..%2fetc%2fpasswd",
    "/v1/documents/%00CANARYWIRE",
    "/v1/documents/plan%00",
    "/v1/documents/plan%0d%0aX-Injected:%20CANARYWIRE",
    "/v1/documents/%ff%fe",
    "/v1/documents/%ed%a0%80",
    "/v1/documents/%",
    "/v1/documents/plan;CANARYWIRE",
    "/v1/documents/plan%20",
    "/v1/documents/PLAN",
    "/v1/documents/plan/",
    "/v1/documents/globex/plan",
    "/v1/documents/%2e%2e%2fglobex%2fplan",
    "/v1/documents/" + "CANARYWIRE" * 2_000,
    "/v1/documents/" + "%F0%9F%98%80" * 1_000,
    "/v1/documents/*",
    "/v1/documents/%25%32%65",
    "/v1/documents/vault",
    "/v1/documents/quarantined",
    "*",
    "http://CANARYWIRE.test/v1/documents/nowhere",
    "/V1/me",
    "/v1/me/",
    "/v1/me%2f",
    "/%76%31/CANARYWIRE",
    "/openapi.json/CANARYWIRE",
    "/docs?CANARYWIRE",
)


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_path_that_names_nothing_is_404_and_looks_like_what_is_hidden(site: Site, method: str, target: str) -> None:
    came = site.exchange(site.request(method, target, CLOSE, who="bob"))
    assert is_refused(came)
    assert statuses(came)[0] in {400, 404, 405, 422}
    assert b"injected" not in came.lower()


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=51", "limit=9999999999999999999999", "limit=CANARYWIRE", "limit=1e1", "limit=",
        "limit=1&limit=CANARYWIRE", "after=" + "CANARYWIRE" * 60, "after=%00", "after=%ff", "after=%ed%a0%80", "after=",
        "after=a&after=CANARYWIRE", "limit=%31%00", "limit[]=1&CANARYWIRE", "&&&==&CANARYWIRE=", "limit=\u0661",
    ],
)  # fmt: skip
def test_query_of_another_shape_is_no_fault_of_ours(site: Site, query: str) -> None:
    came = site.exchange(site.request("GET", f"/v1/documents?{query.encode().decode('latin-1')}", CLOSE, who="bob"))
    assert statuses(came)[0] in {200, 400, 404, 422}
    assert CANARY.encode() not in came
    assert disclosed(came.decode()) <= {("acme", "handbook")}
    assert canary("acme", "plan").encode() not in came


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Bearer CANARYWIRE", "Basic CANARYWIRE", "Bearer " + "CANARYWIRE" * 1_000,
     "Bearer a.b.c, Bearer x", "Bearer \xff\xfe", "Bearer ..", "bearer\tCANARYWIRE", "Bearer " + "." * 8_000],
    ids=range(10),
)  # fmt: skip
def test_evidence_of_another_shape_is_401(site: Site, value: str) -> None:
    came = site.exchange(site.request("GET", "/v1/me", CLOSE, f"Authorization: {value}", who=None))
    assert is_refused(came)
    assert statuses(came) == [401]
