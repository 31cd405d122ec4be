"""The routes that are no noun of the state file: ask, holds, the whole state, the audit log, keys, tokens."""

from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, Final

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, RawBody

from idjag.idp.administration import tokens
from idjag.idp.administration.roles import NEEDED, Permission, Role
from idjag.idp.answers import answered
from idjag.idp.api.bodies import LONGEST, HoldBody, ReleaseBody, RevokeBody, RotateBody, TokenBody, parsed
from idjag.idp.api.changes import change, source_of
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.api.refusals import appointed
from idjag.idp.facts import holds_of
from idjag.idp.holds import find, place, release
from idjag.idp.holds_shown import shown
from idjag.idp.key_rotation import SOONEST, Change, KeyUnknown
from idjag.idp.questions import UnknownName, build
from idjag.idp.state.apply import How
from idjag.idp.state.cases import ask_of
from idjag.idp.state.current import load
from idjag.idp.state.export import NotExportable, export
from idjag.idp.state.file import AskEntry
from idjag.idp.state.show import plan_json
from idjag.ledger.entry import Key
from idjag.yaml_file import MAX_BYTES

__all__ = ["HANDLERS"]

YAML: Final = "application/yaml"
_CHANGES: Final = frozenset(NEEDED.values())


@get("/me", opt=needs(Permission.READ), sync_to_thread=False)
def me(visit: NamedDependency[Visit]) -> dict[str, Any]:
    """Whose token this is, and what it may do now."""
    caller = visit.caller
    return {"name": caller.name, "role": caller.role, "permissions": sorted(caller.permissions)}


@post("/ask", opt=needs(Permission.READ), status_code=200, sync_to_thread=True)
def ask(office: NamedDependency[Office], body: RawBody) -> dict[str, Any]:
    """What would be decided, and why; the token endpoint's own evaluator, and nothing recorded."""
    question = ask_of(parsed(body, AskEntry))
    try:
        return answered(build(office, question)).members
    except UnknownName as unknown:
        raise Problem(422, f"{unknown}.") from None


@get("/holds", opt=needs(Permission.READ), sync_to_thread=True)
def list_holds(office: NamedDependency[Office]) -> dict[str, Any]:
    """Every hold of the tenant."""
    key = Key("hold", "tenant_id", office.tenant)
    return {"items": shown(office, holds_of(office.ledger.read((key,))(key)))}


@post("/holds", opt=needs(Permission.HOLD), status_code=201, sync_to_thread=True)
def hold(office: NamedDependency[Office], visit: NamedDependency[Visit], body: RawBody) -> dict[str, Any]:
    """Stop something from the next request on."""
    asked = parsed(body, HoldBody)
    if asked.until is not None and asked.until <= office.clock():
        raise Problem(422, "until has passed already.")
    try:
        target = find(office, asked.kind, asked.id, app=asked.app)
    except UnknownName as unknown:
        raise Problem(422, f"{unknown}.") from None
    may, source = visit.caller.permissions, visit.source(office.clock())
    placed = appointed(
        lambda: place(
            office,
            target,
            actor=visit.actor,
            reason=asked.reason,
            until=asked.until,
            may=may,
            source=source,
        )
    )
    return shown(office, [placed])[0]


@post("/holds/release", opt=needs(Permission.HOLD), status_code=200, sync_to_thread=True)
def release_holds(
    office: NamedDependency[Office], visit: NamedDependency[Visit], body: RawBody
) -> dict[str, Any]:
    """Release every hold on exactly this."""
    asked = parsed(body, ReleaseBody)
    try:
        target = find(office, asked.kind, asked.id, app=asked.app)
    except UnknownName as unknown:
        raise Problem(422, f"{unknown}.") from None
    may, source = visit.caller.permissions, visit.source(office.clock())
    released = appointed(
        lambda: release(office, target, actor=visit.actor, reason=asked.reason, may=may, source=source)
    )
    return {"items": shown(office, released)}


@get("/state", opt=needs(Permission.READ), media_type=YAML, sync_to_thread=True)
def read_state(office: NamedDependency[Office]) -> str:
    """The state as `idjag export` writes it; never a secret."""
    try:
        with office.one_at_a_time():
            return export(load(office.ledger, office.tenant, everyone=True))
    except NotExportable as error:
        raise Problem(409, f"{error}.") from None


