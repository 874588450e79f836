import json
from pathlib import Path

import pytest

from authz.policy_set import SHIPPED
from authz.resource import EntityId, TenantId, entity_id
from authz.schema import read_schema
from authz.tenants import read_tenants
from retrieval.errors import SourceError
from retrieval.ingest.manifest import Manifest, read_manifest
from retrieval.ingest.manifest_yaml import MAX_BYTES

SCHEMA = read_schema((SHIPPED / "schema.json").read_text())
TENANTS = read_tenants(
    json.dumps({"acme": {"groups": [], "collections": {"company": [], "finance": ["company"], "deals": ["finance"]}}})
)
FOLDERS = """\
folders:
  .: {classification: 1, audience: staff, readers: [], markings: [], owners: [], quarantined: false,
      legal_hold: false, collections: [company]}
  finance: {classification: 2, readers: [finance], collections: [finance]}
  finance/deals: {classification: 3, collections: [deals]}
"""
WHOLE = (
    "tenant: acme\n"
    + FOLDERS
    + """\
documents:
  finance/deals/x.md:
    title: "The deal"
    id: the deal
    readers: [acme/board]
    owners: [ines]
    embargo_until: "2027-03-01T09:00:00.000Z"
"""
)


def read(tmp_path: Path, text: str | bytes) -> Manifest:
    (tmp_path / "finance" / "deals").mkdir(parents=True, exist_ok=True)
    path = tmp_path / "access.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_manifest(path, SCHEMA, TENANTS)


def resolve(handle: str) -> EntityId:
    if handle != "ines":
        message = f'nobody has the handle "{handle}"'
        raise SourceError(message)
    return entity_id(TenantId("acme"), "uid-of-ines")


def test_folders_override_attribute_by_attribute_and_documents_last(tmp_path: Path) -> None:
    access = read(tmp_path, WHOLE).access("finance/deals/x.md", resolve)
    assert (access.name, access.title) == ("the deal", "The deal")
    assert dict(access.attributes) == {
        "tenant": "acme",
        "classification": 3,
        "audience": "staff",
        "readers": frozenset({"acme/board"}),
        "markings": frozenset(),
        "owners": frozenset({"acme/uid-of-ines"}),
        "quarantined": False,
        "legal_hold": False,
        "embargo_until": 1803891600000,
    }
    assert access.collections == {"acme/deals", "acme/finance", "acme/company"}


def test_document_of_which_nothing_is_said_has_its_folders_defaults(tmp_path: Path) -> None:
    access = read(tmp_path, WHOLE).access("finance/y.md", resolve)
    assert (access.name, access.title, access.attributes["classification"]) == ("finance/y.md", None, 2)
    assert access.attributes["readers"] == frozenset({"acme/finance"})
    assert access.collections == {"acme/finance", "acme/company"}


def test_folder_of_a_similar_name_has_no_say(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE).access("finance2/y.md", resolve).attributes["classification"] == 1


def test_document_without_all_attributes_is_refused_naming_them(tmp_path: Path) -> None:
    manifest = read(tmp_path, "tenant: acme\nfolders: {.: {classification: 1, readers: [], audience: staff}}")
    with pytest.raises(SourceError, match="legal_hold, markings, owners, quarantined, collections"):
        manifest.access("x.md", resolve)


def test_empty_manifest_lets_nobody_in(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="classification"):
        read(tmp_path, "tenant: acme").access("x.md", resolve)


def test_document_without_collections_is_refused(tmp_path: Path) -> None:
    manifest = read(tmp_path, WHOLE.replace(", collections: [company]", ""))
    assert manifest.access("finance/y.md", resolve).collections
    with pytest.raises(SourceError, match="states no collections"):
        manifest.access("x.md", resolve)


def test_unknown_person_is_named(tmp_path: Path) -> None:
    manifest = read(tmp_path, WHOLE.replace("[ines]", "[nobody]"))
    with pytest.raises(SourceError, match='handle "nobody"'):
        manifest.access("finance/deals/x.md", resolve)


def test_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="without an access manifest no document is taken"):
        read_manifest(tmp_path / "access.yaml", SCHEMA, TENANTS)


