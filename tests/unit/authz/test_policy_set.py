"""The loader: whatever must not run is refused, with file, line, policy, operator and mend."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from authz.errors import PolicyError
from authz.policy_set import MANIFEST, SHIPPED, load_policies, write_manifest
from tests.support.doors import write_policies
from tests.support.worlds import SCHEMA, TENANTS, WALL

OPEN = '@id("open") @reason("Open.") permit (principal, action == Action::"read", resource is Document)'


def directory(tmp_path: Path, cedar: str = f"{WALL}\n{OPEN};", **files: str) -> Path:
    texts = {"10-all.cedar": cedar, **{name.replace("__", "."): text for name, text in files.items()}}
    return write_policies(tmp_path / "policies", texts)


def refusal(at: Path) -> str:
    with pytest.raises(PolicyError) as refused:
        load_policies(at)
    return str(refused.value)


def meant(at: Path) -> str:
    return f"if that is meant, write the manifest anew: antechamber policy manifest {at}"


def asking(tmp_path: Path, condition: str, schema: str = SCHEMA, tenants: str = TENANTS) -> Path:
    text = (
        f'{WALL}\n\n@id("asks") @reason("Asks.")\npermit (principal, action == Action::"read", resource is Document)\n'
    )
    return write_policies(tmp_path, {"10-all.cedar": f"{text}when {{ {condition} }};"}, schema, tenants)


def test_shipped_policies_load_and_name_their_places() -> None:
    policies = load_policies()
    assert policies.policies["tenant-wall"].place == "10-walls.cedar:4"
    assert policies.policies["readers"].effect == "permit"
    assert policies.literals >= {"acme/security-response", "acme/librarians", "acme/auditors"}
    assert set(policies.sources) == {path.name for path in SHIPPED.iterdir()} - {MANIFEST}


def test_shipped_manifest_is_what_write_manifest_writes(tmp_path: Path) -> None:
    for path in SHIPPED.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert write_manifest(tmp_path).read_bytes() == (SHIPPED / MANIFEST).read_bytes()


def test_digest_changes_with_any_byte(tmp_path: Path) -> None:
    first = load_policies(directory(tmp_path / "a"))
    second = load_policies(directory(tmp_path / "b", f"{WALL}\n{OPEN}; "))
    assert first.digest != second.digest
    assert first.digest == load_policies(directory(tmp_path / "c")).digest


# What is not exactly the manifest's.


def test_missing_forbid_file_is_refused_though_the_rest_is_a_valid_set(tmp_path: Path) -> None:
    at = directory(
        tmp_path,
        f"{WALL}\n{OPEN};",
        **{"20-forbid__cedar": OPEN.replace("permit", "forbid").replace("open", "no") + ";"},
    )
    (at / "20-forbid.cedar").unlink()
    assert refusal(at) == f"20-forbid.cedar: missing, though the manifest lists it; {meant(at)}"


def test_file_that_the_manifest_does_not_list_is_refused(tmp_path: Path) -> None:
    at = directory(tmp_path)
    (at / "99-more.cedar").write_text(OPEN + ";")
    assert refusal(at) == f"99-more.cedar: not listed in the manifest; {meant(at)}"


def test_changed_file_is_refused(tmp_path: Path) -> None:
    at = directory(tmp_path)
    (at / "10-all.cedar").write_text(OPEN + ";")
    assert refusal(at) == f"10-all.cedar: differs from the SHA-256 that the manifest lists; {meant(at)}"


@pytest.mark.parametrize("listed", [None, 5, "", [], {}])
def test_manifest_with_something_else_than_a_hash_is_refused(listed: object, tmp_path: Path) -> None:
    at = directory(tmp_path)
    plain = json.loads((at / MANIFEST).read_text())
    (at / MANIFEST).write_text(json.dumps({**plain, "10-all.cedar": listed}))
    assert "differs from the SHA-256" in refusal(at)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'"x"', b"[]", b"{}", b'{"schema.json": "0"}', b"null"]
)
def test_unreadable_manifest_is_refused(content: bytes, tmp_path: Path) -> None:
    at = directory(tmp_path)
    (at / MANIFEST).write_bytes(content)
    assert refusal(at).startswith("manifest.json: ")


def test_checkout_without_a_manifest_is_refused_with_the_command_that_writes_one(tmp_path: Path) -> None:
    at = directory(tmp_path)
    (at / MANIFEST).unlink()
    assert "antechamber policy manifest" in refusal(at)
    assert "manifest.json: cannot be read" in refusal(tmp_path / "nowhere")


def test_manifest_reaches_no_file_outside_its_directory(tmp_path: Path) -> None:
    at = directory(tmp_path)
    (tmp_path / "out.cedar").write_text(OPEN + ";")
    plain = json.loads((at / MANIFEST).read_text())
    plain["../out.cedar"] = hashlib.sha256((tmp_path / "out.cedar").read_bytes()).hexdigest()
    (at / MANIFEST).write_text(json.dumps(plain))
    assert refusal(at) == f"../out.cedar: missing, though the manifest lists it; {meant(at)}"


def test_huge_file_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    at = directory(tmp_path)
    with (at / "10-all.cedar").open("wb") as file:
        file.truncate(1 << 40)
    assert refusal(at) == "10-all.cedar: is longer than 1048576 bytes; spread the policies over several files"


def test_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    at = directory(tmp_path)
    (at / "10-all.cedar").write_bytes(f"{WALL}\n{OPEN}; // caf\xe9".encode("latin-1"))
    write_manifest(at)
    assert refusal(at) == "10-all.cedar: is not UTF-8; save it as UTF-8"


def test_set_without_a_policy_is_refused(tmp_path: Path) -> None:
    assert "an empty set is never started" in refusal(directory(tmp_path, "// nothing yet"))
    assert "an empty set is never started" in refusal(write_policies(tmp_path / "none", {}))


# What is no policy.


@pytest.mark.parametrize(
    ("annotations", "policy"),
    [
        ("", "policy0"),
        ('@reason("x")', "policy0"),
        ('@id("x")', "x"),
        ('@id("") @reason("x")', "policy0"),
        ('@id("x") @reason("  ")', "x"),
        ("@id @reason", "policy0"),
    ],
)
def test_policy_without_id_and_reason_is_refused(annotations: str, policy: str, tmp_path: Path) -> None:
    message = refusal(directory(tmp_path, f"{annotations}\npermit (principal, action, resource);"))
    assert message.startswith("10-all.cedar")
    assert f'every policy needs an @id and a one-sentence @reason (policy "{policy}")' in message


def test_id_that_stands_twice_is_refused_in_one_file_and_over_two(tmp_path: Path) -> None:
    assert 'policy "open" is already defined at 10-all.cedar:1' in refusal(
        directory(tmp_path / "a", f"{OPEN};\n{OPEN};")
    )
    two = directory(tmp_path / "b", f"{OPEN};", **{"20-more__cedar": f"\n{OPEN};"})
    assert refusal(two) == '20-more.cedar:2: policy "open" is already defined at 10-all.cedar:1'


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("permit (principal", 1, "unexpected end of input"),
        (f'// A comment; with a semicolon.\n\n{OPEN} when {{ "a;b" == }};\n', 3, "unexpected token"),
        (f"{OPEN};\n// Between.\n\n{OPEN} when {{ resource.x = 1 }};\n{WALL}", 4, "not a valid operator"),
    ],
)
def test_policy_that_does_not_parse_is_named_by_the_line_where_it_begins(
    text: str, line: int, complaint: str, tmp_path: Path
) -> None:
    message = refusal(directory(tmp_path, text))
    assert message.startswith(f"10-all.cedar:{line}: ")
    assert complaint in message
    assert "\n" not in message


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    asking_wrongly = f"""{WALL}
{OPEN.replace("open", "a")} when {{ resource.colour == 1 }};
{OPEN.replace("open", "b")} when {{ resource.classification + 1 > 2 }};
{OPEN.replace("open", "c")} when {{ principal in Group::"acme/nobody" }};"""
    at = directory(
        tmp_path,
        asking_wrongly,
        **{
            "20-more__cedar": f"permit (principal, action, resource);\n{OPEN};",
            "30-more__cedar": f"{OPEN} when {{ }};\n\n{OPEN} when {{ ) }};",
        },
    )
    with pytest.raises(PolicyError) as refused:
        load_policies(at)
    places = [each.split(": ")[0] for each in refused.value.complaints]
    assert places == [
        "10-all.cedar:3", "10-all.cedar:4", "10-all.cedar:5", "20-more.cedar:1", "30-more.cedar:1", "30-more.cedar:3",
    ]  # fmt: skip
    assert str(refused.value).splitlines() == list(refused.value.complaints)


def test_every_file_that_is_not_the_manifest_s_is_told_at_once(tmp_path: Path) -> None:
    at = directory(tmp_path)
    (at / "99-more.cedar").write_text(OPEN + ";")
    (at / "10-all.cedar").write_text(OPEN + ";")
    (at / "tenants.json").unlink()
    assert [each.partition(":")[0] for each in refusal(at).splitlines()] == [
        "tenants.json",
        "99-more.cedar",
        "10-all.cedar",
    ]


def test_template_is_refused(tmp_path: Path) -> None:
    text = '@id("t") @reason("T.") permit (principal in ?principal, action, resource);'
    assert refusal(directory(tmp_path, text)) == "10-all.cedar: templates are not supported; write the policy out"


def test_policy_that_would_end_the_process_in_the_parser_is_refused(tmp_path: Path) -> None:
    for number, body in enumerate(("(" * 20_000 + "true" + ")" * 20_000, " || ".join(["true"] * 5_000), "[" * 9_000)):
        message = refusal(asking(tmp_path / str(number), body))
        mend = "a policy has more than 400 operators and brackets; write it as several policies"
        assert message.startswith(f"10-all.cedar:4: {mend}")


def test_long_list_is_no_nesting(tmp_path: Path) -> None:
    words = ", ".join(f'"a.b-c[{number}]"' for number in range(2_000))
    load_policies(asking(tmp_path, f"[{words}].contains(resource.audience)"))


@pytest.mark.parametrize(
    "condition",
    [
        "resource.colour == 1",
        "resource.audience == 1",
        "resource.embargo_until < context.now",
        'resource.owners.contains(Group::"acme/a-b")',
        "principal.salary > 1",
        "resource.markings == []",
        "context.later",
    ],
)
def test_policy_that_does_not_validate_names_policy_and_line(condition: str, tmp_path: Path) -> None:
    assert refusal(asking(tmp_path, condition)).startswith('10-all.cedar:4: policy "asks": ')


def test_complaint_about_one_policy_is_placed_at_that_policy(tmp_path: Path) -> None:
    quoting = """@id("a") @reason("A.") permit (principal, action, resource);
