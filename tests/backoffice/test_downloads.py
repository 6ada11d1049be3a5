"""Files that are made while they are downloaded: few at a time, and only for who asked here."""

import pytest

from guestlist.backoffice import downloads
from tests import make

EXPORT = "/staff/invitations/export/?format=csv"


def rest(answer) -> bytes:
    return b"".join(answer.streaming_content)


def test_one_file_of_a_person_and_few_of_all_are_made_at_a_time(owner, manager, marketing, view) -> None:
    make.staff_invitation(view)
    held = owner.get(EXPORT)
    for client in (owner, owner):
        again = client.get(EXPORT)
        assert (again.status_code, again["Retry-After"]) == (429, "60")
        assert "Your last file is still being made." in again.content.decode()
    other = manager.get(EXPORT)
    full = marketing.get(EXPORT)
    assert full.status_code == 429
    assert "Others are downloading files just now." in full.content.decode()

    assert rest(held).count(b"\r\n") == 2
    other._resource_closers[0]()  # gone before anything was read

    assert [rest(client.get(EXPORT)).count(b"\r\n") for client in (owner, manager, marketing)] == [2] * 3


def test_place_is_free_again_when_the_file_cannot_be_made(owner, rf, view) -> None:
    request = rf.get("/staff/")
    request.user = make.staff()

    def broken():
        yield b"first"
        raise LookupError

    for _ in range(2):
        answer = downloads.as_file(request, broken(), name="a.csv", media_type="text/csv")
        with pytest.raises(LookupError):
            rest(answer)


def test_another_website_cannot_have_a_file_made(owner, view) -> None:
    for where, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        answer = owner.get(EXPORT, headers={"Sec-Fetch-Site": where})
        assert answer.status_code == status, where
        said = (
            "Another website asked for this file."
            in (rest(answer) if answer.streaming else answer.content).decode()
        )
        assert said is (status == 403)
