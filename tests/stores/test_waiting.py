"""Doing something else while the database works: statements answer as ever, and nothing is asked in between."""

import os
import selectors

import pytest
from django.db import DatabaseError, connection, transaction

from guestlist.stores import waiting

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="SQLite works in this process")


class Watch:
    """Waits for the file itself, and counts how often it was asked to, and how often to breathe."""

    def __init__(self, meanwhile=lambda: None, breath=lambda: None):
        self.events = []
        self.breaths = 0
        self.meanwhile = meanwhile
        self.breath = breath

    def breathe(self):
        self.breaths += 1
        self.breath()

    def attend(self, file, events):
        self.events.append(events)
        with selectors.DefaultSelector() as selector:
            selector.register(file, events)
            while not selector.select(0.005):
                self.meanwhile()


def asked(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


@on_postgresql
def test_a_statement_that_takes_its_time_leaves_time_for_something_else():
    done = []
    watch = Watch(lambda: done.append(1))
    connection.ensure_connection()

    with waiting.meanwhile(watch):
        assert asked("SELECT 7, pg_sleep(0.1)")[0][0] == 7
    seen = len(watch.events)
    assert asked("SELECT 8") == [(8,)]

    assert len(done) >= 5
    assert selectors.EVENT_READ in watch.events
    assert len(watch.events) == seen


@on_postgresql
def test_transactions_and_large_answers_are_as_ever():
    connection.ensure_connection()
    with waiting.meanwhile(Watch()), transaction.atomic():
        assert len(asked("SELECT repeat('x', 1000) FROM generate_series(1, 5000)")) == 5000
        with pytest.raises(DatabaseError), transaction.atomic():
            asked("SELECT 1 / 0")
        assert asked("SELECT 1") == [(1,)]


@on_postgresql
def test_the_database_cannot_be_asked_while_it_is_waited_for():
    errors = []

    def ask():
        try:
            asked("SELECT 1")
        except waiting.DatabaseBusyError as error:
            errors.append(error)

    connection.ensure_connection()
    with waiting.meanwhile(Watch(ask)):
        assert asked("SELECT 7, pg_sleep(0.05)")[0][0] == 7

    assert errors


@on_postgresql
def test_a_mistake_meanwhile_leaves_no_connection_in_the_middle_of_a_statement():
    class Stopped(BaseException):
        pass

    def stop():
        raise Stopped

    connection.ensure_connection()
    with waiting.meanwhile(Watch(stop)), pytest.raises(Stopped):
        asked("SELECT 7, pg_sleep(0.1)")

    assert not connection.is_usable()
    connection.close()
    assert asked("SELECT 8") == [(8,)]


@on_postgresql
def test_nothing_else_is_done_while_connecting():
    watch = Watch()
    connection.close()

    with waiting.meanwhile(watch):
        assert asked("SELECT 7, pg_sleep(0.05)")[0][0] == 7

    assert not watch.events


@on_postgresql
def test_a_connection_that_broke_is_made_anew_without_it():
    watch = Watch()
    connection.ensure_connection()
    with waiting.meanwhile(watch):
        connection.close()
        assert asked("SELECT 1") == [(1,)]

    assert watch.events == []


def test_long_rows_are_gone_through_with_breaths():
    watch = Watch()

    with waiting.meanwhile(watch):
        rows = list(waiting.unhurried(range(250)))
    assert list(waiting.unhurried(range(250))) == rows == list(range(250))

    assert watch.breaths == 3


def test_the_database_cannot_be_asked_in_a_breath():
    errors = []

    def ask():
        try:
            asked("SELECT 1")
        except waiting.DatabaseBusyError as error:
            errors.append(error)

    with waiting.meanwhile(Watch(breath=ask)):
        waiting.breathe()
        assert asked("SELECT 1") == [(1,)]

    assert len(errors) == 1


def test_a_breath_takes_no_breath_of_its_own():
    watch = Watch(breath=waiting.breathe)

    with waiting.meanwhile(watch):
        waiting.breathe()

    assert watch.breaths == 1


def test_without_anything_to_do_and_on_sqlite_nothing_changes():
    watch = Watch()
    with waiting.meanwhile(None):
        assert asked("SELECT 1") == [(1,)]
    with waiting.meanwhile(watch):
        assert asked("SELECT 1") == [(1,)]

    assert not (watch.events and connection.vendor == "sqlite")
