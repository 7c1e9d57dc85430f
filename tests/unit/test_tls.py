"""What the stack's CA issues stands up to a strict client; what is said of pairs holds no key."""

import ssl
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from module_utils.ingresskit import tls
from module_utils.ingresskit.facts import Authority, Facts, KeyPair
from module_utils.ingresskit.model.tls import Ca

from .certificates import certificate, key_pem

HOSTS = ("cafe.example.com", "*.tea.example.com")
REAL_NOW = datetime.now(UTC).replace(microsecond=0)  # OpenSSL asks the clock itself
AUTHORITY = tls.new_authority("edge", REAL_NOW)
LEAF = tls.issue(AUTHORITY, HOSTS, REAL_NOW)


def load(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.encode())


def extension(cert, kind):
    return cert.extensions.get_extension_for_class(kind)


def handshake(folder, pair: KeyPair, authority: KeyPair, name: str) -> str:
    """The TLS version agreed on between a server with ``pair`` and a strict client, in memory. Raises ssl.SSLError."""
    file = folder / "pair.pem"
    file.write_text(pair.certificate + pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=authority.certificate)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return str(ends[0].version())


@pytest.mark.parametrize("name", ["cafe.example.com", "green.tea.example.com"])
def test_a_strict_client_accepts_what_the_ca_issued(tmp_path, name):
    assert handshake(tmp_path, LEAF, AUTHORITY, name) == "TLSv1.3"


@pytest.mark.parametrize(
    ("pair", "authority", "name", "words"),
    [
        (LEAF, AUTHORITY, "tea.example.com", "Hostname mismatch"),
        (LEAF, AUTHORITY, "very.green.tea.example.com", "Hostname mismatch"),
        (LEAF, tls.new_authority("edge", REAL_NOW), "cafe.example.com", "certificate signature failure|unable to get local issuer"),
        (AUTHORITY, AUTHORITY, "cafe.example.com", "CERTIFICATE_VERIFY_FAILED"),
        (tls.issue(AUTHORITY, HOSTS, REAL_NOW - timedelta(days=366)), AUTHORITY, "cafe.example.com", "has expired"),
        (tls.issue(AUTHORITY, HOSTS, REAL_NOW + timedelta(days=1)), AUTHORITY, "cafe.example.com", "not yet valid"),
    ],
    ids=["sibling", "two labels", "another CA of the same name", "the CA itself", "expired", "not yet valid"],
)  # fmt: skip
def test_and_refuses_anything_else(tmp_path, pair, authority, name, words):
    with pytest.raises(ssl.SSLCertVerificationError, match=words):
        handshake(tmp_path, pair, authority, name)


def test_the_ca_signs_leaves_and_nothing_else():
    ca = load(AUTHORITY)
    basic, usage = extension(ca, x509.BasicConstraints), extension(ca, x509.KeyUsage)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign and not usage.value.digital_signature
    assert ca.subject == ca.issuer
    assert ca.subject.rfc4514_string() == "CN=ingresskit edge CA"
    assert ca.not_valid_after_utc - REAL_NOW == timedelta(days=3650)
    ca.verify_directly_issued_by(ca)


