"""The directory's writing side: nothing unsound gets in, and nobody is left behind."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from authz.directory import principal_id
from authz.dynamodb import DynamoDBDirectory
from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.dynamodb_create import create_table
from authz.dynamodb_person import person_key
from authz.enrolment import Enrolment
from authz.errors import DirectoryUnavailableError, ResourceError
from authz.resource import TenantId
from tests.support.memory import MemoryDirectory
from tests.support.tables import (
    Answer,
    Fault,
    Spoilt,
    client,
    garbage,
    new_table,
    noise,
    refused,
    schema,
    spoilt,
    unreachable,
)

ISSUER = "https://login.acme.test"
ACME, GLOBEX = TenantId("acme"), TenantId("globex")
HELD: dict[str, object] = {"clearance": 2, "compartments": [], "employment": "employee"}

Writing = MemoryDirectory | DynamoDBDirectoryAdmin


def admin(table: str, through: Spoilt | None = None) -> DynamoDBDirectoryAdmin:
    return DynamoDBDirectoryAdmin(through.client() if through else client(), table, schema().principal)


def person(handle: str, *groups: str, subject: str | None = None, **held: object) -> Enrolment:
    return Enrolment(ISSUER, subject or handle, handle, {**HELD, **held}, groups)


def held_by(table: str, subject: str) -> set[str]:
    tenants = {ISSUER: frozenset({ACME, GLOBEX})}
    held = DynamoDBDirectory(client(), table, schema().principal, tenants).entitlements(ISSUER, subject)
    assert held is not None
    return {group.removeprefix("acme/") for group in held.closure.groups}


@pytest.fixture(params=["memory", "dynamodb"])
def either(request: pytest.FixtureRequest) -> Writing:
    return MemoryDirectory(schema().principal) if request.param == "memory" else admin(new_table())


# What both refuse and tell.


def test_people_are_listed_by_handle_with_the_groups_they_were_put_in(either: Writing) -> None:
    either.load(ACME, {"hr": ["staff"], "staff": []}, [person("ben", "staff"), person("ana", "hr")])
    either.put_person(GLOBEX, ISSUER, "gil", "gil", HELD, [])
    ana, ben = either.people(ACME)
    assert (ana.handle, ana.uid, set(ana.groups)) == ("ana", principal_id(ACME, ISSUER, "ana"), {"acme/hr"})
    assert (ben.issuer, ben.subject, ben.attributes["clearance"]) == (ISSUER, "ben", 2)
    assert either.people(TenantId("nobody")) == []


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ({"a": ["b"], "b": ["a"]}, "acme/a in acme/b in acme/a"),
        ({"a": ["ghost"]}, "ghost"),
        ({f"g{n}": [f"g{n + 1}"] for n in range(40)} | {"g40": []}, "deeper"),
        ({"": []}, "empty"),
        ({"x" * 600: []}, "bytes"),
    ],
)
def test_unsound_groups_are_refused_and_change_nothing(
    either: Writing, groups: Mapping[str, list[str]], reason: str
) -> None:
    either.load(ACME, {"staff": []}, [person("ana", "staff")])
    with pytest.raises(ResourceError, match=reason):
        either.load(ACME, groups, [])
    assert either.put_group(ACME, "later", ["staff"]) == 2


def test_ring_closed_by_a_later_write_is_refused(either: Writing) -> None:
    either.load(ACME, {"a": ["b"], "b": []}, [])
    with pytest.raises(ResourceError, match="ring"):
        either.put_group(ACME, "b", ["a"])


@pytest.mark.parametrize(
    "wrong",
    [
        person("ana", "ghost"),
        person("ana", clearance="2"),
        person("ana", clearance=None),
        person("ana", unknown=1),
        person("ana", tenant="globex"),
        person("ben", subject="ana"),
    ],
)
def test_unsound_person_is_refused_and_changes_nothing(either: Writing, wrong: Enrolment) -> None:
    either.load(ACME, {"staff": []}, [person("ana", "staff")])
    before = either.people(ACME)
    with pytest.raises(ResourceError):
        either.load(ACME, {}, [wrong])
    assert either.people(ACME) == before
    assert either.put_group(ACME, "later", ["staff"]) == 2


def test_handle_of_somebody_else_is_refused(either: Writing) -> None:
    either.load(ACME, {}, [person("ana")])
    with pytest.raises(ResourceError, match="somebody else"):
        either.load(ACME, {}, [person("ana", subject="impostor")])


def test_person_of_another_tenant_is_refused(either: Writing) -> None:
    either.load(ACME, {}, [person("ana")])
    with pytest.raises(ResourceError, match="another tenant"):
        either.load(GLOBEX, {}, [person("ana")])
    assert either.people(GLOBEX) == []


@pytest.mark.parametrize(("handle", "group"), [("nobody", "staff"), ("ana", "ghost")])
def test_grant_to_nobody_or_of_nothing_is_refused(either: Writing, handle: str, group: str) -> None:
    either.load(ACME, {"staff": []}, [person("ana")])
    with pytest.raises(ResourceError):
        either.grant(ACME, handle, group)
    assert either.put_group(ACME, "later", []) == 2


def test_two_people_with_one_handle_in_one_load_are_refused() -> None:
    with pytest.raises(ResourceError, match="twice"):
        admin(new_table()).load(ACME, {}, [person("ana"), person("ana", subject="other")])


def test_attributes_too_large_for_an_item_are_refused() -> None:
    with pytest.raises(ResourceError, match="larger"):
        admin(new_table()).load(ACME, {}, [person("ana", compartments=[f"{n:0500}" for n in range(200)])])


# Size.


def test_company_of_a_thousand_groups_and_people_loads_in_seconds() -> None:
    table = new_table()
    groups = {f"g{n:04d}": [f"g{n // 6:04d}"] if n >= 6 else [] for n in range(1041)}
    people = [person(f"p{n:04d}", f"g{n % 1041:04d}", f"g{n * 7 % 1041:04d}") for n in range(1518)]
    began = time.monotonic()
    admin(table).load(ACME, groups, people)
    assert time.monotonic() - began < 60
    assert len(admin(table).people(ACME)) == 1518
    assert held_by(table, "p1040") >= {"g1040", "g0173", "g0028", "g0004"}


def test_thousands_of_direct_groups_are_listed_whole() -> None:
    table = new_table()
    names = [f"group-{number:05d}-{noise(number, 8).hex()}" for number in range(3000)]
    admin(table).load(ACME, {name: [] for name in names}, [person("ana", *names)])
    assert len(admin(table).people(ACME)[0].groups) == 3000


# Several writers, and writers that die.


def test_two_administrators_at_once_lose_nothing() -> None:
    table = new_table()
    names = [f"g{n}" for n in range(8)]
    admin(table).load(ACME, {**{name: [] for name in names}, "staff": []}, [person("ana"), person("ben")])
    with ThreadPoolExecutor(8) as pool:
        grants = [pool.submit(admin(table).grant, ACME, who, name) for name in names for who in ("ana", "ben")]
        nestings = [pool.submit(admin(table).put_group, ACME, name, ["staff"]) for name in names]
        epochs = [each.result() for each in (*grants, *nestings)]
    assert sorted(epochs) == list(range(2, 26))
    assert held_by(table, "ana") == held_by(table, "ben") == {*names, "staff"}


def test_opposite_nestings_at_once_never_make_a_ring() -> None:
    table = new_table()
    admin(table).load(ACME, {"a": [], "b": []}, [person("ana", "a"), person("ben", "b")])
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(admin(table).put_group, ACME, *each) for each in (("a", ["b"]), ("b", ["a"]))]
        failed = [future.exception() for future in futures]
    assert [type(error) for error in failed if error] == [ResourceError]
    assert len(held_by(table, "ana")) + len(held_by(table, "ben")) == 3


def test_two_people_claiming_one_handle_at_once_are_never_both_accepted() -> None:
    table = new_table()
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(admin(table).load, ACME, {}, [person("ana", subject=name)]) for name in ("a1", "a2")]
        failed = [future.exception() for future in futures]
    assert [type(error) for error in failed if error] == [ResourceError]
    assert len(admin(table).people(ACME)) == 1


def test_grant_made_under_the_old_nesting_is_made_again_under_the_new_one() -> None:
    table = new_table()
    admin(table).load(ACME, {"hr": [], "staff": []}, [person("ana")])
    nested: list[int] = []

    def nest_first(real: Answer, request: dict[str, Any]) -> object:
        if not nested and request["Item"]["pk"]["S"].startswith("person#"):
            nested.append(admin(table).put_group(ACME, "hr", ["staff"]))
        return real(**request)

    admin(table, spoilt(put_item=nest_first)).grant(ACME, "ana", "hr")
    assert nested
    assert held_by(table, "ana") == {"hr", "staff"}


def test_writer_that_dies_at_any_step_can_be_repeated() -> None:
    for step in range(40):
        table = new_table()
        admin(table).load(ACME, {"hr": [], "staff": []}, [person("ana", "hr"), person("ben", "hr")])
        left = [None] * step

        def die(real: Answer, request: dict[str, Any], left: list[None] = left) -> object:
            if not left:
                raise KeyboardInterrupt
            left.pop()
            return real(**request)

        writes = dict.fromkeys(("put_item", "update_item", "batch_write_item"), die)
        try:
            admin(table, spoilt(**writes)).put_group(ACME, "hr", ["staff"])
        except KeyboardInterrupt:
            admin(table).put_group(ACME, "hr", ["staff"])
        else:
            assert step > 2
            return
        assert held_by(table, "ana") == held_by(table, "ben") == {"hr", "staff"}
    pytest.fail("the writer never came to its end")


def test_epoch_is_advanced_after_the_heads() -> None:
    through, order = spoilt(), []

    def note(real: Answer, request: dict[str, Any]) -> object:
        order.append((request.get("Item") or request["Key"])["pk"]["S"].split("#")[0])
        return real(**request)

    through.operations = {"put_item": note, "update_item": note}
    admin(new_table(), through).load(ACME, {"staff": []}, [person("ana", "staff")])
    assert order == ["roster", "person", "epoch"]


# Outages.


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        *(
            (operation, fault)
            for operation in ("batch_get_item", "update_item", "put_item")
            for fault in (refused, unreachable, garbage)
        ),
    ],
)
def test_failing_table_is_an_outage(operation: str, fault: Fault) -> None:
    table = new_table()
    with pytest.raises(DirectoryUnavailableError):
        admin(table, spoilt(**{operation: fault})).load(ACME, {"staff": []}, [person("ana", "staff")])


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failing_write_of_chunks_is_an_outage_and_leaves_no_head(fault: Fault) -> None:
    table = new_table()
    names = [noise(n, 20).hex() for n in range(2000)]
    with pytest.raises(DirectoryUnavailableError):
        admin(table, spoilt(batch_write_item=fault)).load(ACME, {name: [] for name in names}, [person("ana", *names)])
    assert admin(table).people(ACME) == []


def test_items_that_stay_unwritten_are_an_outage() -> None:
    def unwritten(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
        return {"UnprocessedItems": request["RequestItems"]}

    names = [noise(n, 20).hex() for n in range(2000)]
    with pytest.raises(DirectoryUnavailableError):
        admin(new_table(), spoilt(batch_write_item=unwritten)).load(ACME, {name: [] for name in names}, [])


def test_items_written_in_two_goes_are_whole() -> None:
    def halved(real: Answer, request: dict[str, Any]) -> object:
        [(name, requests)] = request["RequestItems"].items()
        half = max(1, len(requests) // 2)
        real(RequestItems={name: requests[:half]})
        return {"UnprocessedItems": {name: requests[half:]} if requests[half:] else {}}

    table = new_table()
    names = [noise(n, 20).hex() for n in range(30_000)]
    admin(table, spoilt(batch_write_item=halved)).load(ACME, {name: [] for name in names}, [person("ana", *names)])
    assert len(held_by(table, "ana")) == 30_000


def test_list_of_people_with_a_malformed_head_is_an_outage() -> None:
    table = new_table()
    admin(table).load(ACME, {}, [person("ana")])
    pk, sk = person_key(ISSUER, "ana")
    client().put_item(TableName=table, Item={"pk": {"S": pk}, "sk": {"S": sk}})
    with pytest.raises(DirectoryUnavailableError):
        admin(table).people(ACME)


def test_writer_that_is_always_overtaken_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authz.dynamodb_admin._PAUSE", 0.0)
    table = new_table()
    admin(table).load(ACME, {"staff": []}, [person("ana")])

    def overtaken(real: Answer, request: dict[str, Any]) -> object:
        request["ExpressionAttributeValues"] = {":former": {"S": "another"}}
        return real(**request)

    with pytest.raises(DirectoryUnavailableError, match="too many"):
        admin(table, spoilt(put_item=overtaken)).grant(ACME, "ana", "staff")
    with pytest.raises(DirectoryUnavailableError, match="too many"):
        admin(table, spoilt(put_item=overtaken)).put_group(ACME, "hr", [])


def test_creating_a_table_twice_keeps_the_first() -> None:
    table = new_table()
    admin(table).load(ACME, {}, [person("ana")])
    create_table(client(), table)
    assert len(admin(table).people(ACME)) == 1
