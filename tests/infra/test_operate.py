"""The operator's command line: where its task runs, what it prints, and how it ends. ECS is what a test says it is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from infra.operate import operate

OUTPUTS = {
    "Cluster": "antechamber-demo",
    "OperatorTask": "antechamber-demo-operator",
    "OperatorLog": "log",
    "Rooms": "subnet-1,subnet-2",
    "TasksGroup": "sg-1",
}


class Missing(Exception):  # noqa: N818 - as boto3 calls it
    """There is no such log."""


class Cloud:
    """A session, and every client of it."""

    class exceptions:  # noqa: N801 - as boto3 calls it
        """Of the logs."""

        ResourceNotFoundException = Missing

    def __init__(self, lines: Sequence[str] | None = (), code: int | None = 0, failures: Sequence[Any] = ()) -> None:
        self.lines, self.code, self.failures = lines, code, failures
        self.asked: Mapping[str, Any] = {}
        self.looks = iter(("PENDING", "RUNNING", "STOPPED"))

    def client(self, _name: str) -> "Cloud":
        """Return a client."""
        return self

    def describe_stacks(self, **_request: object) -> Any:  # noqa: ANN401 - as boto3 gives it
        """Return the outputs."""
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]}]}

    def run_task(self, **request: object) -> Any:  # noqa: ANN401 - likewise
        """Start a task."""
        self.asked = request
        return {"failures": self.failures, "tasks": [{"taskArn": "arn:aws:ecs:x:1:task/antechamber-demo/42"}]}

    def describe_tasks(self, **_request: object) -> Any:  # noqa: ANN401 - likewise
        """Return how far it is."""
        container = {} if self.code is None else {"exitCode": self.code}
        return {"tasks": [{"lastStatus": next(self.looks), "containers": [container], "stoppedReason": "no image"}]}

    def get_paginator(self, _name: str) -> "Cloud":
        """Return the log's pages."""
        return self

    def paginate(self, **request: object) -> Iterator[Any]:
        """Yield the log of this very task."""
        assert request == {"logGroupName": "log", "logStreamNames": ["operator/app/42"]}
        if self.lines is None:
            raise Missing
        yield {"events": [{"message": line} for line in self.lines]}


def test_a_command_runs_in_the_rooms_without_an_address_and_its_words_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cloud = Cloud(["antechamber-20261128 answers"])

    code = operate("antechamber-demo", ["index", "rebuild"], cloud, poll=0)

    assert (code, capsys.readouterr().out) == (0, "antechamber-20261128 answers\n")
    assert cloud.asked["taskDefinition"] == "antechamber-demo-operator"
    assert cloud.asked["networkConfiguration"] == {
        "awsvpcConfiguration": {
            "subnets": ["subnet-1", "subnet-2"],
            "securityGroups": ["sg-1"],
            "assignPublicIp": "DISABLED",
        }
    }
    assert cloud.asked["overrides"] == {"containerOverrides": [{"name": "app", "command": ["index", "rebuild"]}]}


@pytest.mark.parametrize("code", [1, 4])
def test_how_it_ended_is_how_this_ends(code: int) -> None:
    assert operate("antechamber-demo", ["status"], Cloud(code=code), poll=0) == code


def test_a_task_that_does_not_start_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert operate("antechamber-demo", ["status"], Cloud(failures=[{"reason": "RESOURCE:CPU"}]), poll=0) == 1
    assert operate("antechamber-demo", ["status"], Cloud(lines=None, code=None), poll=0) == 1

    said = capsys.readouterr()
    assert "RESOURCE:CPU" in said.err
    assert "no image" in said.err
    assert "it wrote nothing" in said.out
