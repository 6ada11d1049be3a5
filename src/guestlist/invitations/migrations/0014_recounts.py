"""When figures were put right by the history."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_invitations", "0013_days_of_events")]

    operations = [
        migrations.CreateModel(
            name="Recount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("after", models.BigIntegerField(unique=True)),
                ("at", models.DateTimeField()),
                ("figures", models.BigIntegerField()),
            ],
        ),
    ]