@id("b") @reason("B.") permit (principal, action == Action::"read", resource) when { resource.x == "a" };"""
    assert refusal(directory(tmp_path, quoting)).startswith('10-all.cedar:2: policy "b": ')


# What is named must be declared.


@pytest.mark.parametrize(
    ("place", "literal", "complaint"),
    [
        ("condition", 'Group::"contractors"', "in no declared tenant"),
        ("condition", 'Group::"umbrella/contractors"', "in no declared tenant"),
        ("condition", 'Group::"ACME/contractors"', "in no declared tenant"),
        ("condition", 'Group::"/contractors"', "in no declared tenant"),
        ("condition", 'Group::"acme/"', "in no declared tenant"),
        ("condition", 'Group::"acme/contractor"', "tenants.json does not declare"),
        ("condition", 'Group::"acme/Contractors"', "tenants.json does not declare"),
        ("condition", 'Group::"globex/contractors"', "tenants.json does not declare"),
        ("head", 'Group::"acme/contractor"', "tenants.json does not declare"),
        ("is in", 'Group::"acme/contractor"', "tenants.json does not declare"),
        ("head", 'User::"nobody"', "in no declared tenant"),
        ("resource", 'Collection::"acme/finances"', "tenants.json does not declare"),
        ("resource", 'Collection::"finance"', "in no declared tenant"),
        ("set", 'Group::"acme/contractor"', "tenants.json does not declare"),
    ],
)
@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_unknown_name_is_refused_wherever_it_stands(
    effect: str, place: str, literal: str, complaint: str, tmp_path: Path
) -> None:
    head = {
        "condition": f"(principal, action, resource is Document) when {{ principal in {literal} }};",
        "head": f"(principal in {literal}, action, resource is Document);",
        "is in": f"(principal is User in {literal}, action, resource is Document);",
        "resource": f"(principal, action, resource in {literal});",
        "set": "(principal, action, resource is Document) "
        f'when {{ resource.readers == [Group::"acme/a-b", {literal}] }};',
    }[place]
    message = refusal(directory(tmp_path, f'{WALL}\n@id("x") @reason("X.") {effect} {head}'))
    assert message.startswith('10-all.cedar:3: policy "x" names ')
    assert complaint in message


def test_names_in_head_and_body_are_among_the_literals(tmp_path: Path) -> None:
    text = """@id("x") @reason("X.") forbid (principal in Group::"acme/x*", action == Action::"read", resource)
