"""The folder of the demo: what is deleted and what is not."""

import pytest

from guestlist.demo import folder


def test_only_the_demos_own_goes_when_it_is_cleared(tmp_path):
    with folder.take(tmp_path):
        (tmp_path / "guestlist.sqlite3").write_text("", encoding="ascii")
        (tmp_path / "media" / "logos").mkdir(parents=True)
        (tmp_path / "notes.txt").write_text("mine", encoding="ascii")
        folder.clear(tmp_path)
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["guestlist-demo.txt", "notes.txt"]
    with folder.take(tmp_path):
        pass  # still a demo's folder


def test_link_is_unlinked_and_not_followed_when_cleared(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("", encoding="ascii")
    inside = tmp_path / "inside"
    with folder.take(inside):
        (inside / "media").symlink_to(outside, target_is_directory=True)
        folder.clear(inside)
    assert (outside / "precious").exists()


def test_second_taker_is_refused_while_the_first_holds_it(tmp_path):
    with folder.take(tmp_path), pytest.raises(folder.UnusableFolderError):
        folder.take(tmp_path)
    folder.take(tmp_path).close()
