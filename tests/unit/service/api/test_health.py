"""Alive and ready: two questions, two answers, no secret in either."""

from pathlib import Path

from authz.errors import DirectoryUnavailableError
from tests.support.application import Application


def _fails() -> None:
    message = "CANARYDETAIL"
    raise DirectoryUnavailableError(message)


def _explodes() -> None:
    message = "CANARYDETAIL"
    raise RuntimeError(message)


def test_a_process_is_alive_whatever_its_dependencies_do(tmp_path: Path) -> None:
    application = Application(tmp_path, probes={"directory": _fails})
    with application.client(None) as client:
        assert client.get("/healthz").json() == {"status": "alive"}


def test_ready_names_each_dependency(tmp_path: Path) -> None:
    application = Application(tmp_path, probes={"directory": lambda: None, "index": lambda: None})
    with application.client(None) as client:
        response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "dependencies": {"directory": "ready", "index": "ready"}}


def test_whatever_a_probe_raises_means_not_ready_and_only_the_log_says_why(tmp_path: Path) -> None:
    application = Application(tmp_path, probes={"directory": _fails, "index": lambda: None, "audit": _explodes})
    with application.client(None) as client:
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json() == {
        "status": "not ready",
        "dependencies": {"directory": "not ready", "index": "ready", "audit": "not ready"},
    }
