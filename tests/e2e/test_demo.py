"""The demo as a program: it starts, it says what is wrong, and whatever ends it, nothing of it is left."""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
import yaml

from tests.support.demo import END, ROOT, START, Demo, ask, free_port, running_demo, start_demo

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]

FULL = ROOT / "service/local/company"


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a company of one person and one document, to be quick."""
    folder = tmp_path_factory.mktemp("company")
    people = yaml.safe_load((FULL / "people.yaml").read_text())
    tenants = {"acme": people["tenants"]["acme"]}
    ana = [each for each in people["people"] if each["handle"] == "ana"]
    (folder / "people.yaml").write_text(yaml.safe_dump({"tenants": tenants, "people": ana}))
    (folder / "acme/hr").mkdir(parents=True)
    shutil.copy(FULL / "acme/hr/salary-bands.md", folder / "acme/hr")
    access = {
        "classification": 2,
        "audience": "readers",
        "readers": ["payroll"],
        "collections": ["people"],
        "markings": [],
        "owners": [],
        "quarantined": False,
        "legal_hold": False,
    }
    (folder / "acme/access.yaml").write_text(yaml.safe_dump({"tenant": "acme", "folders": {".": access}}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder to start a demo in."""
    return tmp_path


@pytest.fixture
def demo(folder: Path, company: Path) -> Iterator[Demo]:
    """Return a running demo of its own."""
    with running_demo(folder, company=company) as running:
        yield running


def assert_nothing_is_left(demo: Demo) -> None:
    """Check that no process of `demo` runs, and that its port is free."""
    assert demo.is_gone(), demo.log
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", demo.port))


def test_ctrl_c_ends_everything_without_a_traceback(demo: Demo) -> None:
    assert stat.S_IMODE(demo.environment_file.stat().st_mode) == 0o600
    assert demo.tell(signal.SIGINT, group=True) == 0
    assert_nothing_is_left(demo)
    assert not demo.environment_file.exists()
    assert "Traceback" not in demo.log, demo.log


def test_a_sigterm_ends_everything_without_a_traceback(demo: Demo) -> None:
    assert demo.tell(signal.SIGTERM) == 0
    assert_nothing_is_left(demo)
    assert not demo.environment_file.exists()
    assert "Traceback" not in demo.log, demo.log


def test_a_supervisor_that_is_killed_leaves_no_process_behind(demo: Demo) -> None:
    demo.tell(signal.SIGKILL)
    assert_nothing_is_left(demo)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_while_the_company_is_loaded_leaves_no_process_behind(folder: Path, number: signal.Signals) -> None:
    demo = start_demo(folder)
    try:
        until = time.monotonic() + START
        while "ingesting" not in demo.log and time.monotonic() < until:
            time.sleep(0.05)
        demo.tell(number, group=number == signal.SIGINT)
        assert_nothing_is_left(demo)
        assert "Traceback" not in demo.log or number == signal.SIGKILL, demo.log
    finally:
        demo.end()


@pytest.mark.parametrize("victim", ["service.local.cloud", "service.local.web"])
def test_a_part_that_dies_ends_the_demo_and_says_which(demo: Demo, victim: str) -> None:
    os.kill(process_of(demo, victim), signal.SIGKILL)
    assert demo.process.wait(END) == 1
    assert_nothing_is_left(demo)
    assert "ended by itself" in demo.log


def process_of(demo: Demo, module: str) -> int:
    """Return the id of the process of `demo` that runs `module`."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True, check=True)  # noqa: S607
    rows = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return next(int(pid) for pid, words in rows if words.endswith(f"-m {module}") and int(pid) in demo.processes())


def test_a_port_that_is_taken_is_an_error_that_names_the_mend(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = start_demo(folder, port=port)
        assert demo.process.wait(START) == 1
    assert f"port {port} of 127.0.0.1 cannot be had" in demo.log
    assert "make demo PORT=" in demo.log
    assert "Traceback" not in demo.log
    assert not demo.environment_file.exists()


def test_what_is_said_is_plain_and_names_the_page_first(demo: Demo) -> None:
    """No line of a log, no bar and no warning where the output is no terminal; the page's address before all else."""
    lines = demo.log.splitlines()
    ready = next(number for number, line in enumerate(lines) if line.startswith("• ready after"))
    assert [line[0] for line in lines[:ready]] == ["•", "•", " "], demo.log
    assert f"open http://127.0.0.1:{demo.port} and sign in" in lines[ready]
    assert "{" not in demo.log
    assert "Ctrl-C stops it" in lines[-1]


