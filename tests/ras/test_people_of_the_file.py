"""The people of ras.yaml and those who signed in by themselves, over the years of one database."""

from __future__ import annotations

from pathlib import Path

import pytest

from idjag.ras.config import build, load
from idjag.ras.store_sql import AccountsWrong
from tests.ras.test_config import CONTRACT, ENVIRON, write
from tests.ras.world import ALICE, IDP, NOW, body, grant, request


def test_an_account_that_left_the_file_is_disabled(tmp_path: Path) -> None:
    """Attack case 158 at the RAS: and comes back with the file."""
    without = CONTRACT[: CONTRACT.index("accounts:")] + CONTRACT[CONTRACT.index("receipts:") :]
    for text, status in ((CONTRACT, 200), (without, 400), (CONTRACT, 200)):
        with build(load(write(tmp_path, text), ENVIRON), clock=lambda: NOW) as built:
            for claims in ({}, {"email": "alice@acme.example", "email_verified": True}):
                assert built.ras.token(request({"assertion": grant(**claims)})).status == status


def test_a_person_who_left_the_file_does_not_come_back_as_somebody_new(tmp_path: Path) -> None:
    """RAS-23, attack case 158: just-in-time accounts are for people whom nobody has sent away."""
    rules = "by: [iss_sub, aud_sub, email], email_domains: [acme.example], jit: false"
    jit = CONTRACT.replace(rules, "by: [iss_sub], jit: true")
    without = jit[: jit.index("accounts:")] + jit[jit.index("receipts:") :]
    for text, error in ((jit, None), (without, "access_denied"), (jit, None)):
        with build(load(write(tmp_path, text), ENVIRON), clock=lambda: NOW) as built:
            assert body(built.ras.token(request({"assertion": grant()}))).get("error") == error
            new = built.ras.token(request({"assertion": grant(sub="carol")}))
            assert new.status == 200
    unlinked = jit.replace(f'links: [{{issuer: "{IDP}", sub: "{ALICE}"}}]', "links: []")
    with build(load(write(tmp_path, unlinked), ENVIRON), clock=lambda: NOW) as built:
        assert built.ras.token(request({"assertion": grant()})).status == 200  # a stranger now, and new


def test_a_link_that_somebody_earned_is_not_moved_by_the_file(tmp_path: Path) -> None:
    """RAS-24: the operator must say what is meant."""
    bob = {"sub": "bob", "email": "bob@acme.example", "email_verified": True}
    entry = "  - {id: u-2, email: bob@acme.example}\n"
    text = CONTRACT.replace("receipts:", f"{entry}receipts:")
    with build(load(write(tmp_path, text), ENVIRON), clock=lambda: NOW) as built:
        assert built.ras.token(request({"assertion": grant(**bob)})).status == 200
    taken = CONTRACT.replace(f'sub: "{ALICE}"', 'sub: "bob"')
    with pytest.raises(AccountsWrong, match="linked to 'u-2' already"):
        build(load(write(tmp_path, taken), ENVIRON)).close()


def test_an_address_that_somebody_signed_in_with_is_not_given_to_another(tmp_path: Path) -> None:
    """Two accounts of one address would lock both out."""
    carol = {"sub": "carol", "email": "carol@acme.example", "email_verified": True}
    jit = CONTRACT.replace("jit: false", "jit: true")
    with build(load(write(tmp_path, jit), ENVIRON), clock=lambda: NOW) as built:
        assert built.ras.token(request({"assertion": grant(**carol)})).status == 200
    entry, elsewhere = (f"  - {{id: {each}, email: Carol@acme.example" for each in ("u-3", "u-4"))
    for entries in (f"{entry}}}\n", f"{entry}}}\n{elsewhere}, tenant: globex}}\n"):
        text = jit.replace("receipts:", f"{entries}receipts:")
        with pytest.raises(AccountsWrong, match="u-3 has the address of"):
            build(load(write(tmp_path, text), ENVIRON)).close()
    alone = jit.replace("receipts:", f"{elsewhere}, tenant: globex}}\nreceipts:")
    build(load(write(tmp_path, alone), ENVIRON)).close()
