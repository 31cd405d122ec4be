"""The addresses of the Django site: mozilla-django-oidc's, and a page that says who is signed in."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse  # type: ignore[import-untyped]
from django.urls import include, path  # type: ignore[import-untyped]

__all__ = ["urlpatterns"]


def person(request: HttpRequest) -> JsonResponse:
    """Where people come after signing in."""
    known = {"email": request.user.email} if request.user.is_authenticated else {}
    return JsonResponse({"authenticated": request.user.is_authenticated, **known})


urlpatterns = [path("", person), path("oidc/", include("mozilla_django_oidc.urls"))]
