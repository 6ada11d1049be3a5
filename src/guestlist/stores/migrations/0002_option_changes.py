"""Who changed which option when; a table of its own, so nothing waits for it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_stores", "0001_websites_and_configuration")]

    operations = [
        migrations.CreateModel(
            name="OptionChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("section", models.CharField(max_length=32)),
                ("option", models.CharField(max_length=64)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("at", models.DateTimeField()),
                ("actor_kind", models.CharField(max_length=10)),
                ("actor_id", models.BigIntegerField(null=True)),
                (
                    "store_view",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="guestlist_stores.storeview",
                    ),
                ),
                (
                    "website",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="guestlist_stores.website",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("store_view", None), ("website__isnull", False), _connector="OR"),
                        name="guestlist_option_change_scope",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("before__isnull", False), ("after__isnull", False), _connector="OR"
                        ),
                        name="guestlist_option_change_of_something",
                    ),
                ],
            },
        ),
    ]
