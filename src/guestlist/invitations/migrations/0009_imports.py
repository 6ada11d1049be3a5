"""Files that people are imported from, and their rows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("guestlist_invitations", "0008_saved_filters"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportFile",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("size", models.BigIntegerField()),
                ("kept", models.BigIntegerField()),
                ("lines", models.BigIntegerField()),
                ("encoding", models.CharField(max_length=12)),
                ("sheet", models.CharField(blank=True, max_length=60)),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "task",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="file",
                        to="guestlist_invitations.task",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ImportPart",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "file", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("data", models.BinaryField()),
                (
                    "file",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="guestlist_invitations.importfile",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "task", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.BigIntegerField()),
                ("public_id", models.UUIDField(null=True)),
                ("website_id", models.BigIntegerField(null=True)),
                ("store_view_id", models.BigIntegerField(null=True)),
                ("inviter_id", models.BigIntegerField(null=True)),
                ("occasion_id", models.BigIntegerField(null=True)),
                ("group_id", models.BigIntegerField(null=True)),
                ("address_hash", models.BinaryField(max_length=16, null=True)),
                ("repeat", models.PositiveSmallIntegerField(default=0)),
                ("verdict", models.CharField(blank=True, max_length=20)),
                ("typed", models.CharField(blank=True, max_length=254)),
                ("normalized", models.CharField(blank=True, max_length=254)),
                ("name", models.CharField(blank=True, max_length=60)),
                ("message", models.TextField(blank=True)),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="import_rows",
                        to="guestlist_invitations.task",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("address_hash__isnull", False)),
                        fields=["task", "address_hash"],
                        name="guestlist_import_row_address",
                    ),
                    models.Index(
                        condition=models.Q(("verdict__gt", "")),
                        fields=["task", "verdict", "number"],
                        name="guestlist_import_row_refused",
                    ),
                ],
            },
        ),
    ]
