"""Users and passwords as the lines of an htpasswd file, the same in every run."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache

COST = 5  # htpasswd's own default: a proxy hashes on every request
HASHED = re.compile(r"\$(2[aby]|apr1)\$|\{SHA\}")
# bcrypt's base64 has another alphabet (openwall.com/crypt)
_ALPHABET = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)


def htpasswd(users: Mapping[str, str], scope: str) -> str:
    """Lines of ``user:hash``, sorted. A password that is a hash already (bcrypt, apr1, SHA) stays as it is; others are
    hashed with bcrypt. ``scope`` (stack, namespace and app) and the user's name make the salt, so that two runs give
    the same hash and two places never do."""
    return "".join(f"{user}:{_hashed(users[user], f'{scope}/{user}')}\n" for user in sorted(users))


@lru_cache(maxsize=1024)  # slow by intention, and asked for again for each entry that the users are for
def _hashed(password: str, scope: str) -> str:
    if HASHED.match(password):
        return password
    import bcrypt  # loaded only where passwords are set

    salt = base64.b64encode(hashlib.sha256(scope.encode()).digest()[:16]).rstrip(b"=").translate(_ALPHABET)
    return bcrypt.hashpw(password.encode(), b"$2y$%02d$" % COST + salt).decode()
