"""The record: made before anything is disclosed, saying all that matters and nothing that is personal."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from authz.policy_set import load_policies
from authz.resource import EntityId, TenantId
from authz.scope import scope
from retrieval.actor import Role
from retrieval.admission import Admission, admit
from retrieval.audit import Json, canonical
from retrieval.errors import AuditUnavailableError
from retrieval.index import Hit
from retrieval.record import Purpose, Retrieval, commitment, record, record_event, record_id
from tests.support.doors import record_of, register, someone
from tests.support.memory import MemoryAuditLog, MemoryRegistry
from tests.support.worlds import NOW

SHIPPED = load_policies()
QUESTION = "When do we leave?"
TEXTS = ("The plan is to leave.", "On Monday at nine.", "By train.")
GOLDEN = {
    "application": "antechamber/0.1.0",
    "event": "answer",
    "format": 1,
    "instant": "2026-11-23T12:00:01.000Z",
    "model": "a-model",
    "outcome": "open",
    "request": "r-1",
    "template": "answer/1",
    "tenant": "acme",
    "time": "2026-11-23T12:00:00.123Z",
}
NAMES = {*GOLDEN, "id", "subject", "policies", "epoch", "entitlements", "scope", "hits", "guardrail"}


def purpose(budget: int | None = None, event: str = "answer") -> Purpose:
    kind = "search" if event == "search" else "answer"
    return Purpose(kind, "r-1", "antechamber/0.1.0", QUESTION, "a-model", "answer/1", budget)  # type: ignore[arg-type]


def admission(*groups: str) -> Admission:
    registry = MemoryRegistry()
    register(registry, record_of(), *TEXTS)
    hits = [Hit(TenantId("acme"), EntityId("acme/plan"), 1, 1, n, text) for n, text in enumerate(TEXTS, start=1)]
    instant = datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)
    return admit(hits, scope(someone(*groups), SHIPPED, NOW), SHIPPED, registry, lambda: instant)


def recorded(audit: MemoryAuditLog, *groups: str, budget: int | None = None, event: str = "answer") -> Retrieval:
    return record(admission(*(groups or ("acme/staff",))), purpose(budget, event), SHIPPED, audit)


def only(audit: MemoryAuditLog) -> Mapping[str, Json]:
    ((_, content),) = audit.records.items()
    plain: Mapping[str, Json] = json.loads(content)
    assert canonical(plain) == content
    return plain


def hits_of(audit: MemoryAuditLog) -> list[dict[str, str | None]]:
    return list(only(audit)["hits"])  # type: ignore[arg-type]


def test_record_has_exactly_the_fields_of_format_one() -> None:
    audit = MemoryAuditLog()
    retrieval = recorded(audit)
    plain = only(audit)
    assert set(plain) == NAMES
    assert {name: plain[name] for name in GOLDEN} == GOLDEN
    assert plain["id"] == retrieval.receipt.id
    assert plain["epoch"] == "7"
    assert (plain["policies"], retrieval.receipt.format) == (SHIPPED.digest, 1)


def test_record_of_a_hit_is_as_it_always_was() -> None:
    audit = MemoryAuditLog()
    retrieval = recorded(audit)
    salt = str(json.loads(next(iter(audit.personals.values())))["salt"])
    assert hits_of(audit)[1] == {
        "content": commitment(salt, retrieval.passages[1].sha256),
        "decision": "admitted",
        "document": "0f" * 16,
        "ordinal": "2",
        "policies": ["readers"],
        "revision": "1",
        "version": "1",
    }


def test_canonical_json_is_stable() -> None:
    assert canonical({"b": [1, "é\u2028", None], "a": {"z": True, "": '\\"'}}) == (
        '{"a":{"":"\\\\\\"","z":true},"b":[1,"é\u2028",null]}'.encode()
    )


def test_what_is_disclosed_is_what_is_recorded_as_admitted() -> None:
    audit = MemoryAuditLog()
    retrieval = recorded(audit, budget=len(TEXTS[0]) + len(TEXTS[1]) + 2 * len("The plan"))
    told = [(each["document"], each["ordinal"]) for each in hits_of(audit) if each["decision"] == "admitted"]
    assert (
        told == [(each.key, str(each.ordinal)) for each in retrieval.passages] == [("0f" * 16, "1"), ("0f" * 16, "2")]
    )


def test_budget_cuts_before_the_record_and_never_resumes_after_a_cut() -> None:
    audit = MemoryAuditLog()
    retrieval = recorded(audit, budget=len(TEXTS[0]) + len(TEXTS[2]) + 2 * len("The plan"))
    assert [each.ordinal for each in retrieval.passages] == [1]
    assert [each["decision"] for each in hits_of(audit)] == ["admitted", "cut", "cut"]
    assert [each.refusal for each in retrieval.refused] == ["cut", "cut"]
    assert all(each["content"] is None for each in hits_of(audit)[1:])


@pytest.mark.parametrize("budget", [0, -1])
def test_no_budget_discloses_nothing(budget: int) -> None:
    audit = MemoryAuditLog()
    assert recorded(audit, budget=budget).passages == ()
    assert only(audit)["outcome"] == "denied"


def test_denied_retrieval_is_recorded_with_every_refusal() -> None:
    audit = MemoryAuditLog()
    assert recorded(audit, "acme/others").passages == ()
    assert only(audit)["outcome"] == "denied"
    assert {each["decision"] for each in hits_of(audit)} == {"disagreement"}


def test_search_is_complete_and_an_answer_stays_open() -> None:
    for event, outcome in (("search", "complete"), ("answer", "open")):
        audit = MemoryAuditLog()
        recorded(audit, event=event)
        assert only(audit)["outcome"] == outcome


def test_no_record_no_text() -> None:
    audit = MemoryAuditLog(failing=AuditUnavailableError("full"))
    with pytest.raises(AuditUnavailableError):
        recorded(audit)
    assert audit.records == {}


def test_record_holds_no_text_no_question_and_no_person() -> None:
    audit = MemoryAuditLog()
    recorded(audit)
    content = next(iter(audit.records.values())).decode()
    for secret in (*TEXTS, QUESTION, "The plan", "alice", "login.acme.test", "acme/plan", "acme/staff", someone().uid):
        assert secret not in content
    personal = json.loads(next(iter(audit.personals.values())))
    assert personal["question"] == QUESTION
    assert personal["subject"] == "alice"
    assert len(bytes.fromhex(personal["salt"])) >= 16


def test_two_records_of_one_retrieval_share_no_commitment() -> None:
    first, second = MemoryAuditLog(), MemoryAuditLog()
    recorded(first)
    recorded(second)
    assert only(first)["subject"] != only(second)["subject"]
    assert only(first)["scope"] != only(second)["scope"]
    assert not {each["content"] for each in hits_of(first)} & {each["content"] for each in hits_of(second)}


def test_policies_and_entitlements_are_kept_by_digest() -> None:
    audit = MemoryAuditLog()
    recorded(audit)
    plain = only(audit)
    personal = json.loads(next(iter(audit.personals.values())))
    policies, held = audit.contents[str(plain["policies"])], json.loads(audit.contents[str(personal["entitlements"])])
    assert plain["entitlements"] == commitment(str(personal["salt"]), str(personal["entitlements"]))
    assert json.loads(policies) == dict(SHIPPED.sources)
    assert held["groups"] == ["acme/staff"]
    assert held["attributes"]["clearance"] == 2


def test_details_cannot_stand_in_for_what_a_record_says_of_itself() -> None:
    audit = MemoryAuditLog()
    forged: dict[str, Json] = {"outcome": "complete", "tenant": "globex", "subject": "x", "id": "1", "note": "kept"}
    receipt = record_event(someone(), purpose(), SHIPPED, NOW, "failed", forged, audit)
    plain = only(audit)
    assert (plain["outcome"], plain["tenant"], plain["id"], plain["note"]) == ("failed", "acme", receipt.id, "kept")
    assert plain["subject"] != "x"


def test_deployment_role_is_recorded_without_entitlements() -> None:
    audit = MemoryAuditLog()
    record_event(Role(TenantId("acme"), "ingest"), purpose(), SHIPPED, NOW, "complete", {}, audit)
    assert (only(audit)["epoch"], only(audit)["entitlements"]) == (None, None)
    assert json.loads(next(iter(audit.personals.values())))["role"] == "ingest"
    assert "ingest" not in next(iter(audit.records.values())).decode()


def test_ids_sort_by_time_and_never_repeat() -> None:
    earlier, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC)
    assert record_id(earlier) < record_id(later)
    assert len({record_id(earlier) for _ in range(100)}) == 100
