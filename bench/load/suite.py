"""All figures of one load: 200 people with an answer each, one who reads slowly, one who hangs, one who leaves."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from bench.demo import environment
from bench.figures import Bench, Figure, at_least, at_most
from bench.load.records import Records, records
from bench.load.site import Site, running
from bench.load.watch import Look, look, settled, watching

PEOPLE, SECONDS, QUICK_SECONDS = 200, 300.0, 30.0
QUESTION = "What are the salary bands for engineers?"
_WORDS = 40
"""Of the answer to it."""
ANSWER = 30.0
"""Seconds that an answer is to take once it has begun."""
_SPECIAL = 3
"""People beside those who ask: a slow reader, one who never reads, one who leaves."""
_SETTLES = 30.0
"""Seconds that the web process may take until it is idle again."""
_PART = "Load: the web process, {people} answers at once, {seconds:.0f} s"


@dataclass(frozen=True, slots=True)
class Load:
    """What one load showed."""

    before: Look
    looks: Sequence[Look]
    after: Look
    heard: Sequence[Mapping[str, Any]]
    left: Sequence[Mapping[str, Any]]
    fewest: int
    """Whole answers of whoever got the fewest."""
    records: Records
    log: str
    """What the web process logged."""

    @property
    def statuses(self) -> Counter[int]:
        """How many answers had which status; 0 is none at all."""
        return Counter(each["status"] for each in self.heard)

    @property
    def ends(self) -> Counter[str]:
        """How the answers ended for those who listened."""
        return Counter(each["end"] for each in self.heard)

    @property
    def faults(self) -> Counter[str]:
        """How often the web process logged which fault."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return Counter(str(each["fault"]) for each in lines if each.get("event") == "fault")


@contextmanager
def opened(seconds: float | None = None) -> Iterator[Bench]:
    """Yield the load, of `seconds` if it is to take another time than usual."""

    def measure(*, quick: bool) -> Iterator[Figure]:
        longest = seconds or (QUICK_SECONDS if quick else SECONDS)
        with TemporaryDirectory() as folder:
            load = run(Path(folder), PEOPLE, longest)
        yield from figures(load, _PART.format(people=PEOPLE, seconds=longest))

    yield Bench({"load": measure}, {})


def run(folder: Path, people: int, seconds: float, answer: float = ANSWER) -> Load:
    """Let `people` ask for so many `seconds`, and return what became of it; the last answers end after them.

    `answer` is how many seconds one takes.
    """
    with running(folder, people + _SPECIAL, answer / _WORDS) as site:
        before = look(site.web.pid)
        with watching(site.web.pid) as looks:
            said = _crowd(site, seconds, answer)
        after = settled(site.web.pid, _SETTLES)
        told = [each["receipt"] for each in [*said["heard"], *said["left"]] if each["receipt"]]
        found = records(site.variables, told)
    log = (folder / "web.log").read_text()
    return Load(before, looks, after, said["heard"], said["left"], said["fewest"], found, log)


def _crowd(site: Site, seconds: float, answer: float) -> dict[str, Any]:
    task = {
        "port": site.port, "tokens": site.tokens, "question": QUESTION, "seconds": seconds, "answer": answer,
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "bench.load.crowd"],
        env=environment(),
        input=json.dumps(task) + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


def figures(load: Load, part: str) -> Iterator[Figure]:
    """Yield what `load` showed."""
    yield from _delivered(load, f"{part}: what people get")
    yield from _held(load, f"{part}: what the process holds")
    yield from _recorded(load, f"{part}: what is on record")


def _delivered(load: Load, part: str) -> Iterator[Figure]:
    yield Figure(part, "answers asked for", len(load.heard))
    for status, count in sorted(load.statuses.items()):
        yield Figure(part, f"status {status or 'none'}", count)
    for end, count in sorted(load.ends.items()):
        yield Figure(part, f"ended as {end}", count)
    for fault, count in sorted(load.faults.items()):
        yield Figure(part, f"faults logged: {fault}", count)
    yield Figure(part, "answers that never ended", load.ends["starved"], "", at_most(0))
    yield Figure(part, "whole answers of whoever got the fewest", load.fewest, "", at_least(1))
    yield Figure(part, "answers of one who leaves at the first word", len(load.left))
    whole = [each for each in load.heard if each["end"] == "complete"]
    yield from _spread(part, "first event", [each["first"] for each in whole])
    yield from _spread(part, "gap between two words", [gap for each in whole for gap in each["gaps"][1:]])
    yield from _spread(part, "whole answer", [each["total"] for each in whole])


def _spread(part: str, name: str, seconds: Sequence[float]) -> Iterator[Figure]:
    if len(seconds) < 2:
        return
    cuts = quantiles(seconds, n=100, method="inclusive")
    for what, value in (("p50", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98]), ("longest", max(seconds))):
        yield Figure(part, f"{name}, {what}", value * 1000, "ms")


def _held(load: Load, part: str) -> Iterator[Figure]:
    looks, last = load.looks, load.looks[-1]
    took = last.at - looks[0].at
    yield Figure(part, "resident memory before", load.before.rss, "MB")
    for minute in range(1, int(took / 60) + 1):
        found = min(looks, key=lambda each, at=looks[0].at + 60 * minute: abs(each.at - at))  # type: ignore[misc]
        yield Figure(part, f"resident memory after {minute} min", found.rss, "MB")
    yield Figure(part, "resident memory at most", max(each.rss for each in looks), "MB")
    yield Figure(part, "resident memory afterwards, idle", load.after.rss, "MB")
    # What it takes to warm up (threads, connections, caches) is no growth.
    warm = [each for each in looks if each.at - looks[0].at >= min(60, took / 3)]
    slope = linear_regression([each.at for each in warm], [each.rss for each in warm]).slope
    requests = (len(load.heard) + len(load.left)) / took
    yield Figure(
        part, f"growth once warm, of {requests * took:,.0f} requests, for 10,000", slope / requests * 1e4, "MB"
    )
    for what, kind in (("threads", "threads"), ("open files", "files")):
        yield Figure(part, f"{what} before", getattr(load.before, kind))
        yield Figure(part, f"{what} once warm", getattr(warm[0], kind))
        yield Figure(part, f"{what} at most", max(getattr(each, kind) for each in looks))
        yield Figure(part, f"{what} afterwards, idle", getattr(load.after, kind))
    yield Figure(part, "processor", (last.processor - looks[0].processor) / took * 100, "% of one core")


def _recorded(load: Load, part: str) -> Iterator[Figure]:
    for outcome, count in sorted(load.records.outcomes.items()):
        yield Figure(part, f"ended as {outcome}", count)
    yield Figure(part, "records that were never closed", load.records.unclosed, "", at_most(0))
    yield Figure(part, "receipts without a record", load.records.missing, "", at_most(0))
