"""The proxy itself: each fault befalls what comes while it is in force, also on connections that were open before."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.fault_proxy import (
    HOST,
    Fault,
    FaultProxy,
    answers,
    drips,
    fault_proxy,
    hangs,
    http,
    resets,
    resets_after,
)
from tests.support.loopback_server import body, loopback_server

pytestmark = pytest.mark.enable_socket

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with loopback_server(body(b"the backend's answer")) as url, fault_proxy(url) as running:
        yield running


def heard(proxy: FaultProxy, within: float = 5) -> bytes:
    """Ask, and return all that comes until the end. Raises `OSError`."""
    with socket.create_connection((HOST, proxy.port), within) as client:
        client.sendall(ASK)
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_what_is_no_fault_passes_whole(proxy: FaultProxy) -> None:
    assert heard(proxy).endswith(b"the backend's answer")
    assert proxy.befallen == 0


@pytest.mark.parametrize("content", [b"", b"garbage", http(503), http(200, b"{", length=99)])
def test_an_answer_comes_whole_whatever_it_is(proxy: FaultProxy, content: bytes) -> None:
    with proxy.failing(answers(content)):
        assert heard(proxy) == content
    assert proxy.befallen == 1
    assert heard(proxy).endswith(b"answer")


@pytest.mark.parametrize("fault", [resets, resets_after(10)])
def test_a_reset_is_no_end_of_an_answer(proxy: FaultProxy, fault: Fault) -> None:
    with proxy.failing(fault), pytest.raises(ConnectionResetError):
        heard(proxy)
    assert heard(proxy).endswith(b"answer")


def test_who_is_refused_cannot_connect_and_can_afterwards(proxy: FaultProxy) -> None:
    with proxy.failing(None), pytest.raises(ConnectionRefusedError):
        heard(proxy)
    assert heard(proxy).endswith(b"answer")


def test_a_hung_connection_says_nothing_until_the_fault_is_over(proxy: FaultProxy) -> None:
    with socket.create_connection((HOST, proxy.port), 5) as client:
        with proxy.failing(hangs):
            client.sendall(ASK)
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.recv(1)
        client.settimeout(5)
        assert client.recv(1) == b""


@pytest.mark.parametrize("content", [b"", b"drip by drip"])
def test_drips_come_one_by_one(proxy: FaultProxy, content: bytes) -> None:
    began = time.monotonic()
    with proxy.failing(drips(0.02, content)), socket.create_connection((HOST, proxy.port), 5) as client:
        client.sendall(ASK)
        came = b"".join(client.recv(1) for _ in range(12))
    assert came == (content or b"HTTP/1.0 200")
    assert time.monotonic() - began >= 11 * 0.02


def test_a_fault_befalls_a_connection_that_was_open_before(proxy: FaultProxy) -> None:
    with socket.create_connection((HOST, proxy.port), 5) as client:
        client.sendall(ASK[:-2])
        time.sleep(0.1)
        with proxy.failing(answers(b"garbage")):
            client.sendall(ASK[-2:])
            assert client.recv(100) == b"garbage"


def test_refusing_ends_the_connections_that_are_open(proxy: FaultProxy) -> None:
    with socket.create_connection((HOST, proxy.port), 5) as client:
        client.sendall(ASK[:-2])
        time.sleep(0.1)
        with proxy.failing(None):
            assert client.recv(1) == b""
