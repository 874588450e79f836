"""From an empty local cloud to the demo company in it: people, directory, tables, documents. Ends when it is done."""

import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.dynamodb_create import create_table
from authz.errors import AuthzError
from authz.policy_set import load_policies
from retrieval.errors import RetrievalError
from service import aws
from service.commands.documents import ingest_folder, print_summary
from service.commands.operator import operator
from service.commands.terminal import console, print_line
from service.errors import ServiceError
from service.local.fresh_index import empty_index
from service.local.inbox import Inbox, make_inbox
from service.local.people import Company, Subjects, enrolments, read_company
from service.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient

COMPANY = Path(__file__).parent / "company"
_REGION = "eu-central-1"


@dataclass(frozen=True, slots=True)
class Signed:
    """The user pool of the demo: its client, and as whom its people sign in."""

    client: str
    subjects: Subjects

    @property
    def issuer(self) -> str:
        """The issuer of its tokens."""
        return self.subjects.issuer


def main(arguments: Sequence[str]) -> int:
    """Load the company and write the file that a second terminal reads; return the exit status."""
    file, folder = Path(arguments[0]), Path(arguments[1]) if arguments[1:] else COMPANY
    line = sys.stdin.readline()
    if not line:
        return 1  # the demo ended before there was a cloud
    told: dict[str, str] = json.loads(line)
    try:
        company = read_company(folder)
        signed = _sign_up(told["aws"], company, told["password"])
        inbox = make_inbox(told["aws"], _REGION)
        variables = _variables(told, signed, sorted(company.groups)) | _inbox(inbox) | _pages(told, signed, folder)
        _write(file, variables)
        os.environ.update(variables)
        _load(company, signed, folder)
    except (AuthzError, RetrievalError, ServiceError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _sign_up(endpoint: str, company: Company, password: str) -> Signed:
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
    for person in company.people:
        user = client.admin_create_user(UserPoolId=pool, Username=person.handle)["User"]
        client.admin_set_user_password(UserPoolId=pool, Username=person.handle, Password=password, Permanent=True)
        subjects[person.handle] = next(each["Value"] for each in user["Attributes"] if each["Name"] == "sub")
    issuer = f"https://cognito-idp.{_REGION}.amazonaws.com/{pool}"
    return Signed(app["UserPoolClient"]["ClientId"], Subjects(issuer, subjects))


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
        "ANTECHAMBER_LIMITS_TABLE": "antechamber-limits",
        "ANTECHAMBER_LIMITS_SALT": told["password"] + _REGION,
        "ANTECHAMBER_PORT": told["port"],
        "ANTECHAMBER_DEMO_CLIENT": signed.client,
        "ANTECHAMBER_DEMO_PASSWORD": told["password"],
        **({"ANTECHAMBER_POLICIES": told["policies"]} if "policies" in told else {}),
        **(_opensearch(told["opensearch"]) if "opensearch" in told else {}),
    }


def _inbox(inbox: Inbox) -> dict[str, str]:
    return {"ANTECHAMBER_DOCUMENTS_BUCKET": inbox.bucket, "ANTECHAMBER_QUEUE_URL": inbox.queue}


def _pages(told: Mapping[str, str], signed: Signed, folder: Path) -> dict[str, str]:
    return {
        "ANTECHAMBER_WEB__ORIGIN": f"http://127.0.0.1:{told['port']}",
        "ANTECHAMBER_WEB__SECRET": secrets.token_urlsafe(32),
        "ANTECHAMBER_WEB__DEMO_CLIENT": signed.client,
        "ANTECHAMBER_WEB__DEMO_PASSWORD": told["password"],
        "ANTECHAMBER_WEB__DEMO_COMPANY": str(folder.resolve()),
    }


def _opensearch(url: str) -> dict[str, str]:
    # One node, so no second copy of a shard.
    return {
        "ANTECHAMBER_INDEX": "opensearch",
        "ANTECHAMBER_OPENSEARCH_URL": url,
        "ANTECHAMBER_OPENSEARCH_REPLICAS": "0",
    }


def _write(path: Path, variables: Mapping[str, str]) -> None:
    path.touch(mode=0o600)
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    path.write_text(f"# The running demo; written at its start, gone at its end.\n{lines}")


def _load(company: Company, signed: Signed, folder: Path) -> None:
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    client = aws.dynamodb(settings)
    for table in (settings.directory_table, settings.registry_table, settings.records_table, settings.personal_table):
        create_table(client, table)
    create_table(client, settings.intake_table)
    create_table(client, settings.limits_table or "")
    if settings.web is not None:
        create_table(client, settings.web.sessions_table)
    policies = load_policies(settings.policies)
    types = policies.attributes.principal
    admin = DynamoDBDirectoryAdmin(client, settings.directory_table, types)
    for tenant, groups in company.groups.items():
        admin.load(tenant, groups, enrolments(company, tenant, signed.subjects, types))
    empty_index(settings, policies)  # the vectors that were computed before stay
    print_line("• ingesting the documents (the first time, embedding takes some ten seconds)")
    on = operator()
    for tenant in company.groups:
        summary = ingest_folder(folder / tenant, on)
        console.print(f"  {tenant}:", end="")
        print_summary(summary)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
