"""The inbox: every mail that the demo would have sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.csp import CSP
from django.utils.html import escape
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from guestlist.demo import transport
from guestlist.demo.models import CapturedMail

if TYPE_CHECKING:
    from django.http import HttpRequest

_PER_PAGE = 30

_PAGE_POLICY: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    # Mails carry their styles within; programs read them without a policy, and none runs scripts.
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "form-action": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.SELF],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox", "allow-top-navigation-by-user-activation"],
}


@never_cache
@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    """List the mails, the newest first."""
    wanted = request.GET.get("to", "").strip()
    found = CapturedMail.objects.order_by("-at", "-pk").defer("html", "headers")
    if wanted:
        found = found.filter(recipient__icontains=wanted)
    page = Paginator(found, _PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "mails": page,
        "to": wanted,
        "sends": bool(settings.GUESTLIST_SMTP_URL),
        "refuses": transport.REFUSES,
        "hesitates": transport.HESITATES,
    }
    return render(request, "demo/inbox.html", context)


@never_cache
@require_safe
def mail(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Show one mail: as its reader sees it, as text, and its headers."""
    return render(request, "demo/mail.html", {"mail": get_object_or_404(CapturedMail, pk=mail_id)})


@csp_override(_PAGE_POLICY)
@xframe_options_sameorigin
@never_cache
@require_safe
def page(_request: HttpRequest, mail_id: int) -> HttpResponse:
    """Serve the HTML of a mail for the frame, as it is but that its links open in the whole window."""
    html = get_object_or_404(CapturedMail, pk=mail_id).html
    return HttpResponse(_in_top_window(html) if html else escape(""))


@never_cache
@require_safe
def as_json(request: HttpRequest) -> JsonResponse:
    """List the mails for programs, the newest first; ``?to=`` narrows to one recipient."""
    found = CapturedMail.objects.order_by("-at", "-pk")
    if request.GET.get("to"):
        found = found.filter(recipient__iexact=request.GET["to"].strip())
    return JsonResponse([_as_json(one) for one in found], safe=False)


def _as_json(one: CapturedMail) -> dict[str, Any]:
    return {
        "id": one.pk,
        "at": one.at.isoformat(),
        "to": one.recipient,
        "from": one.sender,
        "subject": one.subject,
        "headers": one.headers,
        "text": one.text,
        "html": one.html,
    }


def _in_top_window(html: str) -> str:
    html = html.replace('target="_blank"', 'target="_top"')
    base = '<base target="_top">'
    head = html.lower().find("<head")
    end = html.find(">", head) + 1 if head >= 0 else 0
    return html[:end] + base + html[end:].replace(' target="_blank"', "")
