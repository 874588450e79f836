"""The one place that speaks to OpenSearch: whom it speaks to, and that whatever is not a whole answer is an outage."""

import ipaddress
import json
import logging
import re
import ssl
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from opensearchpy import Urllib3AWSV4SignerAuth

from retrieval.errors import IndexMismatchError, RetrievalError, SearchUnavailableError
from retrieval.opensearch_address import Address
from retrieval.opensearch_client import Engine
from tests.support.loopback_server import stream
from tests.support.stub_engine import StubEngine, stub_engine, text

CANARY, PASSWORD = "CANARYTEXT", "CANARYPASSWORD"
HEADER: Mapping[str, Any] = {"index": "antechamber-one"}
SEARCH: Mapping[str, Any] = {"query": {"match": {"text": {"query": CANARY}}}}
ROW = {"_index": "antechamber-one", "_id": "1", "_source": {}}
WHOLE: dict[str, Any] = {
    "timed_out": False,
    "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
    "hits": {"hits": [ROW]},
    "status": 200,
}


# To whom.


def problem(address: Address) -> str:
    with pytest.raises(IndexMismatchError) as refused:
        Engine.at(address)
    return str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://x1y2.eu-central-1.aoss.amazonaws.com", "https://X1Y2.EU-CENTRAL-1.AOSS.AMAZONAWS.COM:443",
        "https://x1y2.eu-central-1.aoss.amazonaws.com./", "https://x1y2.cn-north-1.aoss.amazonaws.com.cn",
        "https://x1y2.aoss.eu-central-1.on.aws",
    ],
)  # fmt: skip
def test_serverless_collection_is_refused_with_the_reason(url: str) -> None:
    assert "assigns the ids" in problem(Address(url, ("user", PASSWORD)))


@pytest.mark.parametrize(
    "url",
    [
        "http://search.acme.test", "http://search.acme.test:9200", "http://10.0.0.1:9200", "http://127.0.0.1.acme.test",
        "http://localhost.acme.test", "http://[::2]:9200", "http://0.0.0.0:9200",
    ],
)  # fmt: skip
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    assert "by https and with credentials" in problem(Address(url, ("user", PASSWORD)))


def test_beyond_this_machine_credentials_are_needed() -> None:
    assert "with credentials" in problem(Address("https://search.acme.test"))
    Engine.at(Address("https://search.acme.test", ("user", PASSWORD)))
    Engine.at(Address("HTTPS://search.acme.test:443/prefix", ("user", PASSWORD)))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9200", "http://localhost:9200", "http://[::1]:9200", "https://localhost"]
)
def test_this_machine_needs_none(url: str) -> None:
    Engine.at(Address(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://user:CANARYPASSWORD@search.acme.test", "https://:CANARYPASSWORD@search.acme.test",
        "http://user@localhost:9200", "http://localhost:9200?x=CANARYPASSWORD", "http://localhost:9200#x",
        "localhost:9200", "ftp://localhost", "http://", "http://[::1", "http://localhost:99999", "http://localhost:x",
        "",
        "file:///etc/passwd",
    ],
)  # fmt: skip
def test_address_of_another_form_or_with_a_password_in_it_is_refused_and_not_repeated(url: str) -> None:
    told = problem(Address(url, ("user", "x")))
    assert "is written like https://host:9200" in told
    assert PASSWORD not in told


def test_password_that_http_cannot_carry_is_refused_and_not_repeated() -> None:
    with pytest.raises(IndexMismatchError, match="ASCII") as refused:
        Engine.at(Address("https://search.acme.test", ("user", PASSWORD + "\u20ac")))
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))


def test_file_of_certificates_that_is_missing_is_named(tmp_path: Path) -> None:
    assert "certificates" in problem(Address("https://localhost", ca=tmp_path / "none.pem"))


def test_password_is_in_no_text_of_the_client() -> None:
    address = Address("https://search.acme.test", ("user", PASSWORD))
    engine = Engine.at(address)
    assert PASSWORD not in repr(address) + repr(engine) + str(engine)


