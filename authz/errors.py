"""What can go wrong while deciding who may see what. A denial is not an error: it is an empty result."""


class AuthzError(Exception):
    """Root of this package's errors."""


class InvalidTokenError(AuthzError):
    """The bearer token is no evidence: whatever the verifier found wrong with it (401)."""


class SigningKeysUnavailableError(AuthzError):
    """The issuer's keys cannot be had, so that no token can be judged (503)."""


class UnknownPrincipalError(AuthzError):
    """A true identity of whom the directory knows nothing, or in a tenant its issuer may not speak for (403)."""


class DirectoryUnavailableError(AuthzError):
    """The directory is down, partial, or has no readable epoch: never read as "no groups" (503)."""


class PolicyError(AuthzError):
    """A policy set that must not run: its complaints name policy, line and operator, and the mend."""

    def __str__(self) -> str:
        """Return one complaint a line."""
        return "\n".join(self.complaints)

    @property
    def complaints(self) -> tuple[str, ...]:
        """Everything that is wrong with the set."""
        return tuple(str(each) for each in self.args)


class UncompilableError(AuthzError):
    """A policy asks of a document what no index can be asked; the message names the operator and the mend."""


class ScopeError(AuthzError):
    """No condition could be derived for this principal: refuse the whole request (503)."""


class DecisionError(AuthzError):
    """The policy engine gave no decision it can be held to: refuse (503)."""


class MisfitError(DecisionError):
    """An entity does not fit the schema, and leaves the engine without a decision on any other of its batch."""


class ResourceError(AuthzError, ValueError):
    """An id or an access attribute that does not fit the schema or its bounds."""
