"""The token lens on what is no token of ours: foreign, forged, hostile, or a secret in the wrong field."""

from __future__ import annotations

import pytest

from idjag.protocol import names
from idjag.protocol.jose import JsonValue
from tests.idp.console.desk import Administrator
from tests.idp.console.test_lens import CANARY, LENS, foreign, id_jag, looked, pasted
from tests.idp.signin.site import Site


def access_token() -> str:
    return foreign(typ=names.ACCESS_TOKEN_TYP, scope=CANARY)


@pytest.mark.parametrize("typed", ["{}", "Bearer {}", "bearer\n{}", "  {}\n"])
def test_a_token_is_read_as_people_copy_it(shared_owner: Administrator, typed: str) -> None:
    token = id_jag(shared_owner)
    broken = "\n".join(token[at : at + 64] for at in range(0, len(token), 64))
    assert "Signed here" in looked(shared_owner, typed.format(broken))


def test_of_a_token_from_elsewhere_only_known_claims_are_shown(
    shared_owner: Administrator,
) -> None:
    page = looked(shared_owner, foreign(aud="https://rs.example/", api_key=CANARY, nested={"secret": CANARY}))
    assert "Not from here" in page
    assert "https://rs.example/" in page
    assert CANARY not in page
    assert "2 more claims are not shown" in page
    assert "In our records" not in page


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(access_token(), id="an access token"),
        pytest.param(foreign(typ="JWT", scope=CANARY), id="what may be an access token"),
        pytest.param(foreign(typ="dpop+jwt", htm=CANARY), id="a proof"),
        pytest.param(foreign(typ="unheard+jwt", x=CANARY), id="a type that nobody knows"),
        pytest.param(f"rt_{CANARY}", id="a refresh token"),
        pytest.param(f"{CANARY}.{CANARY}.{CANARY}", id="no base64url of JSON"),
        pytest.param(f"{CANARY}." * 5, id="an encrypted token"),
        pytest.param(foreign(name="x" * 17_000, x=CANARY), id="too long"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_may_let_somebody_in_is_not_shown(
    shared_owner: Administrator, shared_site: Site, token: str
) -> None:
    """Attack case: a secret pasted into the wrong field leaves no trace, on the page or in the log."""
    page = pasted(shared_owner, token)
    assert page.status_code == 422
    assert 'id="token-problem"' in page.text
    assert CANARY not in page.text
    assert "x" * 100 not in page.text
    used = shared_site.last_event()
    assert used["event"] == "lens.used"
    assert used["after"] == {"about": {"shown": False}}
    assert "Not from here" in looked(shared_owner, foreign())


ODD: list[JsonValue] = [
    "<script>alert(1)</script>",
    "\u202emoc.elpmaxe",
    10**30,
    -1,
    True,
    1.5,
    {"deep": [[[[["x"]]]]]},
    ["a", None],
    "y" * 5000,
]


@pytest.mark.parametrize("name", ["exp", "sub", "scope"])
def test_claims_that_are_no_such_thing_are_shown_as_text(shared_owner: Administrator, name: str) -> None:
    form = shared_owner.page(LENS)
    for value in ODD:
        page = shared_owner.submit(form, LENS, token=foreign({name: value}))
        assert page.status_code == 200, value
        assert "<script>alert" not in page.text
        assert "y" * 2001 not in page.text
        assert f">{name}</bdi></th>" in page.text
