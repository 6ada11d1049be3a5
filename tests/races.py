"""Threads that start at the same moment, each with a database connection of its own.

The test needs `@pytest.mark.django_db(transaction=True)`: the threads see only what is committed.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

_PATIENCE = 60


def together[T](*works: Callable[[], T]) -> list[T | Exception]:
    """Run all at once and give what each returned or raised, in the order they were given."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T | Exception:
        try:
            connection.ensure_connection()  # so that none comes late because it had to connect first
            barrier.wait(_PATIENCE)
            return work()
        except Exception as raised:  # noqa: BLE001 - the test looks at it
            return raised
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
