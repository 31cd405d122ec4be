"""An organisation worth looking at in the console: apps and agents, what they may reach, what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext

from idjag.idp.verifying import Verifying
from idjag.ledger.sqlite import SqliteLedger
from tests.browser.looking import Visitor, visitor
from tests.idp.console.desk import Administrator, acme
from tests.idp.me.person import Person, administer, policy
from tests.idp.signin.site import Host, Site

__all__ = ["APPS", "PAGES", "STATE", "TARGETS", "inside", "organisation", "owner_of_many"]


def _app(key: str, name: str, kind: str = "web") -> dict[str, Any]:
    return {
        "id": key,
        "name": name,
        "kind": kind,
        "redirect_uris": [f"https://{key}.acme.example/callback"],
        "auth": {"method": "private_key_jwt", "jwks_uri": f"https://{key}.acme.example/jwks"},
        "grants": ["authorization_code", "token_exchange"],
        "assigned": {"everyone": True},
    }


def _target(key: str, name: str, *scopes: str) -> dict[str, Any]:
    api = {"uri": f"https://api.{key}.example/", "scopes": list(scopes)}
    return {"id": key, "name": name, "issuer": f"https://{key}.example/", "resources": [api]}


def _connection(app: str, target: str, *scopes: str, **more: Any) -> dict[str, Any]:
    rule = {
        "id": "daily-work",
        "who": {"groups": more.pop("groups", ["staff"])},
        "scopes": list(scopes),
        **({"conditions": more.pop("conditions")} if "conditions" in more else {}),
    }
    return {
        "id": f"{app}-{target}",
        "from": app,
        "to": target,
        "client_id": f"{app}-at-{target}",
        "owner": "it@acme.example",
        "reason": "people asked for it",
        "rules": [rule],
        **more,
    }


_MFA: Final = {"acr": ["urn:idjag:acr:mfa"], "max_auth_age": "8h"}

STATE: Final[Mapping[str, Any]] = {
    "version": 1,
    "groups": [{"name": name} for name in ("staff", "engineering", "finance", "contractors")],
    "users": [
        {
            "username": f"{first}.{last}".lower(),
            "name": f"{first} {last}",
            "email": f"{first}.{last}@acme.example".lower(),
            "groups": ["staff", group],
        }
        for first, last, group in (
            ("Ada", "Okafor", "engineering"),
            ("Björn", "Lindqvist", "finance"),
            ("Chiyo", "Tanaka", "engineering"),
            ("Dara", "Nguyen", "contractors"),
            ("Elif", "Demir", "finance"),
        )
    ],
    "apps": [
        _app("robin", "Robin", "ai_agent"),
        _app("scout", "Scout", "ai_agent"),
        _app("planner", "Planner"),
        _app("reports", "Reports", "service"),
    ],
    "resource_apps": [
        _target("mail", "Mail", "mail.read", "mail.send"),
        _target("drive", "Drive", "files.read", "files.write"),
        _target("ledger", "Ledger", "invoices.read", "invoices.pay"),
        _target("code", "Code", "repos.read", "repos.write"),
    ],
    "connections": [
        _connection("robin", "mail", "mail.read"),
        _connection("robin", "drive", "files.read", groups=["engineering"]),
        _connection("robin", "chat", "chat.read", "chat.history", conditions=_MFA),
        _connection("scout", "code", "repos.read", groups=["engineering"], conditions=_MFA),
        _connection("scout", "ledger", "invoices.read", groups=["finance"], status="draft"),
        _connection("planner", "mail", "mail.send", expires="2027-02-01T00:00:00Z"),
        _connection("reports", "ledger", "invoices.read", groups=["finance"]),
        _connection("reports", "drive", "files.read", status="paused"),
    ],
    "guardrails": [
        {
            "id": "no-payments-by-agents",
            "who": {"everyone": True},
            "from": ["robin", "scout"],
            "scopes": ["invoices.pay"],
            "reason": "money moves by hand",
        },
        {
            "id": "contractors-stay-out-of-code",
            "who": {"groups": ["contractors"]},
            "to": ["code"],
            "reason": "contracts say so",
        },
    ],
}


APPS, TARGETS = 62, 31


def _many() -> dict[str, Any]:
    """More than a screen holds: each app goes to one resource app, the first one to all of them."""
    pairs = [(0, at) for at in range(TARGETS)] + [(at, at % TARGETS) for at in range(1, APPS)]
    return {
        "version": 1,
        "groups": [{"name": "staff"}],
        "apps": [_app(f"many-{at:02}", f"Many {at:02}") for at in range(APPS)],
        "resource_apps": [_target(f"api-{at:02}", f"Api {at:02}", "read") for at in range(TARGETS)],
        "connections": [
            _connection(
                f"many-{app:02}", f"api-{at:02}", "read", status="paused" if app == at == 0 else "active"
            )
            for app, at in pairs
        ],
    }


@contextmanager
def owner_of_many(host: Host, folder: Path) -> Iterator[Administrator]:
    """Alice, owner of an organisation with more connections than a screen holds."""
    with acme(host, folder) as site:
        administer(site, _many())
        with Administrator(site) as alice:
            yield alice


@contextmanager
def organisation(host: Host, folder: Path) -> Iterator[Administrator]:
    """Alice, owner of it, after a morning's work."""
    with acme(host, folder, policy()) as site:
        administer(site, STATE)
        for issued in (1, 3, 5, 4, 6, 2):
            with Person(site) as somebody:
                _work(somebody, issued)
            site.clock.now += 3600
        with Administrator(site) as alice:
            page = alice.page("/admin/app", id="scout")
            alice.submit(page, "/admin/hold", reason="it asked for more than it needs")
            _verify(site, folder)
            yield alice


