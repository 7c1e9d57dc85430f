"""A pair of age keys, as age-keygen makes one (https://github.com/C2SP/C2SP/blob/main/age.md): X25519, in Bech32 (BIP 173)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def age_pair():
    """(identity, recipient): the private key and the public one."""
    key = X25519PrivateKey.generate()
    identity = bech32("age-secret-key-", key.private_bytes_raw()).upper()
    return identity, bech32("age", key.public_key().public_bytes_raw())


def bech32(prefix, content):
    """Without the limit of 90 characters, which age lifts."""
    bits = "".join(f"{byte:08b}" for byte in content)
    bits += "0" * (-len(bits) % 5)
    words = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    head = [ord(each) >> 5 for each in prefix] + [0] + [ord(each) & 31 for each in prefix]
    check = _polymod([*head, *words, *[0] * 6]) ^ 1
    return prefix + "1" + "".join(CHARSET[word] for word in [*words, *(check >> 5 * (5 - at) & 31 for at in range(6))])


def _polymod(words):
    check = 1
    for word in words:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for at, each in enumerate(GENERATOR):
            check ^= each if top >> at & 1 else 0
    return check
