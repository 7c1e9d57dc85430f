"""Certificates before they are sent: there, readable, matching their key, covering their hosts, in date."""

import pytest

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.facts import ExistingSecret, Facts
from module_utils.ingresskit.preflight import check

from .certificates import NOW, certificate, key_pem

APP = "ingress_apps.cafe.tls"
HOSTS = ("cafe.example.com",)
GOOD = certificate(*HOSTS)
ROOT = certificate(common="root", number=2)
MIDDLE = certificate(common="middle", number=3, by=("root", 2))
FALSE_MIDDLE = certificate(common="middle", number=4, by=("root", 2))
LEAF = certificate(*HOSTS, by=("middle", 3))


def findings(tls, facts, hosts=HOSTS, *, at_host=False, controller=None):
    rules = {host: {"paths": {"/": "tea:80"}, **({"tls": tls} if at_host else {})} for host in hosts}
    app = {"hosts": rules, **({} if at_host else {"tls": tls})}
    stack = model.load({"ingress_apps": {"cafe": app}, "ingress_controller": controller or {}})
    return [(each.level, each.path, each.message) for each in check(stack, controller_for(stack.controller), facts)]


def facts_of(cert, key, now=NOW):
    files = {name: content for name, content in (("c.pem", cert), ("k.pem", key)) if content is not None}
    return Facts(now=now, files=files)


FILES = {"cert_file": "c.pem", "key_file": "k.pem"}
# certificate, key, hosts, findings as (level, which of the two keys, words)
PAIRS = {
    "good": (GOOD, key_pem(), HOSTS, []),
    "an old form of key": (GOOD, key_pem(form="TraditionalOpenSSL"), HOSTS, []),
    "text around the PEM": (b"Subject: x\n" + GOOD, b"comment\n" + key_pem(), HOSTS, []),
    "a chain, leaf first": (GOOD + certificate("other.example", number=1), key_pem(), HOSTS, []),
    "a chain, leaf last": (
        certificate("other.example", number=1) + GOOD, key_pem(), HOSTS,
        [("error", "cert", "the certificate of the private key is number 2 in it: the leaf goes first")],
    ),
    "a chain of a CA, leaf first": (LEAF + MIDDLE, key_pem(), HOSTS, []),
    "with its root": (LEAF + MIDDLE + ROOT, key_pem(), HOSTS, []),
    "a key among the certificates": (LEAF + key_pem() + MIDDLE, key_pem(), HOSTS, []),
    "the leaf second": (
        MIDDLE + LEAF, key_pem(), HOSTS,
        [("error", "cert", "number 2 in it: the leaf goes first, then its issuer, and so on; put them in that order")],
    ),
    "the leaf last": (ROOT + MIDDLE + LEAF, key_pem(), HOSTS, [("error", "cert", "number 3 in it")]),
    "the root before the middle": (
        LEAF + ROOT + MIDDLE, key_pem(), HOSTS,
        [("warning", "cert", "its certificates are out of order: CN=test is issued by CN=middle, which does not follow it")],
    ),
    "the leaf alone": (
        LEAF, key_pem(), HOSTS,
        [("warning", "cert", "its chain is not complete: CN=test is issued by CN=middle, which is not in it")],
    ),
    "the middle is missing": (LEAF + ROOT, key_pem(), HOSTS, [("warning", "cert", "its chain is not complete: CN=test")]),
    "another CA of the same name": (LEAF + FALSE_MIDDLE, key_pem(), HOSTS, [("warning", "cert", "not complete")]),
    "another's key": (GOOD, key_pem(1), HOSTS, [("error", "key", "does not belong to the certificate")]),
    "an encrypted key": (GOOD, key_pem(password=b"x"), HOSTS, [("error", "key", "is encrypted: a controller cannot read it")]),
    "an encrypted key of the old form": (
        GOOD, key_pem(form="TraditionalOpenSSL", password=b"x"), HOSTS, [("error", "key", "is encrypted")],
    ),
    "no key": (GOOD, b"", HOSTS, [("error", "key", "is not a PEM private key")]),
    "a certificate for a key": (GOOD, GOOD, HOSTS, [("error", "key", "is not a PEM private key")]),
    "a damaged key": (GOOD, key_pem().replace(b"\nM", b"\n!", 1), HOSTS, [("error", "key", "is not a PEM private key")]),
    "no certificate": (b"", key_pem(), HOSTS, [("error", "cert", "no PEM certificate")]),
    "a key for a certificate": (key_pem(), key_pem(), HOSTS, [("error", "cert", "no PEM certificate")]),
    "a damaged certificate": (GOOD.replace(b"\nM", b"\n!", 1), key_pem(), HOSTS, [("error", "cert", "no PEM certificate")]),
    "expired": (certificate(*HOSTS, days=-0.001), key_pem(), HOSTS, [("error", "cert", "expired on 2026-08-01: renew it")]),
    "expired this second": (certificate(*HOSTS, days=0), key_pem(), HOSTS, [("error", "cert", "expired on 2026-08-01")]),
    "expiring": (certificate(*HOSTS, days=13.9), key_pem(), HOSTS, [("warning", "cert", "expires in 13 days, on 2026-08-15")]),
    "not expiring yet": (certificate(*HOSTS, days=14), key_pem(), HOSTS, []),
    "not valid yet": (certificate(*HOSTS, since=1), key_pem(), HOSTS, [("error", "cert", "not valid before 2026-08-02 12:00 UTC")]),
    "valid from now": (certificate(*HOSTS, since=0), key_pem(), HOSTS, []),
    "another's name": (certificate("tea.example.com"), key_pem(), HOSTS, [("error", "cert", "is for tea.example.com: it does not cover cafe")]),
    "a common name only": (certificate(common=HOSTS[0]), key_pem(), HOSTS, [("error", "cert", "is for no name at all")]),
    "one host of two": (GOOD, key_pem(), (*HOSTS, "tea.example.com"), [("error", "cert", "does not cover tea.example.com")]),
    "capitals": (certificate("CAFE.Example.com"), key_pem(), HOSTS, []),
    "a wildcard": (certificate("*.example.com"), key_pem(), HOSTS, []),
    "a wildcard, two labels": (certificate("*.example.com"), key_pem(), ("a.b.example.com",), [("error", "cert", "does not cover a.b.example.com")]),
    "a wildcard, no label": (certificate("*.example.com"), key_pem(), ("example.com",), [("error", "cert", "does not cover example.com")]),
    "a wildcard for a wildcard": (certificate("*.example.com"), key_pem(), ("*.example.com",), []),
    "a name for a wildcard": (GOOD, key_pem(), ("*.example.com",), [("error", "cert", "does not cover *.example.com")]),
    "a wider wildcard for a wildcard": (certificate("*.com"), key_pem(), ("*.example.com",), [("error", "cert", "does not cover *.example.com")]),
}  # fmt: skip


