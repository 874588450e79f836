import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from authz.resource import TenantId
from retrieval.errors import ParserUnavailableError, SourceError
from retrieval.ingest.parse import parse
from retrieval.ingest.parser_answer import MALFORMED, Refused, read_answer
from retrieval.ingest.parser_process import ParserProcess, Terms
from retrieval.ingest.sniff import PDF
from retrieval.ingest.source import MAX_SOURCE_BYTES, SourceItem
from tests.support.hostile_files import printed, typed

HOSTILE = Terms(patience=3, size=1, parser="tests.support.hostile_parser")


def source(content: bytes | str, tenant: str = "acme", title: str | None = None) -> SourceItem:
    made = content if isinstance(content, bytes) else content.encode()
    return SourceItem(TenantId(tenant), "a/file.md", made, None, title, "x", {}, frozenset(), "role:test")


@pytest.fixture
def hostile() -> Iterator[ParserProcess]:
    with ParserProcess(HOSTILE) as parser:
        yield parser


def pid(parser: ParserProcess, tenant: str = "acme") -> int:
    return int(parser(source("pid", tenant)).text)


def test_answers_are_those_of_the_parser_itself() -> None:
    with ParserProcess() as parser:
        for item in (
            source("# Tïtle\n\nText."),
            source(printed("One.", "Two.")),
            source(typed()),
            source("x" * 2_000_000),
            source("x", title="Given"),
        ):
            assert parser(item) == parse(item)
        for bad in (b"", b"\xff", b"%PDF-1.7 x", b"x" * (MAX_SOURCE_BYTES + 1)):
            with pytest.raises(SourceError) as here:
                parse(source(bad))
            with pytest.raises(SourceError) as there:
                parser(source(bad))
            assert str(there.value) == str(here.value)


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("crash", "the document made its parser crash: save it anew, or as plain text"),
        ("kill", "the document made its parser crash: save it anew, or as plain text"),
        ("hang", "reading the document takes longer than 3 seconds: split it"),
        ("sleep", "reading the document takes longer than 3 seconds: split it"),
        ("hog", "reading the document takes more memory than one may: split it"),
        ("recurse", "the document is nested too deeply: simplify it, or save it as plain text"),
        ("raise SECRET", "the document cannot be read: save it anew, or as plain text"),
        ("length", MALFORMED),
        ("huge", MALFORMED),
        ("answer {}", MALFORMED),
        ("answer [", MALFORMED),
        ("refuse a reason", "a reason"),
    ],
)
def test_document_that_attacks_its_parser_is_refused_and_the_next_is_read(
    hostile: ParserProcess, deed: str, reason: str
) -> None:
    with pytest.raises(SourceError) as refused:
        hostile(source(deed))
    assert str(refused.value) == reason
    assert pid(hostile) > 0


def test_process_is_used_again_but_not_for_another_tenant_and_not_for_ever() -> None:
    with ParserProcess(Terms(size=1, documents=3, parser=HOSTILE.parser)) as parser:
        first = [pid(parser) for _ in range(3)]
        assert len(set(first)) == 1
        assert pid(parser) not in first
    with ParserProcess(HOSTILE) as parser:
        acme = pid(parser)
        globex = pid(parser, "globex")
        assert len({acme, globex, pid(parser)}) == 3
        assert not is_running(acme)


