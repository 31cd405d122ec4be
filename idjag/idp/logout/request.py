"""What an app asks for when it sends somebody to sign out: RP-Initiated Logout section 2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from idjag.idp.signin import id_token_hint, redirects
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.protocol.errors import Refused
from idjag.protocol.form import Form
from idjag.protocol.id_token import IdToken

__all__ = ["LogoutRequest", "carried", "read"]

_CARRIED: Final = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales")


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A logout request as far as it can be believed.

    ``hint`` is a good ID token of ``client``; without one, anybody may have sent the person here.
    ``goes_to``: where the person goes afterwards, an address that the app of the hint has registered.
    """

    client: RegisteredApp | None = None
    hint: IdToken | None = field(default=None, repr=False)
    goes_to: str | None = None


def read(form: Form, snapshot: Snapshot, *, now: int) -> LogoutRequest:
    """What is wrong about it is left out: then the person is asked, and goes nowhere (OIDC-20)."""
    token = form.one("id_token_hint")
    if token is None:
        return LogoutRequest()
    try:
        hint, client = id_token_hint.for_sign_out(token, snapshot, now=now)
    except Refused:
        return LogoutRequest()
    if form.one("client_id") not in (None, client.app.client_id):
        return LogoutRequest()
    return LogoutRequest(client, hint, _goes_to(form, client))


def carried(form: Form) -> str:
    """The request as one text, for the form that asks; it is judged again when it comes back."""
    parameters = {name: value for name in _CARRIED if (value := form.one(name)) is not None}
    return urlencode(parameters, quote_via=quote, safe="")


def _goes_to(form: Form, client: RegisteredApp) -> str | None:
    uri, state = form.one("post_logout_redirect_uri"), form.one("state")
    native = client.app.kind == "native"
    if uri is None or not redirects.allowed(uri, registered=client.post_logout_redirect_uris, native=native):
        return None
    return uri if state is None else redirects.with_parameters(uri, {"state": state})
