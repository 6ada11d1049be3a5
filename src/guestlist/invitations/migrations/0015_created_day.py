"""The day on which an invitation was made, for those that count as not sent until they leave."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_invitations", "0014_recounts")]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="created_day",
            field=models.DateField(null=True),
        ),
    ]
