"""``/me/sign-in``: how I sign in - authenticator apps, passkeys, recovery codes, remembered browsers.

All of it takes a recent sign-in, to look and to change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from markupsafe import Markup

from idjag.idp.factors import devices, operations, passkeys, qr, recovery, responses, totp
from idjag.idp.factors.ceremony import Ceremony
from idjag.idp.factors.enrolled import Enrolled, NewFactor, enrolled, keys
from idjag.idp.factors.relying_party import relying_party
from idjag.idp.factors.totp import Pending
from idjag.idp.me.browsers import browser_name
from idjag.idp.me.visit import Desk, Visit
from idjag.idp.signin.pages import text
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply

__all__ = [
    "add_passkey",
    "add_totp",
    "codes",
    "factor",
    "forget",
    "forget_all",
    "overview",
    "remove",
    "rename",
    "show_passkey",
    "show_totp",
]

HERE: Final = "/me/sign-in"
_SCRIPT: Final = "passkey.js"
_ENROL: Final = "enrol"

_DONE: Final = {
    "totp": text("Your authenticator app is set up."),
    "passkey": text("Your passkey is set up."),
    "renamed": text("The name is changed."),
    "removed": text("It is removed. You cannot sign in with it any more."),
    "forgotten": text("Forgotten. That browser will be asked for your second step again."),
    "password": text("Your password is changed."),
}
_NOTICES: Final = {
    Reason.FACTOR_WRONG: text("That code is not right. Wait for the next one and enter it here."),
    Reason.FACTOR_REPLAYED: text("That code was used already. Wait for the next one and enter it here."),
    Reason.FACTOR_EXPIRED: text("This page had been open for too long. Begin again with what it shows now."),
    Reason.FACTOR_KNOWN: text("This passkey has been added already."),
    Reason.FACTOR_TOO_MANY: text("You have as many as there can be. Remove one first."),
    Reason.FACTOR_LAST: text(
        "Your organisation asks for a second step, and this is the only one you have. Add another one first."
    ),
    Reason.FACTOR_CHANGED: text("Something else was changed at the same moment. Try again."),
    Reason.PASSKEY_INVALID: text("That passkey could not be added. Try again, or use another device."),
    Reason.PASSKEYS_UNAVAILABLE: text(
        "Passkeys do not work at this address, because it is a number. Add an authenticator app."
    ),
}


def overview(desk: Desk, visit: Visit, *, notice: str = "", status: int = 200) -> Reply:
    """The list of everything."""
    now = visit.source.now
    found = desk.services.ledger.read((*keys(visit.person_id), devices.key(visit.person_id)))
    remembered = devices.listed(found, visit.person, now=now)
    return desk.show(
        "sign_in.html",
        visit,
        status=status,
        done=_DONE.get(visit.asked.one("done") or "", ""),
        notice=notice,
        factors=enrolled(found, visit.person_id),
        codes_left=recovery.left(found, visit.person_id),
        devices=[(device, browser_name(device.user_agent)) for device in remembered],
        may_have_passkeys=relying_party(desk.services.issuer, "") is not None,
    )


def factor(desk: Desk, visit: Visit, *, notice: str = "") -> Reply:
    """One authenticator app or passkey: rename it, remove it."""
    wanted = _named(desk, visit)
    if wanted is None:
        return desk.go(HERE)
    return desk.show("factor.html", visit, status=400 if notice else 200, factor=wanted, notice=notice)


def rename(desk: Desk, visit: Visit) -> Reply:
    """Give it another name."""
    factor_id, label = visit.asked.one("id") or "", visit.asked.one("label") or ""

    def change() -> Reply:
        operations.rename(desk.services, visit.person, factor_id, label=label, source=visit.source)
        return desk.go(HERE, done="renamed")

    return _changed(change, lambda notice: factor(desk, visit, notice=notice))


def remove(desk: Desk, visit: Visit) -> Reply:
    """Take it away, unless it is the last one where one is required."""
    factor_id = visit.asked.one("id") or ""
    required = desk.services.ledger.fresh(desk.services.tenant).sign_in.factor_required

    def change() -> Reply:
        person, source = visit.person, visit.source
        operations.remove(desk.services, person, factor_id, required=required, source=source)
        return desk.go(HERE, done="removed")

    return _changed(change, lambda notice: factor(desk, visit, notice=notice))


def show_totp(desk: Desk, visit: Visit) -> Reply:
    """A new seed, as a picture and as text."""
    pending = totp.begin(
        desk.services.sealer,
        tenant=desk.services.tenant,
        person_id=visit.person_id,
        organisation=_organisation(desk, visit),
        username=visit.person.person.username,
        now=visit.source.now,
    )
    return _totp_page(desk, visit, pending)


def add_totp(desk: Desk, visit: Visit) -> Reply:
    """The first code proves that the app has the seed."""
    token, code = visit.asked.one("pending") or "", visit.asked.one("code") or ""

    def change() -> Reply:
        enrolment = totp.enrolment(desk.services.sealer, token, code, new=_new(desk, visit))
        operations.add(desk.services, enrolment, person=visit.person)
        return desk.go(HERE, done="totp")

    def again(notice: str) -> Reply:
        pending = totp.reopen(
            desk.services.sealer,
            token,
            tenant=desk.services.tenant,
            person_id=visit.person_id,
            organisation=_organisation(desk, visit),
            username=visit.person.person.username,
            now=visit.source.now,
        )
        return _totp_page(desk, visit, pending, notice=notice) if pending else show_totp(desk, visit)

    return _changed(change, again)


def show_passkey(desk: Desk, visit: Visit, *, notice: str = "") -> Reply:
    """What the browser needs to make a passkey."""
    ceremony = _ceremony(desk, visit)
    if ceremony is None:
        return overview(desk, visit, notice=_NOTICES[Reason.PASSKEYS_UNAVAILABLE], status=400)
    found = desk.services.ledger.read(keys(visit.person_id))
    options = passkeys.creation_options(
        ceremony,
        challenge=ceremony.challenge(now=visit.source.now, nonce=desk.services.new_id()),
        tenant=desk.services.tenant,
        person_id=visit.person_id,
        username=visit.person.person.username,
        name=visit.person.name,
        found=found,
    )
    return desk.show(
        "passkey.html",
        visit,
        status=400 if notice else 200,
        script=_SCRIPT,
        options=options,
        label=visit.asked.one("label") or "",
        notice=notice,
    )


def add_passkey(desk: Desk, visit: Visit) -> Reply:
    """What the browser made."""
    ceremony = _ceremony(desk, visit)
    if ceremony is None:
        return overview(desk, visit, notice=_NOTICES[Reason.PASSKEYS_UNAVAILABLE], status=400)

    def change() -> Reply:
        made = responses.attestation(visit.asked.one("credential") or "")
        enrolment = passkeys.enrolment(made, ceremony=ceremony, new=_new(desk, visit))
        operations.add(desk.services, enrolment, person=visit.person)
        return desk.go(HERE, done="passkey")

    return _changed(change, lambda notice: show_passkey(desk, visit, notice=notice))


def codes(desk: Desk, visit: Visit) -> Reply:
    """New recovery codes, shown this once: they are stored nowhere, so that no redirect can bring them."""

    def change() -> Reply:
        made = operations.regenerate(desk.services, visit.person, source=visit.source)
        return desk.show("codes.html", visit, codes=made)

    return _changed(change, lambda notice: overview(desk, visit, notice=notice, status=400))


def forget(desk: Desk, visit: Visit) -> Reply:
    """Make one remembered browser unknown."""
    device_id = visit.asked.one("id") or ""

    def change() -> Reply:
        operations.forget_device(desk.services, visit.person, device_id, source=visit.source)
        return desk.go(HERE, done="forgotten")

    return _changed(change, lambda notice: overview(desk, visit, notice=notice, status=400))


def forget_all(desk: Desk, visit: Visit) -> Reply:
    """Make every remembered browser unknown."""
    operations.forget_devices(desk.services, visit.person, source=visit.source)
    return desk.go(HERE, done="forgotten")


def _changed(change: Callable[[], Reply], again: Callable[[str], Reply]) -> Reply:
    """What the change answers, or the page once more with what was wrong."""
    try:
        return change()
    except Refused as refused:
        if refused.reason is Reason.FACTOR_UNKNOWN:  # gone already: the list shows what there is
            return again("")
        if refused.reason not in _NOTICES:
            raise
        return again(_NOTICES[refused.reason])


def _totp_page(desk: Desk, visit: Visit, pending: Pending, *, notice: str = "") -> Reply:
    return desk.show(
        "totp.html",
        visit,
        status=400 if notice else 200,
        pending=pending,
        # drawn by us from our own text, and text alone
        picture=Markup(qr.svg(pending.uri)),  # noqa: S704
        label=visit.asked.one("label") or "",
        notice=notice,
    )


def _named(desk: Desk, visit: Visit) -> Enrolled | None:
    found = desk.services.ledger.read(keys(visit.person_id))
    wanted = visit.asked.one("id")
    return next((one for one in enrolled(found, visit.person_id) if one.id == wanted), None)


def _new(desk: Desk, visit: Visit) -> NewFactor:
    services, label = desk.services, visit.asked.one("label") or ""
    return NewFactor(services.new_id(), services.tenant, visit.person_id, label, visit.source)


def _ceremony(desk: Desk, visit: Visit) -> Ceremony | None:
    """The enrolment of this session; None where passkeys cannot work."""
    party = relying_party(desk.services.issuer, _organisation(desk, visit))
    return Ceremony(party, visit.session.secret, _ENROL) if party else None


def _organisation(desk: Desk, visit: Visit) -> str:
    return desk.pages.named(visit.viewer.organisation)
