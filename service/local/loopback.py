"""From a request's headers to whether it may come in: only programs on this machine, never a web page."""

import os
from urllib.parse import urlsplit

HOST = "127.0.0.1"

_NAMES = frozenset({HOST, "localhost"})


def is_foreign(host: str | None, origin: str | None) -> bool:
    """Return whether a request was sent by a browser (`origin`) or for another name than loopback's (`host`).

    The local cloud checks no signatures. Without this, any page that a developer visits could reach it: directly, since
    moto invites every origin, or by a name that is re-bound to 127.0.0.1.
    """
    if origin is not None or host is None:
        return True
    try:
        return urlsplit(f"//{host}").hostname not in _NAMES
    except ValueError:
        return True


def spare_loopback() -> None:
    """Keep what this process and its children send to loopback away from a proxy that the environment may name."""
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    spared = ",".join(dict.fromkeys([*filter(None, named.split(",")), *sorted(_NAMES)]))
    os.environ.update(no_proxy=spared, NO_PROXY=spared)
