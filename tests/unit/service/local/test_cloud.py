import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from service.local import cloud as local_cloud
from service.local.extractive import ABSTENTION
from tests.support.cloud import ROOT, Cloud, bedrock, dynamodb, running_cloud
from tests.support.prompts import prompt

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

HERON = ("Heron 3", "The Heron 3 weighs 38 kilograms. The canteen opens at noon.")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud(faults=False) as cloud:
        yield cloud


def answered(cloud: Cloud, question: str) -> str:
    messages = [{"role": "user", "content": [{"text": prompt(question, HERON)}]}]
    with closing(bedrock(cloud.bedrock)) as client:
        response = client.converse_stream(modelId=cloud.answers, messages=messages)  # type: ignore[arg-type]
        with closing(response["stream"]) as events:
            return "".join(event.get("contentBlockDelta", {}).get("delta", {}).get("text", "") for event in events)


def test_boto3_gets_a_cited_answer_or_an_abstention(cloud: Cloud) -> None:
    assert answered(cloud, "How much does the Heron 3 weigh?") == "The Heron 3 weighs 38 kilograms. [1]"
    assert answered(cloud, "What is the salary band for engineers?") == ABSTENTION


def test_boto3_gets_a_unit_vector(cloud: Cloud) -> None:
    with closing(bedrock(cloud.bedrock)) as client:
        body = json.dumps({"inputText": "pump", "dimensions": 384, "normalize": True})
        answer = json.loads(client.invoke_model(modelId=cloud.embeddings, body=body)["body"].read())

    assert len(answer["embedding"]) == 384
    assert sum(value * value for value in answer["embedding"]) == pytest.approx(1.0, abs=1e-5)
    assert answer["inputTextTokenCount"] == 3


def test_the_aws_services_are_beside_it(cloud: Cloud) -> None:
    with closing(dynamodb(cloud.aws)) as client:
        assert client.list_tables()["TableNames"] == []


def test_the_fault_models_are_unknown_unless_asked_for(cloud: Cloud) -> None:
    with closing(bedrock(cloud.bedrock)) as client, pytest.raises(client.exceptions.ValidationException):
        client.converse(modelId="local.echo", messages=[{"role": "user", "content": [{"text": "hello"}]}])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_told_to_even_while_a_client_hangs(number: signal.Signals) -> None:
    with running_cloud() as cloud, closing(bedrock(cloud.bedrock)) as client:
        messages = [{"role": "user", "content": [{"text": "hello"}]}]
        response = client.converse_stream(modelId="local.hang", messages=messages)  # type: ignore[arg-type]
        events = iter(response["stream"])
        next(events)
        cloud.process.send_signal(number)

        assert cloud.process.wait(20) == 0
        response["stream"].close()


def test_it_ends_when_its_parent_has_ended() -> None:
    code = (
        "import subprocess, sys; "
        "child = subprocess.Popen([sys.executable, '-m', 'service.local.cloud'], stdout=subprocess.PIPE); "
        "child.stdout.readline(); print(child.pid, flush=True)"
    )
    parent = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert gone(int(parent.stdout))


def gone(pid: int) -> bool:
    """Return whether the process `pid`, no child of ours, ends within 20 seconds."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_port_in_use_is_said_and_not_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "service.local.cloud", "--port-bedrock", str(taken.getsockname()[1])]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "in use" in ended.stderr


def test_help_tells_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        local_cloud.main(["--help"])

    assert "ends on SIGTERM" in " ".join(capsys.readouterr().out.split())
