"""Random worlds for the two doors, from seeded generators: people and hostile documents; `grammar` writes policies."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

from authz.directory import Closure, Entitlements, principal_id
from authz.policy_set import SHIPPED
from authz.resource import AttributeValue, EntityId, Resource, TenantId, entity_id
from authz.schema import AttributeSchema, AttributeType, read_schema, to_milliseconds

ISSUER = "https://login.acme.test"
NOW = datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC)
MILLISECONDS = to_milliseconds(NOW)
DAY = 86_400_000

WORDS = (
    "", "staff", "Staff", "st\u0430ff", "café", "cafe\u0301", "*", "?", "[a]", "a-b", "A-B", "a/b", "per%cent", "a_b",
    "back\\slash", 'quo"te', "apo'strophe", "staff*", "st", " staff", "zero\u200bwidth", "\U0001f512", "x" * 512,
)  # fmt: skip
"""Look-alikes, both normal forms, and every character that some query language takes for more than itself."""
NUMBERS = (0, 1, 2, 3, -1, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63))
INSTANTS = (
    *(MILLISECONDS + each for each in (0, -1, 1, DAY, -DAY, 999)),
    0,
    -1,
    to_milliseconds(datetime(1, 1, 1, tzinfo=UTC)),
    to_milliseconds(datetime(9999, 12, 31, tzinfo=UTC)),
    MILLISECONDS - MILLISECONDS % DAY,
)
NAMES = ("a-b", "A-B", "café", "cafe\u0301", "x*", "q?", "[b]", 'quo"te', "back\\slash", "per%cent", "sl/ash", "d.e")
GROUPS = (*(f"acme/{name}" for name in NAMES), "acme/contractors", "acme/interns")
"""Those that policies may name; no document names the last two, so that only the policies bring them up."""
OTHER_GROUPS = tuple(f"acme/g{number}" for number in range(200))
COLLECTIONS = tuple(f"acme/{name}" for name in ("company", "finance", "finance/deals", "Finance", "re*d"))
PEOPLE = tuple(principal_id(TenantId("acme"), ISSUER, f"person-{number}") for number in range(6))
TENANTS = json.dumps(
    {
        "acme": {
            "groups": [group.removeprefix("acme/") for group in GROUPS],
            "collections": {
                "company": [],
                "finance": ["company"],
                "finance/deals": ["finance"],
                "Finance": [],
                "re*d": [],
            },
        },
        "globex": {"groups": [], "collections": {}},
    }
)
WALL = """@id("wall") @reason("Tenants are apart.")
forbid (principal, action == Action::"read", resource) unless { principal.tenant == resource.tenant };"""

SCHEMA = (SHIPPED / "schema.json").read_text(encoding="utf-8")


def seeded(name: str) -> Random:
    """Return a generator that repeats itself for the same `name`."""
    return Random(name)  # noqa: S311 - made to be repeated, keeps no secret


def wide_schema() -> str:
    """Return the shipped schema with an optional attribute of every kind, and single entities, beside its own."""
    plain = json.loads(SCHEMA)
    types = plain[""]["entityTypes"]
    optional = {"region": "String", "weight": "Long", "reviewed": "Bool", "steward": "Group", "author": "User"}
    more = {name: {"type": "EntityOrCommon", "name": kind, "required": False} for name, kind in optional.items()}
    more["expires"] = {"type": "EntityOrCommon", "name": "datetime"}
    for name, kind in (("labels", "String"), ("blocked", "Group")):
        more[name] = {"type": "Set", "element": {"type": "EntityOrCommon", "name": kind}, "required": False}
    types["Document"]["shape"]["attributes"] |= more
    types["User"]["shape"]["attributes"]["home"] = {"type": "EntityOrCommon", "name": "Group"}
    return json.dumps(plain)


def quoted(text: str) -> str:
    """Return `text` as a Cedar string."""
    return json.dumps(text, ensure_ascii=False)


def value_of(random: Random, type_: AttributeType) -> AttributeValue:
    """Return a value of `type_` that some policy asks about."""
    pools: dict[str, Sequence[bool | int | str]] = {
        "string": WORDS,
        "long": NUMBERS,
        "boolean": (True, False),
        "datetime": INSTANTS,
        "entity": PEOPLE if type_.entity == "User" else (*GROUPS[:-2], *OTHER_GROUPS[:4]),
    }
    pool = pools[type_.kind]
    if not type_.is_set:
        return random.choice(pool)
    size = random.choice((0, 1, 1, 1, 1, 2, 2, 3, 3, len(pool)))
    return frozenset(str(each) for each in random.sample(list(pool), size))


def documents(random: Random, schema: AttributeSchema, count: int) -> list[Resource]:
    """Return `count` documents of the schema, most in one tenant, some with a record that belongs nowhere."""
    found = []
    for number in range(count):
        attributes = {
            name: value_of(random, type_)
            for name, type_ in schema.document.items()
            if type_.required or random.random() < 0.6
        }
        owner, attributes["tenant"] = random.choices(
            (("acme", "acme"), ("globex", "globex"), ("acme", "globex"), ("globex", "acme")), (85, 8, 4, 3)
        )[0]
        within = frozenset(random.sample(COLLECTIONS, random.choice((0, 1, 1, 2, 3))))
        name = f"{number} {random.choice(WORDS[:12])}".strip()
        found.append(Resource(entity_id(TenantId(owner), name), attributes, within))
    return found


def person(random: Random, schema: AttributeSchema, subject: str) -> Entitlements:
    """Return what a person holds: from nothing to 200 groups, some that policies name."""
    tenant = TenantId("globex" if random.random() < 0.05 else "acme")
    attributes: dict[str, AttributeValue] = {name: value_of(random, each) for name, each in schema.principal.items()}
    attributes["tenant"] = tenant
    named = random.sample(GROUPS, random.choice((0, 0, 1, 3, len(GROUPS))))
    others = random.sample(OTHER_GROUPS, random.choice((0, 0, 1, 5, 188)))
    closure = Closure.of(EntityId(each) for each in (*named, *others))
    return Entitlements(tenant, principal_id(tenant, ISSUER, subject), attributes, closure, epoch=1)


def shipped() -> AttributeSchema:
    """Return the shipped schema's attributes."""
    return read_schema(SCHEMA)
