"""The corpus: documents that are hostile on purpose, each case with some that are allowed and some that are denied.

What `make prove` finds is pasted at the end, so that it is never found again.
"""

from datetime import UTC, datetime

from authz.resource import MAX_BYTES, AttributeValue
from authz.schema import to_milliseconds
from tests.conformance.case import Case, Document
from tests.support.worlds import DAY, MILLISECONDS, PEOPLE

LOOKALIKES = (
    "staff",
    "Staff",
    "st\u0430ff",
    "staff ",
    "staff*",
    "st?ff",
    "\uff53\uff54\uff41\uff46\uff46",
    "staff\u200b",
    "",
)
COMPOSED = ("café", "cafe\u0301", "CAFÉ", "cafe")
SPECIAL = (
    "a-b",
    "A-B",
    "a/b",
    "a_b",
    "ab",
    'quo"te',
    "apo'strophe",
    "back\\slash",
    "[a]",
    "{a}",
    "per%cent",
    "a b",
    "*",
)
NUMBERS = (0, 1, 2, 3, -1, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1, -(2**63), -(2**63) + 1)
YEAR_1, YEAR_9999 = (to_milliseconds(datetime(year, 12, 31, tzinfo=UTC)) for year in (1, 9999))
DATES = (YEAR_1, -DAY, -1, 0, 1, MILLISECONDS - 1, MILLISECONDS, MILLISECONDS + 1, MILLISECONDS + DAY, YEAR_9999)
LONGEST = "x" * MAX_BYTES
MANY = frozenset(f"m{number}" for number in range(500))
READ = 'action == Action::"read", resource is Document'


def document(name: str, tenant: str = "acme", within: tuple[str, ...] = (), **attributes: AttributeValue) -> Document:
    """Return a document of the wide schema with unremarkable attributes but those that are named."""
    usual: dict[str, AttributeValue] = {
        "tenant": tenant, "classification": 1, "markings": frozenset(), "readers": frozenset(), "owners": frozenset(),
        "audience": "few", "quarantined": False, "legal_hold": False, "expires": 0,
    }  # fmt: skip
    return Document(f"{tenant}/{name}", {**usual, **attributes}, frozenset(within))


def each(attribute: str, values: tuple[AttributeValue, ...], *, absent: bool = False) -> list[Document]:
    """Return a document for each of `values`, and one without the attribute if it may be `absent`."""
    usual = document(f"no {attribute}")
    found = [
        Document(f"acme/{attribute} {number}", {**usual.attributes, attribute: value})
        for number, value in enumerate(values)
    ]
    return [*found, usual] if absent else found


