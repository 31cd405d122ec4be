"""What is used twice: the second use gets nothing, and what the first use gave ends where it must."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.asgi_parts import Exchange
from tests.attacks.target import Target, members, target
from tests.attacks.test_beside import code_for, redeem
from tests.idp.grants.acme import Acme, acme


def test_a_code_that_comes_twice_ends_an_id_token_that_was_exchanged_before() -> None:
    """OIDC-06: the sid of the first use is gone, and nobody remembers it."""
    with acme() as idp:
        id_token = idp.sign_in()
        code = code_for(idp, id_token)
        fresh = redeem(idp, code).json["id_token"]
        assert idp.exchange(fresh).error == "issued"
        assert redeem(idp, code).error == "invalid_grant"
        assert idp.exchange(fresh).error == "invalid_grant"
        assert idp.events()[-1]["reason"] == "session_ended"