# What it answers.


@pytest.fixture
def stub() -> Iterator[StubEngine]:
    with stub_engine() as running:
        running.say({"responses": [WHOLE]})
        yield running


@pytest.fixture
def engine(stub: StubEngine) -> Engine:
    return Engine.at(Address(stub.url, ("user", PASSWORD)))


def outage(call: Callable[[], object]) -> str:
    """Return what is told of an outage, after a look at all that a log would hold of it."""
    with pytest.raises(SearchUnavailableError) as unavailable:
        call()
    shown = "".join(traceback.format_exception(unavailable.value))
    assert CANARY not in shown
    assert PASSWORD not in shown
    return str(unavailable.value)


def ask(engine: Engine, timeout: float = 20) -> object:
    return engine.search([(HEADER, SEARCH)], timeout)


needs_loopback = pytest.mark.enable_socket


@needs_loopback
def test_whole_answer_is_its_rows(engine: Engine, stub: StubEngine) -> None:
    assert ask(engine) == [[ROW]]
    (sent,) = stub.sent
    assert (sent.method, sent.path) == ("POST", "/_msearch")
    assert [json.loads(line) for line in sent.body.splitlines()] == [HEADER, SEARCH]


def refused(status: int, kind: str = "security_exception", reason: str = "") -> Callable[[StubEngine], None]:
    error = {"type": kind, "reason": f"{reason} {CANARY}", "root_cause": [{"type": kind, "reason": CANARY}]}
    return lambda stub: stub.say({"error": error, "status": status}, status)


REFUSALS: list[tuple[Callable[[StubEngine], None], str]] = [
    (refused(401), "ANTECHAMBER_OPENSEARCH_USER"),
    (lambda stub: setattr(stub, "answer", text(b"Unauthorized", 401, "text/plain")), "ANTECHAMBER_OPENSEARCH_USER"),
    (refused(403), "the role's permissions"),
    (refused(404, "index_not_found_exception"), "antechamber index rebuild"),
    (refused(429, "rejected_execution_exception"), "overloaded: repeat it later"),
    (refused(403, "cluster_block_exception", "blocked by: [FORBIDDEN/12/disk usage exceeded flood-stage watermark"),
     "short of disk"),
    (refused(403, "cluster_block_exception", "blocked by: [FORBIDDEN/5/index read-only (api)];"), "lift the block"),
    (refused(400, "search_phase_execution_exception"), "refused (400, search_phase_execution_exception)"),
    (refused(500, "too_many_nested_clauses"), "refused (500, too_many_nested_clauses)"),
    (lambda stub: setattr(stub, "answer", text(CANARY.encode(), 503, "text/html")), "refused (503, unknown)"),
    (lambda stub: stub.say([CANARY], 502), "cannot be read"),
    (lambda stub: stub.say(CANARY, 502), "cannot be read"),
    (lambda stub: stub.say({}, 302, Location="http://127.0.0.1:9/"), "refused (302, unknown)"),
]  # fmt: skip


@needs_loopback
@pytest.mark.parametrize(("refuse", "told"), REFUSALS, ids=lambda value: value if isinstance(value, str) else "")
def test_r06_refusal_is_an_outage_that_names_the_mend_and_repeats_no_text(
    engine: Engine, stub: StubEngine, refuse: Callable[[StubEngine], None], told: str
) -> None:
    refuse(stub)
    assert told in outage(lambda: ask(engine))
    assert told in outage(lambda: engine.call("GET", "/"))
    assert told in outage(lambda: engine.bulk("antechamber-one", [{"index": {}}, {"text": CANARY}]))
    assert len(stub.sent) == 3  # nothing is tried twice, and no redirect is followed


def _shards(**changed: object) -> dict[str, object]:
    return {**WHOLE, "_shards": {**WHOLE["_shards"], **changed}}