def _verify(site: Site, folder: Path) -> None:
    """What a serving process does every five minutes."""
    kept = site.services.verifications
    assert kept is not None
    assert isinstance(site.ledger, SqliteLedger)
    Verifying(site.ledger, kept, f"sqlite:///{folder / 'idjag.db'}", "node-1").run(lambda _seconds: False)


def _work(somebody: Person, issued: int) -> None:
    for _ in range(issued):
        assert somebody.act().status_code == 200
    assert somebody.act(scope="chat.history").status_code == 400


PAGES: Final[Mapping[str, str]] = {
    "overview": "/admin",
    "map": "/admin/map",
    "map of a person": "/admin/map?user=ada.okafor",
    "map of an app": "/admin/map?app=robin",
    "matrix": "/admin/matrix",
    "connections": "/admin/connections",
    "connection": "/admin/connection?id=robin-chat",
    "people of a connection": "/admin/connection/people?id=robin-chat",
    "wizard": "/admin/connect",
    "guardrails": "/admin/guardrails",
    "guardrail": "/admin/guardrail/edit?id=no-payments-by-agents",
    "ask": "/admin/ask",
    "ask, allowed": "/admin/ask?user=alice&from=wiki&to=chat&scopes=chat.read",
    "ask, denied": "/admin/ask?user=dara.nguyen&from=scout&to=code&scopes=repos.read",
    "ask, wrong": "/admin/ask?user=nobody&from=wiki&to=chat",
    "audit": "/admin/audit",
    "audit, wrong": "/admin/audit?since=yesterday",
    "audit, chain": "/admin/audit/chain",
    "thread": "/admin/audit/thread?jti=unknown",
    "token lens": "/admin/lens",
    "apps": "/admin/apps",
    "app": "/admin/app?id=robin",
    "app held": "/admin/app?id=scout",
    "app edit": "/admin/app/edit?id=wiki",
    "app new": "/admin/app/edit",
    "resource apps": "/admin/resource-apps",
    "resource app": "/admin/resource-app?id=mail",
    "resource app new": "/admin/resource-app/edit",
    "people": "/admin/people",
    "person": "/admin/person?id=ada.okafor",
    "person edit": "/admin/person/edit?id=ada.okafor",
    "person new": "/admin/person/edit",
    "people import": "/admin/people/import",
    "person owns": "/admin/person/owns?id=ada.okafor",
    "groups": "/admin/groups",
    "group": "/admin/group?id=engineering",
    "group new": "/admin/group/edit",
    "holds": "/admin/holds",
    "keys": "/admin/keys",
    "settings": "/admin/settings",
    "administrators": "/admin/administrators",
    "nothing": "/admin/connection?id=unknown",
    "what lies unused": "/admin/attention?for=unused",
}


@contextmanager
def inside(chromium: Browser, alice: Administrator, *, script: bool = True) -> Iterator[Visitor]:
    """Alice's window, already in the console."""
    with visitor(chromium, alice.site, script=script) as window:
        _carry(alice, window.context)
        yield window


def _carry(alice: Administrator, context: BrowserContext) -> None:
    for cookie in alice.cookies.jar:
        context.add_cookies([{"name": cookie.name, "value": str(cookie.value), "url": alice.site.issuer}])
