"""Every backend fails in every way a network knows: 503 within the deadline, nothing told, and served again after."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.faults.deployment import BACKENDS, DOCUMENT, Deployment
from tests.support.fault_proxy import Fault, answers, drips, hangs, http, resets, resets_after

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(120)]

DEADLINE = 1.5
"""Seconds before the first byte, fewer than any client of ours waits for a backend."""
WORD_DELAY = 0.0
CANARY = "CANARYFAULT"
ERROR = f'{{"__type": "{CANARY}", "message": "{CANARY}", "error": {{"type": "{CANARY}", "reason": "{CANARY}"}}}}'
FAULTS: Mapping[str, Fault | None] = {
    "refused": None,
    "hung": hangs,
    "reset": resets,
    "cut": resets_after(20),
    "failing": answers(http(500, ERROR.encode())),
    "unavailable": answers(http(503)),
    "no HTTP": answers(f"{CANARY}\r\n{CANARY}\r\n\r\n".encode()),
    "broken JSON": answers(http(200, f'{{"{CANARY}": '.encode())),
    "truncated": answers(http(200, f'{{"{CANARY}": 1}}'.encode(), length=9999)),
    "of another type": answers(http(200, f"<html>{CANARY}</html>".encode(), "text/html")),
    "dripping": drips(0.05, http(200, CANARY.encode() * 1000)),
}
SLOW = {"hung", "dripping"}
ANSWERS, SEARCH, VIEW = "/v1/answers", "/v1/search", f"/v1/documents/{DOCUMENT}"
PATHS: Mapping[str, Sequence[str]] = dict.fromkeys(BACKENDS, (ANSWERS, SEARCH, VIEW)) | {
    "embedding": (ANSWERS, SEARCH),
    "model": (ANSWERS,),
}
RECORDED = {"registry": "RegistryUnavailableError", "embedding": "EmbeddingUnavailableError",
            "search": "SearchUnavailableError"}  # fmt: skip
"""The backends after which there is somebody and something to record, and what is recorded of their failure."""
GRACE = 3.0
"""Seconds more than the deadline that a busy machine may take."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_r02_r03_r06_r09_r10_r14_a_backend_that_fails_is_503_in_time_and_served_again_after(
    deployment: Deployment, backend: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.keys.forget()
    proxy, paths = deployment.proxies[backend], PATHS[backend]
    with proxy.failing(FAULTS[fault]), ThreadPoolExecutor(len(paths)) as together:
        found = dict(zip(paths, together.map(lambda path: timed(deployment, path), paths), strict=True))
        assert proxy.befallen or FAULTS[fault] is None, "the fault never happened"
    for path, (response, seconds) in found.items():
        assert is_refused(response), path
        assert seconds < DEADLINE + GRACE, path
        check_record(deployment, backend, fault, response)
    assert CANARY not in deployment.log.taken() + caplog.text
    for path in paths:
        assert deployment.served_again(path).status_code == httpx2.codes.OK, path


@pytest.mark.parametrize("fault", FAULTS)
def test_r01_keys_that_were_fetched_serve_while_their_issuer_fails_and_nobody_asks_again(
    deployment: Deployment, fault: str
) -> None:
    proxy = deployment.proxies["keys"]
    assert deployment.served_again(SEARCH).status_code == httpx2.codes.OK
    with proxy.failing(FAULTS[fault]):
        assert deployment.served_again(SEARCH).status_code == httpx2.codes.OK
    assert not proxy.befallen


def timed(deployment: Deployment, path: str) -> tuple[httpx2.Response, float]:
    """Ask, and return what came with the seconds it took."""
    began = time.monotonic()
    return deployment.ask(path), time.monotonic() - began


def is_refused(response: httpx2.Response) -> bool:
    """Return whether it is our 503, which says when to come back and nothing else."""
    assert response.status_code == httpx2.codes.SERVICE_UNAVAILABLE, response.text
    assert response.headers["retry-after"].isdecimal()
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) == {"type", "status", "detail", "request"}
    assert CANARY not in response.text + str(response.headers)
    return True


def check_record(deployment: Deployment, backend: str, fault: str, response: httpx2.Response) -> None:
    """Find on record what failed, if there was somebody and something to record, and nothing of what was said."""
    request = response.json()["request"]
    if fault in SLOW or backend == "audit":
        # What came after the deadline is recorded as it came.
        record = deployment.record(request)
        assert record is None or record.closing != {"outcome": "complete"}
        assert CANARY not in str(record)
        return
    if backend == "model":
        opened = deployment.record(request, within=10, closed=True)
        assert opened is not None
        assert opened.closing == {"outcome": "failed"}
        return
    record = deployment.record(request, within=10 if backend in RECORDED else 0)
    assert (record is not None) == (backend in RECORDED)
    if record is not None:
        assert record.record["outcome"] == "failed"
        assert record.record["failure"] in {RECORDED[backend], "DeadlineExceededError"}
        assert CANARY not in str(record)
