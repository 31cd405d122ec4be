"""From names to a policy question, on facts as they are now: for ask, the console and the admin API.

What comes out goes to decide() like a request at the token endpoint; nothing is recorded.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from idjag.idp import facts
from idjag.idp.naming import mentioned, name_keys, names_in, names_of
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Key
from idjag.policy.index import Policy
from idjag.policy.model import Address, App, Connection, Hold, Person, ResourceApp, Who
from idjag.policy.question import Question, SignIn
from idjag.policy.words import Names
from idjag.protocol.names import NO_AUTHENTICATION

__all__ = [
    "Ask",
    "Asked",
    "UnknownName",
    "build",
    "find_app",
    "find_person",
    "find_resource_app",
    "unknown",
]

_GRANT = "token_exchange"


class UnknownName(LookupError):
    """A name that leads nowhere; the message says which, and what was probably meant."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as people put it.

    ``app`` and ``resource_app`` are ids of the state file.  ``auth_age``: seconds since the sign-in.
    What is None is a fact that is missing, and a missing fact fails a condition.  ``at`` None is now.
    """

    user: str
    app: str
    resource_app: str
    scopes: tuple[str, ...] | None = None
    resources: tuple[str, ...] = ()
    acr: str | None = None
    amr: frozenset[str] | None = None
    auth_age: int = 0
    address: Address | None = None
    signin_address: Address | None = None
    key_bound: bool = False
    at: int | None = None

    def question(
        self, app: str, resource_app: str, person: Person | None, *, now: int, holds: tuple[Hold, ...] = ()
    ) -> Question:
        """The same for the policy, by surrogate ids; ``now`` counts when ``at`` is None."""
        at = now if self.at is None else self.at
        return Question(
            app=app,
            resource_app=resource_app,
            person=person,
            now=at,
            sign_in=SignIn(
                acr=self.acr, amr=self.amr, auth_time=at - self.auth_age, address=self.signin_address
            ),
            scopes=self.scopes,
            resources=self.resources,
            holds=holds,
            address=self.address,
            key_bound=self.key_bound,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """The question with the policy that answers it, the names to explain it with, and what else to know.

    ``notes``: why the token endpoint would refuse before the policy is asked at all.  ``claims``: the names
    of what the resource app would be told about the person beyond what it must know.
    """

    policy: Policy
    question: Question
    names: Names
    notes: tuple[str, ...]
    claims: tuple[str, ...] = ()


def build(store: Store, ask: Ask, *, tried: Snapshot | None = None) -> Asked:
    """Look everything up; ``tried`` answers in place of the rules as they are now.

    Raises UnknownName, Unavailable.
    """
    snapshot = tried or store.ledger.fresh(store.tenant)
    policy = snapshot.policy
    app, target = find_app(policy, ask.app), find_resource_app(policy, ask.resource_app)
    person_id = find_person(store, ask.user)
    connection = policy.connection(app.id, target.id)
    held = (person_id, app.id, target.id, *([connection.id] if connection else []))
    groups, people = _named(policy, app, target, connection)
    keys = [*facts.person_keys(person_id), *facts.hold_keys(*held), *name_keys(groups, people)]
    found = store.ledger.read(tuple(dict.fromkeys(keys)))
    person = facts.person(found, person_id)
    known, holds = person.person if person else None, facts.holds(found, *held)
    question = ask.question(app.id, target.id, known, now=store.clock(), holds=holds)
    notes, claims = tuple(_notes(snapshot, app)), tuple(_claims(target, person))
    return Asked(policy, question, _and_holders(store, names_in(found, groups, people), holds), notes, claims)


def _and_holders(store: Store, names: Names, holds: Iterable[Hold]) -> Names:
    """Also who placed the holds, if that was somebody with a name."""
    placed = [hold.by.partition(" ")[2] for hold in holds if hold.by.startswith("person ")]
    if not placed:
        return names
    return Names(names.groups, {**names_of(store, (), people=placed).people, **names.people})


def find_app(policy: Policy, key: str) -> App:
    """The app with this id of the state file; raises UnknownName."""
    for app in policy.apps.values():
        if app.key == key:
            return app
    meant = next((app.key for app in policy.apps.values() if key in (app.client_id, app.name, app.id)), None)
    raise UnknownName(unknown("app", key, meant, of=(app.key for app in policy.apps.values())))


def find_resource_app(policy: Policy, key: str) -> ResourceApp:
    """The resource app with this id of the state file; raises UnknownName."""
    for target in policy.resource_apps.values():
        if target.key == key:
            return target
    by_audience = policy.audience(key) or policy.audience(policy.near_miss(key) or "")
    named = [target for target in policy.resource_apps.values() if key in (target.name, target.id)]
    meant = next((target.key for target in (*by_audience, *named)), None)
    keys = (target.key for target in policy.resource_apps.values())
    raise UnknownName(unknown("resource app", key, meant, of=keys))


def find_person(store: Store, username: str) -> str:
    """The id of the person with this user name; raises UnknownName."""
    key = Key("person", "username", username)
    for row in store.ledger.read((key,))(key):
        if row["tenant_id"] == store.tenant:
            return facts.string(row, "id")
    raise UnknownName(unknown("user", username))


def unknown(kind: str, key: str, meant: str | None = None, *, of: Iterable[str] = ()) -> str:
    """What to say of a name that leads nowhere: what was meant, or is spelt like it."""
    if meant:
        return f"unknown {kind}: {key}; its id is {meant}"
    near = difflib.get_close_matches(key, sorted(of), n=1)
    return f"unknown {kind}: {key}" + (f"; did you mean {near[0]}?" if near else "")


def _named(
    policy: Policy, app: App, target: ResourceApp, connection: Connection | None
) -> tuple[frozenset[str], frozenset[str]]:
    """The ids of groups and people that an explanation may have to name."""
    sso_app = policy.apps.get(target.sso_app or "")
    whos: list[Who] = [app.assigned, *(guardrail.who for guardrail in policy.guardrails)]
    whos += [sso_app.assigned] if sso_app else []
    whos += [rule.who for rule in connection.rules] if connection else []
    return mentioned(whos)


def _claims(target: ResourceApp, person: facts.PersonFacts | None) -> Iterable[str]:
    """As the token endpoint fills them in, of this person; never the values."""
    if person is None:
        return
    known = {"email": person.email, "name": person.name}
    attributes = person.person.attributes
    yield from (name for name in target.release if known.get(name))
    yield from (["aud_sub"] if target.aud_sub in attributes else ())
    yield from target.mapped(person.person)


def _notes(snapshot: Snapshot, app: App) -> Iterable[str]:
    """What the token endpoint looks at before the policy: credentials and grants are not decide()'s."""
    client = snapshot.clients[app.client_id]
    if _GRANT not in client.grants:
        yield f"{app.name} may not exchange tokens: {_GRANT} is not among its grants"
    if client.registration.method == NO_AUTHENTICATION:
        yield f"{app.name} may not exchange tokens: it does not authenticate"
