"""A pair of age keys, as age-keygen makes one (https://age-encryption.org/v1)."""

from __future__ import annotations

from pyrage import x25519


def age_pair():
    """(identity, recipient): the private key and the public one."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())
