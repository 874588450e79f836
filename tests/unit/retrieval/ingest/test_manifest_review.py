"""What the author of a manifest is told: every complaint with its line, then the folder as it would be taken."""

import os
import tracemalloc
from pathlib import Path

import pytest

from authz.resource import TenantId
from retrieval.errors import SourceError
from retrieval.ingest.manifest_review import Review, review
from retrieval.ingest.parse import MAX_TEXT_BYTES
from retrieval.ingest.source import MAX_SOURCE_BYTES
from tests.support.ingested import OPEN, SCHEMA, TENANTS

INSTANT = "an instant is written like 2027-03-01T09:00:00.000Z"


def reviewed(root: Path, text: str, *paths: str, people: list[str] | None = None) -> Review:
    """Return the review of a folder with these files and the manifest `text`."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("Text.")
    root.mkdir(parents=True, exist_ok=True)
    (root / "access.yaml").write_text(text)
    return review(root, SCHEMA, TENANTS, None if people is None else lambda _: people)


def lines(found: Review) -> list[tuple[int, str | None, str, str | None]]:
    return [(each.line, each.entry, each.text, each.instead) for each in found.complaints]


def test_every_complaint_is_told_at_once_with_its_line_and_what_to_write_instead(tmp_path: Path) -> None:
    text = """\
tenant: acme
folder: {}
folders:
  .:
    clasification: 1
    collections: [compny, company]
    readers: everyone
  finanse: {}
documents:
  x.md: {embargo_until: 2027-03-01, legal_hold: yes}
  ../y.md: {}
  z.md: {id: x.md, titel: Z}
"""
    assert lines(reviewed(tmp_path, text, "finance/a.md", "x.md", "z.md")) == [
        (2, None, 'unknown key "folder"', 'did you mean "folders"?'),
        (5, ".", 'unknown attribute "clasification"', 'did you mean "classification"?'),
        (6, ".", 'collection "compny" is not declared in tenants.json', 'did you mean "company"?'),
        (7, ".", "attribute readers must be a list", None),
        (8, "finanse", "no such folder", 'did you mean "finance"?'),
        (10, None, "an instant without quotes", 'write it in quotes, like "2027-03-01T09:00:00.000Z"'),
        (10, None, "a word that some take for true or false", "write true or false; quote it if it is a text"),
        (10, "x.md", f"{INSTANT}, in UTC with three fractional digits", None),
        (10, "x.md", "attribute legal_hold must be true or false", None),
        (11, "../y.md", "a path is relative, with /, without . or .. parts", "begin at the folder"),
        (12, "z.md", 'unknown attribute "titel"', 'did you mean "title"?'),
        (12, "z.md", 'has the id of "x.md"', "give one of them another id"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("tenant: acne", 1, 'did you mean "acme"?'),
        ("folders: {}", 1, "expected acme, globex"),
        ("tenant: 7", 1, "expected acme, globex"),
        ("", 1, "the file is empty"),
        ("tenant: acme\nfolders: *a", 2, "write the value out"),
        ("tenant: acme\n\n---\n{}", 3, "one document only"),
        ("tenant: acme\nfolders:\n\tx: y", 3, "found character"),
        ("tenant: acme\n\nx: \x01", 3, "characters that YAML does not allow"),
        ("tenant: acme\nfolders: {.: {readers: [globex/staff]}}", 2, "in another tenant than acme"),
        ("tenant: acme\nfolders: {.: {colour: red}}", 2, "expected audience, classification"),
    ],
)
def test_what_stops_the_reading_has_its_line_too(tmp_path: Path, text: str, line: int, said: str) -> None:
    (complaint,) = reviewed(tmp_path, text).complaints
    assert complaint.line == line
    assert said in str(complaint)


def test_bytes_that_are_no_text_have_their_line(tmp_path: Path) -> None:
    (tmp_path / "access.yaml").write_bytes(b"tenant: acme\n# \xff\n")
    (complaint,) = review(tmp_path, SCHEMA, TENANTS).complaints
    assert (complaint.line, complaint.text) == (2, "not UTF-8 at byte 15")


def test_without_a_manifest_nothing_is_reviewed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="without an access manifest no document is taken"):
        review(tmp_path, SCHEMA, TENANTS)


def test_files_that_would_be_refused_are_told_with_the_reason(tmp_path: Path) -> None:
    text = OPEN.replace("  .:", "  open:") + 'documents:\n  open/d.md: {id: "open/b.md"}\n  open/e.md: {id: " e"}\n'
    (tmp_path / "open").mkdir()
    (tmp_path / "open/link.md").symlink_to(tmp_path / "access.yaml")
    os.mkfifo(tmp_path / "open/pipe.md")
    paths = ("open/a.md", "open/b.md", "open/d.md", "open/e.md", "closed/c.md", "open/.hidden.md")
    found = reviewed(tmp_path, text, *paths)
    assert set(found.refused) == {
        "closed/c.md", "open/d.md", "open/e.md", "open/link.md", "open/pipe.md"
    }  # fmt: skip
    assert "states no audience, classification" in found.refused["closed/c.md"]
    assert '"open/b.md" has the id "open/b.md" too' in found.refused["open/d.md"]
    assert "cannot be an id" in found.refused["open/e.md"]
    assert [(each.documents, each.example) for each in found.classes] == [(2, "open/a.md")]


@pytest.mark.parametrize(
    ("head", "size", "refused"),
    [
        (b"", MAX_TEXT_BYTES, False),
        (b"", MAX_TEXT_BYTES + 1, True),
        (b"%PDF-1.7", MAX_TEXT_BYTES + 1, False),
        (b"mail\r\n%PDF-1.7", MAX_SOURCE_BYTES, False),
        (b"PK\x03\x04", MAX_SOURCE_BYTES, False),
        (b"%PDF-1.7", MAX_SOURCE_BYTES + 1, True),
    ],
)
def test_a_file_that_is_too_large_for_what_it_can_be_is_told(
    tmp_path: Path, head: bytes, size: int, *, refused: bool
) -> None:
    with (tmp_path / "a.md").open("wb") as file:
        file.write(head)
        file.truncate(size)
    found = reviewed(tmp_path, OPEN)
    assert set(found.refused) == ({"a.md"} if refused else set())
    assert all("split the document" in each for each in found.refused.values())


def test_an_entry_without_a_file_is_told_with_the_nearest_file(tmp_path: Path) -> None:
    text = OPEN + "documents:\n  a/plan.md: {}\n  a/polcy.md: {}\n  b/moved.md: {}\n  b/other.md: {}\n"
    found = reviewed(tmp_path, text, "a/plan.md", "a/policy.md", "c/moved.md")
    assert [(each.line, each.entry, each.instead) for each in found.missing] == [
        (7, "a/polcy.md", 'did you mean "a/policy.md"?'),
        (8, "b/moved.md", 'did you mean "c/moved.md"?'),
        (9, "b/other.md", None),
    ]
    assert not found.refused


def test_people_are_told_only_where_the_directory_is_asked(tmp_path: Path) -> None:
    text = (
        OPEN.replace("owners: []", "owners: [ines]")
        + """\