def _without(name: str) -> dict[str, object]:
    return {key: value for key, value in WHOLE.items() if key != name}


def _hits(hits: object) -> dict[str, object]:
    return {**WHOLE, "hits": hits}


PARTIAL: list[object] = [
    _shards(failed=1), _shards(successful=0), _shards(total=2), _shards(total=0, successful=0), _shards(failed=None),
    {**WHOLE, "_shards": {}}, {**WHOLE, "_shards": {"failed": 0}}, {**WHOLE, "_shards": None}, _without("_shards"),
    {**WHOLE, "timed_out": True}, {**WHOLE, "timed_out": None}, _without("timed_out"),
    {**WHOLE, "terminated_early": True}, {**WHOLE, "error": {"type": "x", "reason": CANARY}, "status": 500},
    {"error": {"type": "index_not_found_exception", "reason": CANARY}, "status": 404},
    {"error": CANARY}, None, [], CANARY, 7,
    _without("hits"), _hits(None), _hits({}), _hits({"hits": None}), _hits({"hits": 7}), _hits({"hits": CANARY}),
    _hits({"hits": [CANARY]}), _hits({"hits": {CANARY: 1}}), _hits({"hits": [None]}), _hits({"hits": [{}]}),
    _hits({"hits": [{"_index": "antechamber-one"}]}), _hits({"hits": [{**ROW, "_id": None}]}),
    _hits({"hits": [ROW, {**ROW, "_index": "antechamber-two"}]}),
]  # fmt: skip


@needs_loopback
@pytest.mark.parametrize("answer", PARTIAL, ids=json.dumps)
def test_r06_answer_that_is_not_whole_is_an_outage(engine: Engine, stub: StubEngine, answer: object) -> None:
    stub.say({"responses": [answer]})
    outage(lambda: ask(engine))


@needs_loopback
@pytest.mark.parametrize("responses", [[], [WHOLE, WHOLE], None, {}, CANARY, {"0": WHOLE}])
def test_r06_fewer_or_more_answers_than_searches_are_an_outage(
    engine: Engine, stub: StubEngine, responses: object
) -> None:
    stub.say({"responses": responses})
    assert "another number of searches" in outage(lambda: ask(engine))


@needs_loopback
def test_one_leg_that_failed_spoils_the_other(engine: Engine, stub: StubEngine) -> None:
    stub.say({"responses": [WHOLE, _shards(failed=1)]})
    outage(lambda: engine.search([(HEADER, SEARCH), (HEADER, SEARCH)], 20))


GARBAGE = [
    b"", b"null", b"[]", b'"CANARYTEXT"', b"7", b"<html>CANARYTEXT</html>", b"{", b"[" * 100_000,
    b"\xff\xfe\x00", b'{"a": NaN',
    b"\xef\xbb\xbf{}",
]  # fmt: skip


@needs_loopback
@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda value: repr(value[:12]))
@pytest.mark.parametrize("kind", ["application/json", "text/html", "text/plain", "application/x-unknown", ""])
def test_r06_garbage_is_an_outage(engine: Engine, stub: StubEngine, garbage: bytes, kind: str) -> None:
    stub.answer = text(garbage, 200, kind)
    outage(lambda: ask(engine))
    outage(lambda: engine.bulk("antechamber-one", [{"index": {}}, {"text": CANARY}]))
    with pytest.raises(RetrievalError):
        engine.check_version()


@needs_loopback
def test_answer_that_ends_too_soon_is_an_outage(engine: Engine, stub: StubEngine) -> None:
    stub.answer = text(b'{"responses": []', 200, Content_Length="999")
    outage(lambda: ask(engine, 1))


