"""From settings to the pages: their sessions, and who signs people in."""

import json
from dataclasses import replace
from datetime import timedelta

from authz.condition import Condition
from authz.dynamodb_origins import DynamoDBOrigins
from authz.identity import Issuer, SigningKeys
from authz.schema import AttributeTypes
from retrieval.opensearch_filter import opensearch_filter
from retrieval.sqlite_filter import sql_filter
from service import aws, compose
from service.dynamodb_sessions import DynamoDBSessions
from service.sessions import Lifetimes, Sessions
from service.settings import Settings
from service.web.oidc import CALLBACK, Client, OidcSignIn
from service.web.parts import Archive, Picking, Redirecting, Views, Web
from service.web.rendering import Pages
from service.web_settings import WebSettings


def web(settings: Settings, keys: SigningKeys, archive: Archive) -> Web | None:
    """Return the pages, None if the settings describe none. Raises `ValueError` for what must not start."""
    chosen = settings.web
    if chosen is None:
        return None
    store = DynamoDBSessions(aws.dynamodb(settings), chosen.sessions_table)
    lifetimes = Lifetimes(timedelta(seconds=chosen.idle), timedelta(seconds=chosen.absolute))
    sessions = Sessions(store, chosen.secret.get_secret_value().encode(), lifetimes, compose.now)
    sign_in = _demo(settings, chosen) if chosen.is_demo else _oidc(settings, chosen, keys)
    origins = DynamoDBOrigins(aws.dynamodb(settings), settings.directory_table)
    render = _sql if settings.index == "sqlite" else _query
    views = Views(archive, origins.of, render)
    return Web(chosen.origin, sessions, sign_in, Pages(), views, model_is_extractive=chosen.is_demo)


def _sql(condition: Condition, types: AttributeTypes) -> str:
    rendered = sql_filter(condition, types)
    return f"{rendered.sql}\n\n{json.dumps(list(rendered.parameters), indent=2, ensure_ascii=False)}"


def _query(condition: Condition, types: AttributeTypes) -> str:
    return json.dumps(opensearch_filter(condition, types), indent=2, ensure_ascii=False)


def _demo(settings: Settings, chosen: WebSettings) -> Picking:
    """Return the demo's sign-in, which exists only over a local cloud. Raises `ValueError` without one."""
    from service.local.cognito import DemoSignIn  # noqa: PLC0415 - a deployment never loads it

    client, password, company = chosen.demo_client, chosen.demo_password, chosen.demo_company
    if settings.aws_endpoint is None or client is None or password is None or company is None:
        message = "ANTECHAMBER_WEB: people are picked only where ANTECHAMBER_AWS_ENDPOINT is a local cloud"
        raise ValueError(message)
    return DemoSignIn(settings.aws_endpoint, settings.region, client, password.get_secret_value(), company)


def _oidc(settings: Settings, chosen: WebSettings, keys: SigningKeys) -> Redirecting:
    issuers = compose.issuers(settings)
    name = chosen.issuer or settings.issuers[0].issuer
    if name not in issuers or chosen.client_id is None:
        message = "ANTECHAMBER_WEB: ISSUER must be one of ANTECHAMBER_ISSUERS"
        raise ValueError(message)
    secret = chosen.client_secret.get_secret_value() if chosen.client_secret else None
    client = Client(
        id=chosen.client_id,
        secret=secret,
        redirect=f"{chosen.origin}{CALLBACK}",
        scope=chosen.scope,
        resource=chosen.resource,
        home=f"{chosen.origin}/sign-in",
    )
    issuer = issuers[name]
    return OidcSignIn(issuer, id_tokens_of(issuer, chosen.client_id, chosen.id_token_use), client, keys, compose.now)


def id_tokens_of(issuer: Issuer, client: str, token_use: str | None) -> Issuer:
    """Return `issuer` as the gate reads its ID tokens, which are for the `client` and must say so."""
    return replace(issuer, audience=client, audience_claim="aud", token_use=token_use, types=frozenset({"", "jwt"}))
