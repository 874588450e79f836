"""The smoke test against the application on loopback: it passes as it is, and fails wherever something is broken."""

import json
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from retrieval.errors import SearchUnavailableError
from service.app import create_app
from service.cli import app as command_line
from service.limits import PersonLimits
from service.model import Stop
from service.prompt import Prompt
from tests.support.application import Application
from tests.support.loopback_server import body, loopback_server
from tests.support.server import serving

pytestmark = pytest.mark.enable_socket

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Breakage = Callable[[Asgi], Asgi]

DOCUMENT = "plan"
QUESTION = "What does the engine plan say of the rotor?"


def _unhurried(prompt: Prompt, _closed: threading.Event) -> Iterator[str | Stop]:
    for number, _ in enumerate(prompt.passages, start=1):
        yield f"Said [{number}]. "
        time.sleep(0.03)
    yield "And. "
    yield "That. "
    yield "Is all."
    yield Stop("end")


@contextmanager
def _deployed(path: Path, breakage: Breakage | None = None, **changed: Any) -> Iterator[tuple[Application, str]]:  # noqa: ANN401 - fields of several types
    deployed = Application(path, **changed)
    deployed.model.script = _unhurried
    inner = create_app(deployed.on)
    if breakage is not None:
        inner.add_middleware(_Broken, breakage=breakage)
    with serving(inner) as running:
        yield deployed, f"http://127.0.0.1:{running.port}"


class _Broken:
    def __init__(self, app: Asgi, breakage: Breakage) -> None:
        self._broken = breakage(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._broken(scope, receive, send)


def _smoke(deployed: Application, url: str, *more: str) -> tuple[int, dict[str, tuple[str, str]]]:
    environment = {"SMOKE_TOKEN_A": deployed.token("alice"), "SMOKE_TOKEN_B": deployed.token("bob")}
    options = ["--document", DOCUMENT, "--question", QUESTION, "--json", *more]
    ended = CliRunner(env=environment).invoke(command_line, ["smoke", url, *options])
    assert not isinstance(ended.exception, Exception) or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, _told(ended.stdout)


def _told(printed: str) -> dict[str, tuple[str, str]]:
    """Return verdict and detail of each check; the server of this process prints its log between."""
    told, _ = json.JSONDecoder().raw_decode(printed, printed.index("[\n"))
    return {each["check"]: (each["verdict"], each["detail"]) for each in told}


def _failed(found: dict[str, tuple[str, str]]) -> list[str]:
    return [check for check, (verdict, _) in found.items() if verdict == "failed"]


def test_what_is_as_it_must_be_passes(tmp_path: Path) -> None:
    with _deployed(tmp_path) as (deployed, url):
        code, found = _smoke(deployed, url)

    assert (_failed(found), code) == ([], 0), found
    assert [check for check, (verdict, _) in found.items() if verdict == "left out"] == [
        "TLS: a certificate that is believed, 1.2 or newer.",
        "Who asks too often is told when to come back.",
    ]


def test_without_tokens_only_what_strangers_see_is_checked(tmp_path: Path) -> None:
    with _deployed(tmp_path) as (_, url):
        ended = CliRunner().invoke(command_line, ["smoke", url])

    assert ended.exit_code == 0, ended.output
    assert "6 passed, 0 failed, 7 left out" in ended.output


def _answers(status: int, path: str = "", *, method: str = "", bearing: str = "") -> Breakage:
    """Answer `status` to whatever fits."""

    def breakage(app: Asgi) -> Asgi:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            fits = scope["type"] == "http" and path in scope["path"] and method in scope["method"]
            if not fits or bearing not in str(scope["headers"]):
                await app(scope, receive, send)
                return
            headers = [(b"content-type", b"application/problem+json"), (b"www-authenticate", b"Bearer")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"status": 0, "detail": "other words"}'})

        return broken

    return breakage


def _buffers(app: Asgi) -> Asgi:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await app(scope, receive, keep)
        for message in kept:
            await send(message)

    return broken


BREAKAGES: dict[str, tuple[Breakage, str]] = {
    "it does not live": (_answers(500, "/healthz"), "/healthz"),
    "strangers are let in": (_answers(200, "/v1/me"), "401, in the same words"),
    "a stranger's body is read first": (_answers(422, "/v1/answers", method="POST"), "A stranger's body"),
    "counters are public": (_answers(200, "/metrics"), "Counters"),
    "writes go to who only answers": (_answers(405, "/v1/documents/", method="PUT"), "PUT and DELETE"),
    "another address writes": (_answers(200, "/V1/", method="PUT"), "PUT and DELETE"),
    "anything is taken": (_answers(200, "/v1/search"), "Too much is refused"),
    "answers are buffered": (_buffers, "An answer comes as it is made"),
    "A is shut out": (_answers(404, f"/v1/documents/{DOCUMENT}", method="GET"), "A may read"),
    "B is let in": (_answers(200, f"/v1/documents/{DOCUMENT}", method="GET"), "B may not"),
    "what is hidden is refused otherwise": (_answers(404, f"/v1/documents/{DOCUMENT}", method="GET"), "B may not"),
}


@pytest.mark.parametrize("what", BREAKAGES)
def test_a_broken_deployment_fails(what: str, tmp_path: Path) -> None:
    breakage, expected = BREAKAGES[what]
    with _deployed(tmp_path, breakage) as (deployed, url):
        code, found = _smoke(deployed, url)

    assert code == 1
    assert any(expected in check for check in _failed(found)), found


def test_who_is_not_ready_fails_by_name(tmp_path: Path) -> None:
    def down() -> None:
        raise SearchUnavailableError

    with _deployed(tmp_path, probes={"index": down, "directory": lambda: None}) as (deployed, url):
        code, found = _smoke(deployed, url)

    assert code == 1
    assert found["/readyz: every dependency answers."] == (
        "failed",
        "not ready: index; see the log's not-ready lines",
    )


def test_b_who_reads_what_a_reads_fails(tmp_path: Path) -> None:
    with _deployed(tmp_path) as (deployed, url):
        environment = {"SMOKE_TOKEN_A": deployed.token("alice"), "SMOKE_TOKEN_B": deployed.token("alice")}
        options = ["--document", DOCUMENT, "--question", QUESTION, "--json"]
        ended = CliRunner(env=environment).invoke(command_line, ["smoke", url, *options])

    assert ended.exit_code == 1
    assert _failed(_told(ended.stdout)) == [
        "B may not, and is told what is told of a document that there is not.",
        "B's search does not find it, by the question that finds it for A.",
    ]


def test_limits_that_do_not_end_fail_and_limits_that_do_are_told(tmp_path: Path) -> None:
    with _deployed(tmp_path) as (deployed, url):
        unlimited, _ = _smoke(deployed, url, "--exhaust")
    with _deployed(tmp_path, limits=PersonLimits("40/minute", 8)) as (deployed, url):
        limited, found = _smoke(deployed, url, "--exhaust")

    assert (unlimited, limited) == (1, 0), found
    assert "come back in" in found["Who asks too often is told when to come back."][1]


def test_tokens_are_not_sent_in_the_clear_unasked() -> None:
    ended = CliRunner().invoke(command_line, ["smoke", "http://antechamber.invalid", "--json"])

    assert ended.exit_code == 1
    assert "in the clear" in _told(ended.stdout)["TLS: a certificate that is believed, 1.2 or newer."][1]


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """Make what docs/deploy.md has openssl make: a certificate that only who has its PEM believes."""
    key = rsa.generate_private_key(65_537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "antechamber.demo")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("antechamber.demo")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "demo.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (tmp_path / "demo.key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "demo.pem", tmp_path / "demo.key")
    return context


