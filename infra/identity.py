"""Who is believed: a Cognito user pool with hosted sign-in, or issuers from outside."""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import Aws, CfnOutput, CfnParameter, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.choice import Choice


class Identity(Construct):
    """The issuers, in the words of ANTECHAMBER_ISSUERS, each with where its keys are published."""

    def __init__(self, scope: Construct, id_: str, choice: Choice) -> None:
        super().__init__(scope, id_)
        self.issuers: Sequence[dict[str, Any]] = choice.issuers or [self._pool(choice)]

    def settings(self, mirrored: Sequence[str]) -> str:
        """Return the setting, each issuer's keys at its address in `mirrored`."""
        pairs = zip(self.issuers, mirrored, strict=True)
        return json.dumps([{**issuer, "jwks_uri": address} for issuer, address in pairs])

    def _pool(self, choice: Choice) -> dict[str, Any]:
        """Make a user pool into which only an administrator enters people."""
        pool = cognito.UserPool(
            self,
            "Pool",
            user_pool_name=choice.stack,
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(username=True),
            account_recovery=cognito.AccountRecovery.NONE,
            mfa=cognito.Mfa.REQUIRED if choice.size.protected else cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=14, require_digits=True, require_lowercase=True, require_symbols=True, require_uppercase=True
            ),
            deletion_protection=choice.size.protected,
            removal_policy=RemovalPolicy.DESTROY,
        )
        pool.add_domain(
            "SignIn",
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=f"{choice.stack}-{Aws.ACCOUNT_ID}"),
        )
        redirect = CfnParameter(
            Stack.of(self),
            "Redirect",
            description="Where the hosted sign-in leads back to",
            default="http://localhost:8400/signed-in",
        )
        client = pool.add_client("People", **_client(choice, redirect.value_as_string))
        CfnOutput(Stack.of(self), "UserPool", value=pool.user_pool_id)
        CfnOutput(Stack.of(self), "Client", value=client.user_pool_client_id)
        issuer = f"https://cognito-idp.{Stack.of(self).region}.amazonaws.com/{pool.user_pool_id}"
        return {
            "issuer": issuer,
            "tenants": list(choice.tenants),
            "audience": client.user_pool_client_id,
            "audience_claim": "client_id",
            "token_use": "access",
            "types": ["", "jwt"],
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
        }


def _client(choice: Choice, redirect: str) -> dict[str, Any]:
    """Return what the one client may: the code flow, with no secret; in a demo an administrator may sign people in."""
    return {
        "generate_secret": False,
        "prevent_user_existence_errors": True,
        "enable_token_revocation": True,
        "access_token_validity": Duration.hours(1),
        "refresh_token_validity": Duration.hours(12),
        "auth_flows": cognito.AuthFlow(admin_user_password=not choice.size.protected),
        "supported_identity_providers": [cognito.UserPoolClientIdentityProvider.COGNITO],
        "o_auth": cognito.OAuthSettings(
            flows=cognito.OAuthFlows(authorization_code_grant=True),
            scopes=[cognito.OAuthScope.OPENID],
            callback_urls=[redirect],
        ),
    }
