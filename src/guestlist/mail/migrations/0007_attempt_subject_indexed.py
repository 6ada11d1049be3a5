"""The attempts of all mails about one thing are found, beside the traffic."""

from django.db import migrations, models

from guestlist.stores.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("guestlist_mail", "0007_attempt_subject")]

    operations = [
        AddIndexLive(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("subject_id__isnull", False)),
                fields=["subject_id", "id"],
                name="guestlist_attempt_subject",
            ),
        ),
    ]