@pytest.mark.parametrize(
    ("options", "verdict", "said"),
    [
        (["--ca", "demo.pem", "--name", "antechamber.demo"], "passed", "TLSv1.3"),
        (["--ca", "demo.pem"], "failed", "not believed"),
        (["--name", "antechamber.demo"], "failed", "not believed"),
    ],
)
def test_a_certificate_is_believed_for_its_name_by_who_has_it(
    options: list[str],
    verdict: str,
    said: str,
    certificate: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    alive = body(b'{"status": "alive"}', 200, Content_Type="application/json")
    with loopback_server(alive, certificate) as url:
        ended = CliRunner().invoke(command_line, ["smoke", url, "--json", *options])

    found = _told(ended.stdout)
    assert found["TLS: a certificate that is believed, 1.2 or newer."][0] == verdict
    assert said in found["TLS: a certificate that is believed, 1.2 or newer."][1]
    assert found["/healthz: the processes live."][0] == verdict  # by the same trust and the same name


@pytest.mark.parametrize("url", ["antechamber.example.com", "ftp://x", "https://"])
def test_what_is_no_address_is_told_in_one_line(url: str) -> None:
    ended = CliRunner().invoke(command_line, ["smoke", url])

    assert ended.exit_code == 1
    assert "is no address to look at" in ended.output


def test_no_token_is_printed(tmp_path: Path) -> None:
    with _deployed(tmp_path, _answers(500, bearing="Bearer")) as (deployed, url):
        token = deployed.token("alice")
        ended = CliRunner(env={"SMOKE_TOKEN_A": token}).invoke(command_line, ["smoke", url])

    assert ended.exit_code == 1
    assert token not in ended.output
    assert token.rpartition(".")[2] not in ended.output
