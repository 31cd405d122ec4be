"""`idjag demo --once`: the first thing that anybody runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.processes.program import Secrets, run

GALLERY = [  # contract section 1
    *("an unknown audience", "a scope that no rule allows", "another client's ID-JAG", "(replay)"),
    *("(expired)", "the connection paused", "alice disabled"),
]


def test_the_demo_tells_its_story_and_ends_well(tmp_path: Path) -> None:
    """Contract section 1: each step with its decoded tokens, then the gallery of refusals, exit code 0."""
    done = run("demo", "--once", environ={}, folder=tmp_path, secrets=Secrets())
    assert done.code == 0, done.err
    told, _, gallery = done.out.partition("The gallery of refusals")
    for kind in ("ID token", "ID-JAG", "access token"):
        assert f"{kind}, header " in told
    headers = [json.loads(header) for header in re.findall(r"header (\{.*\})", told)]
    assert '"event": "id_jag.redeemed"' in told  # Chat has told the IdP, which has both halves in its log
    assert [header["typ"] for header in headers] == ["JWT", "oauth-id-jag+jwt", "at+jwt"]
    refused = re.findall(r"refused +(.*): \d{3} \w+\n", gallery)
    assert [words for words in GALLERY if not any(words in each for each in refused)] == []
    assert done.out.endswith("Everything came out as it says.\n")
    assert Secrets().found_in(done.out) == []  # decoded tokens, never the tokens
    assert list(tmp_path.iterdir()) == []  # nothing is left where it was started
