"""From where a person has each group: the shortest way, from a group that they were put in."""

from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.dynamodb_origins import DynamoDBOrigins
from authz.enrolment import Enrolment
from authz.origins import Origins
from authz.resource import EntityId, TenantId
from tests.support.tables import client, new_table, schema

ACME = TenantId("acme")


def group(name: str) -> EntityId:
    return EntityId(f"acme/{name}")


def test_each_group_has_the_shortest_way_to_it() -> None:
    nesting = {
        group("payroll"): frozenset({group("hr")}),
        group("hr"): frozenset({group("staff")}),
        group("desk"): frozenset({group("staff")}),
        group("staff"): frozenset[EntityId](),
    }
    paths = Origins(frozenset({group("payroll"), group("desk")}), nesting).paths()
    assert paths[group("payroll")] == (group("payroll"),)
    assert paths[group("hr")] == (group("payroll"), group("hr"))
    assert paths[group("staff")] == (group("desk"), group("staff"))


def test_groups_in_a_ring_end() -> None:
    nesting = {group("a"): frozenset({group("b")}), group("b"): frozenset({group("a")})}
    assert set(Origins(frozenset({group("a")}), nesting).paths()) == {group("a"), group("b")}


def test_the_table_of_the_directory_says_where_groups_come_from() -> None:
    table = new_table()
    admin = DynamoDBDirectoryAdmin(client(), table, schema().principal)
    person = Enrolment("https://i.test", "s", "ana", _held(), ("payroll",))
    admin.load(ACME, {"payroll": ("staff",), "staff": ()}, [person])
    origins = DynamoDBOrigins(client(), table).of(ACME, "https://i.test", "s")
    assert origins is not None
    assert origins.paths()[group("staff")] == (group("payroll"), group("staff"))
    assert DynamoDBOrigins(client(), table).of(ACME, "https://i.test", "nobody") is None
    assert DynamoDBOrigins(client(), table).of(TenantId("globex"), "https://i.test", "s") is None


def _held() -> dict[str, object]:
    return {"clearance": 1, "compartments": [], "employment": "employee"}
