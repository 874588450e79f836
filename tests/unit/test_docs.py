"""The documents say what is there: links resolve, names exist, settings and threats are in step."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from service.settings import Settings
from tools.threat_model import DriftError, document, proofs_of, read_catalogue

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ENVIRONMENT = ROOT / ".env.example"
WITHOUT_NAMED_TESTS = replace(read_catalogue(), tests={})

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_NAMES_IN_FILE = re.compile(r"((?:`[\w.]+`(?:, | and )?)+)[a-z ]*\bin \[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:[\w-]+/)+[\w-]+\.[a-z]+)`")
_BOX = re.compile(r"\b(\w+)(?:\[\(?\"([^\"]+)\"\)?\])")
_ARROW = re.compile(r"^ *(\S+)(?: -->(?:\|\"[^\"|]+\"\|)?| -\. \"[^\"]+\" \.->) (\S+)$")
_SETTING = re.compile(r"^(# )?(ANTECHAMBER_[A-Z_]+)=(.*)$", re.MULTILINE)


def names_in_files() -> list[tuple[Path, str, Path]]:
    """Return every `name` that a document says to stand in a file, with document and file."""
    return [
        (page, name, (page.parent / target).resolve())
        for page in DOCUMENTS
        for names, target in _NAMES_IN_FILE.findall(page.read_text())
        if target.endswith(".py")
        for name in re.findall(r"`([\w.]+)`", names)
    ]


def settings_in_example() -> dict[str, tuple[bool, str]]:
    """Return every variable of the example: whether it is commented out, and its value."""
    found = _SETTING.findall(ENVIRONMENT.read_text())
    return {name: (bool(comment), value.strip("'")) for comment, name, value in found}


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of `page`."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def exit_code(command: list[str]) -> int:
    """Run `command` and return its exit code."""
    return subprocess.run(command, check=False, capture_output=True).returncode  # noqa: S603 - our own script


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_every_link_between_documents_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_every_path_that_a_document_names_exists(page: Path) -> None:
    for path in _PATH.findall(page.read_text()):
        # Made by the demo; documents of the demo company; made by whoever follows the page.
        if not path.startswith((".local/", "hr/", "finance/", "mine/", "lies/")):
            assert (ROOT / path).exists(), path


def test_every_name_that_a_document_places_in_a_file_stands_there() -> None:
    found = names_in_files()
    assert len(found) > 100
    for page, name, file in found:
        text = file.read_text()
        for part in name.split("."):
            defined = re.search(rf"^\s*(?:async def|def|class) {part}\b|^\s*{part}\b *[:=]", text, re.MULTILINE)
            assert defined, f"{page.name}: {name} in {file.name}"


def test_every_word_of_the_glossary_stands_once_and_names_code() -> None:
    rows = [row.split("|")[1:-1] for row in (ROOT / "docs" / "glossary.md").read_text().splitlines() if "|" in row]
    words = [row[0].strip() for row in rows[2:]]
    assert len(words) == len(set(words)) > 30
    assert all("`" in row[3] for row in rows[2:])


def test_the_request_flow_names_every_step_of_the_flow() -> None:
    text = (ROOT / "docs" / "request-flow.md").read_text()
    steps = ("identify", "look_up", "scope", "search", "admit", "record", "build_prompt", "generate", "stream_answer")
    assert all(f"`{step}` in [" in text for step in steps)


def test_every_picture_is_there_in_both_colours_and_says_what_it_shows() -> None:
    text = (ROOT / "README.md").read_text()
    shown = re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert shown == ["docs/images/compare-dark.png", "docs/images/compare-light.png"]
    assert all((ROOT / each).is_file() for each in shown)
    assert len(re.findall(r'<img [^>]*alt="([^"]{100,})"', text)) == 1


def test_every_box_that_is_drawn_has_a_row_and_every_arrow_two_boxes() -> None:
    parts = (ROOT / "docs/architecture.md").read_text().split("```mermaid\n")[1:]
    assert len(parts) > 3
    for part in parts:
        drawing, _, after = part.partition("```\n")
        kind, *lines = drawing.splitlines()
        assert kind == "flowchart LR"
        assert len(re.findall(r"^ *subgraph ", drawing, re.MULTILINE)) == len(
            re.findall(r"^ *end$", drawing, re.MULTILINE)
        )
        boxes = dict(_BOX.findall(drawing))
        rows = re.findall(r"^\| (.+?) \|.*\]\([^)]+\).*\|$", after.partition("\n## ")[0], re.MULTILINE)
        assert {name for row in rows for name in row.split(", ")} == set(boxes.values())
        for line in lines:
            arrow = _ARROW.match(_BOX.sub(r"\1", line))
            inside = re.fullmatch(r" *(?:subgraph )?(\w+)", _BOX.sub(r"\1", line))
            ends = arrow.groups() if arrow else inside.groups() if inside else ()
            assert ends, line
            assert set(ends) <= boxes.keys() | {"end"}, line


def test_the_example_names_every_setting_and_no_other() -> None:
    assert set(settings_in_example()) == {f"ANTECHAMBER_{name.upper()}" for name in Settings.model_fields}


def test_only_settings_without_a_default_are_not_commented_out() -> None:
    required = {f"ANTECHAMBER_{name.upper()}" for name, field in Settings.model_fields.items() if field.is_required()}
    assert {name for name, (commented, _) in settings_in_example().items() if not commented} == required


def test_every_value_of_the_example_is_valid_and_the_commented_ones_are_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, (_, value) in settings_in_example().items():
        monkeypatch.setenv(name, value)
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    assert settings.issuers[0].issuer_of().issuer == "https://login.example.com/"
    for name, field in Settings.model_fields.items():
        if field.default is not None and not field.is_required() and name != "policies":
            assert getattr(settings, name) == field.default, name
    assert (ROOT / settings.policies).samefile(Settings.model_fields["policies"].default)


def test_the_threat_model_is_in_step_with_the_tests() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text()
    assert text == document(text, read_catalogue(), ROOT)


def test_the_generator_finds_ids_in_names_docstrings_and_decorators(tmp_path: Path) -> None:
    tests = tmp_path / "tests" / "unit"
    tests.mkdir(parents=True)
    (tests / "test_made_up.py").write_text(
        "def test_j01_j02_two_in_a_name(): ...\n"
        "async def test_in_docstring():\n    '''L-20: in both legs.'''\n"
        "@pytest.mark.parametrize('x', ['R-05'])\ndef test_in_decorator(x): ...\n"
        "def test_without(): ...\n"
    )
    found = proofs_of(WITHOUT_NAMED_TESTS, tmp_path)
    assert {id_: [proof.name for proof in proofs] for id_, proofs in found.items()} == {
        "J-01": ["test_j01_j02_two_in_a_name"],
        "J-02": ["test_j01_j02_two_in_a_name"],
        "L-20": ["test_in_docstring"],
        "R-05": ["test_in_decorator"],
    }


def test_an_id_that_no_threat_has_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_made_up.py").write_text("def test_l99_what_is_this(): ...\n")
    with pytest.raises(DriftError, match="L-99"):
        proofs_of(WITHOUT_NAMED_TESTS, tmp_path)


def test_a_named_proof_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    catalogue = replace(WITHOUT_NAMED_TESTS, tests={"J-01": ["tests/test_gone.py::test_gone"]})
    with pytest.raises(DriftError, match="test_gone"):
        proofs_of(catalogue, tmp_path)


def test_an_id_that_a_docstring_only_mentions_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_made_up.py").write_text("def test_it():\n    '''J-16 is another matter.'''\n")
    assert not proofs_of(WITHOUT_NAMED_TESTS, tmp_path)


def test_the_check_fails_on_drift_and_writes_nothing(tmp_path: Path) -> None:
    for folder in ("docs", "tools", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests" / "test_made_up.py").write_text("def test_a07_something_new(): ...\n")
    written = (tmp_path / "docs" / "threat-model.md").read_bytes()
    command = [sys.executable, "-B", str(tmp_path / "tools" / "threat_model.py")]
    assert exit_code([*command, "--check"]) == 1
    assert (tmp_path / "docs" / "threat-model.md").read_bytes() == written
    assert exit_code(command) == 0
    assert exit_code([*command, "--check"]) == 0
