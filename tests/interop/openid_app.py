"""Apps that use openid-client, in Node: how they are set up at a server, and how alice signs in to them."""

from __future__ import annotations

from typing import Any

from idjag.demo.wire import Browser
from tests.interop.node_program import Script
from tests.interop.world import World

__all__ = ["OFFLINE", "callback", "discovered", "signed_in"]

METHODS = {
    "wiki": "client_secret_basic",
    "pinned-post": "client_secret_post",
    "keyed": "private_key_jwt",
    "es256": "client_secret_basic",
    "spa": "none",
    "inspector": "client_secret_basic",
    "published": "private_key_jwt",
}
OFFLINE = "openid offline_access"


def discovered(world: World, openid: Script, app: str, **changes: Any) -> Any:
    """Set up for one of the apps; gives the metadata as the library took it."""
    known = {
        "issuer": world.idp,
        "clientId": world.apps[app].client_id,
        "idTokenAlg": world.apps[app].id_token_alg,
        "method": METHODS[app],
        "secret": world.secrets.get(app),
        "pem": world.key.to_pem().decode(),
    }
    return openid("discover", **known | changes)


def callback(
    world: World,
    openid: Script,
    app: str,
    scope: str = "openid profile email",
    *,
    begin: str = "begin",
    browser: Browser | None = None,
) -> str:
    """Where the browser comes back to after alice went through the form."""
    redirect_uri = world.apps[app].redirect_uri
    browser = browser or Browser()
    url, page = browser.get(openid(begin, redirectUri=redirect_uri, scope=scope))
    typed = {"username": "alice", "password": world.password}
    url, _ = browser.submit(url, page, typed=typed, until=redirect_uri)
    return url


def signed_in(world: World, openid: Script, app: str, scope: str = "openid", **changes: Any) -> Any:
    """The tokens that the app gets; ``changes`` are of its set-up."""
    discovered(world, openid, app, **changes)
    return openid("finish", callback=callback(world, openid, app, scope))
