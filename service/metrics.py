"""What is counted, for `/metrics` on its own loopback port, and the alarms that go to the log."""

from collections.abc import Callable, Iterable

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from retrieval.admission import ALARMS, Refused
from service.errors import Bound

_log = structlog.get_logger("antechamber")


class Metrics:
    """The counters of one process; no label holds anything of a person, a question or a document.

    docs/operations.md says what each means.
    """

    def __init__(self) -> None:
        self.registry = on = CollectorRegistry()
        self._requests = Counter("antechamber_requests", "Requests.", ["route", "status"], registry=on)
        self._first = Histogram("antechamber_request_seconds", "Seconds to the first byte.", ["route"], registry=on)
        self._whole = Histogram("antechamber_response_seconds", "Seconds to the end.", ["route"], registry=on)
        self._in_flight = Gauge("antechamber_in_flight", "Places that are taken.", ["places"], registry=on)
        self._bounds = Counter("antechamber_refused", "Requests refused by a bound.", ["bound"], registry=on)
        self._late = Counter("antechamber_late", "Requests beyond their deadline.", ["step"], registry=on)
        self._tokens = Counter("antechamber_tokens_refused", "Bearer tokens refused.", ["reason"], registry=on)
        self._hits = Counter("antechamber_hits_refused", "Hits refused at door two.", ["refusal"], registry=on)
        self._answers = Counter("antechamber_answers", "Answers by how they ended.", ["outcome"], registry=on)
        self._faults = Counter("antechamber_faults", "Failing dependencies.", ["fault"], registry=on)

    def request(self, route: str, status: int, first: float, whole: float) -> None:
        """Count one request of `route`, answered `status` after `first` seconds and over after `whole`; 0: cut off."""
        self._requests.labels(route, str(status)).inc()
        self._first.labels(route).observe(first)
        self._whole.labels(route).observe(whole)

    def watch(self, places: str, taken: Callable[[], int]) -> None:
        """Show how many `places` are `taken` whenever somebody looks."""
        self._in_flight.labels(places).set_function(taken)

    def bounded(self, bound: Bound) -> None:
        """Count a request that a bound refused."""
        self._bounds.labels(bound).inc()

    def late(self, step: str, request: str) -> None:
        """Count a request whose deadline passed, by the step that it waited for."""
        self._late.labels(step).inc()
        _log.error("late", step=step, request=request)

    def refused(self, refused: Iterable[Refused], request: str) -> None:
        """Count refused hits, and raise an alarm in the log for those that must not happen."""
        for each in refused:
            self._hits.labels(each.refusal).inc()
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
