"""mozilla-django-oidc 5.0 as relying party: a Django site whose sessions begin at our IdP."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from idjag.demo.wire import Answer, Browser, fetch
from tests.interop.second_factor import MFA, declined
from tests.interop.world import World

THEIRS = "mozilla_django_oidc.auth.OIDCAuthenticationBackend"
STRICT = "tests.interop.django_urls.WithSecondFactor"
ALICE = {"authenticated": True, "email": "alice@acme.example"}
NEVER = "never:"


@contextmanager
def site(world: World, root: Path, folder: Path, **changes: Any) -> Iterator[str]:
    """Its base URL while the ``with`` lasts; ``changes`` replace settings."""
    listening, log = world.played["django"], folder / "site.log"
    listening.listen()  # from now on requests wait for the site instead of being refused
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.interop.django_site", str(listening.fileno())],
            cwd=root,
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdin is not None
        with process.stdin as configuration:
            json.dump(settings(world, folder) | changes, configuration)
        yield world.urls["django"]
    finally:
        process.terminate()
        assert process.wait() in (0, -signal.SIGTERM), log.read_text()


def settings(world: World, folder: Path) -> dict[str, Any]:
    """What the site's developers write, from our metadata."""
    metadata = _metadata(world)
    return {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "site.db")}},
        "AUTHENTICATION_BACKENDS": [THEIRS],
        "OIDC_RP_CLIENT_ID": "django",
        "OIDC_RP_CLIENT_SECRET": world.secrets["django"],
        "OIDC_RP_SIGN_ALGO": "RS256",
        "OIDC_RP_SCOPES": "openid email",
        "OIDC_USE_PKCE": True,
        "OIDC_OP_AUTHORIZATION_ENDPOINT": metadata["authorization_endpoint"],
        "OIDC_OP_TOKEN_ENDPOINT": metadata["token_endpoint"],
        "OIDC_OP_JWKS_ENDPOINT": metadata["jwks_uri"],
        "OIDC_OP_USER_ENDPOINT": metadata["userinfo_endpoint"],
        "OIDC_STORE_ID_TOKEN": True,
        "LOGIN_REDIRECT_URL": "/",
        "END_SESSION_ENDPOINT": metadata["end_session_endpoint"],
        "LOGIN_REDIRECT_URL_FAILURE": "/?failed",
    }


def _metadata(world: World) -> dict[str, Any]:
    return fetch(f"{world.idp}/.well-known/openid-configuration").json()


def signed_in(world: World, base: str) -> tuple[str, Answer]:
    """Where alice's browser is after the form, and what it shows."""
    browser = Browser()
    url, page = browser.get(f"{base}/oidc/authenticate/")
    assert url.startswith(world.idp), page.body
    typed = {"username": "alice", "password": world.password}
    return browser.submit(url, page, typed=typed, until=NEVER)


@pytest.mark.parametrize("basic", [False, True], ids=["post", "basic"])
def test_a_django_site_signs_in_with_the_backend_as_it_comes(
    world: World, root: Path, tmp_path: Path, *, basic: bool
) -> None:
    """OIDC-01, OIDC-04, OIDC-08, OIDC-15: PKCE, nonce, RS256 by kid; it looks for the person at UserInfo."""
    with site(world, root, tmp_path, OIDC_TOKEN_USE_BASIC_AUTH=basic) as base:
        url, shown = signed_in(world, base)
    assert (url, shown.json()) == (f"{base}/", ALICE)


def test_a_django_site_asks_for_a_second_factor_and_insists_on_it(
    world: World, root: Path, tmp_path: Path
) -> None:
    """OIDC-11, OIDC-13: by its setting for further parameters; who goes on without is not signed in there."""
    wishes = {"OIDC_AUTH_REQUEST_EXTRA_PARAMS": {"acr_values": MFA}, "AUTHENTICATION_BACKENDS": [STRICT]}
    with site(world, root, tmp_path, **wishes) as base:
        browser = Browser()
        at, page = browser.get(f"{base}/oidc/authenticate/")
        without = declined(browser, at, page, password=world.password, until=NEVER)
        browser = Browser()
        at, page = browser.get(f"{base}/oidc/authenticate/")
        url, shown = world.bob.sign_in(browser, at, page, until=NEVER)
    assert (without[0], without[1].json()) == (f"{base}/?failed", {"authenticated": False})
    assert (url, shown.json()) == (f"{base}/", ALICE | {"email": "bob@acme.example"})


def test_a_django_site_signs_out_at_the_idp(world: World, root: Path, tmp_path: Path) -> None:
    """OIDC-20: its own session and ours, by the hook that its documentation names."""
    with site(world, root, tmp_path) as base:
        browser = Browser()
        url, page = browser.get(f"{base}/oidc/authenticate/")
        typed = {"username": "alice", "password": world.password}
        browser.submit(url, page, typed=typed, until=NEVER)
        url, shown = browser.get(f"{base}/leave")
        assert (url, shown.json()) == (f"{base}/bye", {"authenticated": False})
        url, _ = browser.get(f"{base}/oidc/authenticate/")
    assert url.startswith(f"{world.idp}/authorize")


def test_a_django_site_without_pkce_is_told_so(world: World, root: Path, tmp_path: Path) -> None:
    """OIDC-04: PKCE is off in its defaults; the error comes back, and nobody is signed in."""
    with site(world, root, tmp_path, OIDC_USE_PKCE=False) as base:
        url, shown = Browser().get(f"{base}/oidc/authenticate/")
    assert (url, shown.json()) == (f"{base}/?failed", {"authenticated": False})
