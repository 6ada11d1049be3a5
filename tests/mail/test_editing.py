"""Templates that staff save at the same moment."""

import pytest

from guestlist.mail import builtin, editing, templates
from guestlist.mail.models import Template, TemplateVersion
from tests import make, races

pytestmark = pytest.mark.django_db(transaction=True)


def saving(subject: str, template: Template | None = None):
    source = next(one for one in builtin.sources("invitation") if one.language == "en")
    words = editing.Words("en", subject, source.text, source.mjml)
    return lambda: editing.save_template(
        template=template, name="Our own", purpose="invitation", words=[words], now=make.NOW
    )


def test_each_gets_a_code_and_a_version_when_several_save_at_once() -> None:
    templates.install(now=make.NOW)

    made = races.together(*[saving(f"Come {number}") for number in range(4)])

    assert all(isinstance(one, TemplateVersion) for one in made), made
    codes = Template.objects.filter(is_builtin=False).order_by("code").values_list("code", flat=True)
    assert list(codes) == ["our-own", "our-own-2", "our-own-3", "our-own-4"]

    own = Template.objects.get(code="our-own")
    saved = races.together(*[saving(f"Welcome {number}", own) for number in range(4)])

    assert all(isinstance(one, TemplateVersion) for one in saved), saved
    numbers = TemplateVersion.objects.filter(template=own).order_by("number").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3, 4, 5]
