"""What an attempt was about; a column without a value, which both databases add without touching a row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestlist_mail", "0006_workers")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="subject_id",
            field=models.BigIntegerField(null=True),
        ),
    ]
