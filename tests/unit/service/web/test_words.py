"""Conditions in words, and a day's records: what a page says of them is what they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from authz import condition as c
from authz.resource import TenantId
from retrieval.audit import Entry, Json, Logged, Outcome, Receipt
from retrieval.deadline import Deadline
from service.web import chronicle
from service.web.chronicle import read_day, read_latest
from service.web.words import Line, lines
from tests.support.application import ACME, shipped
from tests.support.memory import MemoryAuditLog

TYPES = shipped().attributes.document
GROUPS = frozenset({"acme/hr", "acme/payroll"})


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (c.ALWAYS, "every document"),
        (c.NEVER, "no document"),
        (c.OneOf("audience", frozenset({"staff"})), "audience is staff"),
        (c.OneOf("quarantined", frozenset({True})), "quarantined is true"),
        (c.Intersects("readers", GROUPS), "readers name hr or payroll"),
        (c.Intersects("owners", frozenset({"acme/me"})), "owners name you"),
        (c.SubsetOf("markings", frozenset()), "markings are none"),
        (c.SubsetOf("markings", frozenset({"x"})), "markings are none but x"),
        (c.ContainsAll("markings", frozenset({"x", "y"})), "markings hold x and y"),
        (c.Empty("markings"), "markings are none"),
        (c.Present("embargo_until"), "embargo_until is stated"),
        (c.Compare("classification", "<=", 2), "classification ≤ 2"),
        (c.Not(c.Compare("classification", ">", 2)), "classification ≤ 2"),
        (c.Not(c.Compare("embargo_until", ">", 0)), "not: embargo_until > 1970-01-01T00:00:00.000Z"),
        (c.Within(frozenset({"acme/finance"})), "it lies in the collection finance"),
        (c.Matches("audience", ("a", "b")), "audience is like a*b"),
    ],
)
def test_each_kind_of_condition_is_said_in_words(condition: c.Condition, text: str) -> None:
    assert lines(condition, TYPES, {"acme/me": "you"}) == Line(text)


def test_the_id_of_somebody_else_is_said_by_its_beginning() -> None:
    uid = f"acme/{'x' * 43}"
    assert lines(c.Intersects("owners", frozenset({uid})), TYPES, {}).text == "owners name xxxxxxxxxx…"


def test_what_is_joined_keeps_its_tree() -> None:
    leaf = c.OneOf("audience", frozenset({"staff"}))
    both = c.All((leaf, c.Any((leaf, c.Present("embargo_until")))))
    assert [each.text for each in lines(both, TYPES, {}).items] == ["audience is staff", "at least one of"]


def log(*ids: str) -> MemoryAuditLog:
    audit = MemoryAuditLog()
    for id_ in ids:
        record = {"id": id_, "time": "2026-11-23T12:00:00.000Z", "event": "list", "outcome": "complete"}
        audit.append(Entry(Receipt(ACME, id_), record, {}))
    return audit


def id_at(instant: datetime, number: int = 0) -> str:
    return f"{int(instant.timestamp() * 1000):012x}{number:020x}"


DAY = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_day_begins_and_ends_at_midnight_utc() -> None:
    before, first, last, after = (
        id_at(DAY.replace(day=22, hour=23, minute=59)),
        id_at(DAY),
        id_at(DAY.replace(hour=23, minute=59)),
        id_at(DAY.replace(day=24), 1),
    )
    found = read_day(log(before, first, last, after), ACME, DAY.date(), Deadline.after(5))
    assert [each.id for each in found.rows] == [last, first]
    assert found.whole


def test_a_day_with_more_records_than_are_looked_at_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chronicle, "MOST", 400)
    full = log(*(id_at(DAY, number) for number in range(500)))
    found = read_day(full, ACME, DAY.date(), Deadline.after(5))
    assert not found.whole
    assert len(found.rows) == 400


@dataclass(slots=True)
class CountedLog:
    """Reads of `MemoryAuditLog`, counted."""

    log: MemoryAuditLog
    handed: int = 0

    def append(self, entry: Entry) -> None:
        """Append."""
        self.log.append(entry)

    def close(self, receipt: Receipt, outcome: Outcome, detail: Mapping[str, Json]) -> None:
        """Close."""
        self.log.close(receipt, outcome, detail)

    def read(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[Logged]:
        """Read, and count what was handed out."""
        found = self.log.read(tenant, after, limit)
        self.handed += len(found)
        return found


NOON = DAY.replace(hour=12)
SECONDS_AGO = (40_000, 3_000, 2_000, 200, 100, 5, 0)


@pytest.mark.parametrize(
    ("most", "since", "seen"),
    [
        (7, "the last hour", 6),
        (9, "today", 7),
        (5, "the last five minutes", 4),
        (2, "the last ten seconds", 2),
    ],
)
def test_the_latest_are_as_many_as_can_be_looked_at_without_reading_more(
    monkeypatch: pytest.MonkeyPatch, most: int, since: str, seen: int
) -> None:
    monkeypatch.setattr(chronicle, "MOST", most)
    monkeypatch.setattr(chronicle, "_PAGE", 1)
    ids = [id_at(NOON - timedelta(seconds=each)) for each in SECONDS_AGO]
    counted = CountedLog(log(*ids))
    name, latest = read_latest(counted, ACME, NOON, Deadline.after(5))
    assert name == since
    assert [each.id for each in latest.rows] == ids[::-1][:seen]
    assert counted.handed <= most + 4  # each of four times one more, which shows where it ends


def test_the_latest_shortly_after_midnight_are_of_today() -> None:
    yesterday, today = id_at(DAY - timedelta(seconds=2)), id_at(DAY + timedelta(seconds=1))
    name, latest = read_latest(log(yesterday, today), ACME, DAY + timedelta(seconds=3), Deadline.after(5))
    assert name == "today"
    assert [each.id for each in latest.rows] == [today]
    assert latest.whole
