"""The web process: reads the settings, builds each outside thing once, serves until told to stop."""

import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import start_http_server
from pydantic import ValidationError

from authz.directory import Directory
from authz.errors import AuthzError
from authz.oidc import JwksClient
from authz.policy_set import load_policies
from authz.resource import entity_id, tenant_id
from retrieval.audit import AuditLog
from retrieval.errors import RetrievalError
from retrieval.registry import Registry
from retrieval.retrieve import Stores
from service import compose, compose_index
from service.app import create_app
from service.dependencies import Bounds, Dependencies, Writing
from service.limits import PersonLimits
from service.metrics import Metrics
from service.running import RunningPolicies
from service.settings import Settings
from service.streams import Streams

_LOOPBACK = "127.0.0.1"
_GRACE = 10
"""Seconds that running answers have to end after SIGTERM."""
_HEADERS = 32_768
"""Bytes of a request's head: a token of 8 KB, and room for what browsers and load balancers add."""


def main() -> int:
    """Serve; return the exit status."""
    log_as_json()
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
        on, running = build(settings)
    except ValidationError as error:
        wrong = ", ".join(
            f"ANTECHAMBER_{'__'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()
        )
        return _fail(f"settings: {wrong}; see .env.example")
    except (AuthzError, RetrievalError, ValueError) as error:
        return _fail(str(error))
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=running.reload).start())
    if settings.metrics_port:
        start_http_server(settings.metrics_port, _LOOPBACK, on.metrics.registry)
    uvicorn.Server(server_config(create_app(on), settings.host, settings.port)).run()
    return 0


def server_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """Return how `app` is served: no header that tells of the server, none of a proxy believed, no other protocol."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws="none",
        h11_max_incomplete_event_size=_HEADERS,
        timeout_graceful_shutdown=_GRACE,
    )


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
    on = Dependencies(
        issuers=compose.issuers(settings),
        keys=JwksClient(),
        directory=directory,
        embedder=compose.embedder(settings),
        model=compose.model(settings),
        index=chosen.current,
        stores=Stores(registry, audit, compose.now),
        writing=Writing(chosen.writer, compose.vectors(settings)) if settings.writes else None,
        policies=running,
        now=compose.now,
        pool=ThreadPoolExecutor(2 * (settings.threads + settings.streams), "beside-the-directory"),
        streams=Streams(settings.streams),
        limits=PersonLimits(settings.rate, settings.concurrency),
        metrics=Metrics(),
        bounds=Bounds(settings.hits, settings.budget, settings.deadline, settings.answer_timeout, settings.threads),
        probes=_probes(settings, directory, registry, audit, chosen.probe),
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


def _none(_: object) -> None:
    return None


def log_as_json() -> None:
    """Write the log as JSON lines on standard error: event, time, level and the named values, nothing else."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
