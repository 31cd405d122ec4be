"""IDJAG_WEBHOOK_*: checked at start, and no address and no secret in any message."""

from __future__ import annotations

from pathlib import Path

import pytest

from idjag.idp.settings import Settings, SettingsWrong

ENVIRON = {"HOME": "/home/op", "IDJAG_ISSUER": "https://idp.acme.example"}
URL, SECRET = "https://hooks.acme.example/T0P/SECRET?key=H1DDEN", "s3cret" * 8


def load(**webhook: str) -> Settings:
    return Settings.load({**ENVIRON, **{f"IDJAG_WEBHOOK_{name}": text for name, text in webhook.items()}})


def test_without_an_address_nobody_is_told() -> None:
    assert Settings.load(ENVIRON).webhook.url is None
    assert Settings.load(ENVIRON).webhook.place is None


def test_an_address_and_a_secret_in_a_file_are_all() -> None:
    webhook = load(URL=URL, SECRET_FILE="/run/secrets/webhook").webhook
    assert (webhook.url, webhook.key_file) == (URL, Path("/run/secrets/webhook"))
    assert webhook.place == "https://hooks.acme.example"
    assert webhook.warnings == ()


def test_a_secret_in_the_environment_works_and_warns() -> None:
    settings = load(URL=URL, SECRET=SECRET)
    assert settings.webhook.secret() == SECRET.encode()
    [warning] = settings.warnings
    assert "IDJAG_WEBHOOK_SECRET" in warning
    assert SECRET not in warning


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ({"URL": URL}, "IDJAG_WEBHOOK_SECRET_FILE is missing"),
        ({"SECRET": SECRET}, "IDJAG_WEBHOOK_URL is missing"),
        ({"SECRET_FILE": "/run/x"}, "IDJAG_WEBHOOK_URL is missing"),
        ({"URL": URL, "SECRET": SECRET, "SECRET_FILE": "/run/x"}, "both set"),
        ({"URL": URL.replace("https", "http"), "SECRET": SECRET}, "IDJAG_WEBHOOK_URL must be an https URL"),
        ({"URL": "ftp://hooks.acme.example/T0P", "SECRET": SECRET}, "must be an https URL"),
        ({"URL": "https://me:H1DDEN@hooks.acme.example/", "SECRET": SECRET}, "must be an https URL"),
        ({"URL": f"{URL}#T0P", "SECRET": SECRET}, "must be an https URL"),
        ({"URL": "hooks.acme.example/T0P", "SECRET": SECRET}, "must be an https URL"),
        ({"URLS": URL}, "did you mean IDJAG_WEBHOOK_URL?"),
    ],
)
def test_what_is_wrong_stops_the_start_and_shows_nothing(webhook: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsWrong, match=said.replace("?", r"\?")) as refused:
        load(**webhook)
    for hidden in ("T0P", "H1DDEN", SECRET):
        assert hidden not in str(refused.value)


def test_http_is_for_loopback(tmp_path: Path) -> None:
    assert load(URL="http://127.0.0.1:9000/x", SECRET=SECRET).webhook.url == "http://127.0.0.1:9000/x"


def test_no_representation_shows_them() -> None:
    settings = load(URL=URL, SECRET=SECRET)
    for hidden in ("T0P", "H1DDEN", SECRET):
        assert hidden not in repr(settings)
        assert hidden not in repr(settings.webhook)


def test_a_secret_that_is_too_short_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="32 characters or more") as refused:
        load(URL=URL, SECRET="s3cret" * 5).webhook.secret()
    assert "s3cret" not in str(refused.value)