def test_process_sees_nothing_of_its_parents(hostile: ParserProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    seen = json.loads(hostile(source("environment")).text)
    assert set(seen) <= {"LC_CTYPE"}  # which Python itself sets
    with open(__file__, encoding="utf-8"):  # noqa: PTH123 - a descriptor of the parent's
        assert len(json.loads(hostile(source("descriptors")).text)) == 4  # none, three closed ways out, one socket


def test_process_opens_no_socket_file_or_process(hostile: ParserProcess) -> None:
    outcomes = json.loads(hostile(source("attempts")).text)
    assert outcomes
    assert set(outcomes.values()) == {"refused"}


def test_process_that_died_while_idle_is_replaced(hostile: ParserProcess) -> None:
    first = pid(hostile)
    os.kill(first, 9)
    wait_until_gone(first)
    assert pid(hostile) != first


def test_processes_end_with_their_owner(hostile: ParserProcess) -> None:
    first = pid(hostile)
    hostile.close()
    assert not is_running(first)
    with pytest.raises(ParserUnavailableError, match="closed"):
        hostile(source("pid"))


def test_threads_share_a_few_processes() -> None:
    with ParserProcess(Terms(parser=HOSTILE.parser)) as parser, ThreadPoolExecutor(8) as pool:
        pids = set(pool.map(lambda _: pid(parser), range(40)))
    assert 1 <= len(pids) <= 2


def test_caller_waits_for_its_turn_but_not_for_ever() -> None:
    with ParserProcess(Terms(patience=3, size=1, turn=0.2, parser=HOSTILE.parser)) as parser:
        pid(parser)
        other = threading.Thread(target=lambda: refused(parser, "hang"))
        other.start()
        time.sleep(0.3)
        with pytest.raises(ParserUnavailableError, match="busy"):
            parser(source("pid"))
        other.join()
        assert pid(parser) > 0


def refused(parser: ParserProcess, deed: str) -> None:
    with pytest.raises(SourceError):
        parser(source(deed))


GOOD = {"title": "T", "media_type": "text/plain", "pages": []}
PAGED = {"title": "T", "media_type": PDF, "pages": [0, 2, 4]}


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ({**GOOD, "more": 1}, "text"),
        ({"title": "T"}, "text"),
        ([], "text"),
        ("x", "text"),
        (None, "text"),
        ({**GOOD, "title": ""}, "text"),
        ({**GOOD, "title": "x" * 201}, "text"),
        ({**GOOD, "title": "a\nb"}, "text"),
        ({**GOOD, "title": "a\u202eb"}, "text"),
        ({**GOOD, "title": " a"}, "text"),
        ({**GOOD, "title": 1}, "text"),
        ({**GOOD, "title": "\ud800"}, "text"),
        ({**GOOD, "media_type": "text/x"}, "text"),
        ({**GOOD, "media_type": ["text/plain"]}, "text"),
        ({**GOOD, "pages": [0]}, "text"),
        ({**GOOD, "pages": None}, "text"),
        (GOOD, ""),
        (GOOD, "a\u200bb"),
        (GOOD, " text"),
        ({**PAGED, "pages": []}, "text"),
        ({**PAGED, "pages": [1]}, "text"),
        ({**PAGED, "pages": [0, 5]}, "text"),
        ({**PAGED, "pages": [0, 3, 2]}, "text"),
        ({**PAGED, "pages": [0, True]}, "text"),
        ({**PAGED, "pages": [0, 1.0]}, "text"),
        ({**PAGED, "pages": [0] * 2_001}, "text"),
        ({"refused": "x"}, ""),
        ({"refused": "", "last": False}, ""),
        ({"refused": "x" * 301, "last": False}, ""),
        ({"refused": "x\ny", "last": False}, ""),
        ({"refused": "x", "last": 1}, ""),
        ({"refused": 1, "last": False}, ""),
    ],
)
def test_answer_that_breaks_a_rule_is_malformed(head: Any, text: str) -> None:  # noqa: ANN401 - anything
    with pytest.raises(SourceError, match="malformed"):
        read_answer(json.dumps(head).encode(), text.encode())


@pytest.mark.parametrize("head", [b"", b"[" * 60_000, b"\xff", b'{"title":', b'{"a":1}{"b":2}', b"1" * 60_000, b"NaN"])
def test_answer_that_is_no_json_is_malformed(head: bytes) -> None:
    with pytest.raises(SourceError, match="malformed"):
        read_answer(head, b"text")


def test_answer_that_is_no_utf8_is_malformed() -> None:
    with pytest.raises(SourceError, match="malformed"):
        read_answer(json.dumps(GOOD).encode(), b"\xff")


def test_good_answers_are_read() -> None:
    assert read_answer(json.dumps(PAGED).encode(), b"text").pages == (0, 2, 4)  # type: ignore[union-attr]
    assert read_answer(b'{"refused": "x", "last": true}', b"") == Refused("x", last=True)


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(number: int) -> None:
    for _ in range(200):
        with open(f"/proc/{number}/stat", encoding="ascii") as file:  # noqa: PTH123 - of a process of ours
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return
        time.sleep(0.01)
    raise AssertionError
