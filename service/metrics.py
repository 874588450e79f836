"""What is counted, for `/metrics` on its own loopback port, and the alarms that go to the log."""

from collections.abc import Iterable

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from retrieval.admission import ALARMS, Refused

_log = structlog.get_logger("antechamber")


class Metrics:
    """The counters of one process; no label holds anything of a person, a question or a document."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "antechamber_requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self._refused = Counter(
            "antechamber_hits_refused", "Hits refused at door two.", ["refusal"], registry=self.registry
        )
        self._tokens = Counter(
            "antechamber_tokens_refused", "Bearer tokens refused.", ["reason"], registry=self.registry
        )
        self._answers = Counter(
            "antechamber_answers", "Answers by how they ended.", ["outcome"], registry=self.registry
        )
        self._faults = Counter("antechamber_faults", "Failing dependencies.", ["fault"], registry=self.registry)
        self._seconds = Histogram(
            "antechamber_request_seconds", "Seconds to the first byte.", ["route"], registry=self.registry
        )

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one request of `route` that was answered `status` after `seconds`."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, refused: Iterable[Refused], request: str) -> None:
        """Count refused hits, and raise an alarm in the log for those that must not happen."""
        for each in refused:
            self._refused.labels(each.refusal).inc()
            if each.refusal in ALARMS:
                _log.error(
                    "door-two-alarm", refusal=each.refusal, key=each.key, policies=each.policies, request=request
                )

    def token_refused(self, reason: str, request: str) -> None:
        """Count an attempt without a valid token; strangers cannot write to the audit."""
        self._tokens.labels(reason).inc()
        _log.warning("token-refused", reason=reason, request=request)

    def unknown_principal(self, request: str) -> None:
        """Count a true identity without entitlements: without a tenant there is no audit to write it to."""
        self._faults.labels("UnknownPrincipalError").inc()
        _log.warning("unknown-principal", request=request)

    def answered(self, outcome: str) -> None:
        """Count an answer that is over."""
        self._answers.labels(outcome).inc()

    def fault(self, error: Exception, request: str) -> None:
        """Count a failing dependency of ours, named by its error's type alone."""
        self._faults.labels(type(error).__name__).inc()
        _log.error("fault", fault=type(error).__name__, cause=type(error.__cause__).__name__, request=request)
