"""The token exchange request as the ID-JAG profile narrows it: RFC 8693 section 2.1, draft section 4.3."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from idjag.protocol import confirmation, names, resources, scopes
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form

__all__ = ["Exchange", "SubjectToken", "parse", "subject_of", "success", "targets"]

_SUBJECT_TYPES = frozenset({names.ID_TOKEN, names.REFRESH_TOKEN_TYPE})
_NOT_YET = frozenset({names.SAML2_TOKEN})


@dataclass(frozen=True, slots=True)
class SubjectToken:
    """A subject token, as a question about targets brings it."""

    subject_token: str = field(repr=False)
    subject_token_type: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is asked; ``scopes`` None when the parameter is absent."""

    subject_token: str = field(repr=False)
    subject_token_type: str
    audience: str
    scopes: tuple[str, ...] | None
    resources: tuple[str, ...]


def parse(form: Form) -> Exchange:
    """Read the parameters in the order in which the table refuses them.

    Raises Refused: PARAMETER_MISSING, PARAMETER_WRONG, NOT_BUILT, AUDIENCE_SEVERAL, RESOURCE_MALFORMED,
    SCOPE_MALFORMED, AUTHORIZATION_DETAILS.
    """
    requested = form.required("requested_token_type")  # XCH-05: never an access token by default
    if requested != names.ID_JAG_TOKEN:
        raise Refused(Reason.PARAMETER_WRONG, parameter="requested_token_type")
    subject_token = form.required("subject_token")
    subject_token_type = _subject_type(form.required("subject_token_type"))
    if form.one("actor_token") or form.one("actor_token_type"):  # XCH-11, XCH-12
        raise Refused(Reason.PARAMETER_WRONG, parameter="actor_token")
    if form.one("authorization_details"):
        raise Refused(Reason.AUTHORIZATION_DETAILS)
    return Exchange(
        subject_token=subject_token,
        subject_token_type=subject_token_type,
        audience=_audience(form),
        scopes=scopes.parse(form.one("scope")),
        resources=resources.parse(form.every("resource")),
    )


def subject_of(form: Form) -> SubjectToken:
    """The subject of a question about targets (MET-18).

    Raises Refused: PARAMETER_MISSING, PARAMETER_WRONG, TOKEN_TYPE_UNSUPPORTED.
    Source: draft on target service discovery for token exchange.
    """
    subject_token = form.required("subject_token")
    subject_token_type = form.required("subject_token_type")
    if subject_token_type not in _SUBJECT_TYPES:
        raise Refused(Reason.TOKEN_TYPE_UNSUPPORTED, parameter="subject_token_type")
    if form.one("actor_token") or form.one("actor_token_type"):
        raise Refused(Reason.PARAMETER_WRONG, parameter="actor_token")
    return SubjectToken(subject_token, subject_token_type)


def targets(found: Iterable[tuple[str, str | None, tuple[str, ...]]]) -> dict[str, object]:
    """The answer to it: audience, resource and scopes of what could be asked for, an ID-JAG each time."""
    return {
        "supported_targets": [
            {
                "audience": audience,
                **({} if resource is None else {"resource": resource}),
                **({"scope": scopes.join(granted)} if granted else {}),
                "supported_token_types": [names.ID_JAG_TOKEN],
            }
            for audience, resource, granted in found
        ]
    }


def _subject_type(subject_token_type: str) -> str:
    if subject_token_type in _NOT_YET:
        raise Refused(Reason.NOT_BUILT, parameter="subject_token_type")
    if subject_token_type not in _SUBJECT_TYPES:  # XCH-10: access tokens and bare JWTs are no identity
        raise Refused(Reason.PARAMETER_WRONG, parameter="subject_token_type")
    return subject_token_type


def _audience(form: Form) -> str:
    audiences = form.every("audience")
    if not audiences:
        raise Refused(Reason.PARAMETER_MISSING, parameter="audience")  # XCH-13
    if len(audiences) > 1:
        raise Refused(Reason.AUDIENCE_SEVERAL)  # XCH-14
    return audiences[0]


def success(
    token: str,
    *,
    lifetime: int,
    granted_scopes: tuple[str, ...],
    granted_resources: tuple[str, ...],
    jkt: str | None = None,
) -> dict[str, object]:
    """The members of the answer: draft section 4.3.4; XCH-53 to XCH-56, DPOP-06.

    ``lifetime`` in seconds; ``jkt`` of the key that the ID-JAG is bound to.  No refresh token, ever.
    """
    members: dict[str, object] = {
        "issued_token_type": names.ID_JAG_TOKEN,
        "access_token": token,
        "token_type": "N_A",
        "expires_in": lifetime,
    }
    if granted_scopes:
        members["scope"] = scopes.join(granted_scopes)
    if granted_resources:
        members["resource"] = resources.claim_of(granted_resources)
    if jkt is not None:
        members["cnf"] = confirmation.claim_of(jkt)
    return members