@pytest.mark.parametrize("source", ["files", "inline"])
@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name, source):
    cert, key, hosts, expected = PAIRS[name]
    if source == "files":
        tls, facts, keys = FILES, facts_of(cert, key), {"cert": "cert_file", "key": "key_file"}
    else:
        tls, facts, keys = {"cert": cert.decode(), "key": key.decode()}, Facts(now=NOW), {"cert": "cert", "key": "key"}
    found = findings(tls, facts, hosts)
    assert sorted((level, path) for level, path, _ in found) == sorted(
        (level, f"{APP}.{keys[at]}") for level, at, _ in expected
    )
    assert all(any(words in message for _, _, message in found) for _, _, words in expected), found


def test_a_hosts_own_certificate_has_its_path():
    tls = {"cert": certificate("tea.example.com").decode(), "key": key_pem().decode()}
    ((_, path, _),) = findings(tls, Facts(now=NOW), at_host=True)
    assert path == 'ingress_apps.cafe.hosts."cafe.example.com".tls.cert'


def test_the_default_certificate_need_not_name_a_host():
    controller = {"default_tls": {"cert": certificate("anything.example").decode(), "key": key_pem(1).decode()}}
    found = findings({"secret": "s"}, Facts(now=NOW), controller=controller)
    assert [(path, message) for _, path, message in found] == [
        ("ingress_controller.default_tls.key", "the private key does not belong to the certificate")
    ]


def test_without_a_clock_nothing_is_said_of_time():
    assert findings(FILES, facts_of(certificate(*HOSTS, days=-0.5), key_pem(), now=None)) == []


@pytest.mark.parametrize(
    ("cert", "key", "path"),
    [(b"\xff" + GOOD, key_pem(), "cert_file"), (GOOD, b"\x30\x82\xff", "key_file")],
    ids=["certificate", "key"],
)
def test_files_that_are_no_text(cert, key, path):
    ((level, at, message),) = findings(FILES, facts_of(cert, key))
    assert (level, at) == ("error", f"{APP}.{path}")
    assert "is not UTF-8 text: give the PEM form" in message


def test_unreadable_files_are_named_where_they_are_asked_for():
    facts = Facts(now=NOW, files={"k.pem": key_pem()}, unreadable={"c.pem": "there is no file /x/c.pem"})
    assert findings(FILES, facts) == [("error", f"{APP}.cert_file", "there is no file /x/c.pem")]


