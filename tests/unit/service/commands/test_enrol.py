"""`antechamber directory group` and `enrol`, and `index grant`, on tables of a local DynamoDB."""

import json
from collections.abc import Sequence

import pytest
from typer.testing import CliRunner

from authz.resource import TenantId
from service import compose
from service.cli import app
from service.commands.operator import Operator, operator
from tests.support.stub_engine import stub_engine
from tests.support.tables import client, new_table

pytestmark = pytest.mark.enable_socket

ACME = TenantId("acme")
LOGIN = "https://login.acme.test"
WHO = '{"clearance": 2, "compartments": [], "employment": "employee"}'
ANSWER, WRITER = "arn:aws:iam::123456789012:role/answer", "arn:aws:iam::123456789012:role/ingest"


@pytest.fixture
def on(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """Return the operator of a deployment with nobody in it."""
    table = new_table()  # but for the personal values, no two of them have a key in common
    values = {
        "ISSUERS": json.dumps([{"issuer": LOGIN, "tenants": ["acme"], "audience": "antechamber"}]),
        "MODEL": "m", "EMBEDDING_MODEL": "e", "DIMENSIONS": "8", "INDEX_PATH": f"{tmp_path}/index.sqlite",
        "AWS_ENDPOINT": client().meta.endpoint_url, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
        **{f"{name}_TABLE": table for name in ("DIRECTORY", "REGISTRY", "RECORDS", "INTAKE")},
        "PERSONAL_TABLE": new_table(),
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(f"ANTECHAMBER_{name}", value)
    return operator()


def _run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner(env={"COLUMNS": "300", "NO_COLOR": "1"}).invoke(app, ["--env", "nowhere", *arguments])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


def _enrol(*more: str) -> tuple[int, str]:
    return _run("directory", "enrol", "ana", "--tenant", "acme", "--subject", "1", *more)


def test_an_empty_directory_becomes_one_that_lets_a_person_in(on: Operator) -> None:
    for arguments in (("staff",), ("payroll", "--in", "staff")):
        assert _run("directory", "group", *arguments, "--tenant", "acme")[0] == 0

    code, told = _enrol("--attributes", WHO, "--group", "payroll")

    held = on.directory.entitlements(LOGIN, "1")
    assert code == 0, told
    assert "directory epoch 3" in told
    assert held is not None
    assert sorted(held.closure.groups) == ["acme/payroll", "acme/staff"]


def test_a_person_who_is_enrolled_again_holds_what_was_said_last(on: Operator) -> None:
    _run("directory", "group", "staff", "--tenant", "acme")
    _enrol("--attributes", WHO, "--group", "staff")
    _enrol("--attributes", WHO)

    held = on.directory.entitlements(LOGIN, "1")
    assert held is not None
    assert not held.closure.groups


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--attributes", "nonsense"), "JSON object"),
        (("--attributes", "[]"), "JSON object"),
        (("--attributes", '{"clearance": 2}'), "missing attributes"),
        (("--attributes", WHO, "--group", "nobody-declared"), "not declared"),
        (("--attributes", WHO, "--issuer", "https://elsewhere.test"), LOGIN),
    ],
)
def test_what_does_not_fit_is_refused_and_nobody_is_enrolled(more: Sequence[str], said: str, on: Operator) -> None:
    _run("directory", "group", "staff", "--tenant", "acme")

    code, told = _enrol(*more)

    assert (code, said in told) == (1, True), told
    assert on.admin.people(ACME) == []


def test_an_unknown_tenant_is_refused_by_name(on: Operator) -> None:
    code, told = _run("directory", "group", "staff", "--tenant", "initech")

    assert (code, '"initech"' in told) == (1, True)
    assert on.admin.people(ACME) == []


