"""django-post_office: mails are queued as template and context, then `send_queued_mail` renders, sends and records them."""

from __future__ import annotations

import time
from pathlib import Path

import project

_BATCH = 5_000


def main() -> None:
    """Queue, then measure the sending alone."""
    work = project.task()
    project.configure(
        work,
        apps=["django.contrib.contenttypes", "post_office"],
        EMAIL_BACKEND="post_office.EmailBackend",
        TEMPLATES=[{"NAME": "django", "BACKEND": "django.template.backends.django.DjangoTemplates"}],
        POST_OFFICE={
            "TEMPLATE_ENGINE": "django",
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "BATCH_SIZE": _BATCH,
            "THREADS_PER_PROCESS": work.threads,
            "BATCH_DELIVERY_TIMEOUT": 600,
            "LOG_LEVEL": 0,
        },
    )
    from post_office import mail
    from post_office.mail import send_queued_mail_until_done
    from post_office.models import STATUS, Email, EmailTemplate

    template = EmailTemplate.objects.create(
        name="invitation",
        subject=work.words("subject.txt"),
        content=work.words("text.txt"),
        html_content=work.words("design.html"),
    )
    mail.send_many(
        [
            {
                "recipients": project.address(number),
                "sender": project.SENDER,
                "template": template,
                "context": project.values(number),
                "render_on_delivery": True,
            }
            for number in range(work.mails)
        ]
    )
    started = time.monotonic()
    send_queued_mail_until_done(
        lockfile=str(Path.cwd() / "post_office.lock"), processes=work.processes, log_level=0
    )
    seconds = time.monotonic() - started
    project.done(mails=Email.objects.filter(status=STATUS.sent).count(), seconds=seconds)


if __name__ == "__main__":
    main()
