"""django-mailer: finished mails are queued, then `send_all` sends them.

Making them is counted, as it is for all others, though it lies before; queueing is not. Where several processes send, as
many could make mails, so that each has its share of it.
"""

from __future__ import annotations

import multiprocessing
import time

import project


def main() -> None:
    """Queue, then measure the sending alone, by one or more processes at once."""
    work = project.task()
    project.configure(
        work,
        apps=["django.contrib.contenttypes", "mailer"],
        EMAIL_BACKEND="mailer.backend.DbBackend",
        MAILER_EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        MAILER_USE_FILE_LOCK=False,
        MAILER_EMPTY_QUEUE_SLEEP=0,
    )
    from django.core.mail import EmailMultiAlternatives
    from django.db import connection
    from django.template import Context, Engine
    from mailer.models import MessageLog

    engine = Engine()
    subject, text, design = (
        engine.from_string(work.words(name)) for name in ("subject.txt", "text.txt", "design.html")
    )
    making = 0.0
    for number in range(work.mails):
        begun = time.monotonic()
        context = Context(project.values(number))
        message = EmailMultiAlternatives(
            subject.render(context), text.render(context), project.SENDER, [project.address(number)]
        )
        message.attach_alternative(design.render(context), "text/html")
        making += time.monotonic() - begun
        message.send()
    connection.close()
    started = time.monotonic()
    fork = multiprocessing.get_context("fork")
    senders = [fork.Process(target=_send) for _number in range(work.processes)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    seconds = time.monotonic() - started + making / work.processes
    project.done(mails=MessageLog.objects.filter(result="1").count(), seconds=seconds)


def _send() -> None:
    from mailer.engine import send_all

    send_all()


if __name__ == "__main__":
    main()
