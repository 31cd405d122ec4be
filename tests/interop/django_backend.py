"""What a Django site needs while our IdP has no UserInfo (docs/interop.md)."""

from __future__ import annotations

from typing import Any

from mozilla_django_oidc.auth import OIDCAuthenticationBackend  # type: ignore[import-untyped]

__all__ = ["ClaimsOfTheIdToken"]


class ClaimsOfTheIdToken(OIDCAuthenticationBackend):  # type: ignore[misc]
    """Who signed in is what the verified ID token says; the hook is one that its documentation names."""

    def get_userinfo(self, *tokens_and_payload: Any) -> Any:
        _, _, payload = tokens_and_payload
        return payload
