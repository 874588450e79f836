"""The four steps in order, and what is on record when one of them fails."""

import json
from collections.abc import Callable

import pytest

from authz.errors import DecisionError, ScopeError
from authz.policy_set import load_policies
from authz.resource import EntityId, TenantId
from authz.scope import Scope
from retrieval.deadline import Deadline
from retrieval.errors import (
    AuditUnavailableError,
    DeadlineExceededError,
    EmbeddingUnavailableError,
    RegistryUnavailableError,
    SearchUnavailableError,
)
from retrieval.index import Hit, Hits
from retrieval.record import Purpose
from retrieval.retrieve import Stores, retrieve
from tests.support.doors import record_of, register, someone
from tests.support.memory import MemoryAuditLog, MemoryRegistry
from tests.support.worlds import NOW

SHIPPED = load_policies()
PURPOSE = Purpose("answer", "r-1", "antechamber/0", "When?")
SOON = Deadline.after(600)
HIT = Hit(TenantId("acme"), EntityId("acme/plan"), 1, 1, 1, "On Monday.")


def stores(registry: MemoryRegistry | None = None, audit: MemoryAuditLog | None = None) -> Stores:
    found = registry or MemoryRegistry()
    register(found, record_of(), "On Monday.")
    # `retrieve` finds through the function it is given; the index in its stores is for those who make that function.
    return Stores(found, audit or MemoryAuditLog(), lambda: NOW)


def failing(error: Exception) -> Callable[[Scope], Hits]:
    def find(scope: Scope) -> Hits:
        assert scope.principal.tenant == "acme"
        raise error

    return find


def outcomes(audit: MemoryAuditLog) -> list[tuple[str, str | None]]:
    plain = [json.loads(content) for content in audit.records.values()]
    return [(each["outcome"], each.get("failure")) for each in plain]


def test_what_is_found_and_admitted_is_recorded() -> None:
    audit = MemoryAuditLog()
    retrieval = retrieve(lambda _: [HIT], someone("acme/staff"), PURPOSE, NOW, SHIPPED, stores(audit=audit), SOON)
    assert [each.text for each in retrieval.passages] == ["On Monday."]
    assert outcomes(audit) == [("open", None)]


def test_nothing_found_is_an_answer_and_a_record() -> None:
    audit = MemoryAuditLog()
    retrieval = retrieve(lambda _: [], someone(), PURPOSE, NOW, SHIPPED, stores(audit=audit), SOON)
    assert (retrieval.passages, retrieval.refused) == ((), ())
    assert outcomes(audit) == [("denied", None)]


@pytest.mark.parametrize(
    "error",
    [
        ScopeError("x"), SearchUnavailableError("x"), DecisionError("x"), DeadlineExceededError("x"),
        EmbeddingUnavailableError("x"), ZeroDivisionError("a secret"), RecursionError(),
    ],
)  # fmt: skip
def test_failed_search_is_recorded_by_its_kind_alone_and_goes_on(error: Exception) -> None:
    audit = MemoryAuditLog()
    with pytest.raises(type(error)):
        retrieve(failing(error), someone(), PURPOSE, NOW, SHIPPED, stores(audit=audit), SOON)
    assert outcomes(audit) == [("failed", type(error).__name__)]
    assert b"secret" not in b"".join(audit.records.values())


def test_failed_registry_is_recorded() -> None:
    audit, registry = MemoryAuditLog(), MemoryRegistry()
    prepared = stores(registry, audit)
    registry.failing = RegistryUnavailableError("down")
    with pytest.raises(RegistryUnavailableError):
        retrieve(lambda _: [HIT], someone("acme/staff"), PURPOSE, NOW, SHIPPED, prepared, SOON)
    assert outcomes(audit) == [("failed", "RegistryUnavailableError")]


def test_audit_that_is_down_discloses_nothing() -> None:
    audit = MemoryAuditLog(failing=AuditUnavailableError("down"))
    with pytest.raises(AuditUnavailableError):
        retrieve(lambda _: [HIT], someone("acme/staff"), PURPOSE, NOW, SHIPPED, stores(audit=audit), SOON)


def test_audit_that_is_down_hides_no_other_failure_behind_a_success() -> None:
    audit = MemoryAuditLog(failing=AuditUnavailableError("down"))
    with pytest.raises(AuditUnavailableError) as raised:
        retrieve(failing(SearchUnavailableError("x")), someone(), PURPOSE, NOW, SHIPPED, stores(audit=audit), SOON)
    assert isinstance(raised.value.__context__, SearchUnavailableError)


def test_revocation_between_two_requests_holds_at_once() -> None:
    prepared = stores()
    before = retrieve(lambda _: [HIT], someone("acme/staff"), PURPOSE, NOW, SHIPPED, prepared, SOON)
    after = retrieve(lambda _: [HIT], someone(), PURPOSE, NOW, SHIPPED, prepared, SOON)
    assert (len(before.passages), len(after.passages)) == (1, 0)