def test_a_leaf_serves_its_hosts_and_nothing_else():
    leaf, ca = load(LEAF), load(AUTHORITY)
    leaf.verify_directly_issued_by(ca)
    basic, usage = extension(leaf, x509.BasicConstraints), extension(leaf, x509.KeyUsage)
    assert basic.critical and not basic.value.ca
    assert (
        usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign and not usage.value.crl_sign
    )
    assert list(extension(leaf, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert tuple(extension(leaf, x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)) == HOSTS
    key_id = extension(ca, x509.SubjectKeyIdentifier).value.digest
    assert extension(leaf, x509.AuthorityKeyIdentifier).value.key_identifier == key_id
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey) and leaf.public_key().curve.name == "secp256r1"
    assert leaf.not_valid_after_utc - REAL_NOW == timedelta(days=365)
    assert REAL_NOW - leaf.not_valid_before_utc == timedelta(minutes=5)


def test_each_certificate_has_a_key_and_a_number_of_its_own():
    other = tls.issue(AUTHORITY, HOSTS, REAL_NOW)
    assert other.key != LEAF.key
    assert load(other).serial_number != load(LEAF).serial_number


def test_a_leaf_does_not_outlive_its_ca():
    late = REAL_NOW + timedelta(days=3650 - 30)
    assert load(tls.issue(AUTHORITY, HOSTS, late)).not_valid_after_utc == load(AUTHORITY).not_valid_after_utc


@pytest.mark.parametrize(
    ("hosts", "common", "critical"),
    [
        (("a.example", "b.example"), "CN=a.example", False),
        (("x" * 60 + ".example", "b.example"), "CN=b.example", False),
        (("x" * 60 + ".example",), "", True),
    ],
    ids=["first", "first that fits", "none fits"],
)
def test_the_common_name_is_a_host_of_at_most_64_characters(hosts, common, critical):
    """RFC 5280: an empty subject makes the alternative name critical."""
    leaf = load(tls.issue(AUTHORITY, hosts, REAL_NOW))
    assert leaf.subject.rfc4514_string() == common
    assert extension(leaf, x509.SubjectAlternativeName).critical == critical


def test_a_long_stack_name_fits_its_ca():
    assert len(load(tls.new_authority("s" * 63, REAL_NOW)).subject.rfc4514_string()) == len("CN=") + 64


THIRD = timedelta(days=365) / 3


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (THIRD + timedelta(seconds=1), False),
        (THIRD, False),
        (THIRD - timedelta(seconds=1), True),
        (timedelta(0), True),
        (timedelta(days=-1), True),
    ],
    ids=str,
)
def test_due_in_the_last_third(left, expected):
    assert tls.due(REAL_NOW + left, REAL_NOW, AUTHORITY.certificate) is expected


def test_a_new_leaf_is_not_due_and_is_once_in_its_last_third():
    end = tls.inspect(LEAF.certificate).not_after
    assert not tls.due(end, REAL_NOW, AUTHORITY.certificate)
    assert tls.due(end, REAL_NOW + timedelta(days=244), AUTHORITY.certificate)


def test_the_hash_changes_with_each_input():
    base = tls.inputs_hash(HOSTS, AUTHORITY.certificate)
    others = [
        tls.inputs_hash(HOSTS[:1], AUTHORITY.certificate),
        tls.inputs_hash(HOSTS[::-1], AUTHORITY.certificate),
        tls.inputs_hash(("cafe.example.com,*.tea.example.com",), AUTHORITY.certificate),
        tls.inputs_hash(HOSTS, tls.new_authority("edge", REAL_NOW).certificate),
    ]
    assert len({base, *others}) == len(others) + 1
    assert tls.inputs_hash(list(HOSTS), AUTHORITY.certificate + "\n") == base


def test_the_hash_changes_with_the_lifetime(monkeypatch):
    before = tls.inputs_hash(HOSTS, AUTHORITY.certificate)
    monkeypatch.setattr(tls, "LEAF_LIFETIME", timedelta(days=90))
    assert tls.inputs_hash(HOSTS, AUTHORITY.certificate) != before


def test_inspect_tells_of_the_first_certificate():
    chain = LEAF.certificate + AUTHORITY.certificate
    info = tls.inspect(chain)
    assert info.sans == HOSTS and info.chain_length == 2 and not info.self_issued
    assert info.fingerprint == tls.fingerprint(LEAF.certificate)
    assert tls.inspect(chain.encode()) == info
    ca = tls.inspect(AUTHORITY.certificate)
    assert ca.self_issued and ca.sans == () and ca.chain_length == 1
    for nothing in ("", "text", AUTHORITY.key):
        with pytest.raises(ValueError, match="there is no PEM certificate in it"):
            tls.inspect(nothing)


COVERS = [
    (("a.example",), "a.example", True),
    (("A.EXAMPLE",), "a.example", True),
    (("a.example",), "b.example", False),
    (("a.example",), "a.a.example", False),
    (("*.example",), "a.example", True),
    (("*.example",), "a.b.example", False),
    (("*.example",), "example", False),
    (("*.example",), "*.example", True),
    (("*.b.example", "a.example"), "a.example", True),
    (("*.example",), "*.b.example", False),
    (("a.example",), "*.example", False),
    (("*",), "a", False),
    ((), "a.example", False),
]


@pytest.mark.parametrize(("sans", "host", "expected"), COVERS, ids=[f"{','.join(row[0])}-{row[1]}" for row in COVERS])
def test_covers(sans, host, expected):
    assert tls.covers(sans, host) is expected


