"""Tokens that are bound to a key, at the API: RFC 9449 section 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idjag.protocol.errors import Refused
from idjag.ras.binding import Presented
from tests.proofs import KEY, OTHER_KEY, jkt
from tests.ras.api import Pairs, access_token, ask, bearer, bound_token, challenges, guard, proven
from tests.ras.world import NOW, body

METADATA = "https://api.chat.example/.well-known/oauth-protected-resource"
ALGS = 'algs="ES256 RS256 Ed25519"'
BEARER = f'Bearer resource_metadata="{METADATA}", scope="chat.read"'
SECRET = b"k" * 32
TOKEN = bound_token()


def refused(headers: Pairs, *, error: str = "invalid_token", **changes: Any) -> dict[str, str]:
    """Why, for the log; the client gets a 401 with a challenge of the scheme that it must use."""
    checking = guard(**changes)
    with pytest.raises(Refused) as caught:
        ask(checking, headers)
    reply = checking.refusal(caught.value)
    assert (reply.status, body(reply)["error"]) == (401, error)
    *others, challenge = challenges(reply)
    assert challenge == f'DPoP error="{error}", resource_metadata="{METADATA}", scope="chat.read", {ALGS}'
    assert others == ([] if changes.get("key_bound") else [BEARER])
    return caught.value.fact


def test_a_bound_token_and_its_proof_open_the_api() -> None:
    """DPOP-17: RFC 9449 section 7.1."""
    assert ask(guard(), proven(TOKEN)).jkt == jkt()
    assert ask(guard(key_bound=True), proven(TOKEN)).sub == "u-alice"
    scheme, made = proven(TOKEN)
    assert ask(guard(), [(b"authorization", scheme[1].replace(b"DPoP", b"dpop")), made]).jkt == jkt()


def test_a_bound_token_is_worth_nothing_as_bearer() -> None:
    """DPOP-17, attack case 112: with and without a proof beside it."""
    assert refused(bearer(TOKEN))["problem"] == "bound, as Bearer"
    assert refused([*bearer(TOKEN), proven(TOKEN)[1]])["problem"] == "bound, as Bearer"
    assert refused(bearer(TOKEN), key_bound=True)["problem"] == "bound, as Bearer"


def test_an_unbound_token_is_worth_nothing_as_dpop() -> None:
    """DPOP-17: whoever stole it could put a proof of their own beside it."""
    assert refused(proven(access_token()))["problem"] == "not bound, as DPoP"
    assert ask(guard(), bearer(access_token())).jkt is None


def test_a_resource_may_refuse_all_unbound_tokens() -> None:
    """RFC 9449 section 7.2: and then it offers nothing else."""
    assert refused(bearer(access_token()), key_bound=True)["problem"] == "not bound"
    checking = guard(key_bound=True)
    with pytest.raises(Refused, match="token_missing") as caught:
        ask(checking, [])
    [challenge] = challenges(checking.refusal(caught.value))
    assert challenge == f'DPoP resource_metadata="{METADATA}", scope="chat.read", {ALGS}'


WRONG: list[tuple[str, Callable[[], Pairs], str]] = [
    ("no proof", lambda: proven(TOKEN)[:1], "no proof"),
    ("another key", lambda: proven(TOKEN, key=OTHER_KEY), "another key"),
    ("another key's token", lambda: proven(bound_token(OTHER_KEY)), "another key"),
]


@pytest.mark.parametrize(
    ("make", "problem"), [pytest.param(make, problem, id=why) for why, make, problem in WRONG]
)
def test_a_bound_token_needs_a_proof_of_its_key(make: Callable[[], Pairs], problem: str) -> None:
    """DPOP-17, attack case 112."""
    assert refused(make())["problem"] == problem


@pytest.mark.parametrize("ath", [None, "", "x", TOKEN], ids=["none", "empty", "another", "the token"])
def test_a_proof_is_for_one_token(ath: str | None) -> None:
    """DPOP-17, attack case 112: ath lacking or wrong; also for another token of the same key."""
    assert refused(proven(TOKEN, ath=ath))["claim"] == "ath"
    other = bound_token(jti="t-2")
    assert refused([proven(other)[0], proven(TOKEN)[1]])["claim"] == "ath"


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"htm": "POST"}, "htm"),
        ({"htu": "https://api.chat.example/history"}, "htu"),
        ({"htu": "https://files.chat.example/threads"}, "htu"),
        ({"htu": "http://api.chat.example/threads"}, "htu"),
        ({"htu": "https://api.chat.example"}, "htu"),
        ({"iat": NOW - 3600}, "iat"),
        ({"iat": NOW + 3600}, "iat"),
        ({"jti": None}, "jti"),
    ],
    ids=str,
)
def test_a_proof_is_for_this_request(changes: dict[str, Any], claim: str) -> None:
    """DPOP-17, attack case 107: RFC 9449 section 4.3; its own error, since a new token would not help."""
    assert refused(proven(TOKEN, **changes), error="invalid_dpop_proof")["claim"] == claim


def test_several_proofs_are_none() -> None:
    """Attack case 108."""
    first, second = proven(TOKEN), proven(TOKEN)
    assert refused([*first, second[1]], error="invalid_dpop_proof")["problem"] == "several"
    joined = (b"dpop", first[1][1] + b"," + second[1][1])
    assert refused([first[0], joined], error="invalid_dpop_proof")["problem"] == "several"


def test_a_proof_opens_the_api_once() -> None:
    """RFC 9449 section 11.1; what was refused for another reason is not used up."""
    checking = guard()
    headers = proven(TOKEN)
    with pytest.raises(Refused, match="scope_insufficient"):
        ask(checking, headers, scopes=("chat.write",))
    assert ask(checking, headers).sub == "u-alice"
    with pytest.raises(Refused, match="replayed"):
        ask(checking, headers)
    assert ask(guard(), headers).sub == "u-alice"  # another process: see the port
    assert ask(checking, proven(TOKEN)).sub == "u-alice"


def test_a_port_that_cannot_say_lets_nothing_in() -> None:
    """Contract section 7: 503, no guess."""

    class Down:
        def first_time(self, scope: str, jti: str, *, until: int, now: int) -> bool:
            raise OSError(scope, jti, until, now)

    checking = guard(proofs=Down())
    with pytest.raises(Refused, match="unavailable port=proofs error=OSError") as caught:
        ask(checking, proven(TOKEN))
    reply = checking.refusal(caught.value)
    assert (reply.status, challenges(reply)) == (503, [])
    assert ask(checking, bearer(access_token())).sub == "u-alice"


def test_a_missing_scope_is_said_in_the_scheme_that_was_used() -> None:
    """RFC 9449 section 7.1, contract section 7: 403."""
    checking = guard()
    with pytest.raises(Refused, match="scope_insufficient") as caught:
        ask(checking, proven(TOKEN), scopes=("chat.write",))
    reply = checking.refusal(caught.value, scopes=("chat.write",))
    [challenge] = challenges(reply)
    assert reply.status == 403
    assert challenge.startswith('DPoP error="insufficient_scope"')


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, "https://api.chat.example/threads"),
        ("https://api.chat.example", "https://api.chat.example/threads"),
        ("https://edge.example/chat", "https://edge.example/chat/threads"),
        ("https://edge.example:8443/chat/", "https://edge.example:8443/chat/threads"),
        ("http://127.0.0.1:8702", "http://127.0.0.1:8702/threads"),
    ],
)
def test_the_url_is_the_one_under_which_clients_know_the_api(base: str | None, url: str) -> None:
    """DPOP-17: a proxy may strip a prefix or have another name; nothing of a request decides it."""
    checking = guard(base=base)
    assert ask(checking, proven(TOKEN, url)).sub == "u-alice"
    with pytest.raises(Refused, match="htu"):
        ask(checking, proven(TOKEN, f"https://inside.example{url.removeprefix('https://')}"))


def test_one_resource_may_have_many_paths() -> None:
    checking = guard(resource="https://api.chat.example/v1")
    token = bound_token(aud="https://api.chat.example/v1")
    for path in ("/v1", "/v1/threads", "/v1/threads/7?x=1", "/v1/a%2Fb"):
        url = f"https://api.chat.example{path.partition('?')[0]}"
        assert ask(checking, proven(token, url), path=path).sub == "u-alice"
        with pytest.raises(Refused, match="htu"):
            ask(checking, proven(token, f"{url}/x"), path=path)


@pytest.mark.parametrize(
    "path", ["", "*", "https://evil.example/threads", "@evil.example/", ".evil.example/"]
)
def test_a_request_target_that_is_no_path_is_refused(path: str) -> None:
    """It would continue the host of our base: a proof for another server would fit."""
    headers = proven(TOKEN, f"https://api.chat.example{path}")
    with pytest.raises(Refused, match="dpop_proof_invalid problem=path"):
        ask(guard(), headers, path=path)


@pytest.mark.parametrize(
    "base", ["", "/", "api.chat.example", "ftp://x", "https://x/?a", "https://x/#a", "https://a@b"]
)
def test_a_base_that_no_request_can_be_below_fails_at_the_start(base: str) -> None:
    with pytest.raises(ValueError, match="base"):
        guard(base=base)


def test_a_resource_that_is_no_url_needs_a_base() -> None:
    with pytest.raises(ValueError, match="base"):
        guard(resource="urn:acme:chat")
    checking = guard(resource="urn:acme:chat", base="https://api.chat.example")
    assert ask(checking, proven(bound_token(aud="urn:acme:chat"))).jkt == jkt(KEY)


def test_a_nonce_is_asked_for_and_then_good() -> None:
    """401 and DPoP-Nonce, other than at a token endpoint (RFC 9449 section 9)."""
    clock = [NOW]
    checking = guard(nonce_key=SECRET, clock=lambda: clock[0])
    with pytest.raises(Refused, match="use_dpop_nonce") as caught:
        ask(checking, proven(TOKEN))
    reply = checking.refusal(caught.value)
    nonce = dict(reply.headers)[b"dpop-nonce"].decode()
    assert (reply.status, body(reply)["error"]) == (401, "use_dpop_nonce")
    assert challenges(reply)[-1].startswith('DPoP error="use_dpop_nonce"')
    assert ask(checking, proven(TOKEN, nonce=nonce)).sub == "u-alice"
    assert ask(checking, bearer(access_token())).sub == "u-alice"  # no proof, no nonce
    clock[0] += 600
    with pytest.raises(Refused, match="not current"):
        ask(checking, proven(TOKEN, now=clock[0], nonce=nonce))


def test_nonces_of_one_api_are_nothing_to_another() -> None:
    """Attack case 111."""
    files = guard(nonce_key=SECRET, resource="https://files.chat.example/v1", base="https://api.chat.example")
    nonce = files.nonce_headers()[0][1].decode()
    refused(proven(TOKEN, nonce=nonce), error="use_dpop_nonce", nonce_key=SECRET)
    token = bound_token(aud="https://files.chat.example/v1")
    assert ask(files, proven(token, nonce=nonce)).sub == "u-alice"


def test_a_nonce_key_that_can_be_guessed_fails_at_the_start() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        guard(nonce_key=b"short")


def test_what_was_presented_shows_no_token() -> None:
    """No secrets in reprs and refusals."""
    headers = tuple(proven(TOKEN))
    shown = repr(Presented("DPoP", TOKEN, "GET", "/threads", headers))
    assert TOKEN not in shown
    assert headers[1][1].decode() not in shown
    fact = refused(proven(TOKEN, key=OTHER_KEY))
    assert fact == {"problem": "another key", "expected": jkt(), "got": jkt(OTHER_KEY), "scheme": "DPoP"}
