"""Changing the state through the admin API: the same plan, tests and commit as ``idjag apply``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from idjag.idp.administration.appointments import LastOwner
from idjag.idp.administration.roles import missing
from idjag.idp.administration.standing import keep_an_owner, wants_recent_sign_in
from idjag.idp.administration.tokens import Caller
from idjag.idp.api.bodies import wrong
from idjag.idp.api.office import Office
from idjag.idp.api.problem import Problem
from idjag.idp.signin.passwords import Busy, PasswordRefused
from idjag.idp.state.apply import Agreed, How, Outcome, TestsFailed, apply, look
from idjag.idp.state.credentials import Credentials, credentials_of
from idjag.idp.state.current import Current
from idjag.idp.state.file import StateFile
from idjag.idp.state.plan import Plan, Problems
from idjag.idp.state.read import Source, read
from idjag.ledger.entry import Conflict
from idjag.yaml_file import FileError, FileErrors
from idjag.yaml_file import read as read_document

__all__ = ["BY_HAND", "NotRecent", "change", "document_of", "source_of"]

BY_HAND: Final = ""
"""``managed_by`` of what was made through the API or the console."""

_ELSEWHERE: Final = ("env:", "file:")


class NotRecent(Exception):
    """The change is about secrets, about administrators or about how people sign in: sign in again first."""


def source_of(octets: bytes) -> Source:
    """A state file; raises Problem 400 with lines and columns."""
    try:
        return read(read_document(octets, source="state"))
    except FileError as error:
        raise wrong(FileErrors([error])) from None
    except FileErrors as errors:
        raise wrong(errors) from None


def change(
    office: Office,
    caller: Caller,
    source: Source,
    *,
    octets: bytes,
    how: How,
    only_look: bool = False,
    as_seen: Callable[[Current], None] = lambda _current: None,
    planned: Callable[[Plan], None] = lambda _plan: None,
    recent: bool = True,
) -> Outcome:
    """Apply it, all or nothing, as far as the caller may.

    ``as_seen`` raises when the state is not the one that the caller has seen, ``planned`` when they did not
    mean what would be done and may do.  ``recent``: whether the caller
    has signed in lately; a token, which signs in nowhere, counts as such.
    Raises NotRecent, Problem 400, 403, 409, 412, 422, 429.
    """

    def agreed(current: Current, plan: Plan) -> None:
        as_seen(current)
        if forbidden := missing((each.noun for each in plan.changes), caller.permissions):
            nouns = ", ".join(noun.replace("_", " ") for noun in forbidden)
            raise Problem(403, f"The role {caller.role} may not change: {nouns}.")
        if not recent and wants_recent_sign_in(office, plan.changes):
            raise NotRecent
        _keep_an_owner(office, plan)
        planned(plan)

    try:
        return _outcome(office, caller, source, octets=octets, how=how, only_look=only_look, agreed=agreed)
    except Problems as found:
        raise wrong(source.located(found.problems)) from None
    except TestsFailed as failed:
        places = [(failure.name, failure.message) for failure in failed.failures]
        raise Problem(422, "Nothing was changed: tests of the file would fail.", places) from None
    except Conflict as conflict:
        raise Problem(409, f"Nothing was changed: {conflict}.") from None
    except Busy:
        raise Problem(429, "Many passwords are being hashed now.", headers={"Retry-After": "5"}) from None


def _keep_an_owner(office: Office, plan: Plan) -> None:
    """Nobody locks everybody out: the last owner stays, also as a user.  Raises Problem 409."""
    try:
        keep_an_owner(office, plan.changes)
    except LastOwner as last:
        raise Problem(409, f"Nothing was changed: {last}.") from None


def _outcome(
    office: Office,
    caller: Caller,
    source: Source,
    *,
    octets: bytes,
    how: How,
    only_look: bool,
    agreed: Agreed,
) -> Outcome:
    secrets = _credentials(office)
    if only_look:
        plan = look(office, source.state, secrets, how=how, agreed=agreed, near=office.lookups)
        return Outcome(plan, plan.policy_seq, applied=False)
    return apply(
        office,
        source.state,
        secrets,
        actor=caller.actor,
        digest=_digest(octets, source.state),
        how=how,
        agreed=agreed,
        near=office.lookups,
    )


def _digest(octets: bytes, state: StateFile) -> str:
    """SHA-256 in hex, "" where a secret stands in it: whoever reads the log could try all passwords on it."""
    secrets = (*(one.auth.secret for one in state.apps or ()), *(one.password for one in state.users or ()))
    return "" if any(secrets) else hashlib.sha256(octets).hexdigest()


def _credentials(office: Office) -> Credentials:
    """Secrets as they were sent: a reference means a place on the caller's machine, never one on ours."""

    def hashed(password: str) -> str:
        try:
            return office.services.passwords.hash(password)
        except PasswordRefused as refused:
            raise ValueError(str(refused)) from None

    here = credentials_of(environ={}, base=Path("/nonexistent"), loopback=True, hash_password=hashed)

    def sent(reference: str) -> str:
        if reference.lower().startswith(_ELSEWHERE):
            raise ValueError("send the secret itself: env: and file: are resolved where the file is")
        return reference

    return Credentials(
        secret=lambda reference: here.secret(sent(reference)),
        password_hash=lambda reference: here.password_hash(sent(reference)),
    )


def document_of(section: str, entry: dict[str, Any]) -> bytes:
    """A state file with one entry."""
    return json.dumps({"version": 1, section: [entry]}, ensure_ascii=False).encode()
