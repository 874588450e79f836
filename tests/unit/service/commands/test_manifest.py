"""`antechamber manifest`: what an author is told, without a deployment and without AWS."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from authz.policy_set import SHIPPED
from service.cli import app
from service.commands.terminal import Exit
from tests.support.doors import write_policies
from tests.support.ingested import OPEN
from tests.support.worlds import WALL

COMPANY = Path(__file__).parents[4] / "service/local/company"


def manifest(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Return how the command ends, and what it prints."""
    variables = {"COLUMNS": "200", "NO_COLOR": "1", **environment}
    ended = CliRunner(env=variables).invoke(app, ["--env", "nowhere", "manifest", *arguments])
    return ended.exit_code, ended.stdout, ended.stderr


def folder(root: Path, text: str, *paths: str) -> str:
    """Return a folder of these files with the manifest `text`."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("Text.")
    (root / "access.yaml").write_text(text)
    return str(root)


@pytest.mark.parametrize(("tenant", "documents"), [("acme", 43), ("globex", 7)])
def test_the_shipped_company_is_as_it_should_be(tenant: str, documents: int) -> None:
    code, out, err = manifest("check", str(COMPANY / tenant))
    assert (code, err) == (Exit.OK, "")
    assert out.startswith(f"{documents} documents of {tenant}, ")
    plain = json.loads(manifest("check", str(COMPANY / tenant), "--json")[1])
    assert sum(each["documents"] for each in plain["classes"]) == documents


def test_a_manifest_that_would_be_refused_fails_with_every_line(tmp_path: Path) -> None:
    at = folder(tmp_path, OPEN.replace("audience", "audiense").replace("[company]", "[compny]"), "a.md")
    code, out, err = manifest("check", at)
    assert code == Exit.FAILED
    assert err.splitlines() == [
        'error: access.yaml:3: ".": unknown attribute "audiense"; did you mean "audience"?',
        'error: access.yaml:4: ".": collection "compny" is not declared in tenants.json; did you mean "company"?',
    ]
    assert out == "2 complaints: no document would be taken\n"
    code, out, _ = manifest("check", at, "--json")
    assert code == Exit.FAILED
    assert json.loads(out)["complaints"][0] == {
        "file": "access.yaml", "line": 3, "path": ".", "wrong": 'unknown attribute "audiense"',
        "instead": 'did you mean "audience"?',
    }  # fmt: skip


def test_a_folder_of_which_some_would_be_refused_is_incomplete(tmp_path: Path) -> None:
    text = OPEN.replace("  .:", "  open:") + "documents:\n  open/[b].md: {}\n"
    code, out, err = manifest("check", folder(tmp_path, text, "open/a.md", "closed/c.md"))
    assert code == Exit.INCOMPLETE
    assert err.startswith("refused: closed/c.md: access.yaml states no audience, classification")
    assert 'warning: access.yaml:6: "open/[b].md": there is no such file' in err
    assert out.startswith("1 documents of acme, 1 access classes, 1 refused\n")


def test_the_two_that_differ_from_ten_thousand_stand_out(tmp_path: Path) -> None:
    text = OPEN + "documents:\n  d7.md: {classification: 3}\n  d9.md: {classification: 3}\n"
    _, out, _ = manifest("check", folder(tmp_path, text, *(f"d{number}.md" for number in range(12))))
    assert out.splitlines()[2:] == ["      10  as usual", "       2  classification 3"]
    assert "usual  classification 1" in out


def test_very_many_classes_are_cut_in_the_middle(tmp_path: Path) -> None:
    entries = "".join(f"  d{number:02}.md: {{classification: {number}}}\n" for number in range(40))
    at = folder(tmp_path, f"{OPEN}documents:\n{entries}", *(f"d{number:02}.md" for number in range(40)))
    _, out, _ = manifest("check", at)
    assert len(out.splitlines()) == 1 + 1 + 20 + 1 + 10
    assert "      10  in 10 more classes; --json lists them" in out
    assert len(json.loads(manifest("check", at, "--json")[1])["classes"]) == 40


def test_without_a_manifest_it_fails_and_says_so(tmp_path: Path) -> None:
    code, _, err = manifest("check", str(tmp_path))
    assert code == Exit.FAILED
    assert "without an access manifest no document is taken" in err


def test_a_manifest_of_an_undeclared_tenant_fails(tmp_path: Path) -> None:
    code, _, err = manifest("check", folder(tmp_path, "tenant: initech"))
    assert code == Exit.FAILED
    assert "access.yaml:1: tenant: must name a tenant that tenants.json declares; expected acme, globex" in err


def test_the_policies_are_those_named_or_of_the_settings_or_shipped(tmp_path: Path) -> None:
    tenants = '{"initech": {"groups": [], "collections": {}}}'
    mine = str(
        write_policies(tmp_path / "mine", {"10-all.cedar": WALL}, (SHIPPED / "schema.json").read_text(), tenants)
    )
    text = OPEN.replace("acme", "initech").replace("[company]", "[]")
    (tmp_path / "documents").mkdir()
    at = folder(tmp_path / "documents", text, "a.md")
    assert manifest("check", at)[0] == Exit.FAILED
    assert manifest("check", at, "--policies", mine)[0] == Exit.OK
    assert manifest("check", at, ANTECHAMBER_POLICIES=mine)[0] == Exit.OK
    assert json.loads(manifest("schema", "--policies", mine)[1])["properties"]["tenant"]["enum"] == ["initech"]
    (tmp_path / "empty").mkdir()
    code, _, err = manifest("check", at, "--policies", str(tmp_path / "empty"))
    assert (code, "PolicyError" in err) == (Exit.FAILED, True)


def test_people_cannot_be_looked_up_without_a_deployment(tmp_path: Path) -> None:
    at = folder(tmp_path, OPEN, "a.md")
    code, _, err = manifest("check", at, "--directory")
    assert code == Exit.FAILED
    assert "ANTECHAMBER_ISSUERS" in err


def test_the_schema_is_json_and_of_the_shipped_policies() -> None:
    code, out, err = manifest("schema")
    assert (code, err) == (Exit.OK, "")
    assert json.loads(out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_page_names_commands_that_there_are_and_shows_what_they_print() -> None:
    text = (COMPANY.parents[2] / "docs/manifests.md").read_text()
    commands = set(re.findall(r"antechamber ((?:manifest |policy )?[a-z]+)", text))
    assert {"manifest check", "manifest schema", "relabel", "ingest", "delete"} <= commands
    for command in sorted(commands):
        assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == Exit.OK, command
    shown = re.findall(r"^\$ \.venv/bin/antechamber manifest (.*)\n((?:.*\n)*?)…$", text, re.MULTILINE)
    assert len(shown) == 2
    for command, printed in shown:
        arguments = [str(COMPANY / "globex") if "/" in each else each for each in command.split()]
        assert manifest(*arguments)[1].startswith(printed), command
