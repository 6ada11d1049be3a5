"""Workers as they were last seen; a table of its own, so nothing waits for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_mail", "0005_ended_at")]

    operations = [
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80, unique=True)),
                ("seen_at", models.DateTimeField()),
                ("trouble", models.CharField(blank=True, max_length=12)),
                ("words", models.CharField(blank=True, max_length=250)),
                ("trouble_since", models.DateTimeField(null=True)),
            ],
        ),
    ]
