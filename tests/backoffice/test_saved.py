"""Saved filters and chosen columns: kept, shared, looked after, and honest about what is gone."""

import pytest

from guestlist.customers.models import Grant, Role
from guestlist.invitations.actions import saved
from guestlist.invitations.models import GridColumns, SavedFilter
from tests import make


def words(answer, status: int = 200) -> str:
    assert answer.status_code == status, answer
    return str(answer.content.decode())


def save(client, name: str, back: str = "status=sent&sort=-email", **data):
    return client.post("/staff/invitations/filters/", {"name": name, "back": back} | data, follow=True)


def test_filter_and_order_are_kept_when_they_are_saved(owner, view) -> None:
    make.staff_invitation(view)

    page = words(save(owner, "  Still   open ", back="status=sent&sort=-email&after=x&unknown=1"))

    kept = SavedFilter.objects.get()
    assert (kept.name, kept.query, kept.is_shared) == ("Still open", "status=sent&sort=-email", False)
    assert "The filter is saved as “Still open”." in page
    assert 'href="/staff/invitations/?status=sent&amp;sort=-email">Still open</a>' in page


@pytest.mark.parametrize(
    ("name", "back", "problem"),
    [
        ("", "status=sent", "Enter a name"),
        ("x" * 61, "status=sent", "Enter a name"),
        ("a\x00b", "status=sent", "Enter a name"),
        ("Taken", "status=sent", "You have a filter “Taken” already"),
        ("Odd", "status=nonsense", "cannot be filtered by"),
    ],
)
def test_what_was_typed_stays_when_a_filter_cannot_be_saved(owner, view, name, back, problem) -> None:
    save(owner, "Taken")

    page = words(save(owner, name, back=back, is_shared="1"), 422)

    assert problem in page
    assert f'value="{back}"' in page
    assert 'name="is_shared" value="1" checked' in page
    assert SavedFilter.objects.count() == 1


def test_no_more_are_kept_than_anybody_finds_one_in(owner, monkeypatch) -> None:
    monkeypatch.setattr(saved, "MOST", 1)
    save(owner, "One")

    assert "already. Delete one first." in words(save(owner, "Two"), 422)


def test_filter_is_seen_by_others_when_it_is_shared_and_changed_by_its_maker_alone(owner, support) -> None:
    save(owner, "Mine")
    save(owner, "Ours", is_shared="1")
    mine, ours = SavedFilter.objects.order_by("pk")

    page = words(support.get("/staff/invitations/filters/"))
    assert "Ours" in page
    assert "Mine" not in page
    assert support.post(f"/staff/invitations/filters/{ours.pk}/", {"delete": "1"}).status_code == 404

    page = words(
        owner.post(f"/staff/invitations/filters/{mine.pk}/", {"name": "Ours", "is_shared": "1"}), 422
    )
    assert "You have a filter “Ours” already" in page
    assert page.count('name="is_shared" value="1" checked') == 2
    owner.post(f"/staff/invitations/filters/{mine.pk}/", {"name": "Renamed", "is_shared": "1"})
    owner.post(f"/staff/invitations/filters/{ours.pk}/", {"delete": "1"})

    assert list(SavedFilter.objects.values_list("name", "is_shared")) == [("Renamed", True)]
    assert owner.post(f"/staff/invitations/filters/{ours.pk}/", {"delete": "1"}).status_code == 404


def test_filter_is_shared_with_the_staff_of_its_website_alone(client_of, owner, view, other_view) -> None:
    ours, theirs = (client_of(make.staff(one.website)) for one in (view, other_view))
    both = make.staff(view.website)
    make.staff_invitation(view)
    Grant.objects.create(user=both, website=other_view.website, role=Role.objects.get(code="owner"))
    save(theirs, "Hidden", is_shared="1")
    save(owner, "Everywhere", is_shared="1")
    save(owner, "Of theirs", back=f"store_view={other_view.pk}", is_shared="1")

    page = words(save(client_of(both), "Vague", is_shared="1"), 422)
    assert "filter by one of them" in page
    save(client_of(both), "Clear", back=f"website={view.website_id}", is_shared="1")

    for page in (words(ours.get("/staff/invitations/filters/")), words(ours.get("/staff/invitations/"))):
        assert "Everywhere" in page
        assert "Clear" in page
        assert "Hidden" not in page
        assert "Of theirs" not in page
    assert "Of theirs" in words(theirs.get("/staff/invitations/filters/"))


def test_list_says_so_when_a_filter_is_by_what_is_gone(owner, support, view, other_view) -> None:
    make.staff_invitation(view)
    gone = make.occasion(view.website)
    pk = gone.pk
    gone.delete()

    for client, query, said in (
        (owner, f"occasion={pk}", f"Occasion {pk} is not there any more"),
        (owner, "send=99", "Send (ID) 99 is not there any more"),
        (owner, "inviter=99", "Inviter 99 is not there any more"),
        (support, f"website={other_view.website_id}", "is not there any more, or not yours to see"),
        (support, f"store_view={other_view.pk}", "is not there any more, or not yours to see"),
    ):
        assert said in words(client.get(f"/staff/invitations/?{query}"))
    old = make.occasion(view.website, title="Long ago")
    assert "not there any more" not in words(owner.get(f"/staff/invitations/?occasion={old.pk}"))


def test_columns_are_those_that_somebody_chose(owner, support, view) -> None:
    make.staff_invitation(view)
    data = {"column": ["status", "occasion", "nonsense", "id"], "back": "status=sent"}

    answer = owner.post("/staff/invitations/columns/", data)

    assert answer["Location"] == "/staff/invitations/?status=sent"
    assert GridColumns.objects.get().columns == ["status", "occasion"]
    page = words(owner.get("/staff/invitations/"))
    assert page.count('role="columnheader"') == 5  # the ticks, ID and Email besides
    assert 'data-label="Delivery"' not in page
    assert 'data-label="Status"' in page
    assert words(support.get("/staff/invitations/")).count('role="columnheader"') == 12
    owner.post("/staff/invitations/columns/", data | {"all": "1"})
    assert not GridColumns.objects.exists()
    owner.post("/staff/invitations/columns/", {})
    assert words(owner.get("/staff/invitations/")).count('role="columnheader"') == 3
