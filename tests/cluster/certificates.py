"""What the tests of certificates share: certificates of any age, who serves which, and a handful of requests meanwhile."""

from __future__ import annotations

import base64
import datetime
import json
import threading
import time
from dataclasses import dataclass, field
from itertools import cycle

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cluster.double import ask, obj
from tests.cluster.playbook import kubectl

PEM = serialization.Encoding.PEM


def issued(*hosts, days=90, by=None, ca=False, name="test"):
    """(certificate, key), PEM; ``by``: such a pair of its issuer, None for a self-signed one."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = subject, key
    if by is not None:
        issuer = x509.load_pem_x509_certificate(by[0].encode()).subject
        signer = serialization.load_pem_private_key(by[1].encode(), None)
    begin = min(now, now + datetime.timedelta(days)) - datetime.timedelta(1)
    builder = x509.CertificateBuilder(
        issuer, subject, key.public_key(), x509.random_serial_number(), begin, now + datetime.timedelta(days)
    ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts]), critical=False
        )
    certificate = builder.sign(signer, hashes.SHA256())
    form = (PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(PEM).decode(), key.private_bytes(*form).decode()


def der(pem):
    """The first certificate of a PEM text, as it is served."""
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)


def secret_of(name, namespace, pair):
    data = {
        "tls.crt": base64.b64encode(pair[0].encode()).decode(),
        "tls.key": base64.b64encode(pair[1].encode()).decode(),
    }
    return obj("v1", "Secret", name, namespace, type="kubernetes.io/tls", data=data)


def replaced(secret):
    """Somebody else renews a Secret of theirs."""
    kubectl("replace", "-f", "-", stdin=json.dumps(secret))


@dataclass
class Meanwhile:
    """Asks some hosts in turn, on a new connection each time, for as long as the block lasts."""

    address: str
    port: int
    hosts: list[str]
    answers: int = 0
    failures: list[str] = field(default_factory=list)

    def __enter__(self):
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        self._thread.join()

    def _ask(self):
        for host in cycle(self.hosts):
            answer = ask(self.address, self.port, host, tls=True)
            self.answers += 1
            if answer.status != 200:
                self.failures.append(f"{time.strftime('%X')} {host}: {answer.status} {answer.error}")
            if self._over.wait(0.05):
                return
