"""What clients publish, behind one door: which addresses are taken, and what is said about changes."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.client_auth import Presented, Registration
from idjag.protocol.client_certificate import Told, has_key
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import KeySet, PrivateKey
from idjag.trust.memory import MemoryFetcher
from idjag.trust.outbound import FetchFailed
from idjag.trust.publications import Publications, needed
from tests.certificates import shown
from tests.trust.parts import LIMITS, Clock, have_landed, key_set

URL = "https://client.example/app.json"


def document(**changes: Any) -> dict[str, Any]:
    good = {"client_id": URL, "token_endpoint_auth_method": "private_key_jwt", "jwks": key_set("one")}
    return good | changes


@pytest.mark.parametrize("loopback", [True, False])
def test_a_client_on_this_machine_is_for_an_issuer_on_this_machine(*, loopback: bool) -> None:
    """CAU-11: not even asked for otherwise."""
    url = "http://127.0.0.1:9000/app.json"
    fetcher = MemoryFetcher({url: document(client_id=url)})
    publications = Publications(fetcher, loopback=loopback, limits=LIMITS)
    if loopback:
        assert publications.document(url).client_id == url
    else:
        with pytest.raises(Refused) as refused:
            publications.document(url)
        assert "loopback" in refused.value.fact["problem"]
        assert fetcher.asked == []


@pytest.mark.parametrize(
    "url", [f"{URL}#a", "https://u:p@client.example/a", "https://client.example/../a", "wiki"]
)
def test_an_address_that_can_be_no_client_is_not_asked_for(url: str) -> None:
    """CAU-10: also when somebody got it into a table."""
    fetcher = MemoryFetcher({url: document(client_id=url)})
    with pytest.raises(Refused) as refused:
        Publications(fetcher, limits=LIMITS).document(url)
    assert refused.value.reason is Reason.CLIENT_METADATA_UNAVAILABLE
    assert fetcher.asked == []


def test_a_document_that_changed_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Decision 0024: which members, and nothing of what they say; without a change nothing is said."""
    first = document()
    clock, fetcher = Clock(), MemoryFetcher({URL: first})
    publications = Publications(fetcher, clock, limits=LIMITS)
    with caplog.at_level(logging.WARNING, "idjag.trust"):
        publications.document(URL)
        fetcher.documents[URL] = {**first, "client_name": "Other"}
        clock.now += LIMITS.ttl
        publications.document(URL)
        have_landed()
        assert caplog.records == []
        fetcher.documents[URL] = document(redirect_uris=["https://client.example/canary"])
        clock.now += LIMITS.ttl
        publications.document(URL)
        have_landed()
    (record,) = caplog.records
    assert record.getMessage() == f"metadata document of {URL}: changed: redirect_uris, jwks"