unless { principal in [Group::"acme/a-b", Group::"acme/contractors"] || resource.readers.contains(Group::"acme/d.e") };
@id("y") @reason("Y.") permit (principal is User in Group::"acme/q?", action == Action::"erase", resource);"""
    assert load_policies(directory(tmp_path, f"{WALL}\n{text}")).literals == {
        "acme/x*",
        "acme/a-b",
        "acme/contractors",
        "acme/d.e",
        "acme/q?",
    }


@pytest.mark.parametrize("name", ["schema.json", "tenants.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 100_000, '{"": 1}'])
def test_malformed_declaration_is_refused(name: str, content: str, tmp_path: Path) -> None:
    at = directory(tmp_path)
    (at / name).write_text(content)
    write_manifest(at)
    with pytest.raises(PolicyError, match=r"schema|tenants\.json"):
        load_policies(at)


def changed_schema(change: Callable[[dict[str, Any]], object]) -> str:
    schema = json.loads(SCHEMA)
    change(schema[""])
    return json.dumps(schema)


STRING, LONG = {"type": "EntityOrCommon", "name": "String"}, {"type": "EntityOrCommon", "name": "Long"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda plain: plain["actions"].pop("relabel"), 'action "relabel" must apply to a User and a Document'),
        (
            lambda plain: plain["actions"]["operate"].pop("appliesTo"),
            'action "operate" must apply to a User and a Tenant',
        ),
        (
            lambda plain: plain["entityTypes"]["Tenant"]["shape"]["attributes"].update(size=LONG),
            'entity type "Tenant" must have "tenant", a String, and require no other',
        ),
        (
            lambda plain: plain["entityTypes"]["User"]["shape"]["attributes"].update(tenant=LONG),
            'attribute "tenant" of the schema must be a String',
        ),
        (
            lambda plain: plain["entityTypes"]["Document"]["shape"]["attributes"].update(
                tenant={"type": "Set", "element": STRING}
            ),
            'attribute "tenant" of the schema must be a String',
        ),
    ],
)
def test_schema_in_which_the_application_cannot_ask_is_refused_at_load(
    change: Callable[[dict[str, Any]], object], complaint: str, tmp_path: Path
) -> None:
    at = write_policies(tmp_path, {"10-all.cedar": f"{OPEN};"}, changed_schema(change))
    assert complaint in refusal(at)
