"""The settings of the pages: under which origin, how long sessions last, and who signs people in."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]
_SECRET = 32
"""Characters that the secret has at least."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


class WebSettings(BaseModel):
    """What makes the pages; either an issuer signs people in or, in the demo alone, they are picked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Text = Field(description="under which browsers reach this, like https://ask.example.org")
    secret: SecretStr = Field(
        description="one of all tasks: half of the key that seals sessions; 32 characters or more"
    )
    sessions_table: Text = "antechamber-sessions"
    idle: Annotated[int, Field(ge=60, le=86_400, description="seconds that an unused session lasts")] = 1800
    absolute: Annotated[int, Field(ge=60, le=7 * 86_400, description="seconds that any session lasts")] = 36_000

    client_id: Text | None = Field(default=None, description="of this application at the issuer")
    client_secret: SecretStr | None = Field(default=None, description="none: a public client; PKCE is used with both")
    issuer: Text | None = Field(default=None, description="one of ANTECHAMBER_ISSUERS; the first if not said")
    scope: Text = "openid profile"
    resource: Text | None = Field(default=None, description="the API that a token is asked for, where an issuer asks")
    id_token_use: Text | None = Field(default=None, description="of an ID token; `id` for Cognito")

    demo_client: Text | None = Field(default=None, description="only in the demo")
    demo_password: SecretStr | None = Field(default=None, description="only in the demo")
    demo_company: Path | None = Field(default=None, description="only in the demo")

    @property
    def is_demo(self) -> bool:
        """Whether people are picked."""
        return self.demo_password is not None

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse an origin that is none, a secret that can be guessed, and two ways to sign in, or none."""
        parts = urlsplit(self.origin)
        demo = (self.demo_client, self.demo_password, self.demo_company)
        sound = {
            "ORIGIN is scheme and host alone, like https://ask.example.org": f"{parts.scheme}://{parts.netloc}"
            == self.origin
            and bool(parts.netloc),
            "ORIGIN is https, or http on loopback": parts.scheme == "https"
            or (parts.scheme == "http" and parts.hostname in _LOOPBACK),
            f"SECRET has {_SECRET} characters": len(self.secret.get_secret_value()) >= _SECRET,
            "IDLE is not longer than ABSOLUTE": self.idle <= self.absolute,
            "either CLIENT_ID or the demo's settings say who signs people in, and not both": (self.client_id is None)
            != (not any(demo)),
            "the demo's settings are given together": all(demo) or not any(demo),
            "the demo's sign-in is for loopback": not any(demo) or parts.hostname in _LOOPBACK,
        }
        for rule, holds in sound.items():
            if not holds:
                message = f"ANTECHAMBER_WEB: {rule}"
                raise ValueError(message)
        return self
