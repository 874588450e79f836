"""Thirty people at once for twenty seconds: each answer ends, and every record is closed."""

from pathlib import Path

import pytest

from bench.load.suite import run
from tests.support.demo import kept_vectors

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]

PEOPLE, SECONDS, ANSWER = 30, 20.0, 8.0
MEMORY = 250
"""Megabytes more than before, far more than it takes."""


def test_nobody_starves_and_every_record_is_closed(tmp_path: Path) -> None:
    with kept_vectors(tmp_path, "demo"):
        load = run(tmp_path, PEOPLE, SECONDS, ANSWER)
    assert load.ends["starved"] == load.ends["cut"] == 0
    assert load.ends["complete"] >= PEOPLE
    assert load.left, "nobody left at the first word"
    assert load.records.missing == 0
    assert load.records.unclosed == 0
    assert load.records.outcomes["complete"] >= load.ends["complete"]
    assert load.records.outcomes["cancelled"] >= 1
    assert load.after.rss - load.before.rss < MEMORY
    assert load.after.files < max(each.files for each in load.looks)
    assert "Traceback" not in load.log
