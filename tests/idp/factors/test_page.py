"""docs/factors.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from idjag.idp.factors import enrolled, operations, recovery, totp
from idjag.idp.factors.acr import SIGN_INS
from idjag.protocol.errors import Reason


def page(root: Path) -> str:
    return (root / "docs" / "factors.md").read_text("utf-8")


def test_the_page_has_the_table_of_contexts(root: Path) -> None:
    """OIDC-13."""
    rows = re.findall(r"^\| `(urn:\S+)` \| .* \| (.*) \|$", page(root), re.MULTILINE)
    said = {acr: frozenset(re.findall(r"`(\w+)`", amr.partition(",")[0])) for acr, amr in rows}
    assert said == dict(SIGN_INS)


def test_the_page_has_the_numbers(root: Path) -> None:
    text = page(root)
    assert f"{totp.DIGITS} digits, {totp.STEP} seconds" in text
    assert f"A person may have {enrolled.MOST} apps and passkeys" in text
    assert recovery.CODES == 10
    assert "ten of 80 bits" in text


def test_the_page_names_every_event_and_every_reason_that_there_is(root: Path) -> None:
    named = set(re.findall(r"`([a-z]+[._][a-z_]+)`", page(root)))
    source = Path(operations.__file__).parent
    events = {
        event
        for path in source.glob("*.py")
        for event in re.findall(r'"((?:factor|device)\.[a-z_]+)"', path.read_text("utf-8"))
    }
    assert events <= named
    told = {"login.failed", "login.succeeded", "login.locked", "inputs.factors", "inputs.count"}
    assert {each for each in named - events - told if "." in each} == set()
    reasons = {reason.value for reason in Reason}
    assert {each for each in named if re.match("(factor|passkey)_", each)} <= reasons
