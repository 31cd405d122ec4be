"""The operator's logo: PNG or SVG, shown as an image from our own origin, in which nothing can run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from idjag.idp.app import logo_of
from idjag.idp.settings import Settings, SettingsWrong
from idjag.idp.signin import problems
from idjag.idp.signin.pages import Pages, Viewer, logo_kind

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
SVG = b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"></svg>'
ISSUER = "https://idp.acme.example/t/acme"


def shown(pages: Pages) -> str:
    page = pages.problem(problems.NOT_FOUND, viewer=Viewer((), 'Acme "&" Sons'), reference="")
    return page.body.decode()


@pytest.mark.parametrize(
    ("logo", "media_type"),
    [(PNG, b"image/png"), (SVG, b"image/svg+xml"), (b"\xef\xbb\xbf" + SVG, b"image/svg+xml")],
)
def test_a_logo_takes_the_place_of_our_mark(logo: bytes, media_type: bytes) -> None:
    pages = Pages(ISSUER, logo=logo)
    (address, name) = re.findall(r'<img class="brand-logo" src="([^"]+)" alt="([^"]+)">', shown(pages))[0]
    assert address.startswith("/t/acme/static/logo.")
    assert name == "Acme &#34;&amp;&#34; Sons"
    assert "<svg" not in shown(pages)
    reply = pages.file(address.partition("?")[0].rpartition("/")[2])
    assert reply is not None
    assert reply.body == logo
    headers = dict(reply.headers)
    assert headers[b"content-type"] == media_type
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_an_svg_that_is_opened_by_its_address_can_do_nothing() -> None:
    """Attack case 189: a drawing with a script in it is a document of our origin otherwise."""
    reply = Pages(ISSUER, logo=SVG.replace(b"></svg>", b"><script>alert(1)</script></svg>")).file("logo.svg")
    assert reply is not None
    policy = dict(reply.headers)[b"content-security-policy"]
    assert policy.startswith(b"default-src 'none';")
    assert policy.endswith(b"sandbox")


def test_without_a_logo_our_mark_stands_beside_the_name() -> None:
    page = shown(Pages(ISSUER))
    assert "brand-logo" not in page
    assert '<svg class="brand-mark"' in page


@pytest.mark.parametrize(
    "logo",
    [
        b"",
        b"GIF89a" + bytes(20),
        b"<html><svg></svg></html>",
        b"\xff\xfe" + SVG,
        b"<!DOCTYPE svg [<!ENTITY x 'y'>]><svg></svg>",
        PNG + bytes(256 * 1024),
    ],
    ids=["empty", "a GIF", "a page", "not UTF-8", "entities", "too large"],
)
def test_what_is_no_logo_is_refused(logo: bytes) -> None:
    with pytest.raises(ValueError, match="must be"):
        logo_kind(logo)


def settings(logo: Path) -> Settings:
    return Settings.load({"IDJAG_ISSUER": ISSUER, "HOME": "/home/op", "IDJAG_LOGO": str(logo)})


def test_the_logo_of_the_settings_is_read_at_the_start_and_a_wrong_one_stops_it(tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(PNG)
    assert logo_of(settings(logo)) == PNG
    logo.write_bytes(b"no image")
    with pytest.raises(SettingsWrong, match="IDJAG_LOGO must be a PNG or SVG image"):
        logo_of(settings(logo))
    with pytest.raises(SettingsWrong, match="IDJAG_LOGO cannot be read"):
        logo_of(settings(tmp_path / "nowhere.png"))
