"""The look and the menu of the staff site. Settings read this, so it imports nothing of an app."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

_static = lazy(static, str)
_ACCESS = "guestlist.backoffice.access"


def _item(title: Any, icon: str, link: str, permission: str) -> dict[str, Any]:  # noqa: ANN401 - a lazy sentence
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{link}"),
        "permission": f"{_ACCESS}.{permission}",
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Guestlist",
    "SITE_HEADER": "Guestlist",
    "SITE_SYMBOL": "mark_email_read",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,
    "BORDER_RADIUS": "6px",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: _static("backoffice/icon.svg")}
    ],
    "STYLES": [lambda _request: _static("backoffice/staff.css")],
    "SCRIPTS": [lambda _request: _static("backoffice/staff.js")],
    "COLORS": {
        "primary": {
            "50": "oklch(97.6% .011 12)",
            "100": "oklch(94.6% .024 12)",
            "200": "oklch(89.4% .05 12)",
            "300": "oklch(82.4% .085 12)",
            "400": "oklch(75% .115 13)",
            "500": "oklch(71% .13 14)",
            "600": "oklch(43.5% .115 14)",
            "700": "oklch(38% .1 14)",
            "800": "oklch(33% .085 14)",
            "900": "oklch(28.5% .07 14)",
            "950": "oklch(21% .055 14)",
        },
        # A step darker than Unfold's own, which misses 4.5:1 on its grey.
        "font": {"subtle-light": "var(--color-base-600)", "default-light": "var(--color-base-700)"},
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"title": "", "items": [_item(_("Home"), "home", "index", "may_enter")]},
            {
                "title": _("Marketing"),
                "items": [
                    {
                        **_item(_("Private sales"), "local_activity", "invitations", "may_view"),
                        "items": [
                            _item(_("Invitations"), "mail", "invitations", "may_view"),
                            _item(_("Import"), "upload_file", "imports", "may_import"),
                            _item(_("Background tasks"), "pending_actions", "tasks", "may_view"),
                        ],
                    }
                ],
            },
            {
                "title": _("Reports"),
                "items": [
                    _item(_("Today"), "today", "report_today", "may_report"),
                    _item(_("Monday mail"), "outgoing_mail", "report_monday", "may_report"),
                    {
                        **_item(_("Private sales"), "bar_chart", "report_invitations", "may_report"),
                        "items": [
                            _item(_("Invitations"), "mail", "report_invitations", "may_report"),
                            _item(_("Invited customers"), "group", "report_customers", "may_see_people"),
                            _item(_("Conversions"), "shopping_cart", "report_conversions", "may_report"),
                            _item(_("Who brought whom"), "account_tree", "report_chain", "may_report"),
                            _item(_("Funnel"), "filter_alt", "report_funnel", "may_report"),
                        ],
                    },
                ],
            },
            {
                "title": _("Customers"),
                "items": [
                    _item(_("Customers"), "person", "guestlist_customers_customer_changelist", "may_view"),
                    _item(
                        _("Customer groups"),
                        "groups",
                        "guestlist_customers_customergroup_changelist",
                        "may_view",
                    ),
                    _item(
                        _("Default groups"),
                        "group_add",
                        "guestlist_customers_defaultgroup_changelist",
                        "may_view",
                    ),
                ],
            },
            {
                "title": _("Stores"),
                "items": [
                    _item(_("Websites"), "language", "guestlist_stores_website_changelist", "may_view"),
                    _item(
                        _("Store views"), "storefront", "guestlist_stores_storeview_changelist", "may_view"
                    ),
                    {
                        **_item(_("Configuration"), "tune", "configuration", "may_configure"),
                        "items": [
                            {
                                **_item(_("Customers"), "person", "configuration", "may_configure"),
                                "items": [
                                    _item(_("Invitations"), "mail", "configuration", "may_configure"),
                                ],
                            },
                            {
                                **_item(_("Mail"), "mail", "configuration_delivery", "may_configure"),
                                "items": [
                                    _item(
                                        _("Delivery"),
                                        "outgoing_mail",
                                        "configuration_delivery",
                                        "may_configure",
                                    ),
                                ],
                            },
                        ],
                    },
                ],
            },
            {
                "title": _("Mail"),
                "items": [
                    _item(_("Sends"), "outgoing_mail", "sends", "may_view"),
                    _item(
                        _("Senders"), "badge", "guestlist_mail_senderidentity_changelist", "may_see_templates"
                    ),
                    _item(
                        _("Mail templates"),
                        "draft",
                        "guestlist_mail_template_changelist",
                        "may_see_templates",
                    ),
                    _item(_("Outbox"), "outbox", "guestlist_mail_message_changelist", "may_view"),
                    _item(_("Suppressed addresses"), "block", "suppressions", "may_suppress"),
                ],
            },
            {
                "title": _("Staff"),
                "items": [
                    _item(_("Users"), "manage_accounts", "guestlist_customers_user_changelist", "is_owner"),
                    _item(_("Roles"), "shield_person", "guestlist_customers_role_changelist", "is_owner"),
                    _item(_("Rights"), "key", "guestlist_customers_grant_changelist", "is_owner"),
                ],
            },
        ],
    },
}
