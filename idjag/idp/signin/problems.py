"""What people read when they cannot be signed in, by reason: what happened, and what they can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idjag.protocol.errors import Reason

__all__ = ["Problem", "denied", "problem"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One page: its status, what happened, and what the person can do about it, in English.

    ``title`` and ``text`` may name the app as ``%(app)s``.
    """

    status: int
    title: str
    text: str
    advice: str = "Go back to the app and sign in again."


_ASK = "Ask your administrator, and give them the reference below."

_BROKEN = Problem(
    400,
    "This sign-in link is not complete",
    "The app sent you here with a request that cannot be read, so nobody was signed in.",
    "Go back to the app and sign in again. If that leads here again, tell whoever looks after the app.",
)

_PROBLEMS: Final = {
    Reason.CLIENT_UNKNOWN: Problem(
        400,
        "This app is not known here",
        "The app that sent you here is not registered for sign-in.",
        "Check that you opened the right app. Ask your administrator, and give them the reference below.",
    ),
    Reason.CLIENT_DISABLED: Problem(
        403, "This app is switched off", "An administrator has switched off the app that sent you here.", _ASK
    ),
    Reason.CLIENT_METADATA_UNAVAILABLE: Problem(
        400,
        "This app cannot be checked right now",
        "The app says on its own site where people come back to, and that could not be read or believed.",
        "Wait a moment, then go back to the app and try again. If that leads here again, give your "
        "administrator the reference below.",
    ),
    Reason.REDIRECT_URI_MISMATCH: Problem(
        400,
        "This sign-in link cannot be trusted",
        "It asks us to send you to an address that does not belong to the app, so we did not.",
        "Open the app from its own address and sign in there. If that leads here again, give your "
        "administrator the reference below.",
    ),
    Reason.METHOD_WRONG: Problem(405, "This page cannot be opened like that", "Nothing was changed."),
    Reason.TOO_LARGE: Problem(413, "This was too much", "The request is too large to be read."),
    Reason.MEDIA_TYPE_WRONG: Problem(
        415, "This form cannot be read", "It was not sent the way our forms are."
    ),
    Reason.UNAVAILABLE: Problem(
        503,
        "Sign-in is not available right now",
        "We cannot reach what we need to sign you in.",
        "Wait a moment, then go back to the app and try again.",
    ),
    Reason.FAULT: Problem(
        500,
        "Something went wrong on our side",
        "You did nothing wrong, and it has been recorded.",
        "Try again. If it happens again, give your administrator the reference below.",
    ),
}

NOT_FOUND: Final = Problem(
    404,
    "There is no page here",
    "This is where people sign in to the apps of their organisation.",
    "Open the app that you want to use; it brings you to the right page.",
)
STEP_OVER: Final = Problem(
    400,
    "This sign-in has ended",
    "It had been open for too long, or it went on in another window.",
    "Go back to the app and sign in again. If that leads here again, allow cookies for this site.",
)
FROM_ELSEWHERE: Final = Problem(
    403,
    "This form came from another site",
    "Your password was not looked at, and nobody was signed in.",
    "Open the app that you want to use from its own address and sign in there.",
)
NOT_OURS: Final = Problem(
    403,
    "This form came from another site",
    "Nothing was changed.",
    "Open this page from its own address and do it there.",
)
STALE: Final = Problem(
    403,
    "This page had been open for too long",
    "Nothing was changed.",
    "Go back, load the page again and do it there. If you see this again, allow cookies for this site.",
)


def problem(reason: Reason) -> Problem:
    """What to say when the request itself cannot be answered."""
    if reason in (Reason.REQUEST_URI_UNKNOWN, Reason.REQUEST_URI_USED):
        return STEP_OVER  # what the app had left here for this sign-in
    return _PROBLEMS.get(reason, _BROKEN)


def denied(reason: Reason) -> Problem:
    """What to say to a person whom we know, and whom the app is not for."""
    if reason is Reason.NOT_ASSIGNED:
        return Problem(
            403,
            "You do not have access to %(app)s",
            "We know who you are, but this app has not been assigned to you.",
            _ASK,
        )
    return Problem(
        403,
        "%(app)s is stopped for now",
        "Sign-in to this app has been stopped, by an administrator or by yourself at My access.",
        _ASK,
    )