def test_the_page_is_a_file_too():
    controller = {"kind": "traefik", "default_backend": {"page": "404.html"}}
    at = "ingress_controller.default_backend.page"
    for facts, words in (
        (Facts(unreadable={"404.html": "there is no file 404.html"}), "there is no file"),
        (Facts(files={"404.html": b"\xff"}), "the file 404.html is not UTF-8 text"),
    ):
        ((level, path, message),) = findings({"secret": "s"}, facts, controller=controller)
        assert (level, path) == ("error", at) and message.startswith(words)
    assert findings({"secret": "s"}, Facts(files={"404.html": b"<h1>"}), controller=controller) == []


TLS_TYPE = "kubernetes.io/tls"
SECRETS = {
    "not looked for": (..., []),
    "good": (ExistingSecret(TLS_TYPE, GOOD.decode(), True), []),
    "missing": (None, [("error", "there is no Secret cafe-tls in namespace cafe: create it there (type kubernetes.io/tls)")]),
    "opaque": (ExistingSecret("Opaque", GOOD.decode(), True), [("error", "is of type Opaque: controllers want kubernetes.io/tls")]),
    "no certificate": (ExistingSecret(TLS_TYPE, None, True), [("error", "lacks tls.crt or tls.key")]),
    "no key": (ExistingSecret(TLS_TYPE, GOOD.decode(), False), [("error", "lacks tls.crt or tls.key")]),
    "garbage": (ExistingSecret(TLS_TYPE, "garbage", True), [("error", "in the Secret cafe/cafe-tls: there is no PEM certificate")]),
    "expired": (ExistingSecret(TLS_TYPE, certificate(*HOSTS, days=-0.5).decode(), True), [("error", "expired on 2026-08-01")]),
    "expiring": (ExistingSecret(TLS_TYPE, certificate(*HOSTS, days=5).decode(), True), [("warning", "expires in 5 days")]),
    "a leaf alone": (ExistingSecret(TLS_TYPE, LEAF.decode(), True), [("warning", "its chain is not complete")]),
    "another's name": (ExistingSecret(TLS_TYPE, certificate("x.example").decode(), True), [("error", "does not cover cafe.example.com")]),
}  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_secrets(name):
    secret, expected = SECRETS[name]
    facts = Facts(now=NOW, secrets={} if secret is ... else {("cafe", "cafe-tls"): secret})
    found = findings({"secret": "cafe-tls"}, facts)
    assert [(level, path) for level, path, _ in found] == [(level, f"{APP}.secret") for level, _ in expected]
    assert all(words in message for (_, _, message), (_, words) in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("kind", "name", "secret", "found"),
    [
        ("SealedSecret", "cafe-tls", None, 0),
        ("SealedSecret", "other", None, 1),
        ("Secret", "cafe-tls", ExistingSecret("Opaque", None, False), 1),
    ],
)
def test_an_extra_object_may_bring_the_secret(kind, name, secret, found):
    extra = {"apiVersion": "example.com/v1", "kind": kind, "metadata": {"name": name, "namespace": "cafe"}}
    app = {"tls": {"secret": "cafe-tls"}, "hosts": {HOSTS[0]: "x:80"}}
    stack = model.load({"ingress_apps": {"cafe": app}, "ingress_extra_objects": [extra]})
    facts = Facts(now=NOW, secrets={("cafe", "cafe-tls"): secret})
    assert len(check(stack, controller_for(stack.controller), facts)) == found


def test_in_a_rehearsal_a_task_before_may_bring_the_secret():
    facts = Facts(now=NOW, secrets={("cafe", "cafe-tls"): None}, rehearsal=True)
    ((level, _, message),) = findings({"secret": "cafe-tls"}, facts)
    assert (level, message) == ("warning", "there is no Secret cafe-tls in namespace cafe yet")


def test_what_others_issue_is_not_looked_at():
    """cert-manager makes the Secret after we have asked for it; the stack's CA after that."""
    facts = Facts(now=NOW, secrets={("cafe", "cafe-tls"): None})
    assert findings({"issuer": "letsencrypt"}, facts) == findings({"self_signed": True}, facts) == []


@pytest.mark.parametrize("name", PAIRS)
def test_no_finding_holds_key_material(name):
    cert, key, hosts, _ = PAIRS[name]
    told = "\n".join(message for _, _, message in findings(FILES, facts_of(cert, key), hosts))
    lines = [line for line in key.decode().splitlines() if len(line) > 20 and "-----" not in line]
    assert not any(line in told for line in lines)
