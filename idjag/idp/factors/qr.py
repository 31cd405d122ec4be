"""A QR code as SVG that stands in the page itself: nothing is fetched, nothing is styled."""

from __future__ import annotations

from typing import Final

import segno

__all__ = ["svg"]

_QUIET_ZONE: Final = 4  # modules; ISO/IEC 18004
_SCALE: Final = 4


def svg(text: str) -> str:
    """Dark on white whatever the page's colours are: many cameras read nothing else.  Safe to put in."""
    code = segno.make_qr(text, error="m")
    return str(code.svg_inline(scale=_SCALE, border=_QUIET_ZONE, dark="#000", light="#fff", omitsize=False))
