"""`antechamber status`: troubles with one cause and one mend stand together, however many there are."""

import pytest

from authz.resource import TenantId
from retrieval.intake import IntakeEntry
from service.commands.status import print_troubles

NO_MANIFEST = "there is no access.yaml in its folder: without one nothing new is taken"


def refused(number: int, reason: str | None = NO_MANIFEST) -> IntakeEntry:
    source = f"s3://bucket/acme/many/[bold]note-{number:05}.md"
    return IntakeEntry(TenantId("acme"), source, "refused", "role:worker", 0, reason)


def printed(capsys: pytest.CaptureFixture[str], *troubles: IntakeEntry) -> list[str]:
    print_troubles(troubles)
    return capsys.readouterr().out.splitlines()


def test_ten_thousand_refusals_of_one_cause_are_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, *map(refused, range(10_000)), refused(0, "encrypted: save it without a password"))
    assert lines == [
        f"  refused 10,000 of these: {NO_MANIFEST}",
        *(f"    s3://bucket/acme/many/[bold]note-{number:05}.md" for number in range(3)),
        "    and 9,997 more; --json lists them all",
        "  refused s3://bucket/acme/many/[bold]note-00000.md: encrypted: save it without a password",
    ]


def test_a_few_are_named_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(printed(capsys, *map(refused, range(3)))) == 3


def test_causes_beyond_what_is_shown_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, *(refused(number, f"cause {number}") for number in range(30)))
    assert len(lines) == 11
    assert lines[-1] == "  and 20 other causes; --json lists them all"


def test_no_trouble_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys) == []


def test_a_trouble_without_a_reason_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no reason is known" in printed(capsys, refused(1, None))[0]