def test_a_document_that_is_wrong_now_leaves_the_good_one_in_use_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Attack case 181: never silently, and not for long."""
    clock, fetcher = Clock(), MemoryFetcher({URL: document()})
    publications = Publications(fetcher, clock, limits=LIMITS)
    publications.document(URL)
    fetcher.documents[URL] = FetchFailed(f"{URL}: 404")
    clock.now += LIMITS.ttl
    with caplog.at_level(logging.WARNING, "idjag.trust"):
        assert publications.document(URL).client_id == URL
    assert caplog.records[0].getMessage().endswith("what was fetched earlier stays in use")


def test_places_where_the_keys_once_were_do_not_pile_up() -> None:
    """Attack case 182: a client that moves its keys with every document costs no memory for each of them."""
    places = [f"https://client.example/keys/{number}" for number in range(3)]
    clock, fetcher = Clock(), MemoryFetcher({place: key_set("one") for place in places})
    publications = Publications(fetcher, clock, limits=LIMITS)

    def moved(place: str) -> None:
        fetcher.documents[URL] = document(jwks=None, jwks_uri=place)
        clock.now += LIMITS.ttl
        assert publications.registration(DOCUMENT, kid="one").jwks_uri == place
        have_landed()

    for place in places:
        moved(place)
    assert [known for _, known in publications._keys._entries] == places[-1:]


KEYS = KeySet([PrivateKey.generate("ES256", kid="one").public])
DOCUMENT = Registration(URL, names.CLIENT_ID_METADATA_DOCUMENT)
ELSEWHERE = Registration("wiki", names.PRIVATE_KEY_JWT, jwks_uri="https://client.example/keys")
PINNED = Registration("wiki", names.PRIVATE_KEY_JWT, keys=KEYS)
SECRET = Registration("wiki", names.CLIENT_SECRET, secret_hashes=(b"x",))
CERTIFIED = Registration("wiki", names.SELF_SIGNED_TLS_CLIENT_AUTH, jwks_uri="https://client.example/keys")


@pytest.mark.parametrize(
    ("registration", "method", "expected"),
    [
        (DOCUMENT, names.PRIVATE_KEY_JWT, True),
        (DOCUMENT, names.NO_AUTHENTICATION, True),
        (DOCUMENT, names.CLIENT_SECRET_BASIC, False),
        (DOCUMENT, names.CLIENT_SECRET_POST, False),
        (replace(DOCUMENT, active=False), names.PRIVATE_KEY_JWT, False),
        (ELSEWHERE, names.PRIVATE_KEY_JWT, True),
        (ELSEWHERE, names.NO_AUTHENTICATION, False),
        (ELSEWHERE, names.CLIENT_SECRET_BASIC, False),
        (replace(ELSEWHERE, keys=KEYS), names.PRIVATE_KEY_JWT, False),
        (PINNED, names.PRIVATE_KEY_JWT, False),
        (SECRET, names.PRIVATE_KEY_JWT, False),
        (CERTIFIED, names.NO_AUTHENTICATION, False),
        (CERTIFIED, names.CLIENT_SECRET_BASIC, False),
        (None, names.PRIVATE_KEY_JWT, False),
    ],
)
def test_what_is_published_is_needed_only_where_it_could_prove_something(
    registration: Registration | None, method: str, *, expected: bool
) -> None:
    """CAU-06, CAU-13: no fetch before the client is known, and only when its method needs it."""
    assert needed(Presented("wiki", method), registration) is expected


def shows(certificate: Told, **changes: Any) -> Presented:
    return replace(Presented("wiki", names.NO_AUTHENTICATION, certificate=certificate), **changes)


def test_keys_are_looked_for_when_a_certificate_could_be_one_of_them() -> None:
    """CAU-08: and for nobody whom a certificate proves nothing of."""
    told = shown().unverified
    assert needed(shows(told), CERTIFIED)
    assert not needed(shows(told, method=names.CLIENT_SECRET_POST), CERTIFIED)
    assert not needed(shows(told), replace(CERTIFIED, active=False))
    assert not needed(shows(told), replace(CERTIFIED, keys=KEYS))
    assert not needed(shows(told), replace(CERTIFIED, method=names.TLS_CLIENT_AUTH))
    assert not needed(shows(told), ELSEWHERE)


def test_a_certificate_with_another_key_makes_us_look_again() -> None:
    """CAU-08: a client changes its key by publishing it; garbage is no reason to ask anybody."""
    place, clock = str(CERTIFIED.jwks_uri), Clock()
    old, new = shown(key="old"), shown(key="new")
    fetcher = MemoryFetcher({place: {"keys": [old.jwk(kid="1")]}})
    publications = Publications(fetcher, clock, limits=LIMITS)

    def known(told: Told) -> bool:
        keys = publications.registration(CERTIFIED, certificate=told).keys
        assert keys is not None
        return any(has_key(each.certificate, keys) for each in (old, new) if told == each.unverified)

    assert known(old.unverified)
    fetcher.documents[place] = {"keys": [old.jwk(kid="1"), new.jwk(kid="2")]}
    clock.now += LIMITS.cooldown
    assert known(old.unverified)
    assert not known(Told(b"garbage"))
    assert len(fetcher.asked) == 1
    assert known(new.unverified)
    assert len(fetcher.asked) == 2


def test_a_registration_that_needs_nothing_is_left_as_it_is() -> None:
    fetcher = MemoryFetcher({})
    assert Publications(fetcher, limits=LIMITS).registration(PINNED, kid="unknown") is PINNED
    assert fetcher.asked == []
