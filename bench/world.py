"""A reader with as many groups as one likes, made by the real gate and the real look-up, and documents to be judged."""

from dataclasses import dataclass
from functools import cache
from random import Random

from authz.directory import Closure, Entitlements, Principal, look_up, principal_id
from authz.identity import BearerToken, Identity, identify
from authz.policy_set import PolicySet, load_policies
from authz.resource import AttributeValue, EntityId
from retrieval.document import DocumentRecord, PassageDigest, PassageId, text_digest
from retrieval.index import Hit
from retrieval.registry import RegistryView
from tests.support.tokens import ISSUER, NOW, TENANT, StaticKeys, claims, issuer, rsa_key

__all__ = ["ISSUER", "KEYS", "NOW", "TENANT", "TRUSTED", "Shelf", "policies", "principal", "reader", "shelf", "token"]

SUBJECT = "reader"
TRUSTED = {ISSUER: issuer()}
KEYS = StaticKeys.of(rsa_key())
_WORDS = (
    "the",
    "plan",
    "of",
    "record",
    "says",
    "that",
    "every",
    "change",
    "is",
    "written",
    "down",
    "before",
    "anybody",
)


@dataclass(frozen=True, slots=True)
class People:
    """`Directory` of one person."""

    held: Entitlements

    def entitlements(self, issuer: str, subject: str) -> Entitlements | None:  # noqa: ARG002 - the port's signature
        """Return what the one person holds."""
        return self.held


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the registry and the index hold of ten readable documents, one hit in each."""

    view: RegistryView
    hits: tuple[Hit, ...]


@cache
def policies() -> PolicySet:
    """Return the shipped policies."""
    return load_policies()


def token() -> BearerToken:
    """Return a good access token of the reader."""
    return rsa_key().sign(claims(sub=SUBJECT))


def identity() -> Identity:
    """Return the reader's identity, by a signed token."""
    return identify(token(), KEYS, TRUSTED, NOW)


def reader(groups: int, *named: str) -> Entitlements:
    """Return what an employee of `groups` groups holds, those `named` among them."""
    names = [*named, *(group(number) for number in range(groups - len(named)))]
    attributes: dict[str, AttributeValue] = {
        "tenant": TENANT, "clearance": 2, "compartments": frozenset({"alpha", "beta"}), "employment": "employee"
    }  # fmt: skip
    uid = principal_id(TENANT, ISSUER, SUBJECT)
    return Entitlements(TENANT, uid, attributes, Closure.of(EntityId(name) for name in names), epoch=1)


def group(number: int) -> str:
    """Return the id of a group; ids in one directory are of about this length."""
    return f"{TENANT}/department-{number % 97:02d}-team-{number:06d}"


def principal(held: Entitlements) -> Principal:
    """Return the principal that holds this."""
    return look_up(identity(), People(held))


def shelf(count: int = 10) -> Shelf:
    """Return `count` documents, each open to three groups of which the reader is in one."""
    random, records, digests, hits = Random(1), {}, {}, []
    for number in range(count):
        document = EntityId(f"{TENANT}/finance/plan-{number}.md")
        text = " ".join(random.choices(_WORDS, k=130))
        readers = frozenset({group(number % 8), *(f"{TENANT}/elsewhere-{random.random()}" for _ in range(2))})
        records[document] = record(document, readers)
        content = records[document].content
        digests[PassageId(document, 1, 1)] = PassageDigest(content, text_digest(text), 0, len(text))
        hits.append(Hit(TENANT, document, 1, 1, 1, text))
    return Shelf(RegistryView(records, digests), tuple(hits))


def record(document: EntityId, readers: frozenset[str], passages: int = 1) -> DocumentRecord:
    """Return the record of a document that `readers` may read, in two collections."""
    attributes: dict[str, AttributeValue] = {
        "tenant": TENANT,
        "classification": 1,
        "markings": frozenset({"alpha"}),
        "readers": readers,
        "owners": frozenset(),
        "audience": "few",
        "embargo_until": 1_700_000_000_000,
        "quarantined": False,
        "legal_hold": False,
    }
    return DocumentRecord(
        document=document,
        key=text_digest(document)[:32],
        version=1,
        revision=1,
        title="The plan",
        source=f"file:{document}",
        sha256="00" * 32,
        passages=passages,
        attributes=attributes,
        collections=frozenset({f"{TENANT}/company", f"{TENANT}/finance"}),
        status="active",
        updated=0,
    )
