"""Reports › Monday mail: who chooses for whom, and what two people who choose at once leave."""

import re

from guestlist.mail.models import SenderIdentity
from guestlist.reports.models import MondayReader
from tests import make

ADDRESS = "/staff/reports/monday/"


def chosen() -> dict[str, str]:
    return dict(MondayReader.objects.order_by("user").values_list("user__email", "language"))


def save(client, **fields):
    return client.post(ADDRESS, fields, follow=True)


def fields_of(page: str) -> list[str]:
    return re.findall(r'<select name="for_(\d+)"', page)


def test_owner_chooses_for_everybody(owner, view) -> None:
    noor = make.staff(view.website, role="marketing", email="noor@example.com")
    page = owner.get(ADDRESS).content.decode()
    assert str(noor.pk) in fields_of(page)

    answer = save(owner, **{f"was_for_{noor.pk}": "", f"for_{noor.pk}": "nl"})

    assert chosen() == {"noor@example.com": "nl"}
    assert "Saved." in answer.content.decode()
    save(owner, **{f"was_for_{noor.pk}": "nl", f"for_{noor.pk}": ""})
    assert chosen() == {}


def test_others_choose_for_themselves_alone(marketing, support, view) -> None:
    other = make.staff(email="other@example.com")
    page = marketing.get(ADDRESS).content.decode()
    (own,) = fields_of(page)

    save(
        marketing,
        **{f"was_for_{own}": "", f"for_{own}": "en", f"was_for_{other.pk}": "", f"for_{other.pk}": "en"},
    )

    assert chosen() == {"marketing@example.com": "en"}
    assert "other@example.com" not in page
    assert "The next one leaves:" in page
    assert support.get(ADDRESS).status_code == 403


def test_a_page_that_has_stood_open_undoes_nothing(owner, view) -> None:
    noor = make.staff(view.website, role="marketing", email="noor@example.com")
    MondayReader.objects.create(user=noor, language="nl", since=make.NOW)

    # Made before she chose for herself, and saved with her field as it was then.
    save(owner, **{f"was_for_{noor.pk}": "", f"for_{noor.pk}": ""})

    assert chosen() == {"noor@example.com": "nl"}


def test_what_cannot_be_saved_stays_as_it_was_chosen(owner, view) -> None:
    noor = make.staff(view.website, role="marketing", email="noor@example.com")
    one = make.staff(email="one@example.com")
    SenderIdentity.objects.filter(website=view.website).delete()

    answer = save(
        owner,
        **{f"was_for_{noor.pk}": "", f"for_{noor.pk}": "nl", f"was_for_{one.pk}": "", f"for_{one.pk}": "en"},
    )

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "has no sender identity" in page
    assert chosen() == {}
    assert re.search(rf'name="for_{noor.pk}".*?value="nl" selected', page, re.DOTALL)
    nonsense = save(owner, **{f"was_for_{noor.pk}": "", f"for_{noor.pk}": "klingon"})
    assert nonsense.status_code == 422


def test_page_speaks_dutch_and_today_leads_to_it(owner) -> None:
    page = owner.get(ADDRESS, headers={"accept-language": "nl"}).content.decode()
    assert "Maandagmail" in page
    assert ADDRESS in owner.get("/staff/reports/today/").content.decode()