def test_every_enrolment_is_on_record(on: Operator) -> None:
    _run("directory", "group", "staff", "--tenant", "acme")
    _enrol("--attributes", WHO)
    _enrol("--attributes", '{"clearance": "high"}')

    logged = on.audit.read(ACME, None, 10)
    ended = [(each.record["event"], each.closing and each.closing["outcome"]) for each in logged]
    assert ended == [("directory", "complete"), ("directory", "complete"), ("directory", "failed")]
    assert "ana" not in str([each.record for each in logged])


def test_what_a_change_gives_and_takes_is_on_record_where_it_can_be_erased_and_in_its_own_tenant(on: Operator) -> None:
    for group in (("librarians",), ("project-nightjar",)):
        _run("directory", "group", *group, "--tenant", "acme")
    _enrol("--attributes", WHO)
    _enrol("--attributes", WHO.replace("2", "5").replace("[]", '["crypto"]'), "--group", "librarians")
    _run("directory", "group", "project-nightjar", "--tenant", "acme", "--in", "librarians")

    logged = on.audit.read(ACME, None, 10)
    archive = compose.audit(on.settings)
    told = [archive.personal(each.receipt) or {} for each in logged]
    records = str([each.record for each in logged])
    changes = [(each["before"], each["after"]) for each in told]
    assert changes[0] == (None, "[]")
    held = {"attributes": json.loads(WHO), "groups": []}
    attributes = {**json.loads(WHO), "clearance": 5, "compartments": ["crypto"]}
    raised = {"attributes": attributes, "groups": ["librarians"]}
    assert changes[2] == (None, json.dumps(held, sort_keys=True))
    assert changes[3] == (json.dumps(held, sort_keys=True), json.dumps(raised, sort_keys=True))
    assert (told[4]["group"], *changes[4]) == ("project-nightjar", "[]", '["librarians"]')
    assert not [name for name in ("nightjar", "crypto", "librarians") if name in records]
    assert on.audit.read(TenantId("globex"), None, 10) == []


def test_the_domain_maps_who_searches_and_who_writes(on: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTECHAMBER_INDEX", "opensearch")
    with stub_engine() as engine:
        monkeypatch.setenv("ANTECHAMBER_OPENSEARCH_URL", engine.url)
        code, told = _run("index", "grant", "--search", ANSWER, "--write", WRITER)

    sent = {each.path: json.loads(each.body) for each in engine.sent}
    assert code == 0, told
    assert on.audit.read(ACME, None, 10)
    assert {each.method for each in engine.sent} == {"PUT"}
    assert sent["/_plugins/_security/api/rolesmapping/antechamber-searcher"] == {"backend_roles": [ANSWER, WRITER]}
    assert sent["/_plugins/_security/api/rolesmapping/antechamber-writer"] == {"backend_roles": [WRITER]}
    searches = json.dumps(sent["/_plugins/_security/api/roles/antechamber-searcher"])
    assert not any(word in searches for word in ("write", "bulk", "delete", "create", "admin/settings", '"*"'))


@pytest.mark.parametrize("role", ["answer", "*", "arn:aws:iam::123456789012:user/ana", ""])
def test_what_is_no_role_is_mapped_to_nothing(role: str, on: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTECHAMBER_INDEX", "opensearch")
    with stub_engine() as engine:
        monkeypatch.setenv("ANTECHAMBER_OPENSEARCH_URL", engine.url)
        code, told = _run("index", "grant", *(["--search", role] if role else []))

    assert (code, "no ARN of an IAM role" in told) == (1, True)
    assert engine.sent == []
    assert on.audit.read(ACME, None, 10) == []


def test_a_domain_that_refuses_is_told_and_recorded(on: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTECHAMBER_INDEX", "opensearch")
    with stub_engine() as engine:
        engine.say({"status": "FORBIDDEN", "message": "no permissions"}, 403)
        monkeypatch.setenv("ANTECHAMBER_OPENSEARCH_URL", engine.url)
        code, _ = _run("index", "grant", "--search", ANSWER)

    [logged] = on.audit.read(ACME, None, 10)
    assert (code, logged.closing and logged.closing["outcome"]) == (1, "failed")
