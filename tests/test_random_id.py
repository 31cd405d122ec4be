"""Ids that people can pass to commands."""

from __future__ import annotations

import re

from idjag.idp import app
from idjag.ras import server


def test_no_id_begins_like_an_option_of_a_command() -> None:
    for made in (app.new_id, server.new_id):
        ids = [made() for _ in range(3000)]
        assert len(set(ids)) == 3000
        assert [each for each in ids if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", each)] == []
