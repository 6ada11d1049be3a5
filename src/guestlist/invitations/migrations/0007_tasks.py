"""Work on many invitations in the background, and on which rows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("guestlist_customers", "0001_people"),
        ("guestlist_invitations", "0006_sent_blocks_of_the_past"),
        ("guestlist_stores", "0001_websites_and_configuration"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="invitationevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("created", "Created"),
                    ("sent", "Sent"),
                    ("resent", "Sent again"),
                    ("handed_over", "Handed over"),
                    ("viewed", "Link opened"),
                    ("bounced", "Bounced"),
                    ("complained", "Complained"),
                    ("accepted", "Accepted"),
                    ("discarded", "Discarded"),
                    ("restored", "Restored"),
                    ("order_attributed", "Order"),
                    ("order_reversed", "Order taken back"),
                    ("erased", "Erased"),
                    ("group_changed", "Group changed"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="Task",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("discard", "Discard invitations"),
                            ("send", "Send invitations"),
                            ("change_group", "Change the group of invitations"),
                            ("import", "Import invitations"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("preparing", "Being prepared"),
                            ("ready", "To be confirmed"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("stopped", "Stopped"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="preparing",
                        max_length=9,
                    ),
                ),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("customer", "Customer"),
                            ("invitee", "Invited person"),
                            ("staff", "Staff member"),
                            ("api_key", "API key"),
                            ("system", "System"),
                        ],
                        default="staff",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("touched_at", models.DateTimeField()),
                ("going_since", models.DateTimeField(null=True)),
                ("going_from", models.BigIntegerField(default=0)),
                ("settings", models.JSONField(default=dict)),
                ("total", models.BigIntegerField(default=0)),
                ("done", models.BigIntegerField(default=0)),
                ("skipped", models.JSONField(default=dict)),
                ("cursor", models.BigIntegerField(default=0)),
                ("problem", models.CharField(blank=True, max_length=40)),
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
                    "website",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="guestlist_stores.website",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TaskRow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "task", "invitation", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=20)),
                (
                    "invitation",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="guestlist_invitations.invitation",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="guestlist_invitations.task",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("state__in", ("preparing", "running"))),
                fields=["touched_at", "id"],
                name="guestlist_task_under_way",
            ),
        ),
        migrations.AddIndex(
            model_name="taskrow",
            index=models.Index(
                condition=models.Q(("reason__gt", "")),
                fields=["task", "reason", "invitation"],
                name="guestlist_task_row_skipped",
            ),
        ),
    ]
