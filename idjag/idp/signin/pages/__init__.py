"""What people see outside the console: templates, texts in their language, files; decides nothing."""

from __future__ import annotations

from idjag.idp.signin.pages.assets import logo_kind
from idjag.idp.signin.pages.languages import LANGUAGES, Viewer, text, viewer_of
from idjag.idp.signin.pages.render import Pages, redirect

__all__ = ["LANGUAGES", "Pages", "Viewer", "logo_kind", "redirect", "text", "viewer_of"]
