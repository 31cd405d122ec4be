"""Token lens: a pasted ID-JAG or ID token, each claim explained, against what stands in our own records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from idjag.idp import facts
from idjag.idp.administration.roles import Permission
from idjag.idp.audit_reading import noted
from idjag.idp.console.audit_lines import Line, lines
from idjag.idp.console.lens_words import MEANING, RECEIVER, SIGNATURES, TITLES
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import holds_on, state_of
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.families import alive, by_sid
from idjag.idp.lens import Kind, Looked, NotShown, look
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.subjects import origin
from idjag.policy.model import Connection, ResourceApp
from idjag.protocol import names
from idjag.protocol.errors import Refused
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_HERE: Final = "/admin/lens"


@dataclass(frozen=True, slots=True)
class _Fact:
    """What we know of it: in words, with the page that says more; ``badge`` is the state of a thing."""

    words: str
    said: str
    link: str = ""
    badge: str = ""
    time: int | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What our records say of a token that is ours; ``faults``: claims that do not agree with them."""

    facts: tuple[_Fact, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)


def _form(desk: Desk, visit: Visit) -> Reply:
    return desk.show("lens.html", visit, problem="", looked=None)


def _look(desk: Desk, visit: Visit) -> Reply:
    """Look at what was pasted; it is neither kept nor sent back."""
    snapshot = desk.office.ledger.fresh(desk.office.tenant)
    try:
        looked = look(visit.asked.one("token"), snapshot=snapshot, now=desk.now)
    except NotShown as why:
        _note(desk, visit, {"shown": False})
        return desk.show("lens.html", visit, status=422, problem=str(why), looked=None)
    told = {"shown": True, "kind": looked.kind.value, "signature": looked.signature.value}
    # what nobody here has signed may say anything: it comes into no record of ours
    _note(desk, visit, {**told, "jti": looked.one("jti")} if looked.ours and looked.one("jti") else told)
    return desk.show(
        "lens.html",
        visit,
        problem="",
        looked=looked,
        known=_known(desk, looked, snapshot) if looked.ours else _Known(),
        title=TITLES[looked.kind],
        receiver=RECEIVER[looked.kind],
        signature=SIGNATURES[looked.signature],
        meaning=MEANING[looked.kind],
        draft=names.DRAFT if looked.kind is Kind.ID_JAG else "",
    )


def _note(desk: Desk, visit: Visit, about: Mapping[str, object]) -> None:
    noted(desk.office, actor=visit.actor, source=visit.source.fields(), about=about, event="lens.used")


def _known(desk: Desk, looked: Looked, snapshot: Snapshot) -> _Known:
    if looked.kind is Kind.ID_JAG:
        return _of_grant(desk, looked, snapshot)
    return _of_id_token(desk, looked, snapshot)


def _of_grant(desk: Desk, looked: Looked, snapshot: Snapshot) -> _Known:
    """By its jti, since only the log knows for which app and person it was made."""
    found = lines(desk, desk.office.lookups.thread(looked.one("jti")))
    issued = next((line for line in found if line.event == "id_jag.issued"), None)
    if issued is None:
        nowhere = _Fact("Issued", "the audit log knows nothing of this jti (any more)")
        return _Known((nowhere, *_target(snapshot, looked)), _unknown_audience(snapshot, looked))
    app, target = str(issued.fields["requesting_app"]), str(issued.fields["resource_app"])
    connection = snapshot.policy.connection(app, target)
    told = (*_issue(issued, snapshot), *_connection(desk, connection), *_redeemed(found))
    resource_app = snapshot.policy.resource_apps.get(target)
    return _Known(told, _disagreements(snapshot, looked, connection, resource_app))


def _issue(issued: Line, snapshot: Snapshot) -> Iterable[_Fact]:
    """When, for whom, to which app and for which; what is gone by now has a name and no page."""
    apps, targets, fields = snapshot.policy.apps, snapshot.policy.resource_apps, issued.fields
    app, target = apps.get(fields["requesting_app"]), targets.get(fields["resource_app"])
    # a name where there was one to be had, and else the id
    person = issued.subject if issued.subject != fields.get("subject") else ""
    yield _Fact("Issued", "", _page("audit/decision", issued.decision_id), time=issued.time)
    yield _Fact("For", issued.subject, _page("person", person))
    yield _Fact("To the requesting app", issued.requesting_app, _page("app", app.key if app else ""))
    yield _Fact(
        "At the resource app", issued.resource_app, _page("resource-app", target.key if target else "")
    )


