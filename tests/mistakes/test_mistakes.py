"""Strict mypy refuses every mistake in this folder: a suppression that is no longer needed is an error."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SUPPRESSION = re.compile(r"  # type: ignore\[([a-z-]+)\]$", re.MULTILINE)
MISTAKES = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))


def mypy(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--follow-imports=silent",
        *map(str, paths),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command


@pytest.mark.timeout(300)
def test_every_mistake_is_refused_by_the_type_checker_for_the_stated_reason(tmp_path: Path) -> None:
    expected, bare = [], []
    for path in MISTAKES:
        text = path.read_text(encoding="utf-8")
        for line, content in enumerate(text.splitlines(), start=1):
            if found := SUPPRESSION.search(content):
                expected.append((path.name, line, found[1]))
        bare.append(tmp_path / path.name)
        bare[-1].write_text(SUPPRESSION.sub("", text), encoding="utf-8")
    result = mypy(*bare)
    refused = re.findall(r"(\w+\.py):(\d+): error: .*\[([a-z-]+)\]$", result.stdout, re.MULTILINE)
    assert sorted((name, int(line), code) for name, line, code in refused) == sorted(expected), (
        result.stdout + result.stderr
    )
    assert len(expected) >= 20


@pytest.mark.timeout(300)
def test_no_suppression_is_superfluous() -> None:
    result = mypy(*MISTAKES)
    assert result.returncode == 0, result.stdout + result.stderr
