"""What is counted, and what raises an alarm."""

from structlog.testing import capture_logs

from retrieval.admission import ALARMS, Refused
from service.metrics import Metrics


def test_only_refusals_that_must_not_happen_raise_an_alarm() -> None:
    metrics = Metrics()
    with capture_logs() as logs:
        metrics.refused([Refused("stale"), Refused("cut"), Refused("superseded"), Refused("retired")], "request")
    assert logs == []
    with capture_logs() as logs:
        metrics.refused([Refused(each) for each in sorted(ALARMS)], "request")
    assert [log["refusal"] for log in logs] == sorted(ALARMS)
    assert {log["event"] for log in logs} == {"door-two-alarm"}
    assert metrics.registry.get_sample_value("antechamber_hits_refused_total", {"refusal": "stale"}) == 1


def test_a_fault_is_named_by_its_type_and_its_causes_type() -> None:
    metrics = Metrics()
    error = ValueError("CANARY")
    error.__cause__ = KeyError("CANARY")
    with capture_logs() as logs:
        metrics.fault(error, "request")
    assert [(log["fault"], log["cause"]) for log in logs] == [("ValueError", "KeyError")]
    assert "CANARY" not in str(logs)


def test_two_processes_of_one_test_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.answered("complete")
    assert second.registry.get_sample_value("antechamber_answers_total", {"outcome": "complete"}) is None
