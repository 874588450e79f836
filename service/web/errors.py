"""What can go wrong between a browser and a page, with the status and the sentence that the page shows."""

from service.errors import ServiceError


class WebError(ServiceError):
    """Root of this package's errors."""

    status = 500
    detail = "Something went wrong here."


class SessionsUnavailableError(WebError):
    """The sessions cannot be reached: nobody is known to be signed in."""

    status = 503
    detail = "Sign-ins cannot be looked up at the moment."


class SignInUnavailableError(WebError):
    """The issuer cannot be reached to sign somebody in."""

    status = 503
    detail = "The place where you sign in does not answer at the moment."


class SignInError(WebError):
    """A sign-in came back that is not the one that was begun here, or that proves nothing."""

    status = 403
    detail = "This sign-in cannot be completed. Begin again."


class ForeignRequestError(WebError):
    """A change was asked for by a page that is not ours, or by who does not say which it is."""

    status = 403
    detail = "This change was not asked for from a page of this application."


class FormError(WebError):
    """A form came without what it must hold, or with what it cannot."""

    status = 422
    detail = "The form is not filled in as it must be."


class SignedOutError(WebError):
    """Nobody is signed in where the page needs somebody: it sends them to sign in."""

    status = 401
    detail = "Sign in first."
