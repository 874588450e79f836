"""The web process: what stops its start, and what its signals do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import structlog

from authz.errors import PolicyError
from retrieval.errors import IndexMismatchError, IntakeUnavailableError
from service.main import build, main
from service.settings import Settings
from tests.support.cloud import ROOT

ISSUER = {"issuer": "https://login.acme.test", "tenants": ["acme"], "audience": "antechamber"}
NOWHERE = "http://127.0.0.1:9"


def settings(tmp_path: Path, **changed: object) -> dict[str, str]:
    plain: dict[str, object] = {
        "issuers": json.dumps([ISSUER]), "model": "m", "embedding_model": "e", "index_path": tmp_path / "index.sqlite",
        "aws_endpoint": NOWHERE, "bedrock_endpoint": NOWHERE, "aws_access_key_id": "local",
        "aws_secret_access_key": "local", **changed,
    }  # fmt: skip
    return {f"ANTECHAMBER_{name.upper()}": str(value) for name, value in plain.items()}


def read(monkeypatch: pytest.MonkeyPatch, plain: dict[str, str]) -> Settings:
    for name, value in plain.items():
        monkeypatch.setenv(name, value)
    return Settings()  # type: ignore[call-arg]  # from the environment


def test_a_process_is_built_without_calling_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on, running = build(read(monkeypatch, settings(tmp_path)))
    assert on.policies() is running()
    assert set(on.probes) == {"directory", "registry", "audit", "index"}
    on.probes["index"]()


def test_a_process_that_stages_uploads_is_ready_only_with_the_intake_in_which_they_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = settings(tmp_path, writes="true", documents_bucket="b", queue_url=f"{NOWHERE}/q")
    on, _ = build(read(monkeypatch, staged))
    assert set(on.probes) == {"directory", "registry", "audit", "index", "intake"}
    with pytest.raises(IntakeUnavailableError):
        on.probes["intake"]()


def test_a_policy_directory_that_does_not_load_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """(R-04)."""
    with pytest.raises(PolicyError):
        build(read(monkeypatch, settings(tmp_path, policies=tmp_path)))


def test_an_index_of_another_embedding_model_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(read(monkeypatch, settings(tmp_path)))
    with pytest.raises(IndexMismatchError):
        build(read(monkeypatch, settings(tmp_path, embedding_model="another")))


def test_a_setting_that_is_missing_or_wrong_is_named_but_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in settings(tmp_path, hits="CANARYVALUE").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANTECHAMBER_MODEL")
    assert main() == 1
    said = capsys.readouterr().err
    assert "ANTECHAMBER_HITS" in said
    assert "ANTECHAMBER_MODEL" in said
    assert "CANARYVALUE" not in said


def test_policies_that_do_not_load_are_an_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in settings(tmp_path, policies=tmp_path).items():
        monkeypatch.setenv(name, value)
    assert main() == 1
    assert "manifest" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(plain: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-m", "service.main"], cwd=ROOT, env=os.environ | plain, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def get(port: int, path: str, within: float = 60) -> httpx2.Response:
    until = time.monotonic() + within
    while True:
        try:
            return httpx2.get(f"http://127.0.0.1:{port}{path}", timeout=30, trust_env=False)
        except httpx2.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.mark.enable_socket
def test_a_running_process_reloads_on_sighup_tells_its_state_and_ends_on_sigterm(tmp_path: Path) -> None:
    """(R-20), (R-16)."""
    policies = tmp_path / "policies"
    policies.mkdir()
    for each in (ROOT / "authz" / "policies").iterdir():
        (policies / each.name).write_bytes(each.read_bytes())
    port, metrics = free_port(), free_port()
    with process(settings(tmp_path, policies=policies, port=port, metrics_port=metrics)) as running:
        assert get(port, "/healthz").json() == {"status": "alive"}
        ready = get(port, "/readyz")
        assert ready.status_code == 503
        states = ready.json()["dependencies"]
        assert states["index"] == "ready"
        assert states["directory"] == "not ready"
        assert get(port, "/metrics").status_code == 404
        assert "antechamber_requests_total" in get(metrics, "/metrics").text
        running.send_signal(signal.SIGHUP)
        (policies / "10-walls.cedar").unlink()
        running.send_signal(signal.SIGHUP)
        time.sleep(2)
        assert get(port, "/healthz").status_code == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0, "it ends by itself, once its records are closed"
        log = [json.loads(line) for line in (running.stderr or []) if line.startswith("{")]
    assert "policies-not-reloaded" in {line["event"] for line in log}
