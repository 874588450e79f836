"""From a request to whether a page of ours asked for it: looked at before a change is made."""

from fastapi import Request

from service.web.errors import ForeignRequestError

_PATH = 2048


def check_own(request: Request, origin: str) -> None:
    """Return if a page of `origin` asked for `request`. Raises `ForeignRequestError`.

    A browser says so by `Origin` (RFC 6454 §7) and `Sec-Fetch-Site` (Fetch Metadata): what is said must fit, and one of
    them must be said. `SameSite=Lax` alone would let through what another page of this site asks for.
    """
    said = {name: request.headers.getlist(name) for name in ("origin", "sec-fetch-site")}
    expected = {"origin": [origin], "sec-fetch-site": ["same-origin"]}
    if not any(said.values()) or any(values and values != expected[name] for name, values in said.items()):
        message = "the request comes from no page of this application"
        raise ForeignRequestError(message)


def is_here(request: Request, origin: str) -> bool:
    """Return whether `request` was sent to `origin`: another name for this address is none of ours (DNS rebinding)."""
    return request.headers.getlist("host") == [origin.partition("://")[2]]


def own_path(path: str) -> str:
    """Return `path` if it leads back into this application, else its first page: no open redirect."""
    inside = (
        len(path) <= _PATH
        and path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and path.isprintable()
        and path.isascii()
    )
    return path if inside and "\\" not in path else "/"
