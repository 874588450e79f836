import os
from urllib.request import proxy_bypass

import pytest

from service.local.loopback import is_foreign, spare_loopback


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "127.0.0.1", "localhost:80", "LOCALHOST"])
def test_a_program_on_this_machine_may_come_in(host: str) -> None:
    assert not is_foreign(host, None)


@pytest.mark.parametrize("host", [None, "", "attacker.example:4566", "127.0.0.1.attacker.example", "[::1", "a@b:c"])
def test_a_missing_or_other_host_may_not(host: str | None) -> None:
    assert is_foreign(host, None)


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "", "http://127.0.0.1:8000"])
def test_a_web_page_may_not_whatever_its_origin(origin: str) -> None:
    assert is_foreign("127.0.0.1:4566", origin)


@pytest.mark.parametrize(
    "named", [{}, {"no_proxy": ""}, {"no_proxy": "intranet.example"}, {"NO_PROXY": "intranet.example"}]
)
def test_loopback_is_not_sought_behind_a_proxy_and_what_was_spared_stays_so(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    monkeypatch.setattr(os, "environ", {"http_proxy": "http://proxy.example:3128", **named})
    spare_loopback()
    spare_loopback()
    assert proxy_bypass("127.0.0.1:8080")
    assert not proxy_bypass("elsewhere.example")
    assert bool(proxy_bypass("intranet.example")) == ("intranet.example" in named.values())
    assert os.environ["no_proxy"].count("localhost") == 1
