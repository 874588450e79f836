"""The running policies: replaced wholly, or not at all."""

import json
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from authz.policy_set import SHIPPED, load_policies, write_manifest
from service.running import RunningPolicies
from tests.support.application import Application, said
from tests.support.scripted import echoes


def copied(path: Path) -> Path:
    directory = path / "policies"
    directory.mkdir()
    for each in SHIPPED.iterdir():
        if each.suffix in {".cedar", ".json"}:
            (directory / each.name).write_bytes(each.read_bytes())
    return directory


def close_all(directory: Path) -> None:
    (directory / "40-closed.cedar").write_text(
        '@id("closed") @reason("Nobody reads today.") forbid (principal, action == Action::"read", resource);\n'
    )
    write_manifest(directory)


def test_a_changed_directory_runs_after_a_reload(tmp_path: Path) -> None:
    directory = copied(tmp_path)
    running = RunningPolicies(directory, load_policies(directory))
    first = running()
    close_all(directory)
    assert running() is first
    with capture_logs() as logs:
        assert running.reload()
    assert running().digest != first.digest
    assert logs[0]["event"] == "policies-reloaded"


def _without_manifest(directory: Path) -> None:
    (directory / "manifest.json").unlink()


def _without_walls(directory: Path) -> None:
    (directory / "10-walls.cedar").unlink()


def _changed(directory: Path) -> None:
    (directory / "20-reading.cedar").write_text("permit (principal, action, resource);")


def _no_cedar(directory: Path) -> None:
    (directory / "20-reading.cedar").write_text("permit (")
    write_manifest(directory)


def _gone(directory: Path) -> None:
    directory.rename(directory.with_name("elsewhere"))


def _deep(directory: Path) -> None:
    _write_deep(directory, "\n")


def _deep_behind_a_carriage_return(directory: Path) -> None:
    """Cedar's parser, called with this, ends the process: our own look at it comes first."""
    _write_deep(directory, "\r")


def _write_deep(directory: Path, line_end: str) -> None:
    condition = f"// ends here{line_end}{'(' * 3_000}true{')' * 3_000}"
    policy = f'@id("deep") @reason("Deep.") permit (principal, action, resource) when {{ {condition} }};'
    (directory / "40-deep.cedar").write_bytes(policy.encode())
    write_manifest(directory)


def _nameless_behind_a_carriage_return(directory: Path) -> None:
    policies = b"// a note\rpermit (principal, action, resource); // another\rforbid (principal, action, resource);"
    (directory / "40-nameless.cedar").write_bytes(policies)
    write_manifest(directory)


def _another_schema(directory: Path) -> None:
    schema = json.loads((directory / "schema.json").read_text())
    attributes = schema[""]["entityTypes"]["Document"]["shape"]["attributes"]
    attributes["region"] = {"type": "EntityOrCommon", "name": "String", "required": False}
    (directory / "schema.json").write_text(json.dumps(schema))
    write_manifest(directory)


@pytest.mark.parametrize(
    "spoil",
    [
        _without_manifest, _without_walls, _changed, _no_cedar, _gone, _another_schema, _deep,
        _deep_behind_a_carriage_return, _nameless_behind_a_carriage_return,
    ],
)  # fmt: skip
def test_what_cannot_run_leaves_the_running_set_and_says_why(tmp_path: Path, spoil: object) -> None:
    """(R-20), (R-04)."""
    directory = copied(tmp_path)
    running = RunningPolicies(directory, load_policies(directory))
    first = running()
    spoil(directory)  # type: ignore[operator]
    with capture_logs() as logs:
        assert not running.reload()
    assert running() is first
    assert (logs[0]["event"], logs[0]["log_level"]) == ("policies-not-reloaded", "error")
    assert logs[0]["running"] == first.digest


def test_reloads_at_once_end_with_one_whole_set(tmp_path: Path) -> None:
    directory = copied(tmp_path)
    running = RunningPolicies(directory, load_policies(directory))
    close_all(directory)
    threads = [threading.Thread(target=running.reload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert "closed" in running().policies


def test_a_request_in_flight_keeps_the_set_it_began_with_and_the_next_has_the_new_one(tmp_path: Path) -> None:
    directory = copied(tmp_path)
    running = RunningPolicies(directory, load_policies(directory))
    application = Application(tmp_path, policies=running)
    application.model.script = echoes
    first = running().digest

    def meanwhile(hits: object) -> object:
        close_all(directory)
        assert running.reload()
        return hits

    application.index.change = meanwhile  # type: ignore[assignment]
    with application.client() as client:
        during = client.post("/v1/answers", json={"question": "engine plan"})
        application.index.change = tuple
        after = client.post("/v1/answers", json={"question": "engine plan"})
    assert "rotor" in said(during.text)
    assert "rotor" not in said(after.text)
    digests = [record["policies"] for record in application.records()]
    assert digests == [first, running().digest]
