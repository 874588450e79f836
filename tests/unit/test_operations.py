"""docs/operations.md names what there is: every metric with its labels, every step, every event of the log."""

import re
from pathlib import Path
from typing import get_args

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from retrieval.tracing import Step
from service.errors import Bound
from service.metrics import Metrics

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_metric_is_described_with_its_labels_and_no_other() -> None:
    rows = re.findall(r"^\| `(antechamber_\w+)` \| ([^|]*) \|", section("Metrics"), re.MULTILINE)
    metrics = [each for each in vars(Metrics()).values() if isinstance(each, MetricWrapperBase)]
    made = {each._name + "_total" * isinstance(each, Counter): list(each._labelnames) for each in metrics}  # noqa: SLF001 - the library tells neither
    assert {name: re.findall(r"`(\w+)`", labels) for name, labels in rows} == made


def test_every_step_and_every_bound_is_named() -> None:
    assert {step for step in get_args(Step) if f"`{step}`" not in section("Spans")} == set()
    assert {bound for bound in get_args(Bound) if f"`{bound}`" not in section("Metrics")} == set()


def test_every_event_of_the_web_process_is_named() -> None:
    events = {
        event
        for path in (ROOT / "service").glob("*.py")
        if not path.name.startswith("worker")
        for event in re.findall(r"_log\.\w+\(\s*\"([\w-]+)\"", path.read_text())
    }
    assert len(events) > 6
    assert {event for event in events if f"`{event}`" not in section("Logs")} == set()
