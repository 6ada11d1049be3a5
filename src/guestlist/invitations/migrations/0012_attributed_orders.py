"""Which orders count for which invitation, and on which day."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("guestlist_invitations", "0011_workbooks_for_the_worker"),
        ("guestlist_orders", "0001_orders"),
    ]

    operations = [
        migrations.CreateModel(
            name="AttributedOrder",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="attribution",
                        serialize=False,
                        to="guestlist_orders.order",
                    ),
                ),
                (
                    "invitation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attributed_orders",
                        to="guestlist_invitations.invitation",
                    ),
                ),
                ("placed_at", models.DateTimeField()),
                ("day", models.DateField()),
                ("in_view", models.BooleanField()),
                ("counts", models.BooleanField(default=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("counts", True)),
                        fields=["invitation", "in_view", "placed_at", "order"],
                        name="guestlist_attributed_first",
                    ),
                    models.Index(fields=["invitation"], name="guestlist_attributed_to"),
                ],
            },
        ),
    ]
