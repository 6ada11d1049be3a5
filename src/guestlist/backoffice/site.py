"""The staff site: Unfold's, with a policy, error pages and a time zone of its own."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csp import csp_override
from unfold.sites import UnfoldAdminSite

from guestlist.backoffice import access
from guestlist.backoffice.signing_in import SignInForm
from guestlist.stores import stale
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

        def admitted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401 - any view's
            if request.method == "POST" and not self.has_permission(request):
                return self._sign_in_first(request)
            if stale.is_refused(request):
                return self._form_is_stale(request)
            return wrapped(request, *args, **kwargs)  # type: ignore[no-any-return]

        guarded: Callable[..., Any] = csp_override(POLICY)(update_wrapper(admitted, wrapped))
        return stale.keeps_form(guarded)

    @stale.keeps_form
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Show the sign-in page of the staff site; whoever comes to it without a page in mind gets the first one."""
        if stale.is_refused(request):
            # Signed in meanwhile beside this page: the same address leads on; else it asks again.
            return HttpResponseRedirect(request.get_full_path())
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
                answered: HttpResponseBase = view(request, *args, **kwargs)
            except (PermissionDenied, NotPermitted):
                return self._problem(request, 403, _("You have no permission for this"))
            except Http404:
                return self._problem(request, 404, _("There is nothing here"))
            if isinstance(answered, HttpResponseNotAllowed) and request.method == "GET":
                said = _("What this address stands for is done by pressing a button, not by opening it.")
                return self._problem(request, 405, _("Nothing was done"), said=said)
            return answered

        return update_wrapper(answer, view)

    def _sign_in_first(self, request: HttpRequest) -> HttpResponseBase:
        """Ask whoever was signed out meanwhile to sign in, and lead back to the page that the form stood on."""
        said = _("You were signed out in the meantime, so nothing was done. Sign in, and send it once more.")
        messages.warning(request, said)
        return redirect_to_login(_page_of_form(request), reverse("admin:login"))

    def _form_is_stale(self, request: HttpRequest) -> HttpResponseBase:
        """Say that a form was not taken: it is from before somebody signed in beside it, or cookies are off."""
        return self._problem(
            request,
            403,
            _("This form has been open too long"),
            said=_(
                "For your safety it was not taken, and nothing was done. Go back to it, and send it once more."
            ),
            back=_page_of_form(request),
        )

    def _problem(self, request: HttpRequest, status: int, title: Any, **more: Any) -> HttpResponseBase:  # noqa: ANN401 - lazy sentences
        context = {**self.each_context(request), "title": title, "status": status, **more}
        return render(request, "backoffice/problem.html", context, status=status)


def _page_of_form(request: HttpRequest) -> str:
    """Return the address of the page that a form was sent from, as the browser tells it: one of this site."""
    told = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(told, {request.get_host()}, require_https=request.is_secure()):
        return request.get_full_path()
    parts = urlsplit(told)
    if not parts.path.startswith(reverse("admin:index")):
        return request.get_full_path()
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


site = StaffSite(name="admin")
