"""Keyed hashes: the very ones of the standard library."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from guestlist import keyed


@given(key=st.binary(max_size=200), message=st.binary(max_size=300))
def test_a_digest_is_that_of_the_library_whatever_the_length_of_the_key(key, message):
    assert keyed.digest(key, message) == hmac.digest(key, message, hashlib.sha256)
