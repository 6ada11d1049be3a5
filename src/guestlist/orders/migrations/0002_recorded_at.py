"""When the shop told of an order; empty where an earlier release recorded it, which also goes on doing so meanwhile."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_orders", "0001_orders")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="recorded_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
