"""Which subjects a bulk send is about, and its mails whose subject was mailed again; an empty table and two empty columns."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("guestlist_mail", "0007_attempt_subject_indexed"),
    ]

    operations = [
        migrations.AddField(
            model_name="send",
            name="first_subject",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="send",
            name="last_subject",
            field=models.BigIntegerField(null=True),
        ),
        migrations.CreateModel(
            name="EarlierMail",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="guestlist_mail.message",
                    ),
                ),
                ("subject_id", models.BigIntegerField()),
                (
                    "send",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="guestlist_mail.send",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["send", "subject_id"], name="guestlist_earlier_send")],
            },
        ),
    ]