BAD_WRITES: list[object] = [
    {}, {"items": None}, {"items": []}, {"items": [{"index": {"status": 201}}] * 2}, {"items": [{}]},
    {"items": [CANARY]}, {"items": [{"index": {}}]},
    {"items": [{"index": {"status": 429, "error": {"type": "x", "reason": CANARY}}}]},
    {"items": [{"index": {"status": 404, "error": {"type": "index_not_found_exception"}}}]},
    {"items": [{"index": {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": CANARY}}}]},
    {"items": [{"index": {"status": "201"}}]}, {"items": {"index": {"status": 201}}},
]  # fmt: skip


@needs_loopback
@pytest.mark.parametrize("answer", BAD_WRITES, ids=json.dumps)
def test_write_that_is_not_confirmed_one_by_one_is_an_outage(engine: Engine, stub: StubEngine, answer: object) -> None:
    stub.say(answer)
    outage(lambda: engine.bulk("antechamber-one", [{"index": {"_id": "1"}}, {"text": CANARY}]))


@needs_loopback
def test_write_that_came_too_late_or_found_nothing_is_no_outage(engine: Engine, stub: StubEngine) -> None:
    stub.say({"items": [{"index": {"status": 409, "error": {}}}, {"delete": {"status": 404, "result": "not_found"}}]})
    done = engine.bulk("antechamber-one", [{"index": {}}, {"text": CANARY}, {"delete": {}}])
    assert [each["status"] for each in done] == [409, 404]
    assert stub.sent[0].path.startswith("/antechamber-one/_bulk?refresh=true")


# In time.


def _hang(request: BaseHTTPRequestHandler) -> None:
    request.rfile.read(1)  # until the client hangs up
    request.close_connection = True


def _drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.end_headers()

    def slowly() -> Iterator[bytes]:
        for _ in range(300):
            time.sleep(0.1)
            yield b" "

    stream(request, slowly())


def _vanish(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


@needs_loopback
@pytest.mark.parametrize(("answer", "told"), [(_hang, "in time"), (_drip, "in time"), (_vanish, "cannot be reached")])
def test_r06_r14_engine_that_hangs_drips_or_hangs_up_is_given_up(
    engine: Engine, stub: StubEngine, answer: Callable[[BaseHTTPRequestHandler], None], told: str
) -> None:
    """A drip never lets a socket be silent for long, and would otherwise go on for half a minute."""
    stub.answer = answer
    began = time.monotonic()
    assert told in outage(lambda: ask(engine, 0.5))
    assert time.monotonic() - began < 15


@needs_loopback
def test_r06_engine_that_is_not_there_is_an_outage_that_names_the_setting() -> None:
    engine = Engine.at(Address("http://127.0.0.1:9"))
    assert "ANTECHAMBER_OPENSEARCH_URL" in outage(lambda: ask(engine))


# What is logged.


@needs_loopback
def test_no_question_document_or_password_is_logged_or_warned_of(
    engine: Engine, stub: StubEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """opensearch-py would log requests and answers, and print an engine's warnings."""
    caplog.set_level(logging.DEBUG)
    trace = logging.getLogger("opensearchpy.trace")
    trace.addHandler(caplog.handler)
    try:
        stub.say({"responses": [_hits({"hits": [{**ROW, "text": CANARY}]})]}, Warning=f'299 x "{CANARY}"')
        assert ask(engine)
        refused(400)(stub)
        outage(lambda: ask(engine))
        stub.answer = _vanish
        outage(lambda: ask(engine))
    finally:
        trace.removeHandler(caplog.handler)
    assert CANARY not in caplog.text
    assert PASSWORD not in caplog.text


# Who answers.


@needs_loopback
@pytest.mark.parametrize(
    ("version", "told"),
    [
        ({"number": "2.19.0", "distribution": "opensearch"}, "answers opensearch 2.19.0"),
        ({"number": "8.15.0"}, "answers something else 8.15.0"),
        ({"number": "x", "distribution": "opensearch"}, "OpenSearch 3 or newer is needed"),
        ({"number": None, "distribution": "opensearch"}, "OpenSearch 3 or newer is needed"),
        (None, "something else"), ({}, "something else"), ([], "something else"), ("3.5.0", "something else"),
    ],
)  # fmt: skip
def test_another_engine_or_an_old_one_is_refused(engine: Engine, stub: StubEngine, version: object, told: str) -> None:
    stub.say({"version": version})
    with pytest.raises(IndexMismatchError, match=re.escape(told)):
        engine.check_version()


@needs_loopback
@pytest.mark.parametrize("number", ["3.0.0", "3.5.0", "4.1.0-SNAPSHOT"])
def test_opensearch_of_now_is_accepted(engine: Engine, stub: StubEngine, number: str) -> None:
    stub.say({"version": {"number": number, "distribution": "opensearch"}})
    engine.check_version()


# How it knows us.


@needs_loopback
def test_password_is_sent_as_basic_credentials(engine: Engine, stub: StubEngine) -> None:
    ask(engine)
    assert stub.sent[0].headers["authorization"] == "Basic dXNlcjpDQU5BUllQQVNTV09SRA=="


@needs_loopback
def test_signature_covers_what_is_sent_for_the_service_es(stub: StubEngine) -> None:
    """SigV4: signed again here from what arrived, it is the same."""
    role = Credentials("AKIDEXAMPLE", "CANARYSECRET", "a-session")
    engine = Engine.at(Address(stub.url, Urllib3AWSV4SignerAuth(role, "eu-central-1", "es")))
    ask(engine)
    engine.call("GET", "/antechamber-one", params={"flat_settings": "true", "a b": "ü/*"})
    for sent in stub.sent:
        given = sent.headers["authorization"]
        assert given.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert "/eu-central-1/es/aws4_request" in given
        assert sent.headers["x-amz-security-token"] == "a-session"
        names = re.findall(r"SignedHeaders=([^,]+)", given)[0].split(";")
        again = AWSRequest(sent.method, stub.url + sent.path, data=sent.body, headers=_named(names, sent.headers))
        again.context["timestamp"] = sent.headers["x-amz-date"]
        signer = SigV4Auth(role, "es", "eu-central-1")
        signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        assert given.endswith(f"Signature={signature}")


def _named(names: list[str], headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in names}


# Certificates.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate that vouches for itself and for `localhost`, and the server's side of it."""
    return _certificate(tmp_path_factory.mktemp("tls"), "localhost")


def _certificate(folder: Path, host: str) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names: list[x509.GeneralName] = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "ca.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "key.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


@needs_loopback
def test_certificate_that_nobody_vouches_for_is_refused_naming_the_setting(
    authority: tuple[Path, ssl.SSLContext],
) -> None:
    with stub_engine(authority[1]) as stub:
        engine = Engine.at(Address(stub.url, ("user", PASSWORD)))
        assert "ANTECHAMBER_OPENSEARCH_CA" in outage(lambda: ask(engine))
        assert stub.sent == []


@needs_loopback
def test_certificate_of_the_named_authority_is_believed(authority: tuple[Path, ssl.SSLContext]) -> None:
    with stub_engine(authority[1]) as stub:
        stub.say({"responses": [WHOLE]})
        assert ask(Engine.at(Address(stub.url, ("user", PASSWORD), authority[0]))) == [[ROW]]


@needs_loopback
def test_certificate_for_another_host_is_refused(authority: tuple[Path, ssl.SSLContext]) -> None:
    with stub_engine(authority[1]) as stub:
        elsewhere = stub.url.replace("localhost", "127.0.0.1")
        engine = Engine.at(Address(elsewhere, ("user", PASSWORD), authority[0]))
        assert "certificate" in outage(lambda: ask(engine))
        assert stub.sent == []


@needs_loopback
def test_plain_http_where_tls_is_expected_is_an_outage(stub: StubEngine) -> None:
    engine = Engine.at(Address(stub.url.replace("http:", "https:"), ("user", PASSWORD)))
    outage(lambda: ask(engine))
    assert stub.sent == []
