"""`/v1/me`: what the directory says of the caller, and of nobody else."""

from pathlib import Path

from tests.support.application import ACME, GLOBEX, Application


def test_a_caller_sees_what_they_hold_and_what_it_lets_them_find(tmp_path: Path) -> None:
    application = Application(tmp_path)
    with application.client("alice", ACME) as client:
        me = client.get("/v1/me").json()
    assert me["tenant"] == "acme"
    assert me["groups"] == ["acme/engineering"]
    assert me["attributes"]["clearance"] == 2
    assert me["policies"] == application.policies.digest
    assert me["scope"]
    assert "globex" not in str(me)


def test_a_revocation_shows_at_once(tmp_path: Path) -> None:
    application = Application(tmp_path)
    with application.client("alice", GLOBEX) as client:
        before = client.get("/v1/me").json()
        application.directory.revoke(GLOBEX, "alice", "engineering")
        after = client.get("/v1/me").json()
    assert before["groups"] == ["globex/engineering"]
    assert after["groups"] == []
    assert int(after["epoch"]) > int(before["epoch"])