def sets(*elements: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """Return sets of these elements."""
    return tuple(frozenset(each) for each in elements)


def when(condition: str) -> str:
    """Return a set whose one permit asks for `condition`."""
    return f"permit (principal, {READ})\nwhen {{ {condition} }};"


def unless(condition: str) -> str:
    """Return a set that opens everything but what `condition` is true of."""
    return f"permit (principal, {READ});\nforbid (principal, {READ})\nwhen {{ {condition} }};"


REGIONS = each("region", ("north", "North", "", "north "), absent=True)
LABELS = each("labels", sets((), ("a",), ("b",), ("a", "b"), ("a", "b", "c")), absent=True)
MARKINGS = each("markings", sets((), ("a",), ("b",), ("a", "b"), ("a", "b", "c"), ("A",), ("a ",), ("a*",), ("",)))
AUDIENCES = each("audience", (*LOOKALIKES, *COMPOSED, *SPECIAL, LONGEST, LONGEST[:-1]))
WEIGHTS = each("weight", NUMBERS, absent=True)
EXPIRIES = each("embargo_until", DATES, absent=True)
_NAMED = ("acme/a-b", "acme/A-B", "acme/café", "acme/cafe\u0301", "globex/a-b")
READERS = each("readers", sets((), *((name,) for name in _NAMED), ("acme/x*", "acme/a-b")))
FEW = frozenset({"acme/a-b", "acme/café"})

CASES = [
    Case("a missing attribute is not equal", when('resource has region && resource.region == "north"'), REGIONS),
    Case("a missing attribute is not unequal", unless('resource has region && resource.region == "north"'), REGIONS),
    Case("what has the attribute at all, though empty", when("resource has region"), REGIONS),
    Case("what lacks the attribute", when("!(resource has labels)"), LABELS),
    Case("an optional set that is empty", when("resource has labels && resource.labels.isEmpty()"), LABELS),
    Case("an optional set that is not empty", when("resource has labels && !resource.labels.isEmpty()"), LABELS),
    Case(
        "an optional set inside another", when('resource has labels && ["a", "b"].containsAll(resource.labels)'), LABELS
    ),
    Case("a set that is a subset, the empty one too", when('["a", "b"].containsAll(resource.markings)'), MARKINGS),
    Case("a set that is no subset", when('!["a", "b"].containsAll(resource.markings)'), MARKINGS),
    Case("a subset of one element", when('["a"].containsAll(resource.markings)'), MARKINGS),
    Case("a set with all of several", when('resource.markings.containsAll(["a", "b"])'), MARKINGS),
    Case("a set with any of several", when('resource.markings.containsAny(["b", "c", "x"])'), MARKINGS),
    Case("a set with none of several", when('!resource.markings.containsAny(["b", "c", "x"])'), MARKINGS),
    Case("the same set", when('resource.markings == ["a", "b"]'), MARKINGS),
    Case("another set", when('resource.markings != ["a", "b"]'), MARKINGS),
    Case("an empty text in a set", when('resource.markings.contains("")'), MARKINGS),
    Case("what the person holds, nothing", when("principal.compartments.containsAll(resource.markings)"), MARKINGS),
    Case(
        "what the person holds, five hundred",
        when("principal.compartments.containsAll(resource.markings)"),
        [*MARKINGS, document("all", markings=MANY), document("one more", markings=(MANY - {"m0"}) | {"a"})],
        {"compartments": MANY},
    ),
    *(
        Case(f"look-alikes of {text!r:.20}", when(f"resource.audience == {cedar}"), AUDIENCES)
        for text, cedar in (
            ("staff", '"staff"'),
            ("empty", '""'),
            ("NFC", '"caf\\u{e9}"'),
            ("NFD", '"cafe\\u{301}"'),
            ("star", '"*"'),
            ("hyphen", '"a-b"'),
            ("slash", '"a/b"'),
            ("quote", '"quo\\"te"'),
            ("backslash", '"back\\\\slash"'),
            ("bracket", '"[a]"'),
            ("longest", f'"{LONGEST}"'),
        )
    ),
    *(
        Case(f"like {pattern}", when(f"resource.audience like {pattern}"), AUDIENCES)
        for pattern in (
            '"st*ff"',
            '"*"',
            '"staff\\*"',
            '"st?ff"',
            '"[a]"',
            '"back\\\\*"',
            '"*\\"*"',
            '"caf*"',
            '""',
            '"a*b"',
        )
        if pattern != '"*"'
    ),
    Case(
        "like anything, but quarantined",
        when('resource.audience like "*" && !resource.quarantined'),
        [*AUDIENCES[:4], document("shut", quarantined=True)],
    ),
    Case("like as long as may be", when(f'resource.audience like "*{LONGEST[:126]}*"'), AUDIENCES),
    Case("not like", unless('resource.audience like "st*"'), AUDIENCES),
    *(
        Case(
            f"weight {operator} {number}", when(f"resource has weight && resource.weight {operator} {number}"), WEIGHTS
        )
        for operator, number in (
            ("==", 2**53),
            ("==", 2**53 + 1),
            (">", 2**53),
            ("<=", 2**53 - 1),
            (">=", 2**63 - 1),
            ("<", -(2**63) + 1),
            (">", -1),
            ("!=", 2**63 - 1),
        )
    ),
    Case("the constant first", when("resource has weight && 2 < resource.weight"), WEIGHTS),
    Case("not above", unless("resource has weight && resource.weight > 1"), WEIGHTS),
    Case(
        "an embargo at this very instant",
        when("resource has embargo_until && context.now < resource.embargo_until"),
        EXPIRIES,
    ),
    Case(
        "an embargo that ends now",
        when("resource has embargo_until && context.now >= resource.embargo_until"),
        EXPIRIES,
    ),
    Case("not under embargo", unless("resource has embargo_until && context.now < resource.embargo_until"), EXPIRIES),
    Case(
        "before the epoch",
        when('resource has embargo_until && resource.embargo_until < datetime("1970-01-01")'),
        EXPIRIES,
    ),
    Case("exactly now", when("resource has embargo_until && resource.embargo_until == context.now"), EXPIRIES),
    Case(
        "within the day",
        when(
            "resource has embargo_until && resource.embargo_until >= context.now.toDate() "
            '&& resource.embargo_until < context.now.toDate().offset(duration("1d"))'
        ),
        EXPIRIES,
    ),
    Case(
        "true of a boolean that may be missing",
        when("resource has reviewed && resource.reviewed"),
        each("reviewed", (True, False), absent=True),
    ),
    Case(
        "false of a boolean that may be missing",
        when("resource has reviewed && !resource.reviewed"),
        each("reviewed", (True, False), absent=True),
    ),
    Case("a reader of two groups", when("principal in resource.readers"), READERS, groups=FEW),
    Case("no reader", unless("principal in resource.readers"), READERS, groups=FEW),
    Case(
        "a reader of two hundred groups",
        when("principal in resource.readers"),
        READERS,
        groups=FEW | {f"acme/g{number}" for number in range(200)},
    ),
    Case(
        "a reader of seventy thousand groups",
        when("principal in resource.readers"),
        [
            *READERS,
            document("last", readers=frozenset({"acme/g69999"})),
            document("none", readers=frozenset({"acme/g70000"})),
        ],
        groups=FEW | {f"acme/g{number}" for number in range(70_000)},
    ),
    Case(
        "kept out of seventy thousand groups",
        unless("principal in resource.readers"),
        [*READERS, document("last", readers=frozenset({"acme/g69999"}))],
        groups=FEW | {f"acme/g{number}" for number in range(70_000)},
    ),
    Case(
        "a reader of no group",
        unless("principal in resource.readers || resource.readers.isEmpty()"),
        [*READERS, document("open", readers=frozenset({"acme/a-b"}))],
        groups=frozenset({"acme/a-b"}),
    ),
    Case(
        "one single group",
        when("resource has steward && principal in resource.steward"),
        each("steward", ("acme/a-b", "acme/A-B", "acme/q?"), absent=True),
        groups=FEW,
    ),
    Case(
        "one single person",
        when("resource has author && principal == resource.author"),
        each("author", (PEOPLE[0], PEOPLE[1]), absent=True),
    ),
    Case(
        "owners",
        when("resource.owners.contains(principal)"),
        each("owners", sets((), (PEOPLE[0],), (PEOPLE[1],), (PEOPLE[0], PEOPLE[1]))),
    ),
    Case(
        "a forbid on a group that no document names",
        f"permit (principal, {READ});\n"
        f'forbid (principal in Group::"acme/interns", {READ}) when {{ resource.classification > 0 }};',
        each("classification", (-1, 0, 1, 2)),
        groups=frozenset({"acme/interns"}),
    ),
    Case(
        "collections, the outer one",
        when('resource in Collection::"acme/finance"'),
        [
            document("in", within=("acme/finance", "acme/company")),
            document("deep", within=("acme/finance/deals", "acme/finance", "acme/company")),
            document("other case", within=("acme/Finance",)),
            document("company alone", within=("acme/company",)),
            document("none"),
        ],
    ),
    Case(
        "kept out of a collection",
        unless('resource in [Collection::"acme/finance", Collection::"acme/re*d"]'),
        [
            document("in", within=("acme/finance", "acme/company")),
            document("star", within=("acme/re*d",)),
            document("other case", within=("acme/Finance",)),
            document("none"),
        ],
    ),
    Case(
        "two tenants with equal names",
        when("principal in resource.readers"),
        [
            document("same", readers=frozenset({"acme/a-b"})),
            document("same", "globex", readers=frozenset({"acme/a-b"})),
            document("also", "globex", readers=frozenset({"globex/a-b"})),
        ],
        groups=frozenset({"acme/a-b", "globex/a-b"}),
    ),
    Case(
        "the other tenant",
        when("principal in resource.readers"),
        [
            document("same", readers=frozenset({"globex/a-b"})),
            document("same", "globex", readers=frozenset({"globex/a-b"})),
        ],
        groups=frozenset({"globex/a-b"}),
        tenant="globex",
    ),
    Case(
        "ids at the bound",
        when('resource.audience == "few"'),
        [
            document("i" * (MAX_BYTES - 5)),
            document("é" * ((MAX_BYTES - 5) // 2)),
            document("j" * (MAX_BYTES - 5), audience="none"),
        ],
    ),
    Case(
        "nested any in all in any",
        when(
            '(resource.classification > 1 && (resource.markings.contains("a") || resource.quarantined)) '
            '|| (resource.audience == "staff" && !(resource.legal_hold || resource.markings.contains("b")))'
        ),
        [
            document(f"{a}{m}{h}{n}", audience=a, markings=frozenset(m), legal_hold=h, classification=n)
            for a in ("staff", "few")
            for m in ("", "a", "b", "ab")
            for h in (True, False)
            for n in (1, 2)
        ],
    ),
    Case(
        "if, then, else",
        when('if resource has region then resource.region == "north" else resource.classification < 2'),
        [*REGIONS, document("low", classification=0), document("high", classification=2)],
    ),
    Case(
        "permits are any, forbids are none",
        f'permit (principal, {READ}) when {{ resource.audience == "staff" }};\n'
        f"permit (principal, {READ}) when {{ resource.classification == 0 }};\n"
        f"forbid (principal, {READ}) when {{ resource.quarantined }};\n"
        f'forbid (principal, {READ}) when {{ resource.markings.contains("a") }};',
        [
            document(f"{a} {n} {q} {m}", audience=a, classification=n, quarantined=q, markings=frozenset(m))
            for a in ("staff", "few")
            for n in (0, 1)
            for q in (True, False)
            for m in ("", "a")
        ],
    ),
]

REGRESSIONS: list[Case] = []
"""Pasted from `make prove`."""
