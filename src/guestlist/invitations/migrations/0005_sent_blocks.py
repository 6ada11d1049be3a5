"""A small table that tells between which ids to look for what was sent on some days."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_invitations", "0004_indexes_of_the_grid")]

    operations = [
        migrations.CreateModel(
            name="SentBlock",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("until", models.DateField()),
                ("block", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "until", "block"), name="guestlist_sent_block_once"
                    )
                ],
            },
        ),
    ]
