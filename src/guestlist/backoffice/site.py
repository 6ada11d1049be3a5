"""The staff site: Unfold's, with a policy, error pages and a time zone of its own."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csp import csp_override
from unfold.sites import UnfoldAdminSite

from guestlist.backoffice import access
from guestlist.backoffice.signing_in import SignInForm
from guestlist.stores.actors import NotPermitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

POLICY = {
    **settings.SECURE_CSP,
    # Unfold's scripts evaluate the expressions that stand in its templates' attributes, and those carry styles.
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
}
"""trust-25: laxer than every other page's, and still nothing from another host."""


class StaffSite(UnfoldAdminSite):
    """The site that our own views and the plain tables share."""

    enable_nav_sidebar = True
    login_form = SignInForm

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Admit staff alone; answer refusals and missing pages in the site's own look."""
        wrapped: Callable[..., Any] = super().admin_view(self._answered(view), cacheable)
        guarded: Callable[..., Any] = csp_override(POLICY)(wrapped)
        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Show the sign-in page of the staff site; whoever comes to it without a page in mind gets the first one."""
        answer: HttpResponseBase = csp_override(POLICY)(super().login)(request, extra_context)
        if answer.status_code == 302 and REDIRECT_FIELD_NAME not in {*request.GET, *request.POST}:  # noqa: PLR2004
            # Django would send them where customers go; Unfold's form does not carry the page that Django offers it.
            return HttpResponseRedirect(reverse("admin:index"))
        return answer

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # noqa: ARG002 - Django's signature
        """Show the home page."""
        from guestlist.backoffice.home import home

        return home(request)

    def _answered(self, view: Callable[..., Any]) -> Callable[..., Any]:
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401 - any view's
            # Undone by LanguageMiddleware, which sets the zone for the whole answer.
            timezone.activate(access.of(request).zone)
            try:
                return view(request, *args, **kwargs)  # type: ignore[no-any-return]
            except (PermissionDenied, NotPermitted):
                return self._problem(request, 403, _("You have no permission for this"))
            except Http404:
                return self._problem(request, 404, _("There is nothing here"))

        return update_wrapper(answer, view)

    def _problem(self, request: HttpRequest, status: int, title: Any) -> HttpResponseBase:  # noqa: ANN401 - a lazy sentence
        context = {**self.each_context(request), "title": title, "status": status}
        return render(request, "backoffice/problem.html", context, status=status)


site = StaffSite(name="admin")