@pytest.mark.parametrize(
    ("cert", "key"),
    [
        (certificate("a.example"), key_pem(1)),
        (certificate("a.example"), key_pem(password=b"canary")),
        (certificate("a.example"), key_pem()[:-40]),
        (b"", key_pem()),
        (b"canary", key_pem()),
        (certificate("a.example"), b"-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"),
    ],
    ids=["another's", "encrypted", "cut off", "no certificate", "text for a certificate", "text for a key"],
)
def test_what_is_said_of_a_bad_pair_holds_nothing_of_it(cert, key):
    with pytest.raises(ValueError, match=r"^(the private key|there is no PEM)") as caught:
        tls.check_pair(cert, key)
    told = f"{caught.value!r}"
    assert (caught.value.__cause__ is None and caught.value.__suppress_context__) or caught.value.__context__ is None
    assert "canary" not in told and not any(line in told for line in key.decode().splitlines() if len(line) > 20)


def test_a_matching_pair_is_silent():
    tls.check_pair(LEAF.certificate.encode(), LEAF.key.encode())


def test_no_repr_shows_a_key():
    pair = KeyPair("CERT", "canary")
    authority = Authority("CERT", "canary", "CERT", "canary")
    facts = Facts(authority=authority, files={"k.pem": b"canary"})
    for shown in (repr(pair), str(pair), repr(authority), repr(facts), f"{facts}", repr(asdict(authority.public))):
        assert "canary" not in shown
    assert "CERT" in repr(pair)


def test_only_keys_of_our_own_kinds_sign():
    key = ed25519.Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    foreign = Authority(AUTHORITY.certificate, key.private_bytes(*form).decode())
    with pytest.raises(ValueError, match="the stack's CA key is neither an ECDSA nor an RSA key"):
        tls.issue(foreign, HOSTS, REAL_NOW)


RSA_CA = tls.new_authority("edge", REAL_NOW, Ca(algorithm="rsa", days=30, overlap=3))


@pytest.mark.parametrize("ca", [AUTHORITY, RSA_CA], ids=["ecdsa CA", "rsa CA"])
@pytest.mark.parametrize("algorithm", ["ecdsa", "rsa"])
def test_keys_of_either_kind_are_accepted_by_a_strict_client(tmp_path, ca, algorithm):
    pair = tls.issue(ca, HOSTS, REAL_NOW, algorithm)
    assert handshake(tmp_path, pair, ca, "cafe.example.com") == "TLSv1.3"
    leaf, issuer = load(pair), load(ca)
    leaf.verify_directly_issued_by(issuer)
    assert leaf.public_key().key_size == {"ecdsa": 256, "rsa": 2048}[algorithm]
    assert issuer.public_key().key_size == (3072 if ca is RSA_CA else 256)
    assert extension(leaf, x509.KeyUsage).value.key_encipherment is (algorithm == "rsa")
    assert tls.inputs_hash(HOSTS, ca.certificate, "rsa") != tls.inputs_hash(HOSTS, ca.certificate, "ecdsa")
    tls.check_pair(pair.certificate.encode(), pair.key.encode())


def test_what_a_short_lived_ca_issues_lives_a_third_of_its_life():
    end = tls.inspect(tls.issue(RSA_CA, HOSTS, REAL_NOW).certificate).not_after
    assert timedelta(days=10) <= end - REAL_NOW < timedelta(days=10, minutes=5)


def test_the_last_leaf_of_a_ca_is_not_issued_at_every_run():
    """It ends with its CA: whatever were issued instead would end at the same time."""
    last = tls.inspect(AUTHORITY.certificate).not_after
    for days in (364, 121, 40, 3, 0.01):
        assert not tls.due(last, last - timedelta(days=days), AUTHORITY.certificate)
    late = last - timedelta(days=100)  # one that ends before its CA is renewed in a third of what a new one would have
    assert tls.due(late + timedelta(days=33), late, AUTHORITY.certificate)
    assert not tls.due(late + timedelta(days=34), late, AUTHORITY.certificate)


def test_only_certificates_are_taken_out_of_a_text():
    text = f"bag attributes\n{LEAF.key}{LEAF.certificate}{LEAF.key}subject=x\n{AUTHORITY.certificate}trailing"
    assert tls.without_keys(text) == LEAF.certificate + AUTHORITY.certificate
    for nothing in ("", LEAF.key, "text"):
        with pytest.raises(ValueError, match="there is no PEM certificate in it"):
            tls.without_keys(nothing)