def test_every_complaint_is_told_with_its_line(tmp_path: Path) -> None:
    text = """\
tenant: acme
colour: red
folders:
  .:
    classification: high
    readers: everyone
    tenant: globex
  nowhere: {}
documents:
  ../x.md: {}
  x.md: {embargo_until: 2027-03-01, readers: [globex/staff], colour: red}
  y.md: {title: 7, legal_hold: yes, collections: [unknown]}
  z.md: {id: y.md}
"""
    with pytest.raises(SourceError) as refused:
        read(tmp_path, text)
    lines = [line.split(": ", 1)[0] for line in str(refused.value).splitlines()]
    assert lines == [f"access.yaml:{line}" for line in (2, 5, 6, 7, 8, 10, 11, 11, 11, 11, 12, 12, 12, 12, 13)]
    assert "write it in quotes" in str(refused.value)
    assert '"z.md": has the id of "y.md"' in str(refused.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("[]", "access.yaml:1: the manifest must be a mapping"),
        ("folders: {}", "tenant: must name a tenant"),
        ("tenant: Acme", "tenant: must name a tenant"),
        ("tenant: globex", "tenant: must name a tenant"),
        ("tenant: acme\ntenant: acme", 'access.yaml:2: "tenant" stands here twice; first on line 1'),
        ("tenant: acme\nfolders: {., .}", "access.yaml:2:"),
        ("tenant: acme\nfolders: {.: {readers: [a]}, .: {readers: [b]}}", "twice"),
        ("tenant: &a acme\nfolders: *a", "access.yaml:1: anchors"),
        ("tenant: acme\nfolders: *a", "access.yaml:2: anchors"),
        ("tenant: !!str acme", "access.yaml:1: tags"),
        ("tenant: acme\nfolders: !x {}", "access.yaml:2: tags"),
        ("tenant: acme\nfolders: {<<: {}}", "access.yaml:2: merge keys"),
        ("tenant: acme\nfolders:", "access.yaml:2: a value is missing"),
        ("tenant: acme\nfolders: {.: {classification: 010}}", "access.yaml:2: not a whole number"),
        ("tenant: acme\nfolders: {.: {classification: 1:30}}", "access.yaml:2: not a whole number"),
        ("tenant: acme\nfolders: {.: {classification: 1.0}}", "access.yaml:2: not a whole number"),
        ("tenant: acme\nfolders: {.: {classification: 99999999999999999999}}", "access.yaml:2: not a whole number"),
        ("tenant: acme\nfolders: {.: {classification: 9999999999999999999}}", "64 bits"),
        ("tenant: acme\nfolders: {.: {legal_hold: no}}", "write true or false"),
        ("tenant: acme\nfolders: {.: {embargo_until: '2027-03-01'}}", "an instant is written like"),
        ("tenant: acme\nfolders: {.: {audience: true}}", "must be a text"),
        ("tenant: acme\nfolders: {.: {audience: '" + "x" * 600 + "'}}", "600 bytes"),
        ("tenant: acme\nfolders: {.: {title: x}}", 'unknown attribute "title"'),
        ("tenant: acme\nfolders: {.: {collections: company}}", "collections must be a list"),
        ("tenant: acme\nfolders: {.: {collections: [[company]]}}", "not declared"),
        ("tenant: acme\nfolders: {/: {}}", "a path is relative"),
        ("tenant: acme\nfolders: {a//b: {}}", "a path is relative"),
        ("tenant: acme\nfolders: {Finance: {}}", "no such folder"),
        ("tenant: acme\ndocuments: {.: {}}", "a path is relative"),
        ("tenant: acme\ndocuments: {x.md: {id: ''}}", "id must be a text"),
        ('tenant: acme\ndocuments: {x.md: {id: "a\\nb"}}', "control character"),
        ("tenant: acme\ndocuments: {x.md: {id: y}, z.md: {id: y}}", "has the id of"),
        ("tenant: acme\ndocuments: {1: {}}", "a key is a text"),
        ("tenant: acme\ndocuments: {x.md: []}", 'access.yaml:2: "x.md": this entry must be a mapping; write {}'),
        ("tenant: acme\n---\ntenant: acme", "access.yaml:2: one document only"),
        ("tenant: acme\n\tx: y", "access.yaml:2:"),
        ("tenant: {", "access.yaml:1:"),
        ("[" * 100_000, "nested too deeply"),
        ("tenant: ac\x01me", "characters that YAML does not allow"),
        (b"tenant: \xff", "not UTF-8 at byte 8"),
        (b"#" * (MAX_BYTES + 1), "at most"),
    ],
)
def test_manifest_that_could_be_misread_is_refused(tmp_path: Path, text: str | bytes, complaint: str) -> None:
    with pytest.raises(SourceError) as refused:
        read(tmp_path, text)
    assert complaint in str(refused.value)
    assert str(refused.value).count("must be a mapping") <= 1, "each is said once"


def test_manifest_of_the_largest_size_is_not_refused_for_it(tmp_path: Path) -> None:
    head = b"tenant: acme\n"
    assert read(tmp_path, head + b"#" * (MAX_BYTES - len(head))).tenant == "acme"