documents:
  a.md:
    owners:
      - ana
      - inez
"""
    )
    assert reviewed(tmp_path, text, "a.md").strangers == ()
    found = reviewed(tmp_path, text, "a.md", people=["ines", "ben"])
    assert [(each.line, each.entry, each.instead) for each in found.strangers] == [
        (8, "a.md", "expected ben, ines"),
        (9, "a.md", 'did you mean "ines"?'),
    ]


def test_classes_are_counted_and_the_largest_comes_first(tmp_path: Path) -> None:
    text = OPEN + "documents:\n  b.md: {classification: 3}\n  c.md: {classification: 3, collections: [deals]}\n"
    found = reviewed(tmp_path, text, "a.md", "b.md", "c.md", "d/e.md")
    assert [(each.documents, each.attributes["classification"], each.example) for each in found.classes] == [
        (2, 1, "a.md"),
        (1, 3, "b.md"),
        (1, 3, "c.md"),
    ]
    assert found.classes[2].collections == {"acme/deals", "acme/company"}


def test_a_folder_that_holds_nothing_has_no_class(tmp_path: Path) -> None:
    assert reviewed(tmp_path, "tenant: acme") == Review(TenantId("acme"))


def test_ten_thousand_entries_are_held_in_memory_and_ten_thousand_mistakes_are_told(tmp_path: Path) -> None:
    entries = "".join(f"  area/{number:05}.md: {{clasification: {number % 4}}}\n" for number in range(10_000))
    tracemalloc.start()
    wrong = reviewed(tmp_path, f"{OPEN}documents:\n{entries}", "area/00000.md")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(wrong.complaints) == 10_000
    assert peak < 64 << 20
    right = reviewed(tmp_path, f"{OPEN}documents:\n{entries.replace('clas', 'class')}", "area/00000.md")
    assert len(right.missing) == 9_999
