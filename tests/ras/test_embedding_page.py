"""docs/embedding.md does what it says: its code runs, and the MCP SDK's server redeems through it."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.server.auth.routes import create_auth_routes
from pydantic import AnyHttpUrl
from starlette.applications import Starlette

from idjag.protocol import names
from idjag.protocol.jose import KeySet, jws
from idjag.ras import config
from idjag.yaml_file import FileError
from tests.ras.world import key


@pytest.fixture
def page(root: Path) -> dict[str, Any]:
    """The page, run from top to bottom; its identity provider has our key."""
    text = (root / "docs" / "embedding.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 9
    names_: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "embedding.md", "exec"), names_)  # noqa: S102  # our own documentation
    assert names_["account_id"] == "u-1"
    [trusted] = names_["config"].trusted_issuers
    ours = replace(trusted, keys=KeySet([key("idp").public]))
    names_["ras"].configure(replace(names_["config"], trusted_issuers=(ours,)))
    return names_


def grant(page: dict[str, Any], **changes: Any) -> str:
    now = int(time.time())
    good: dict[str, Any] = {
        "iss": page["IDP"],
        "sub": "alice",
        "aud": page["ISSUER"],
        "client_id": "wiki",
        "jti": "the one",
        "iat": now,
        "exp": now + 300,
        "scope": "tools.call tools.admin",
        "resource": page["API"],
    }
    return jws.sign(good | changes, key=key("idp"), typ=names.ID_JAG_TYP)


def post(page: dict[str, Any], assertion: str, **more: str) -> httpx.Response:
    routes = create_auth_routes(
        page["Provider"](), issuer_url=AnyHttpUrl(page["ISSUER"]), identity_assertion_enabled=True
    )
    form = {
        "grant_type": names.JWT_BEARER,
        "assertion": assertion,
        "client_id": "wiki",
        "client_secret": "a-secret-of-the-wiki",
    }

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=list(routes)))
        async with httpx.AsyncClient(transport=transport, base_url=page["ISSUER"]) as http:
            return await http.post("/token", data=form | more)

    return asyncio.run(send())


def test_the_sdk_s_server_redeems_through_us(page: dict[str, Any]) -> None:
    """Interop: MCP Python SDK 2.3, server side; the token opens the guarded API."""
    answer = post(page, grant(page), resource=page["API"])
    assert answer.status_code == 200
    members = answer.json()
    assert (members["token_type"], members["scope"]) == ("Bearer", "tools.call")
    headers = [(b"authorization", f"Bearer {members['access_token']}".encode())]
    assert page["guard"].check(headers, method="GET", path="/mcp").sub == "u-1"


@pytest.mark.parametrize(
    ("changes", "more", "error"),
    [
        ({"aud": "https://other.example/"}, {}, "invalid_grant"),
        ({"client_id": "other"}, {}, "invalid_grant"),
        ({"sub": "mallory", "email": "m@acme.example", "email_verified": True}, {}, "invalid_grant"),
        ({}, {"scope": "tools.admin"}, "invalid_scope"),
        ({}, {"resource": "https://elsewhere.example/"}, "invalid_target"),
    ],
)
def test_the_sdk_s_server_passes_our_refusals_on(
    page: dict[str, Any], changes: dict[str, Any], more: dict[str, str], error: str
) -> None:
    """What the SDK leaves to the hook is checked."""
    answer = post(page, grant(page, **changes), **more)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert "(ref " in answer.json()["error_description"]
    assert page["store"].events[-1].name == "id_jag.refused"


def test_a_replay_is_refused_through_the_sdk_too(page: dict[str, Any]) -> None:
    """RAS-19."""
    assertion = grant(page)
    assert post(page, assertion).status_code == 200
    assert post(page, assertion).json()["error"] == "invalid_grant"


def test_the_guarded_api_of_the_page_knows_the_person(page: dict[str, Any]) -> None:
    """The middleware of the page."""
    redemption = page["ras"].redeem(grant(page), client_id="wiki")

    async def get(token: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=page["guarded"])
        async with httpx.AsyncClient(transport=transport, base_url=page["API"]) as http:
            return await http.get("", headers={"authorization": f"Bearer {token}"})

    assert asyncio.run(get(redemption.access_token)).text == "u-1"
    assert asyncio.run(get("x")).status_code == 401


def test_the_application_of_the_page_redeems_and_answers(page: dict[str, Any]) -> None:
    """Discovery, token and API of one application; a wrong secret beside the right one."""

    async def call() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=page["app"])
        async with httpx.AsyncClient(transport=transport, base_url=page["ISSUER"]) as http:
            found = await http.get("/.well-known/oauth-authorization-server")
            form = {"grant_type": names.JWT_BEARER, "assertion": grant(page), "client_id": "wiki"}
            wrong = await http.post("/token", data=form | {"client_secret": "a-secret-of-another"})
            right = await http.post("/token", data=form | {"client_secret": "a-secret-of-the-wiki"})
            token = right.json()["access_token"]
            answer = await http.get(page["API"], headers={"authorization": f"Bearer {token}"})
            return [found, wrong, right, answer]

    found, wrong, right, answer = asyncio.run(call())
    assert found.json()["token_endpoint"] == f"{page['ISSUER']}token"
    assert (wrong.status_code, wrong.json()["error"], right.status_code) == (401, "invalid_client", 200)
    assert answer.text == "u-1"


def test_the_endpoints_of_the_page_answer(page: dict[str, Any]) -> None:
    """AT-04: asked by the API of the page; stopped as the page does it."""
    [trusted] = page["config"].trusted_issuers
    ours = replace(trusted, keys=KeySet([key("idp").public]))
    callers = page["Callers"](resource_servers=(page["ResourceServer"](page["tools"], {page["API"]}),))
    page["ras"].configure(replace(page["config"], trusted_issuers=(ours,), callers=callers))
    redemption = page["ras"].redeem(grant(page), client_id="wiki")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=page["introspection"])
        async with httpx.AsyncClient(transport=transport, base_url=page["ISSUER"]) as http:
            auth = ("tools-api", "a-secret-of-the-api")
            return await http.post("/any", data={"token": redemption.access_token}, auth=auth)

    good = asyncio.run(ask()).json()
    assert (good["active"], good["sub"], good["jti"]) == (True, "u-1", redemption.jti)
    page["say"](page["Revoke"]("account_id", "u-1"), now=int(time.time()), by="it")
    assert asyncio.run(ask()).json() == {"active": False}


def test_the_file_of_the_page_is_a_ras_file(root: Path, tmp_path: Path) -> None:
    """Read with the secret that it names; without it the message names the variable."""
    text = (root / "docs" / "embedding.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^```yaml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "ras.yaml"
    path.write_text(shown, encoding="utf-8")
    secrets = {"WIKI_CHAT_SECRET": "a-secret-of-the-wiki", "CHAT_API_SECRET": "a-secret-of-the-api"}
    loaded = config.load(path, secrets)
    assert loaded.database == tmp_path / "ras.db"
    assert loaded.kek_file == tmp_path / "ras.db.kek"
    with pytest.raises(FileError, match="env:WIKI_CHAT_SECRET"):
        config.load(path, {})
