"""The addresses of the Django site: mozilla-django-oidc's, who is signed in, and the way out.

Also the backend of a site that wants a second factor, by the hook that its documentation names.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings  # type: ignore[import-untyped]
from django.contrib.auth import logout  # type: ignore[import-untyped]
from django.core.exceptions import SuspiciousOperation  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse  # type: ignore[import-untyped]
from django.urls import include, path  # type: ignore[import-untyped]
from mozilla_django_oidc.auth import OIDCAuthenticationBackend  # type: ignore[import-untyped]

__all__ = ["WithSecondFactor", "urlpatterns"]


class WithSecondFactor(OIDCAuthenticationBackend):  # type: ignore[misc]
    """Takes nobody whose verified ID token does not say what the site has asked for."""

    def get_userinfo(self, access_token: str, id_token: str, payload: dict[str, Any]) -> dict[str, Any]:
        wanted = settings.OIDC_AUTH_REQUEST_EXTRA_PARAMS["acr_values"]
        if payload.get("acr") != wanted or "mfa" not in payload.get("amr", []):
            raise SuspiciousOperation("no second factor")
        person: dict[str, Any] = super().get_userinfo(access_token, id_token, payload)
        return person


def person(request: HttpRequest) -> JsonResponse:
    """Where people come after signing in, and after signing out."""
    known = {"email": request.user.email} if request.user.is_authenticated else {}
    return JsonResponse({"authenticated": request.user.is_authenticated, **known})


def leave(request: HttpRequest) -> HttpResponseRedirect:
    """Out of the site, and on to the IdP with the ID token that mozilla-django-oidc kept."""
    asked = {
        "id_token_hint": request.session["oidc_id_token"],
        "post_logout_redirect_uri": request.build_absolute_uri("/bye"),
    }
    logout(request)
    return HttpResponseRedirect(f"{settings.END_SESSION_ENDPOINT}?{urlencode(asked)}")


urlpatterns = [
    path("", person),
    path("bye", person),
    path("leave", leave),
    path("oidc/", include("mozilla_django_oidc.urls")),
]
