"""From one of the demo's people to their token: Cognito's password grant, against the local cloud and nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from authz.identity import BearerToken
from service.local.people import read_company
from service.web.errors import SignInError, SignInUnavailableError
from service.web.parts import DemoPerson, Proof

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient

_QUESTIONS = "questions.yaml"
_SHOWN = 4


class DemoSignIn:
    """`Picking` among the people of a demo company, whose one password this process knows."""

    def __init__(self, endpoint: str, region: str, client: str, password: str, company: Path) -> None:
        asked = _questions(company)
        self.people: Sequence[DemoPerson] = [
            DemoPerson(each.handle, each.name, each.tenant, each.who, each.instructive, asked.get(each.handle, ()))
            for each in read_company(company).people
        ]
        self._client = client
        self._password = password
        self._cognito: CognitoIdentityProviderClient = boto3.client(
            "cognito-idp",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the local cloud looks at none
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
        )

    def sign_in(self, handle: str) -> Proof:
        """Return the proof of `handle`. Raises `SignInError` or `SignInUnavailableError`."""
        person = next((each for each in self.people if each.handle == handle), None)
        if person is None:
            message = "nobody of the demo company is called so"
            raise SignInError(message)
        parameters = {"USERNAME": handle, "PASSWORD": self._password}
        try:
            answer = self._cognito.initiate_auth(
                ClientId=self._client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters
            )
        except (BotoCoreError, ClientError) as error:
            message = "the local cloud's Cognito does not answer; is the demo still running?"
            raise SignInUnavailableError(message) from error
        return Proof(BearerToken(answer["AuthenticationResult"]["AccessToken"]), person.name)


def _questions(company: Path) -> Mapping[str, Sequence[str]]:
    """Return questions worth asking, by who asks them; none where the company brings none."""
    path = company / _QUESTIONS
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))["questions"] if path.is_file() else []
    asked: dict[str, list[str]] = {}
    for each in listed:
        of_one = asked.setdefault(each["ask_as"], [])
        if len(of_one) < _SHOWN:
            of_one.append(each["question"])
    return asked
