"""The web process: reads the settings, builds each outside thing once, serves until told to stop."""

import os
import signal
import sys
import threading
from collections.abc import Callable

from prometheus_client import start_http_server
from pydantic import ValidationError
from pydantic_settings import SettingsError

from authz.directory import Directory
from authz.errors import AuthzError
from authz.oidc import JwksClient
from authz.policy_set import PolicySet, load_policies
from authz.resource import entity_id, tenant_id
from retrieval.audit import AuditLog
from retrieval.errors import RetrievalError
from retrieval.registry import Registry
from retrieval.retrieve import Stores
from service import compose, compose_index, compose_web
from service.app import create_app
from service.capacity import Capacity
from service.compose_index import ChosenIndex
from service.dependencies import Bounds, Dependencies, Writing
from service.log import log_as_json
from service.metrics import Metrics
from service.running import RunningPolicies
from service.serving import DrainingServer, ended, server_config
from service.settings import Settings, wrong

_LOOPBACK = "127.0.0.1"


def main() -> int:
    """Serve; return the exit status."""
    log_as_json()
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
        on, running = build(settings)
    except (ValidationError, SettingsError) as error:
        return _fail(f"settings: {wrong(error)}; see .env.example")
    except (AuthzError, RetrievalError, ValueError) as error:
        return _fail(str(error))
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=running.reload).start())
    if settings.metrics_port:
        start_http_server(settings.metrics_port, _LOOPBACK, on.metrics.registry)
    app = create_app(on)
    server = DrainingServer(server_config(app, settings.host, settings.port), app)
    for number in (signal.SIGTERM, signal.SIGINT):
        # When it has ended, the server raises the signal again: that must not end us before the records are closed.
        signal.signal(number, server.handle_exit)
    server.run()
    compose.parser().close()
    if not ended(on):
        os._exit(1)  # or Python would wait for threads that hang
    return 0


def build(settings: Settings) -> tuple[Dependencies, RunningPolicies]:
    """Return the dependencies that `settings` describe, and the policies that SIGHUP reloads.

    Raises `PolicyError`, `IndexMismatchError` and `ValueError` for what must not start.
    """
    policies = load_policies(settings.policies)
    running = RunningPolicies(settings.policies, policies)
    chosen = compose_index.index(settings, policies)
    directory = compose.directory(settings, policies.attributes)
    registry = compose.registry(settings, policies.attributes)
    audit = compose.audit(settings)
    limits, counting = compose.limits(settings)
    keys = JwksClient()
    writing = _writing(settings, policies, chosen) if settings.writes else None
    pages = compose_web.web(settings, keys, audit)
    on = Dependencies(
        issuers=compose.issuers(settings),
        keys=keys,
        directory=directory,
        embedder=compose.embedder(settings),
        model=compose.model(settings),
        index=chosen.current,
        stores=Stores(registry, audit, compose.now),
        writing=writing,
        policies=running,
        now=compose.now,
        streams=Capacity(settings.streams, "answer"),
        requests=Capacity(settings.threads, "request"),
        limits=limits,
        metrics=Metrics(),
        bounds=Bounds(settings.hits, settings.budget, settings.deadline, settings.answer_timeout),
        probes=_probes(settings, directory, registry, audit, chosen.probe)
        | counting
        | _staging_probe(settings, writing)
        | ({"sessions": pages.sessions.probe} if pages else {}),
        web=pages,
    )
    return on, running


def _probes(
    settings: Settings, directory: Directory, registry: Registry, audit: AuditLog, index: Callable[[], None]
) -> dict[str, Callable[[], None]]:
    """Return what must not raise for this process to be ready: each reads something that need not exist."""
    issuer = settings.issuers[0]
    tenant = tenant_id(min(issuer.tenants))
    return {
        "directory": lambda: _none(directory.entitlements(issuer.issuer, "readiness probe")),
        "registry": lambda: _none(registry.record(entity_id(tenant, "readiness probe"))),
        "audit": lambda: _none(audit.read(tenant, None, 1)),
        "index": index,
    }


def _writing(settings: Settings, policies: PolicySet, chosen: ChosenIndex) -> Writing:
    staging = compose.staging(settings, policies)
    return Writing(chosen.writer, compose.vectors(settings), compose.parser(), staging)


def _staging_probe(settings: Settings, writing: Writing | None) -> dict[str, Callable[[], None]]:
    """Return what an upload is noted in first. Not the bucket: this process may write there, and read nothing."""
    if writing is None or writing.staging is None:
        return {}
    intake, tenant = writing.staging.intake, tenant_id(min(settings.issuers[0].tenants))
    return {"intake": lambda: _none(intake.of(tenant, "readiness probe"))}


def _none(_: object) -> None:
    return None


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
