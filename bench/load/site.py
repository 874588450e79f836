"""The application as it is deployed, before its local cloud: three processes, with as many people as the load needs."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import yaml

from bench.demo import DemoNotReadyError, environment, free_port, wait_until_ready
from service.local.seed import COMPANY

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient

_PASSWORD = "Asking-often-1"  # noqa: S105 - of a user pool that lives as long as the load
_READY = 120.0
"""Seconds until the web process must be ready."""
_STREAMS = 56
"""Places for answers beyond those of the people who ask: for the slow, the hung, and those who left a moment ago."""


@dataclass(frozen=True, slots=True)
class Site:
    """A running application: its process, its port, its settings, and a token of each person."""

    web: "subprocess.Popen[bytes]"
    cloud: "subprocess.Popen[str]"
    port: int
    variables: Mapping[str, str]
    tokens: list[str]


@contextmanager
def running(folder: Path, people: int, word_delay: float) -> Iterator[Site]:
    """Run the application in `folder`, with `people` who may ask and a model that waits `word_delay` before a word."""
    port = free_port()
    with _cloud(word_delay) as (cloud, endpoints):
        _seed(folder, _company(folder, people), {**endpoints, "port": str(port), "password": _PASSWORD})
        lines = (folder / ".local/demo.env").read_text().splitlines()
        variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
        variables |= {"ANTECHAMBER_RATE": "100000/minute", "ANTECHAMBER_STREAMS": str(people + _STREAMS)}
        tokens = _tokens(variables, people)
        with _web(folder, port, variables) as web:
            yield Site(web, cloud, port, variables, tokens)


def handle(number: int) -> str:
    """Return the name of one of the people who ask."""
    return f"asker-{number}"


def _company(folder: Path, people: int) -> Path:
    """Write the demo's company with so many more people, all like its payroll partner."""
    company = folder / "company"
    shutil.copytree(COMPANY, company)
    plain = yaml.safe_load((company / "people.yaml").read_text(encoding="utf-8"))
    ana = next(each for each in plain["people"] if each["handle"] == "ana")
    plain["people"] += [{**ana, "handle": handle(number)} for number in range(people)]
    (company / "people.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    return company


@contextmanager
def _cloud(word_delay: float) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    command = [sys.executable, "-m", "service.local.cloud", "--word-delay", str(word_delay)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                message = "the local cloud did not start"
                raise DemoNotReadyError(message)
            yield process, json.loads(line)
        finally:
            process.terminate()


def _seed(folder: Path, company: Path, told: Mapping[str, str]) -> None:
    (folder / ".local").mkdir(exist_ok=True)
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "service.local.seed", ".local/demo.env", str(company)],
        cwd=folder,
        env=environment(),
        input=json.dumps(dict(told)),
        stdout=subprocess.DEVNULL,
        text=True,
        check=True,
    )


def _tokens(variables: Mapping[str, str], people: int) -> list[str]:
    client: CognitoIdentityProviderClient = boto3.client(
        "cognito-idp",
        endpoint_url=variables["ANTECHAMBER_AWS_ENDPOINT"],
        region_name=variables["ANTECHAMBER_REGION"],
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the local cloud looks at none
    )

    def token(number: int) -> str:
        answer = client.initiate_auth(
            ClientId=variables["ANTECHAMBER_DEMO_CLIENT"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": handle(number), "PASSWORD": _PASSWORD},
        )
        return answer["AuthenticationResult"]["AccessToken"]

    with ThreadPoolExecutor(4) as together:
        return [*together.map(token, range(people))]


@contextmanager
def _web(folder: Path, port: int, variables: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    command, told = [sys.executable, "-m", "service.main"], environment() | dict(variables)
    with (
        (folder / "web.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=told, stdout=log, stderr=log) as process,  # noqa: S603 - ours
    ):
        try:
            wait_until_ready(process, port, time.monotonic() + _READY)
            yield process
        finally:
            process.terminate()
            process.wait()
