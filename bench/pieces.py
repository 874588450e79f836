"""The small steps one by one: what a token, a scope, a filter and a record cost."""

from collections.abc import Iterator

from authz.identity import identify
from authz.scope import scope
from bench.clock import each_milliseconds
from bench.figures import Figure
from bench.stubs import SlowAuditLog
from bench.world import KEYS, NOW, TENANT, TRUSTED, policies, principal, reader, shelf, token
from retrieval.admission import admit
from retrieval.audit import Entry, canonical
from retrieval.opensearch_filter import opensearch_filter
from retrieval.record import Purpose, record
from retrieval.sqlite_filter import sql_filter
from tests.support.memory import MemoryRegistry

_PART = "6. Small steps"


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures of the small steps."""
    seconds = 0.2 if quick else 1.0
    bearer = token()
    verification = each_milliseconds(lambda: identify(bearer, KEYS, TRUSTED, NOW), seconds)
    yield Figure(_PART, "tokens verified (RS256, 2048 bits), one thread", 1000 / verification, "per s")
    rules, types = policies(), policies().attributes.document
    few, many = principal(reader(10)), principal(reader(10_000))
    derivation = each_milliseconds(lambda: scope(few, rules, NOW), seconds)
    yield Figure(_PART, "scope derived, 10 groups", derivation * 1000, "µs")
    wide = scope(many, rules, NOW).condition
    rendering = each_milliseconds(lambda: sql_filter(wide, types), seconds)
    yield Figure(_PART, "filter rendered for SQLite, 10,000 groups", rendering, "ms")
    rendering = each_milliseconds(lambda: opensearch_filter(wide, types), seconds)
    yield Figure(_PART, "filter rendered for OpenSearch, 10,000 groups", rendering, "ms")
    entry = _entry()
    yield Figure(
        _PART,
        "record of 10 hits made canonical",
        each_milliseconds(lambda: canonical(entry.record), seconds) * 1000,
        "µs",
    )
    entry = _entry(10_000)
    (kept,) = entry.held.values()
    keeping = each_milliseconds(kept, seconds)
    yield Figure(_PART, "10,000 groups made canonical, once per change of them", keeping, "ms")


class _Kept(SlowAuditLog):
    """`AuditLog` that remembers the last entry."""

    entry: Entry

    def append(self, entry: Entry) -> None:
        """Remember `entry`."""
        self.entry = entry


def _entry(groups: int = 10) -> Entry:
    rules, books, log = policies(), shelf(), _Kept()
    registry = MemoryRegistry(records=dict(books.view.records), passages=dict(books.view.passages))
    allowed = scope(principal(reader(groups)), rules, NOW)
    purpose = Purpose("answer", "bench", f"{TENANT}-bench", "What is planned?")
    record(admit(books.hits, allowed, rules, registry, lambda: NOW), purpose, rules, log)
    return log.entry
