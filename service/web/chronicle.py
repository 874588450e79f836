"""From a day to its records: read in order, filtered, and counted by the hour."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from authz.resource import TenantId
from authz.schema import to_milliseconds
from retrieval.admission import ALARMS
from retrieval.audit import AuditLog, Json, Logged
from retrieval.deadline import Deadline

MOST = 10_000
"""Records that a page looks at."""
_PAGE = 200
_DAY = 86_400_000
_RECENT = (
    ("the last ten seconds", 10_000),
    ("the last five minutes", 300_000),
    ("the last hour", 3_600_000),
    ("today", _DAY),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A record in a list."""

    id: str
    time: str
    event: str
    outcome: str
    admitted: int
    refused: int
    policies: Sequence[str]
    alarms: Sequence[str]
    refusals: Sequence[str]
    """Why door two refused what it refused, once for each hit."""

    @property
    def hour(self) -> int:
        """The hour of its day, UTC."""
        return int(self.time[11:13])


@dataclass(frozen=True, slots=True)
class Day:
    """Records of one day, latest first."""

    day: date
    rows: Sequence[Row]
    more: str | None = None
    """The id of the last that was looked at, if there are more of that day after it."""

    @property
    def whole(self) -> bool:
        """Whether no later ones of that day are left."""
        return self.more is None

    def hours(self) -> Sequence[tuple[int, int]]:
        """Return for each hour how many records there are, and how many of them with an alarm."""
        counted, alarming = (
            Counter(each.hour for each in self.rows),
            Counter(each.hour for each in self.rows if each.alarms),
        )
        return [(counted[hour], alarming[hour]) for hour in range(24)]

    def only(self, wanted: Callable[[Row], bool]) -> "Day":
        """Return the rows that are `wanted`."""
        return replace(self, rows=[each for each in self.rows if wanted(each)])


def read_day(audit: AuditLog, tenant: TenantId, day: date, deadline: Deadline, after: str = "") -> Day:
    """Return the records of `tenant` of `day` in UTC whose ids follow `after`, the first `MOST` of them.

    Raises `AuditUnavailableError` and `DeadlineExceededError`.
    """
    begin = _begin(day)
    return _read(audit, tenant, day, deadline, (max(_before(begin), after), _before(begin + _DAY)), MOST)


def read_latest(audit: AuditLog, tenant: TenantId, now: datetime, deadline: Deadline) -> tuple[str, Day]:
    """Return the records of `tenant` of today, or of as recent a time as can be looked at, which is named.

    Raises as `read_day` does.
    """
    day = now.date()
    begin, since, latest = _begin(day), "", Day(day, [])
    end = _before(begin + _DAY)
    # Backwards, so that however many there are, no more are read than a page looks at.
    for name, span in _RECENT:
        start = _before(max(begin, to_milliseconds(now) - span))
        window = _read(audit, tenant, day, deadline, (start, end), MOST - len(latest.rows))
        if not window.whole:
            return (since, latest) if since else (name, window)
        since, latest, end = name, Day(day, [*latest.rows, *window.rows]), start
    return since, latest


def _read(audit: AuditLog, tenant: TenantId, day: date, deadline: Deadline, between: tuple[str, str], most: int) -> Day:
    """Return the records whose ids follow the first of `between`, up to the second, the first `most` of them."""
    after, end = between
    found: list[Logged] = []
    while len(found) < most:
        deadline.left()
        page = audit.read(tenant, after, _PAGE)
        found += [each for each in page if each.receipt.id <= end]
        if len(page) < _PAGE or page[-1].receipt.id > end:
            return Day(day, [row_of(each) for each in reversed(found)])
        after = page[-1].receipt.id
    return Day(day, [row_of(each) for each in reversed(found)], after)


def row_of(logged: Logged) -> Row:
    """Return a record as one row."""
    hits = hits_of(logged.record)
    decisions = [str(hit["decision"]) for hit in hits]
    policies = {str(policy) for hit in hits for policy in _list(hit["policies"])}
    return Row(
        id=logged.receipt.id,
        time=str(logged.record["time"]),
        event=str(logged.record["event"]),
        outcome=str(logged.closing["outcome"] if logged.closing else logged.record["outcome"]),
        admitted=decisions.count("admitted"),
        refused=len(decisions) - decisions.count("admitted"),
        policies=sorted(policies),
        alarms=sorted(set(decisions) & ALARMS),
        refusals=[each for each in decisions if each != "admitted"],
    )


def hits_of(record: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """Return the hits that a record holds."""
    return [hit for hit in _list(record.get("hits")) if isinstance(hit, Mapping)]


def _begin(day: date) -> int:
    return to_milliseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _before(instant: int) -> str:
    """Return what sorts before every id of `instant` and later: ids begin with the milliseconds of their making."""
    return f"{instant:012x}"


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()
