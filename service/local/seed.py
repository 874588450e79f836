"""From an empty local cloud to the demo company in it: people, directory, tables, documents. Ends when it is done."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml
from rich.markup import escape

from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.dynamodb_create import create_table
from authz.enrolment import Enrolment
from authz.errors import AuthzError
from authz.policy_set import load_policies
from authz.resource import tenant_id
from retrieval.errors import RetrievalError
from service import aws
from service.commands.documents import ingest_folder, print_summary
from service.commands.operator import operator
from service.commands.terminal import print_line
from service.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient

COMPANY = Path(__file__).parent / "company"
_REGION = "eu-central-1"


@dataclass(frozen=True, slots=True)
class Signed:
    """The user pool of the demo: its issuer, its client, and each person's subject by handle."""

    issuer: str
    client: str
    subjects: Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    """Load the company and write the file that a second terminal reads; return the exit status."""
    file, company = Path(arguments[0]), Path(arguments[1]) if arguments[1:] else COMPANY
    line = sys.stdin.readline()
    if not line:
        return 1  # the demo ended before there was a cloud
    told: dict[str, str] = json.loads(line)
    people = yaml.safe_load((company / "people.yaml").read_text())
    signed = _sign_up(told["aws"], people["people"], told["password"])
    variables = _variables(told, signed, sorted(people["tenants"]))
    _write(file, variables)
    os.environ.update(variables)
    try:
        _load(people, signed, company)
    except (AuthzError, RetrievalError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    _introduce(people["people"])
    return 0


def _sign_up(endpoint: str, people: Sequence[Mapping[str, Any]], password: str) -> Signed:
    client: CognitoIdentityProviderClient = boto3.client(
        "cognito-idp",
        endpoint_url=endpoint,
        region_name=_REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the local cloud looks at none
    )
    pool = client.create_user_pool(PoolName="antechamber-demo")["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    app = client.create_user_pool_client(UserPoolId=pool, ClientName="demo", ExplicitAuthFlows=flows)  # type: ignore[arg-type]
    subjects = {}
    for person in people:
        user = client.admin_create_user(UserPoolId=pool, Username=person["handle"])["User"]
        client.admin_set_user_password(UserPoolId=pool, Username=person["handle"], Password=password, Permanent=True)
        subjects[person["handle"]] = next(each["Value"] for each in user["Attributes"] if each["Name"] == "sub")
    issuer = f"https://cognito-idp.{_REGION}.amazonaws.com/{pool}"
    return Signed(issuer, app["UserPoolClient"]["ClientId"], subjects)


def _variables(told: Mapping[str, str], signed: Signed, tenants: Sequence[str]) -> dict[str, str]:
    # The issuer's name is AWS's own, as in its tokens; its keys are the local cloud's.
    issuer = {
        "issuer": signed.issuer,
        "tenants": list(tenants),
        "audience": signed.client,
        "audience_claim": "client_id",
        "token_use": "access",
        "types": ["", "jwt"],
        "jwks_uri": f"{told['aws']}/{signed.issuer.rpartition('/')[2]}/.well-known/jwks.json",
    }
    return {
        "ANTECHAMBER_ISSUERS": json.dumps([issuer]),
        "ANTECHAMBER_REGION": _REGION,
        "ANTECHAMBER_AWS_ENDPOINT": told["aws"],
        "ANTECHAMBER_BEDROCK_ENDPOINT": told["bedrock"],
        "ANTECHAMBER_AWS_ACCESS_KEY_ID": "local",
        "ANTECHAMBER_AWS_SECRET_ACCESS_KEY": "local",
        "ANTECHAMBER_MODEL": told["answers"],
        "ANTECHAMBER_EMBEDDING_MODEL": told["embeddings"],
        "ANTECHAMBER_INDEX_PATH": ".local/index.sqlite",
        "ANTECHAMBER_EMBEDDING_CACHE": ".local/embeddings.sqlite",
        "ANTECHAMBER_WRITES": "true",
        "ANTECHAMBER_PORT": told["port"],
        "ANTECHAMBER_DEMO_CLIENT": signed.client,
        "ANTECHAMBER_DEMO_PASSWORD": told["password"],
    }


def _write(path: Path, variables: Mapping[str, str]) -> None:
    path.touch(mode=0o600)
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    path.write_text(f"# The running demo; written at its start, gone at its end.\n{lines}")


def _load(people: Mapping[str, Any], signed: Signed, company: Path) -> None:
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    client = aws.dynamodb(settings)
    for table in (settings.directory_table, settings.registry_table, settings.records_table, settings.personal_table):
        create_table(client, table)
    policies = load_policies(settings.policies)
    admin = DynamoDBDirectoryAdmin(client, settings.directory_table, policies.attributes.principal)
    for tenant, described in people["tenants"].items():
        groups = {group["name"]: group["parents"] for group in described["groups"]}
        enrolments = [each for person, each in _enrolments(people["people"], signed) if person["tenant"] == tenant]
        admin.load(tenant_id(tenant), groups, enrolments)
    # The registry begins empty, so the index must too; the vectors that were computed before stay.
    for path in settings.index_path.parent.glob(f"{settings.index_path.name}*"):
        path.unlink()
    print_line("• ingesting the demo company's documents (the first time, embedding takes a minute)")
    on = operator()
    for tenant in people["tenants"]:
        print_summary(ingest_folder(company / tenant, on))


def _enrolments(people: Sequence[Mapping[str, Any]], signed: Signed) -> Iterator[tuple[Mapping[str, Any], Enrolment]]:
    for person in people:
        attributes = {
            "tenant": person["tenant"],
            "clearance": person["clearance"],
            "compartments": person["compartments"],
            "employment": person["employment"],
        }
        handle = person["handle"]
        yield person, Enrolment(signed.issuer, signed.subjects[handle], handle, attributes, person["groups"])


def _introduce(people: Sequence[Mapping[str, Any]]) -> None:
    for person in people:
        print_line(f"  [bold]{person['handle']:6}[/bold] {person['who']} [dim]{person['instructive'].strip()}[/dim]")
    print_line(f"""
  Everybody's password: {escape(os.environ["ANTECHAMBER_DEMO_PASSWORD"])}
  Try, in a second terminal in this folder:
    .venv/bin/antechamber ask --as ana "What are the salary bands for engineers?"
    .venv/bin/antechamber ask --as ben "What are the salary bands for engineers?"
    .venv/bin/antechamber explain --as ben --document hr/salary-bands.md
""")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
