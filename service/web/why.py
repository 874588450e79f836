"""`/why`: the path of one's own answer, walked again. What one may not read does not appear, not even as a count."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Response

from authz.directory import Principal
from authz.identity import Issuer
from authz.schema import TENANT, plain_attributes
from authz.token import read_unverified
from retrieval.audit import Json, Logged
from retrieval.record import Retrieval, commitment
from service.api.bodies import name_of
from service.asking import review
from service.errors import NotFoundError
from service.prompt import TEMPLATE, Prompt, Question, build_prompt
from service.request import Authenticated, Call
from service.web.replay import Replay, find_record, personal_of, replay
from service.web.route import PageRoute
from service.web.standing import Applying, applying, shown
from service.web.visiting import Visiting, Visitor
from service.web.words import Line, lines, short

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the token, and what it is used for; None: it is ignored."""

    name: str
    use: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage that the answer rested on, as the record has it and as it is now."""

    number: int
    title: str | None
    """None where it cannot be shown any more."""
    document: str | None
    ordinal: int
    policies: Sequence[tuple[str, str]]


@router.get("/why/{receipt}")
def show_why(receipt: str, visiting: Visiting, call: Authenticated) -> Response:
    """Show how an answer of the person's own came about."""
    principal = call.principal()
    logged, personal = _own(visiting, principal, receipt)
    again = replay(logged, personal, visiting.web.views.archive, call.policies)
    now = review(call, Question(str(personal["question"])))
    prompt, passages = _prompt(now, logged, personal, again)
    values = {
        **visiting.frame(principal, "ask"),
        "receipt": receipt,
        "question": personal["question"],
        "logged": logged,
        "claims": _claims(visiting, call),
        "identity": call.identity,
        "groups": _groups(visiting, principal, again),
        "attributes": _attributes(again),
        "same": again.held is not None and again.held.digest == principal.entitlements.digest,
        "again": again,
        "policies": _policies(again),
        "condition": condition_of(again, "you"),
        "filter": _filter(visiting, again),
        "shown": passages,
        "prompt": prompt,
        "viewed": now.receipt.id,
        "record": json.dumps(_without_refused(logged.record), indent=2, ensure_ascii=False, sort_keys=True),
        "closing": json.dumps(logged.closing, indent=2) if logged.closing else None,
        "policy_set": call.policies,
    }
    return visiting.web.pages.page("why.html", values)


def _own(visiting: Visitor, principal: Principal, receipt: str) -> tuple[Logged, Mapping[str, Json]]:
    """Return the answer of `receipt` with its personal values, if it is `principal`'s own. Raises `NotFoundError`."""
    logged = find_record(visiting.call.on.stores.audit, principal.tenant, receipt)
    personal = personal_of(visiting.web.views.archive, logged) if logged else None
    if logged is None or personal is None or logged.record["event"] != "answer":
        raise NotFoundError
    ours = commitment(str(personal["salt"]), principal.uid) == logged.record["subject"]
    if not ours or personal.get("uid") != principal.uid or not isinstance(personal["question"], str):
        raise NotFoundError
    return logged, personal


def _claims(visiting: Visitor, call: Call) -> Sequence[Claim]:
    """Return the names of the claims in the token of now, verified when this request began, and what each is for."""
    unverified = read_unverified(visiting.held.session.slots[visiting.slot].token)
    uses = _uses(call.on.issuers[call.identity.issuer])
    names = sorted(unverified.unverified_claims, key=lambda name: (name not in uses, name))
    return [Claim(name, uses.get(name)) for name in names]


def _uses(issuer: Issuer) -> Mapping[str, str]:
    uses = {
        "iss": "chooses the issuer and its keys",
        "sub": "names you in the directory, together with the issuer",
        "exp": "ends the token",
        "iat": "begins its life, which may not be too long",
        "nbf": "may hold it back",
        "aud": "must name this application",
        "auth_time": "says when you signed in",
        "amr": "says how you signed in",
    }
    if issuer.audience_claim == "client_id":
        uses["client_id"] = "must name this application"
    return uses if issuer.token_use is None else {**uses, "token_use": "must say that it is an access token"}


def _groups(visiting: Visitor, principal: Principal, again: Replay) -> Sequence[tuple[str, str]]:
    """Return each group that counted, with the way to it."""
    identity = principal.identity
    origins = visiting.web.views.origins(principal.tenant, identity.issuer, identity.subject)
    paths = origins.paths() if origins else {}
    held = again.held or principal.entitlements
    return [
        (short(group), " in ".join(short(each) for each in paths[group]) if group in paths else "no longer yours")
        for group in sorted(held.closure.groups, key=lambda each: (len(paths.get(each, ())), each))
    ]


def _attributes(again: Replay) -> Sequence[tuple[str, str]]:
    if again.held is None or again.policies is None:
        return ()
    plain = plain_attributes(again.policies.attributes.principal, again.held.attributes)
    return [(name, shown(value)) for name, value in plain.items() if name != TENANT]


def _policies(again: Replay) -> Sequence[Applying]:
    if again.policies is None or again.held is None:
        return ()
    return applying(again.residuals, again.held, again.policies, {again.held.uid: "you"})


def condition_of(again: Replay, name: str) -> Line | None:
    """Return the scope of then in words, its person called `name`; None where it cannot be derived."""
    if again.condition is None or again.policies is None or again.held is None:
        return None
    return lines(again.condition, again.policies.attributes.document, {again.held.uid: name})


def _filter(visiting: Visitor, again: Replay) -> str | None:
    if again.condition is None or again.policies is None:
        return None
    return visiting.web.views.filter(again.condition, again.policies.attributes.document)


def _prompt(
    now: Retrieval, logged: Logged, personal: Mapping[str, Json], again: Replay
) -> tuple[Prompt | None, Sequence[Shown]]:
    """Return the prompt of then, if what may be read now is still exactly what was recorded, and the passages."""
    salt = str(personal["salt"])
    present = {
        (each.key, str(each.version), str(each.ordinal), commitment(salt, each.sha256)): each for each in now.passages
    }
    hits = _admitted(logged.record)
    wanted = [(hit["document"], hit["version"], hit["ordinal"], hit["content"]) for hit in hits]
    reasons = again.policies.policies if again.policies else {}
    listed = []
    for number, (hit, key) in enumerate(zip(hits, wanted, strict=True), start=1):
        passage = present.get(key)  # type: ignore[arg-type]  # what is not text is not there
        policies = [(str(each), reasons[str(each)].reason if str(each) in reasons else "") for each in _list(hit)]
        title = passage.title if passage else None
        document = name_of(passage.document) if passage else None
        listed.append(Shown(number, title, document, int(str(hit["ordinal"])), policies))
    exact = wanted == list(present) and logged.record["template"] == TEMPLATE
    return build_prompt(Question(str(personal["question"])), now) if exact else None, listed


def _admitted(record: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    hits = record.get("hits")
    listed = hits if isinstance(hits, list) else []
    return [hit for hit in listed if isinstance(hit, Mapping) and hit["decision"] == "admitted"]


def _list(hit: Mapping[str, Json]) -> Sequence[Json]:
    policies = hit["policies"]
    return policies if isinstance(policies, list) else []


def _without_refused(record: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the record without hits that were refused: not even their number is the reader's to know."""
    return {**record, "hits": _admitted(record)}
