"""django-invitations: invitations are made (which is not measured), then sent in a loop.

It has no outbox: each invitation is rendered, sent over a connection of its own and saved before the next. Where it is
helped, an adapter, which is its documented way to change how it mails, keeps one connection open.
"""

from __future__ import annotations

import time
from typing import Any

import project
from django.urls import include, path

urlpatterns: list[Any] = []


def main() -> None:
    """Make the invitations, then measure the sending alone."""
    work = project.task()
    templates = {
        "invitations/email/email_invite_subject.txt": work.words("subject.txt"),
        "invitations/email/email_invite_message.txt": work.words("text.txt"),
        "invitations/email/email_invite_message.html": work.words("design.html"),
    }
    project.configure(
        work,
        apps=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sites",
            "invitations",
        ],
        SITE_ID=1,
        ROOT_URLCONF=__name__,
        **({"INVITATIONS_ADAPTER": f"{__name__}.adapter"} if work.is_helped else {}),
        INVITATIONS_EMAIL_SUBJECT_PREFIX="",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        (
                            "django.template.loaders.cached.Loader",
                            [("django.template.loaders.locmem.Loader", _with_their_link(templates))],
                        )
                    ]
                },
            }
        ],
    )
    urlpatterns.append(path("invitations/", include("invitations.urls", namespace="invitations")))
    from django.test import RequestFactory
    from invitations.models import Invitation

    request = RequestFactory().get("/")
    made = [Invitation.create(project.address(number)) for number in range(work.mails)]
    started = time.monotonic()
    for number, invitation in enumerate(made):
        invitation.send_invitation(request, **project.values(number))
    seconds = time.monotonic() - started
    project.done(mails=Invitation.objects.exclude(sent=None).count(), seconds=seconds)


def _with_their_link(templates: dict[str, str]) -> dict[str, str]:
    return {name: words.replace("invitation_url", "invite_url") for name, words in templates.items()}


def adapter() -> Any:  # noqa: ANN401 - a class that needs Django to be set up
    """Return an adapter that sends over one connection; asked for at every mail, made once."""
    if not _kept:
        from django.core.mail import get_connection
        from invitations.adapters import BaseInvitationsAdapter

        class Adapter(BaseInvitationsAdapter):  # type: ignore[misc] # has no types
            connection = get_connection()

            def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
                message = self.render_mail(template_prefix, email, context)
                message.connection = self.connection
                message.send()

        made = Adapter()
        made.connection.open()
        _kept.append(made)
    return _kept[0]


_kept: list[Any] = []

if __name__ == "__main__":
    main()