@post(
    "/state",
    opt=needs(Permission.READ),
    status_code=200,
    sync_to_thread=True,
    request_max_body_size=MAX_BYTES,
)
def apply_state(
    *,
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    body: RawBody,
    dry_run: FromQuery[bool] = False,
    prune: FromQuery[bool] = False,
) -> dict[str, Any]:
    """Bring the state to what a file says, as `idjag apply` does; all or nothing, as the role allows."""
    how = How(prune=prune).from_there(visit.ip, visit.user_agent)
    if len(body) > LONGEST and not visit.caller.permissions & _CHANGES:
        raise Problem(403, f"The role {visit.caller.role} may change nothing, and sends no long file.")
    with office.one_at_a_time() if len(body) > LONGEST or prune else nullcontext():
        outcome = change(office, visit.caller, source_of(body), octets=body, how=how, only_look=dry_run)
    return {**plan_json(outcome.plan), "policy_seq": outcome.policy_seq, "applied": outcome.applied}


@get("/keys", opt=needs(Permission.READ), sync_to_thread=True)
def list_keys(office: NamedDependency[Office]) -> dict[str, Any]:
    """The signing keys and their states; nothing private."""
    key, tenant = Key("signing_key", "tenant_id", office.tenant), Key("tenant", "id", office.tenant)
    found = office.ledger.read((key, tenant))
    tenant_name = next((row["name"] for row in found(tenant)), None)
    columns = ("alg", "status", "created", "activated", "retires")
    rows = sorted(found(key), key=lambda row: (str(row["alg"]), str(row["created"])))
    return {
        "items": [
            {"tenant": tenant_name, "kid": row["id"], **{name: row[name] for name in columns}} for row in rows
        ]
    }


@post("/keys/rotate", opt=needs(Permission.KEYS), status_code=200, sync_to_thread=True)
def rotate_keys(
    office: NamedDependency[Office], visit: NamedDependency[Visit], body: RawBody
) -> dict[str, Any]:
    """Publish the next keys; they sign later, when everybody has fetched them."""
    asked = parsed(body, RotateBody)
    if asked.ahead < SOONEST:
        raise Problem(422, f"ahead: at least {SOONEST // 60}m, so that everybody has fetched the key before.")
    now = office.clock()
    changes = office.keys(visit.source(now)).rotate(asked.algs, ahead=asked.ahead, now=now, actor=visit.actor)
    return {"items": [_change(one) for one in changes]}


@post("/keys/{kid:str}/revoke", opt=needs(Permission.KEYS), status_code=200, sync_to_thread=True)
def revoke_key(
    office: NamedDependency[Office], visit: NamedDependency[Visit], kid: FromPath[str], body: RawBody
) -> dict[str, Any]:
    """Trust a key no more, from the next request on."""
    reason, now = parsed(body, RevokeBody).reason, office.clock()
    try:
        changes = office.keys(visit.source(now)).revoke(kid, reason=reason, now=now, actor=visit.actor)
    except KeyUnknown:
        raise Problem(404, "No living key has this kid.") from None
    return {"items": [_change(one) for one in changes]}


@get("/tokens", opt=needs(Permission.ADMINISTRATORS), sync_to_thread=True)
def list_tokens(office: NamedDependency[Office]) -> dict[str, Any]:
    """Every API token, ended ones too; never a value."""
    return {"items": [asdict(token) for token in tokens.listed(office)]}


@post("/tokens", opt=needs(Permission.ADMINISTRATORS), status_code=201, sync_to_thread=True)
def make_token(
    office: NamedDependency[Office], visit: NamedDependency[Visit], body: RawBody
) -> dict[str, Any]:
    """Make an API token that may no more than the caller and ends with them; its value is shown once."""
    asked = parsed(body, TokenBody)
    try:
        made = tokens.issue(
            office,
            visit.caller,
            name=asked.name,
            role=Role(asked.role),
            lifetime=asked.lifetime,
            source=visit.source(office.clock()),
        )
    except tokens.TokenDenied as denied:
        raise Problem(403, f"Nothing was made: {denied}.") from None
    except ValueError as wrong:
        raise Problem(422, f"lifetime: {wrong}.") from None
    return {**asdict(made.token), "value": made.value}


@delete("/tokens/{handle:str}", opt=needs(Permission.ADMINISTRATORS), status_code=204, sync_to_thread=True)
def end_token(office: NamedDependency[Office], visit: NamedDependency[Visit], handle: FromPath[str]) -> None:
    """End an API token from the next request on."""
    if not tokens.revoke(office, handle, actor=visit.actor, source=visit.source(office.clock())):
        raise Problem(404, "No living token has this handle.")


def _change(one: Change) -> dict[str, Any]:
    return {"kid": one.kid, "alg": one.alg, "status": one.status, "at": one.at, "made": one.made}


HANDLERS: Final = [
    *(me, ask, list_holds, hold, release_holds, read_state, apply_state),
    *(list_keys, rotate_keys, revoke_key, list_tokens, make_token, end_token),
]
"""Each names its permission; what names none is closed by the door."""
