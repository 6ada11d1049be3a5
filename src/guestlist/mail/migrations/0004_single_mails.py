"""Single mails and bulk sends have an index each: PostgreSQL sorts by no index that has a column IS NULL before the others."""

from django.db import migrations, models

from guestlist.stores.indexes import AddIndexLive, RemoveIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("guestlist_mail", "0003_lanes")]

    operations = [
        AddIndexLive(
            model_name="message",
            index=models.Index(
                condition=models.Q(("send", None), ("state", "ready")),
                fields=["sender", "ready_at", "id"],
                name="guestlist_message_single",
            ),
        ),
        AddIndexLive(
            model_name="message",
            index=models.Index(
                condition=models.Q(("send__isnull", False), ("state", "ready")),
                fields=["send", "ready_at", "id"],
                name="guestlist_message_bulk",
            ),
        ),
        RemoveIndexLive(
            model_name="message",
            name="guestlist_message_lane",
        ),
    ]
