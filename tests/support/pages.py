"""The pages over fakes: sessions in memory, people who sign in by being picked, a browser that keeps its cookie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from authz.condition import Condition
from authz.identity import BearerToken
from authz.origins import Origins
from authz.resource import TenantId
from authz.schema import AttributeTypes
from retrieval.audit import Json, Receipt
from retrieval.sqlite_filter import sql_filter
from service.sessions import Lifetimes, Sealed, Sessions
from service.web.errors import SignInError
from service.web.parts import DemoPerson, Picking, Proof, Redirecting, Views, Web
from service.web.rendering import Pages
from service.web.visiting import COOKIE
from tests.support.application import ACME, GLOBEX, Application

ORIGIN = "https://ask.acme.test"
OURS = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
SECRET = b"a secret of thirty-two characters"
IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(minutes=50)


@dataclass(slots=True)
class MemorySessions:
    """`SessionStore`."""

    stored: dict[str, Sealed] = field(default_factory=dict)
    failing: Exception | None = None
    races: int = 0
    """How many of the next writes are overtaken by another tab's."""

    def get(self, key: str) -> Sealed | None:
        """Return what is stored."""
        self._break()
        return self.stored.get(key)

    def put(self, key: str, sealed: Sealed) -> bool:
        """Store after the version before."""
        self._break()
        there = self.stored.get(key)
        if there is not None and self.races:
            self.races -= 1
            there = self.stored[key] = replace(there, version=there.version + 1)
        if (there.version if there else 0) != sealed.version - 1:
            return False
        self.stored[key] = sealed
        return True

    def delete(self, key: str) -> None:
        """Remove."""
        self._break()
        self.stored.pop(key, None)

    def _break(self) -> None:
        if self.failing is not None:
            raise self.failing


class TestPicking:
    """`Picking` among the people of `Application`."""

    __test__ = False
    people: Sequence[DemoPerson] = [
        DemoPerson(name, name.title(), tenant, "who", "<b>why</b>") for tenant, name in ((ACME, "alice"), (ACME, "bob"))
    ]

    def __init__(self) -> None:
        self.application: Application | None = None
        self.changed: dict[str, object] = {}

    def sign_in(self, handle: str) -> Proof:
        """Return the proof of anybody that the directory of the tests may know."""
        if self.application is None or handle == "stranger":
            message = "nobody is called so"
            raise SignInError(message)
        tenant, _, name = handle.rpartition(":")
        token = self.application.token(name, TenantId(tenant) or ACME, **self.changed)
        return Proof(BearerToken(token), name.title())


class Site:
    """An application with pages."""

    def __init__(self, path: Path, sign_in: Picking | Redirecting | None = None, **changed: Any) -> None:  # noqa: ANN401 - fields of several types
        picking = TestPicking()
        self.store = MemorySessions()
        self.picking = picking
        self.sessions = Sessions(self.store, SECRET, Lifetimes(IDLE, ABSOLUTE), self._now)
        web = Web(ORIGIN, self.sessions, sign_in or picking, Pages(), Views(self, self._origins, _rendered))
        self.application = Application(path, **{"web": web, **changed})
        picking.application = self.application

    def _now(self) -> datetime:
        return self.application.watch()

    def personal(self, receipt: Receipt) -> Mapping[str, Json] | None:
        """Return personal values, as `Archive` does."""
        return self.application.audit.personal(receipt)

    def kept(self, digest: str) -> bytes | None:
        """Return a policy set, as `Archive` does."""
        return self.application.audit.kept(digest)

    def held(self, digest: str) -> bytes | None:
        """Return entitlements, as `Archive` does."""
        return self.application.audit.kept(digest)

    def receipt(self, record: Mapping[str, Json]) -> Receipt:
        """Return the receipt of a record."""
        return Receipt(TenantId(str(record["tenant"])), str(record["id"]))

    def _origins(self, tenant: TenantId, issuer: str, subject: str) -> Origins | None:
        directory = self.application.directory
        found = directory.persons.get((issuer, subject))
        return None if found is None else Origins(found[1].groups, directory.nestings[tenant])

    def browser(self, *people: str) -> TestClient:
        """Return a browser in which `people` have signed in, the first in slot a, the second in slot b."""
        client = TestClient(self.application.app, base_url=ORIGIN, follow_redirects=False)
        for slot, person in zip("ab", people, strict=False):
            response = client.post(f"/sign-in?slot={slot}", data={"person": person}, headers=OURS)
            assert response.status_code == 303, response.text
        return client


def _rendered(condition: Condition, types: AttributeTypes) -> str:
    return sql_filter(condition, types).sql


def cookie_of(client: TestClient) -> str:
    """Return the session cookie that a browser holds."""
    return client.cookies[COOKIE]


__all__ = ["ACME", "GLOBEX", "ORIGIN", "OURS", "MemorySessions", "Site", "cookie_of"]
