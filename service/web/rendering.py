"""From values to pages: Jinja2 with autoescape, the strict policy of contents, files with hashes in their names."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_DIGITS = 16
"""Hex digits of a file's hash in its name: who has a page has the files that belong to it."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Not `no-referrer`: under it a browser says `Origin: null` for our own forms, as for those of others.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""What pages have beside, or instead of, what every response has."""
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class Static:
    """A file as it is served."""

    content: bytes
    media_type: str


class Pages:
    """The templates and the static files, read once at the start."""

    def __init__(self, folder: Path = _HERE) -> None:
        self._files: dict[str, Static] = {}
        names: dict[str, str] = {}
        for path in sorted((folder / "static").iterdir()):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
            names[path.name] = f"{path.stem}.{digest}{path.suffix}"
            self._files[names[path.name]] = Static(content, _TYPES[path.suffix])
        self._templates = Environment(
            loader=FileSystemLoader(folder / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["static"] = {name: f"/static/{hashed}" for name, hashed in names.items()}

    def page(self, template: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
        """Return the page of `template` with `values`, every one of them escaped."""
        return HTMLResponse(self._templates.get_template(template).render(**values), status, dict(HEADERS))

    def file(self, name: str) -> Response | None:
        """Return the static file whose hashed name is `name`."""
        found = self._files.get(name)
        return None if found is None else Response(found.content, media_type=found.media_type, headers=dict(_FOREVER))
