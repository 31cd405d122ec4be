"""`idjag demo --once`: drives the whole thread over real HTTP, then a gallery of refusals.

Each step says what must come out; the run fails at the first one that comes out differently.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TextIO

from idjag.demo.files import PEOPLE
from idjag.demo.wire import Answer, Browser
from idjag.demo.world import World
from idjag.protocol import names
from idjag.protocol.jose import JoseError, jws

__all__ = ["NotAsSaid", "once"]

_HIDDEN = ("access_token", "id_token", "refresh_token")


class NotAsSaid(Exception):
    """A step did not come out as it says."""


def once(world: World, out: TextIO) -> None:
    """Run every step; raises NotAsSaid."""
    story = _Story(world, out)
    id_token = story.sign_in("alice")
    story.thread(id_token)
    story.gallery(id_token)


class _Story:
    """Tells and checks one step after the other."""

    def __init__(self, world: World, out: TextIO) -> None:
        self._world = world
        self._wiki = world.wiki
        self._out = out
        self._step = 0

    def sign_in(self, username: str) -> str:
        """Through the login form, as a browser does it; gives the ID token."""
        pending, browser = self._wiki.begin(), Browser()
        self._say(f"{username} opens Wiki and is sent to the IdP to sign in")
        url, page = browser.get(pending.url)
        self._check("the sign-in page", page, status=200)
        typed = {"username": username, "password": PEOPLE[username]}
        url, back = browser.submit(url, page, typed=typed, until=self._wiki.redirect_uri)
        if not url.startswith(self._wiki.redirect_uri):
            raise NotAsSaid(f"the sign-in of {username} led to {url} ({back.status})")
        self._say("Wiki redeems the authorization code (PKCE) for an ID token")
        answer = self._wiki.finish(pending, url)
        self._check("the code", answer, status=200)
        id_token = str(answer.json()["id_token"])
        self._decode("ID token", id_token)
        return id_token

    def thread(self, id_token: str) -> str:
        """Exchange, redemption, API call; gives the ID-JAG, used by then."""
        self._say("Wiki exchanges the ID token for an ID-JAG that names Chat")
        exchanged = self._wiki.exchange(id_token)
        self._check("the exchange", exchanged, status=200)
        grant = str(exchanged.json()["access_token"])
        self._decode("ID-JAG", grant)
        self._say("Wiki redeems the ID-JAG at Chat's authorization server")
        redeemed = self._wiki.redeem(grant)
        self._check("the redemption", redeemed, status=200)
        access_token = str(redeemed.json()["access_token"])
        self._decode("access token", access_token)
        self._say("Wiki calls Chat's API with Chat's own access token")
        threads = self._wiki.threads(access_token)
        self._check("the API", threads, status=200)
        self._print(json.dumps(threads.json(), indent=2))
        self._halves(grant)
        return grant

    def _halves(self, grant: str) -> None:
        """Issued here, redeemed there: one thread, because Chat reports."""
        self._say("Chat has told the IdP what became of the ID-JAG; its thread in the audit log")
        jti = str(jws.parse(grant, max_bytes=names.MAX_ID_JAG).claims["jti"])
        thread = self._world.thread(jti, until="id_jag.redeemed")
        told = [str(event["event"]) for event in thread]
        if told != ["id_jag.issued", "id_jag.redeemed"]:
            raise NotAsSaid(f"the thread of the ID-JAG is {told}")
        shown = ("id", "event", "jti", "audience", "actor", "decision_id")
        self._print("\n".join(_compact({name: event[name] for name in shown}) for event in thread))

    def gallery(self, id_token: str) -> None:
        """What is refused, each next to what was allowed above."""
        self._out.write("\nThe gallery of refusals\n")
        wiki, world = self._wiki, self._world
        self._refused(
            "an unknown audience",
            wiki.exchange(id_token, audience=f"{world.at.idp}/elsewhere"),
            "invalid_target",
        )
        self._refused(
            "the IdP itself as audience", wiki.exchange(id_token, audience=world.at.idp), "invalid_target"
        )
        self._refused(
            "a scope that no rule allows", wiki.exchange(id_token, scope="chat.write"), "invalid_scope"
        )
        grant = self._fresh(id_token)
        self._refused(
            "another client's ID-JAG", wiki.redeem(grant, credentials=world.other_client), "invalid_grant"
        )
        self._check("the rightful client still redeems it", wiki.redeem(grant), status=200)
        self._refused("the same ID-JAG again (replay)", wiki.redeem(grant), "invalid_grant")
        self._refused("the ID token in place of an ID-JAG", wiki.redeem(id_token), "invalid_grant")
        self._refused("the ID-JAG as access token", wiki.threads(grant), "invalid_token", status=401)
        grant = self._fresh(id_token)
        world.clock.ahead = 600
        self._refused("an ID-JAG ten minutes later (expired)", wiki.redeem(grant), "invalid_grant")
        world.clock.ahead = 0
        world.apply(connection="paused")
        self._refused("the connection paused by IT", wiki.exchange(id_token), "access_denied")
        world.apply()
        self._check("the connection active again", wiki.exchange(id_token), status=200)
        bob = self.sign_in("bob")
        self._refused("bob, whom no rule names", wiki.exchange(bob), "access_denied")
        world.apply(alice="disabled")
        self._refused("alice disabled by IT", wiki.exchange(id_token), "invalid_grant")
        world.apply()

    def _fresh(self, id_token: str) -> str:
        answer = self._wiki.exchange(id_token)
        self._check("a fresh ID-JAG", answer, status=200)
        return str(answer.json()["access_token"])

    def _refused(self, what: str, answer: Answer, error: str, *, status: int = 400) -> None:
        got = answer.json()
        if answer.status != status or got.get("error") != error or set(_HIDDEN) & got.keys():
            raise NotAsSaid(f"{what}: expected {status} {error}, got {answer.status} {got}")
        self._out.write(
            f"  refused  {what}: {status} {error}\n           {got.get('error_description', '')}\n"
        )

    def _check(self, what: str, answer: Answer, *, status: int) -> None:
        if answer.status != status:
            raise NotAsSaid(f"{what}: expected {status}, got {answer.status} {answer.body[:500]!r}")
        self._out.write(f"  ok       {what}: {status}\n")

    def _say(self, sentence: str) -> None:
        self._step += 1
        self._out.write(f"\n{self._step}. {sentence}\n")

    def _decode(self, kind: str, token: str) -> None:
        try:
            jwt = jws.parse(token, max_bytes=names.MAX_ID_JAG)
        except JoseError as wrong:
            raise NotAsSaid(f"the {kind} is not a JWT: {wrong.code}") from None
        self._print(f"{kind}, header {_compact(jwt.header)}\n{json.dumps(dict(jwt.claims), indent=2)}")

    def _print(self, text: str) -> None:
        self._out.write("".join(f"    {line}\n" for line in text.splitlines()))


def _compact(members: Mapping[str, object]) -> str:
    return json.dumps(dict(members), separators=(", ", ": "))
