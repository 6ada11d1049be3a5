"""What a worker writes down for the case that it is killed: read back, rolled over, dropped, held by one alone."""

import resource
import subprocess
import sys

import pytest

from guestlist.mail import journal
from guestlist.mail.journal import Journal, JournalInUseError, Mark

_FULL = """
import resource, sys
from pathlib import Path
from guestlist.mail.journal import Journal
held = Journal.take(Path(sys.argv[1]), "one")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    held.leaving(1)
except OSError as error:
    print(type(error).__name__, sorted(path.name for path in held.folder.iterdir()))
"""


@pytest.fixture
def held(tmp_path):
    taken = Journal.take(tmp_path, "one")
    taken.begin_anew()
    yield taken
    taken.close()


def again(held):
    """Close the journal and take it anew, as the next worker of that name does."""
    held.close()
    return Journal.take(held.folder.parent, held.name)


def files(held):
    return sorted(path.name for path in held.folder.glob("*.journal"))


def test_the_last_word_about_a_mail_counts(held):
    for number in (1, 2, 3, 4):
        held.leaving(number)
    held.answered(2, 250, accepted=True)
    held.answered(3, 550, accepted=False)
    held.answered(4, 450, accepted=False)
    held.leaving(4)

    said = {1: Mark.LEAVING, 2: Mark.ACCEPTED, 3: Mark.REFUSED, 4: Mark.LEAVING}
    assert held.read() == said
    after = again(held)
    assert after.read() == said
    after.close()


def test_no_answer_is_no_refusal(held):
    held.leaving(1)
    held.answered(1, 0, accepted=None)

    assert held.read() == {1: Mark.LEAVING}


def test_a_journal_that_is_new_says_so(tmp_path):
    held = Journal.take(tmp_path, "one")
    unknown = held.read()
    held.begin_anew()
    known = held.read()
    held.close()

    assert unknown is None
    assert known == {}


def test_what_is_recorded_leaves_nothing_behind(held):
    for number in range(10):
        held.leaving(number)
        held.answered(number, 250, accepted=True)
    held.recorded(range(10))
    held.close()

    assert files(held) == []


def test_what_is_not_recorded_stays_for_the_next(held):
    held.leaving(1)
    held.leaving(2)
    held.recorded([1])
    after = again(held)

    assert len(files(held)) == 1
    after.leaving(3)
    assert len(files(held)) == 2
    assert set(after.read() or ()) == {1, 2, 3}
    after.begin_anew()
    assert (after.read(), files(held)) == ({}, [])
    after.leaving(4)
    assert after.read() == {4: Mark.LEAVING}
    after.close()


@pytest.mark.parametrize(
    "torn", [b"\x07", b"\x07\0\0\0\0\0\0\0", b"\x07\0\0\0\0\0\0\0\xfa\0\0\0\x02GL", b"\x07" * 16]
)
def test_a_record_that_was_only_half_written_says_nothing(held, torn):
    held.leaving(5)
    held.close()
    (path,) = held.folder.glob("*.journal")
    content = bytearray(path.read_bytes())
    content[16 : 16 + len(torn)] = torn
    path.write_bytes(content)
    after = Journal.take(held.folder.parent, "one")

    assert after.read() == {5: Mark.LEAVING}
    after.close()


@pytest.mark.parametrize("size", [0, 15, 16, 17])
def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(held, size):
    held.leaving(5)
    held.close()
    (path,) = held.folder.glob("*.journal")
    path.write_bytes(path.read_bytes()[:size])
    after = Journal.take(held.folder.parent, "one")

    assert after.read() == ({5: Mark.LEAVING} if size >= 16 else {})
    after.close()


def test_what_else_lies_in_the_folder_is_left_alone(held):
    held.leaving(1)
    held.close()
    strange = [held.folder / "notes.journal", held.folder / "README"]
    for path in strange:
        path.write_bytes(b"x" * 64)
    after = Journal.take(held.folder.parent, "one")
    said = after.read()
    after.begin_anew()
    after.close()

    assert said == {1: Mark.LEAVING}
    assert all(path.exists() for path in strange)


