"""Where the staff site answers: our own views first, then the plain tables."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from guestlist.backoffice import (
    adding,
    chain,
    configuration,
    detail,
    exporting,
    funnel,
    health,
    importing,
    invited_customers,
    listing,
    monday,
    reports,
    saved,
    selected,
    sends,
    suppressions,
    tasks,
    template_editing,
    today,
    trial_mails,
)
from guestlist.backoffice.site import site

_views = [
    path("invitations/", site.admin_view(listing.listing), name="invitations"),
    path("invitations/add/", site.admin_view(adding.add), name="invitations_add"),
    path("invitations/export/", site.admin_view(exporting.export), name="invitations_export"),
    path("imports/", site.admin_view(importing.upload), name="imports"),
    path("imports/<int:pk>/", site.admin_view(importing.plan), name="import_plan"),
    path("tasks/<int:pk>/refused/", site.admin_view(importing.refused), name="import_refused"),
    path("invitations/selected/", site.admin_view(selected.selected), name="invitations_selected"),
    path("invitations/filters/", site.admin_view(saved.filters), name="saved_filters"),
    path("invitations/filters/<int:pk>/", site.admin_view(saved.change), name="saved_filter"),
    path("invitations/columns/", site.admin_view(saved.choose_columns), name="invitations_columns"),
    path("invitations/<int:pk>/", site.admin_view(detail.detail), name="invitation"),
    path("invitations/<int:pk>/discard/", site.admin_view(detail.discard), name="invitation_discard"),
    path("invitations/<int:pk>/resend/", site.admin_view(detail.resend), name="invitation_resend"),
    path("invitations/<int:pk>/message/", site.admin_view(detail.message), name="invitation_message"),
    path("invitations/<int:pk>/link/", site.admin_view(detail.link), name="invitation_link"),
    path("tasks/", site.admin_view(tasks.listing), name="tasks"),
    path("tasks/<int:pk>/", site.admin_view(tasks.detail), name="task"),
    *(
        path(f"tasks/<int:pk>/{one}/", site.admin_view(tasks.switch), {"action": one}, name=f"task_{one}")
        for one in tasks.SWITCHES
    ),
    *(
        path(f"reports/{one}/", site.admin_view(reports.report), {"kind": one}, name=f"report_{one}")
        for one in reports.KINDS
    ),
    *(
        path(
            f"reports/{one}/export/",
            site.admin_view(reports.export),
            {"kind": one},
            name=f"report_{one}_export",
        )
        for one in reports.KINDS
    ),
    path("reports/chain/", site.admin_view(chain.page), name="report_chain"),
    path("reports/today/", site.admin_view(today.today), name="report_today"),
    path("reports/monday/", site.admin_view(monday.page), name="report_monday"),
    path("reports/customers/", site.admin_view(invited_customers.report), name="report_customers"),
    path(
        "reports/customers/export/", site.admin_view(invited_customers.export), name="report_customers_export"
    ),
    path("reports/funnel/", site.admin_view(funnel.funnel), name="report_funnel"),
    path("reports/funnel/count/", site.admin_view(funnel.count), name="report_funnel_count"),
    path("reports/funnel/export/", site.admin_view(funnel.export), name="report_funnel_export"),
    path("suppressed-addresses/", site.admin_view(suppressions.suppressions), name="suppressions"),
    path("sends/", site.admin_view(sends.listing), name="sends"),
    path("sends/<int:pk>/", site.admin_view(sends.detail), name="send"),
    path("sends/<int:pk>/stop/", site.admin_view(sends.stop), name="send_stop"),
    *(
        path(f"sends/<int:pk>/{one}/", site.admin_view(sends.switch), {"action": one}, name=f"send_{one}")
        for one in ("pause", "resume", "release")
    ),
    path("senders/<int:pk>/test-mail/", site.admin_view(trial_mails.of_sender), name="sender_trial"),
    path(
        "mail-templates/<int:pk>/test-mail/", site.admin_view(trial_mails.of_template), name="template_trial"
    ),
    path("senders/<int:pk>/release/", site.admin_view(sends.release_sender), name="sender_release"),
    path(
        "mail-templates/<int:pk>/versions/<int:number>/",
        site.admin_view(template_editing.version),
        name="template_version",
    ),
    path(
        "mail-templates/<int:pk>/versions/<int:number>/restore/",
        site.admin_view(template_editing.restore),
        name="template_restore",
    ),
    path("mail-templates/<int:pk>/edit/", site.admin_view(template_editing.edit), name="template_edit"),
    path("mail-templates/<int:pk>/make/", site.admin_view(template_editing.make), name="template_make"),
    *(
        path(
            f"mail-templates/<int:pk>/{doing}/preview/",
            site.admin_view(template_editing.preview),
            {"doing": doing},
            name=f"template_{doing}_preview",
        )
        for doing in ("edit", "make")
    ),
    *(
        path(
            f"configuration/{code}/",
            site.admin_view(configuration.configuration),
            {"code": code},
            name=page.url_name,
        )
        for code, page in configuration.PAGES.items()
    ),
]
_tables, _app, _namespace = site.urls

# One namespace for both: a name is reversed the same way whoever made the page.
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(([*_views, *_tables], _app), namespace=_namespace))
]
health_urlpatterns = [path("live", health.live, name="live"), path("ready", health.ready, name="ready")]
