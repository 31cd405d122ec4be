"""The addresses of the Django site: mozilla-django-oidc's, who is signed in, and the way out."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings  # type: ignore[import-untyped]
from django.contrib.auth import logout  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse  # type: ignore[import-untyped]
from django.urls import include, path  # type: ignore[import-untyped]

__all__ = ["urlpatterns"]


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