def test_nobody_else_may_look_into_a_journal_or_write_there(tmp_path):
    held = journal.take_first(tmp_path / "new" / "journal")
    held.leaving(1)

    modes = {
        path.stat().st_mode & 0o077 for path in [held.folder.parent, held.folder, *held.folder.iterdir()]
    }
    held.close()

    assert modes == {0}


def test_a_folder_that_everybody_may_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o777)

    with pytest.raises(PermissionError, match="everybody may write there"):
        journal.take_first(tmp_path)


def test_a_link_in_the_place_of_a_journal_is_not_followed(tmp_path, held):
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    (held.folder / "0000000001.journal").symlink_to(precious)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "lock").symlink_to(precious)

    with pytest.raises(FileExistsError):
        held.leaving(1)
    with pytest.raises(OSError, match="symbolic links"):
        Journal.take(tmp_path, "other")

    assert precious.read_bytes() == b"precious"


def test_only_one_holds_a_name(held):
    with pytest.raises(JournalInUseError):
        Journal.take(held.folder.parent, "one")
    again(held).close()


def test_names_are_tried_in_order_and_fit_into_the_outbox(tmp_path):
    taken = [journal.take_first(tmp_path, "shop.example/../x" + "y" * 60) for _ in range(3)]
    names = [one.name for one in taken]
    for one in taken:
        one.close()

    assert names == [f"{names[0][:-1]}{number}" for number in (1, 2, 3)]
    assert all(len(name) <= 40 and "/" not in name for name in names)
    assert all(one.folder.parent == tmp_path for one in taken)
    assert next(journal.names(tmp_path))


def test_a_name_that_is_free_again_is_taken_again(tmp_path):
    first, second = (journal.take_first(tmp_path, "shop") for _ in range(2))
    first.close()
    third = journal.take_first(tmp_path, "shop")
    names = [first.name, second.name, third.name]
    second.close()
    third.close()

    assert names[0] == names[2] != names[1]


def test_two_machines_that_are_called_the_same_have_workers_of_different_names(tmp_path):
    names = {next(journal.names(tmp_path / machine, "shop")) for machine in ("one", "other")}

    assert len(names) == 2
    assert next(journal.names(tmp_path / "one", "shop")) in names


def test_a_full_file_is_followed_by_another_and_dropped_when_all_is_recorded(held):
    count = journal._RECORDS // 2 + 100
    for number in range(count):
        held.leaving(number)
        held.answered(number, 250, accepted=True)
    rolled = files(held)
    said = held.read()
    held.recorded(range(count - 50))
    dropped = files(held)
    after = again(held)
    left = after.read()
    after.close()

    assert len(rolled) == 2
    assert said == dict.fromkeys(range(count), Mark.ACCEPTED)
    assert dropped == rolled[1:]
    assert left is not None
    assert set(left) >= set(range(count - 50, count))


def test_answers_have_room_where_their_mails_began(held):
    under_way = 256
    for number in range(journal._RECORDS - journal._SPARE + 1):
        held.leaving(number)
    first = range(journal._RECORDS - journal._SPARE + 1 - under_way, journal._RECORDS - journal._SPARE + 1)
    held.leaving(1_000_000)
    for number in (*first, 1_000_000):
        held.answered(number, 250, accepted=True)

    said = held.read() or {}
    assert len(files(held)) == 2
    assert {said[number] for number in (*first, 1_000_000)} == {Mark.ACCEPTED}
    assert said[0] is Mark.LEAVING


def test_a_mail_that_leaves_again_in_a_later_file_is_answered_there(held):
    held.leaving(7)
    for number in range(100, 100 + journal._RECORDS - journal._SPARE):
        held.leaving(number)
    held.leaving(7)
    held.answered(7, 250, accepted=True)

    assert len(files(held)) == 2
    assert (held.read() or {})[7] is Mark.ACCEPTED


def test_an_answer_without_a_beginning_is_no_word(held):
    held.answered(1, 250, accepted=True)

    assert held.read() == {}


@pytest.mark.requirement("delivery-when-disk-full")
def test_a_full_disk_is_told_before_anything_leaves(tmp_path):
    done = subprocess.run([sys.executable, "-c", _FULL, tmp_path], capture_output=True, text=True)

    assert done.stdout.strip() == "OSError ['lock']", done.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096