def test_a_proxy_in_the_environment_is_not_asked_for_what_is_on_this_machine(folder: Path, company: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with running_demo(folder, company=company, http_proxy=nobody, https_proxy=nobody, no_proxy="intranet") as demo:
        question = "What are the salary bands for engineers?"
        ended = demo.command("ask", "--as", "ana", question, http_proxy=nobody, https_proxy=nobody)
        assert ended.code == 0, ended.err


def test_a_folder_that_cannot_be_written_is_an_error_in_one_line(folder: Path) -> None:
    (folder / ".local").write_text("a file where the folder should be")
    demo = start_demo(folder)
    assert demo.process.wait(START) == 1
    assert ".local not yours to write?" in demo.log
    assert len(demo.log.splitlines()) == 1


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_is_none_is_an_error(folder: Path, port: int) -> None:
    demo = start_demo(folder, port=port)
    assert demo.process.wait(START) == 1
    assert "cannot be had" in demo.log
    assert "Traceback" not in demo.log


def test_a_second_start_embeds_nothing_again(folder: Path, company: Path) -> None:
    """Mark every kept vector, and find the mark in the index: had one been computed again, it would be another."""
    with running_demo(folder, company=company) as first:
        first.tell(signal.SIGTERM)
    mark = np.zeros(384, np.float32)
    mark[7] = 1
    with contextlib.closing(sqlite3.connect(folder / ".local/embeddings.sqlite")) as kept, kept:
        assert kept.execute("UPDATE vector_1 SET vector = ?", (mark.tobytes(),)).rowcount > 0
    with running_demo(folder, company=company):
        index = sqlite3.connect(folder / ".local/index.sqlite")
        with contextlib.closing(index):
            vectors = index.execute("SELECT DISTINCT vector FROM passage WHERE vector IS NOT NULL").fetchall()
    assert vectors == [(mark.tobytes(),)]


def test_two_demos_in_two_folders_do_not_disturb_one_another(demo: Demo, tmp_path: Path, company: Path) -> None:
    other_folder = tmp_path / "another folder, with spaces"
    other_folder.mkdir()
    with running_demo(other_folder, company=company) as other:
        assert demo.variables()["ANTECHAMBER_AWS_ENDPOINT"] != other.variables()["ANTECHAMBER_AWS_ENDPOINT"]
        for each in (demo, other):
            with each.client(each.token("ana")) as client:
                assert ask(client, "What are the salary bands for engineers?").cited == ["hr/salary-bands.md"]
        with other.client(demo.token("ana")) as client:
            assert client.get("/v1/me").status_code == httpx2.codes.UNAUTHORIZED
        assert other.command("ask", "--as", "ana", "What are the salary bands for engineers?").code == 0
    assert_nothing_is_left(other)
    with demo.client(demo.token("ana")) as client:
        assert client.get("/readyz").status_code == httpx2.codes.OK


def test_a_second_demo_in_the_same_folder_leaves_the_first_in_peace(demo: Demo, company: Path) -> None:
    second = start_demo(demo.folder, company=company, port=free_port())
    try:
        assert second.process.wait(START) == 1
        assert "another demo" in second.log
        assert demo.environment_file.exists()
        with demo.client(demo.token("ana")) as client:
            assert ask(client, "What are the salary bands for engineers?").cited == ["hr/salary-bands.md"]
    finally:
        second.end()


def test_a_company_that_cannot_be_loaded_ends_the_demo(folder: Path, tmp_path: Path) -> None:
    demo = start_demo(folder, company=tmp_path / "no such company")
    assert demo.process.wait(START) == 1
    assert_nothing_is_left(demo)
    assert "Traceback" not in demo.log, demo.log


def test_policies_without_a_manifest_end_the_demo_with_the_mend(folder: Path, tmp_path: Path) -> None:
    demo = start_demo(folder, policies=tmp_path / "no such policies")
    assert demo.process.wait(START) == 1
    assert_nothing_is_left(demo)
    assert "antechamber policy manifest" in demo.log
    assert "Traceback" not in demo.log, demo.log


def test_person_who_does_not_fit_the_schema_ends_the_demo_and_is_named(
    folder: Path, company: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(company, changed)
    people = yaml.safe_load((changed / "people.yaml").read_text())
    del people["people"][0]["attributes"]["employment"]
    (changed / "people.yaml").write_text(yaml.safe_dump(people))
    demo = start_demo(folder, company=changed)
    assert demo.process.wait(START) == 1
    assert_nothing_is_left(demo)
    assert 'people.yaml: "ana": missing attributes: employment' in demo.log
    assert "Traceback" not in demo.log, demo.log


def test_what_the_demo_keeps_can_be_read_by_nobody_else(demo: Demo) -> None:
    folder = demo.folder / ".local"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
