"""How many pieces of an order came back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_demo", "0001_demo_shop")]

    operations = [
        migrations.AddField(
            model_name="orderline",
            name="returned",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("returned__lte", models.F("quantity"))),
                name="guestlist_demo_line_returned",
            ),
        ),
    ]
