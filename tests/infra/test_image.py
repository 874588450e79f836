"""The image, read: pinned, not root, nothing to be written; and its start, tried with exactly what goes into it."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from shutil import copytree

import pytest

from infra.service import ROOT
from infra.template import of_type
from tests.infra.conftest import Json

FILE = (ROOT / "Dockerfile").read_text()
STEPS = [line.split(maxsplit=1) for line in FILE.replace("\\\n", " ").splitlines() if line and line[0].isupper()]


def _all(kind: str) -> list[str]:
    return [rest for name, rest in STEPS if name == kind]


def test_every_stage_is_pinned_by_digest_and_every_package_by_hash() -> None:
    assert {
        re.fullmatch(r"python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}( AS \w+)?", each) is not None for each in _all("FROM")
    } == {True}
    assert len({each.partition(" ")[0] for each in _all("FROM")}) == 1
    [install] = [each for each in _all("RUN") if "pip" in each]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert not [each for each in _all("ADD") if "://" in each]


def test_it_runs_as_nobody_and_can_write_to_nothing_but_tmp() -> None:
    users = _all("USER")

    assert users == ["10001:10001"]
    assert _all("VOLUME") == ["/tmp"]  # noqa: S108 - the container's
    assert FILE.index("USER") > FILE.rindex("COPY")
    assert not [each for each in _all("WORKDIR") if each.startswith("/tmp")]  # noqa: S108 - likewise


def test_the_stack_starts_it_as_it_is_made_to_be_started(template: Json) -> None:
    commands = {
        each["Family"].rpartition("-")[2]: each["ContainerDefinitions"][0]["Command"]
        for each in of_type(template, "AWS::ECS::TaskDefinition")
    }

    assert _all("ENTRYPOINT") == ['["python", "-m", "service.cli"]']
    assert commands == {"answer": ["serve"], "documents": ["serve"], "ingest": ["worker"], "operator": ["--help"]}
    assert all(
        "EntryPoint" not in each["ContainerDefinitions"][0] for each in of_type(template, "AWS::ECS::TaskDefinition")
    )


def test_the_isolated_parser_finds_the_application_among_the_packages() -> None:
    assert "PYTHONPATH" not in FILE
    assert _all("WORKDIR")[0] == "/opt/antechamber/lib/python3.13/site-packages"
    assert {each.partition("@")[0] for each in _all("FROM")} == {"python:3.13-slim-trixie"}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what is copied into the image, and nothing else."""
    ignored = [each.removesuffix("/") for each in (ROOT / ".dockerignore").read_text().split() if each[0] not in "#!*"]
    folder = tmp_path_factory.mktemp("image")

    def skip(path: str, names: list[str]) -> set[str]:
        inside = os.path.relpath(path, ROOT)
        return {
            name
            for name in names
            if name == "__pycache__" or any(fnmatchcase(f"{inside}/{name}", each) for each in ignored)
        }

    for copied in _all("COPY"):
        source, _, target = copied.partition(" ")
        if source == target:
            copytree(ROOT / source, folder / target, ignore=skip)
    return folder


def _started(image: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(image), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "service.cli", *command],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_local_cloud_is_not_in_it(image: Path) -> None:
    assert sorted(each.name for each in image.iterdir()) == ["authz", "retrieval", "service"]
    assert not (image / "service/local").exists()
    assert (image / "authz/policies/manifest.json").is_file()


def test_it_starts_and_says_its_commands(image: Path) -> None:
    started = _started(image, "--help")

    assert started.returncode == 0, started.stderr
    assert "serve" in started.stdout
    assert "worker" in started.stdout


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_settings_it_ends_and_names_them(command: str, image: Path) -> None:
    started = _started(image, command)

    assert started.returncode == 1
    assert "ANTECHAMBER_ISSUERS" in started.stderr
    assert "Traceback" not in started.stderr