def _page(name: str, id_: str) -> str:
    """The page of a thing; none of what has no name."""
    return f"/admin/{name}?{urlencode({'id': id_})}" if id_ else ""


def _connection(desk: Desk, connection: Connection | None) -> Iterable[_Fact]:
    if connection is None:
        yield _Fact("Connection", "there is none any more")
        return
    badge = state_of(connection, now=desk.now, held=frozenset(holds_on(desk)))
    yield _Fact("Connection", connection.key, _page("connection", connection.key), badge)


def _redeemed(found: Iterable[Line]) -> Iterable[_Fact]:
    redeemed = next((line for line in found if line.event == "id_jag.redeemed"), None)
    if redeemed is None:
        yield _Fact("Redeemed", "not reported")
        return
    link = f"/admin/audit/thread?{urlencode({'jti': redeemed.jti})}"
    yield _Fact("Redeemed", "", link, time=redeemed.time)


def _disagreements(
    snapshot: Snapshot, looked: Looked, connection: Connection | None, target: ResourceApp | None
) -> dict[str, str]:
    """Claims that would be others if it were issued today."""
    faults: dict[str, str] = {}
    if target is None or looked.one("aud") not in (target.issuer, *target.aliases):
        faults["aud"] = "The resource app has another issuer URL today, or is gone."
    if connection is None or connection.client_id != looked.one("client_id"):
        faults["client_id"] = "The connection says another client ID today, or is gone."
    declared = snapshot.policy.declared(target).pairs if target else frozenset()
    known = {scope for scope, _ in declared}
    if lost := [scope for scope in looked.one("scope").split() if scope not in known]:
        faults["scope"] = f"Not registered at the resource app any more: {' '.join(lost)}."
    return faults


def _target(snapshot: Snapshot, looked: Looked) -> Iterable[_Fact]:
    for target in snapshot.policy.audience(looked.one("aud")):
        yield _Fact("Resource app", target.name, _page("resource-app", target.key))


def _unknown_audience(snapshot: Snapshot, looked: Looked) -> dict[str, str]:
    known = snapshot.policy.audience(looked.one("aud"))
    return {} if known else {"aud": "No resource app has this issuer URL today."}


def _of_id_token(desk: Desk, looked: Looked, snapshot: Snapshot) -> _Known:
    client = snapshot.clients.get(looked.one("azp") or looked.one("aud"))
    if client is None:
        return _Known(faults={"aud": "No app has this client ID today."})
    app = _Fact("App", client.app.name, _page("app", client.app.key))
    try:
        person_id, session_id = origin(
            desk.office.ledger,
            tenant=snapshot.tenant,
            sector=client.app.sector,
            sub=looked.one("sub"),
            app=client.app.id,
            sid=looked.one("sid"),
        )
    except Refused:
        return _Known((app,), {"sid": "Nobody is there any more who signed in so."})
    return _Known((app, *_sign_in(desk, looked, client, person_id=person_id, session_id=session_id)))


def _sign_in(
    desk: Desk, looked: Looked, client: RegisteredApp, *, person_id: str, session_id: str
) -> Iterable[_Fact]:
    """Whose it is and whether it stands, as an exchange at this moment would find it."""
    sid = looked.one("sid")
    families = by_sid(sid)
    keys = (*facts.person_keys(person_id), facts.session_key(session_id), facts.sid_key(sid), families)
    found = desk.office.ledger.read(keys)
    person = facts.person(found, person_id)
    if person is None:
        return
    username = person.person.username
    yield _Fact("Person", username, _page("person", username))
    stands = alive(
        found,
        found(families),
        session_id=session_id,
        sid=sid,
        client=client,
        person=person,
        now=desk.now,
    )
    yield _Fact("The sign-in", "stands" if stands else "has ended: no exchange takes this token any more")


PLACES: Final = {_HERE: Place(Permission.AUDIT, show=_form, change=_look, under=_HERE)}
