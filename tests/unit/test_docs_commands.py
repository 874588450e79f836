"""Every command that a document shows is run by a test, or stands here with the reason; every test it names is one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import blocks, consoles

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "infra/README.md",
    ROOT / "service/local/company/README.md",
]
FOLLOWED = "tests/e2e/test_documents.py::test_followed_pages_do_what_they_say"
EXECUTED = {
    "README.md": FOLLOWED,
    "docs/documents.md": FOLLOWED,
    "docs/manifests.md": FOLLOWED,
    "docs/fork.md": "tests/e2e/test_fork.py::test_the_page_does_what_it_says",
    "docs/review.md": "tests/e2e/test_documents.py::test_attack_of_the_review_ends_as_it_says",
}
"""Pages with commands at a prompt, and the test that runs each of them."""
UNEXECUTED = {
    ("README.md", "make"): "sets up and runs everything, for minutes: the tests run within it",
    ("docs/benchmarks.md", "make .venv/bin/python"): "measures for minutes",
    ("docs/opensearch.md", "antechamber make"): "needs a running OpenSearch: tests/opensearch runs the same functions",
    ("docs/manifests.md", "antechamber"): "FOLDER is the reader's own: tests/unit/service/commands/test_relabel.py",
    ("docs/deploy.md", "aws npx openssl make operate .venv/bin/antechamber"): "needs an account: tests/infra",
    ("docs/deploy.md", "export out() operate() subject() token() EMPLOYEE for done mkdir printf cat"): "likewise",
}
"""Commands without a prompt, by page and first words, and why no test runs them."""

_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
_HERE_DOCUMENT = re.compile(r"<<'(\w+)'\n.*?^\1$", re.MULTILINE | re.DOTALL)
_DRAWN = re.compile("[─▶→]")


def words_of_commands(page: Path) -> Iterator[str]:
    """Yield the first word of each command that `page` shows without a prompt."""
    for block in blocks(page.read_text()):
        if block.language or _DRAWN.search(block.text):
            continue
        text = _HERE_DOCUMENT.sub("", block.text.replace("\\\n", ""))
        yield from (line.split("=")[0].split()[0] for line in text.splitlines() if re.match(r"[^\s#}]", line))


def is_test(name: str) -> bool:
    """Return whether `file::test` is one."""
    file, _, function = name.partition("::")
    path = ROOT / file
    return path.is_file() and re.search(rf"^ *(?:async )?def {function}\(", path.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_test_that_a_document_names_exists(page: Path) -> None:
    named = ["::".join(found) for found in _TEST.findall(page.read_text())]
    assert [name for name in named if not is_test(name)] == []
    assert page.name != "review.md" or len(set(named)) > 20


def test_every_command_of_a_document_is_executed_by_a_test_or_says_why_not() -> None:
    prompted = {page.relative_to(ROOT).as_posix() for page in DOCUMENTS if any(consoles(page.read_text()))}
    assert prompted == EXECUTED.keys()
    assert all(is_test(name) for name in EXECUTED.values())
    plain = {(page.relative_to(ROOT).as_posix(), word) for page in DOCUMENTS for word in words_of_commands(page)}
    assert plain == {(page, word) for page, words in UNEXECUTED for word in words.split()}


def test_every_target_of_make_that_a_document_names_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in DOCUMENTS:
        assert set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)) <= targets, page.name


def test_every_prompt_stands_in_a_block_whose_commands_are_looked_at() -> None:
    for page in DOCUMENTS:
        text = page.read_text()
        assert len(re.findall(r"^ *[$] ", text, re.MULTILINE)) == len(list(consoles(text))), page.name


def test_what_looks_for_tests_and_commands_finds_them_and_nothing_else(tmp_path: Path) -> None:
    assert is_test(FOLLOWED)
    assert not is_test("tests/e2e/test_documents.py::test_followed")
    assert not is_test("tests/e2e/test_gone.py::test_followed_pages_do_what_they_say")
    page = tmp_path / "page.md"
    page.write_text(
        "```\nA=1 b\n# c\nd \\\n  e\nf <<'END'\ng\nEND\n  h\n```\n\n```\ni ─▶ j\n```\n\n```console\n$ k\n```\n"
    )
    assert list(words_of_commands(page)) == ["A", "d", "f"]
    assert list(consoles(page.read_text())) == [("k", "")]
