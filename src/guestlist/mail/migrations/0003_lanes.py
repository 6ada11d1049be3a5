"""The outbox is claimed by lane: a sender's single mails, or one bulk send."""

from django.db import migrations, models

from guestlist.stores.indexes import AddIndexLive, RemoveIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("guestlist_mail", "0002_delivery")]

    operations = [
        AddIndexLive(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state", "ready")),
                fields=["sender", "send", "ready_at", "id"],
                name="guestlist_message_lane",
            ),
        ),
        AddIndexLive(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state", "held")), fields=["send", "id"], name="guestlist_message_held"
            ),
        ),
        RemoveIndexLive(
            model_name="message",
            name="guestlist_message_ready",
        ),
    ]
