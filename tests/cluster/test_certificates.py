"""Certificates on a real cluster: every source, what is rotated is served without a failed request, what ends is told.

A stack per controller, ik-tls-nginx and ik-tls-traefik, brought one step after another; both at once.
"""

import base64
import json
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.cluster.certificates import Meanwhile, der, issued, replaced, secret_of
from tests.cluster.double import ask, obj, until
from tests.cluster.playbook import Site, create, kubectl, namespaces, secret

pytestmark = pytest.mark.timeout(300)
KINDS = ("nginx", "traefik")
CA = {"days": 90}  # what it issues lives for 30 days
DONE = CA | {"overlap": 0, "rotate": "now"}
HOSTS = ["tea.wild.example", "milk.wild.example", "till.example", "shop.example", "given.example"]
ROOT = issued(ca=True, name="root", days=900)
MIDDLE = issued(ca=True, name="middle", days=800, by=ROOT)
SOON = issued("given.example", days=5.5)
PAST = issued("given.example", days=-0.5)


def wild(number):
    """A wildcard certificate with its chain; the file has the key, too, as some authorities deliver it."""
    pair = issued("*.wild.example", by=MIDDLE, name=f"wild {number}")
    return pair[0] + pair[1] + MIDDLE[0], pair[1]


class Stack(Site):
    """Four apps with a certificate each, two of our own CA, and a default one that nobody's name is in.

    The tests take it one step further each, in their order."""

    def stand(self, kind):
        self.kind, self.apps = kind, self.namespace("cafe")
        self.clear()  # what a killed run left
        kubectl("delete", "namespace", self.apps, "--ignore-not-found")  # one that is on its way out is waited for
        kubectl("create", "namespace", self.apps)
        create(secret_of("given", self.apps, SOON))
        self.give(wild(1), issued("default.example", name="default 1"))
        self.runs = {"first": self.bring(), "again": self.bring()}
        target = self.runs["first"].smoke["ingresskit_report"]["target"]
        self.address, self.port = target["address"], target["https_port"]
        return self

    def give(self, app, default):
        """The files that the inventory names."""
        self.app, self.default = app, default
        for name, pair in (("wild", app), ("default", default)):
            self.text(f"{name}.crt", pair[0])
            self.text(f"{name}.key", pair[1])

    def bring(self, *options, playbook="site.yml", apps=None, **variables):
        controller = {"default_tls": {"cert_file": "default.crt", "key_file": "default.key"}}
        variables = {"ingress_ca": CA, **variables}
        self.write(self.inventory(self.kind, apps or self.four(), controller=controller, **variables))
        return self.play(playbook, *options)

    def inventory(self, kind="nginx", apps=None, **variables):
        """Without node ports: the cluster picks them."""
        controller = {"expose": {}, **variables.pop("controller", {})}
        return super().inventory(kind, apps, controller=controller, **variables)

    def four(self):
        def app(tls, *hosts, **more):
            return {"namespace": self.apps, "tls": tls, "hosts": dict.fromkeys(hosts, "tea-svc:80"), **more}

        return {
            "wild": app({"cert_file": "wild.crt", "key_file": "wild.key"}, *HOSTS[:2], workloads={"tea": {}}),
            "till": app({"self_signed": True}, "till.example"),
            "shop": app({"self_signed": {"algorithm": "rsa"}}, "shop.example", "*.shop.example"),
            "given": app({"secret": "given"}, "given.example"),
        }

    def served(self, host, context=None):
        """The certificate that a client gets for a host, DER."""
        return ask(self.address, self.port, host, tls=True, context=context).certificate

    def leaf(self, host):
        return x509.load_der_x509_certificate(self.served(host))

    def meanwhile(self):
        return Meanwhile(self.address, self.port, HOSTS)

    def clear(self):
        super().clear()
        if self.namespace("cafe") in namespaces():
            kubectl("delete", "namespace", self.namespace("cafe"), "--wait=false")


@pytest.fixture(scope="module")
def stacks(tmp_path_factory):
    """Both stacks, each with its first run and the one after it."""
    made = {kind: Stack(tmp_path_factory.mktemp(kind), name=f"ik-tls-{kind}") for kind in KINDS}
    with ThreadPoolExecutor() as pool:
        try:
            list(pool.map(lambda kind: made[kind].stand(kind), KINDS))
            yield made
        finally:
            list(pool.map(Stack.clear, made.values()))


@pytest.fixture(params=KINDS)
def stack(request, stacks):
    return stacks[request.param]


@pytest.fixture
def nginx(stacks):
    return stacks["nginx"]


def test_every_source_is_served(stack):
    stack.runs["first"].passed()
    for host in HOSTS[:2]:
        assert stack.served(host) == der(stack.app[0])
    assert stack.served("given.example") == der(SOON[0])
    till, shop = stack.leaf("till.example"), stack.leaf("shop.example")
    assert isinstance(till.public_key(), ec.EllipticCurvePublicKey) and isinstance(shop.public_key(), rsa.RSAPublicKey)
    names = shop.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert names == ["shop.example", "*.shop.example"]
    assert stack.served("nobody.example") == der(stack.default[0])


def test_a_key_in_the_certificates_file_stays_out_of_it(stack):
    kept = secret(stack.apps, "wild-tls")["data"]
    text = base64.b64decode(kept["tls.crt"]).decode()
    assert text.count("BEGIN CERTIFICATE") == 2 and "PRIVATE" not in text


def test_the_second_run_writes_nothing_and_reads_one_secret(stack):
    """The one that somebody else makes; neither the CA's nor those that we made. Beside it the release record and the
    Namespace that is not ours, and of Traefik what it reads of its file provider."""
    again = stack.runs["again"].passed()
    assert not again.changed and not again.writes, again.output
    assert again.stack["api_calls"]["get"] <= {"nginx": 3, "traefik": 4}[stack.kind], again.stack["api_calls"]


def test_days_left_are_told_and_two_weeks_before_the_end_warned_of(stack):
    report = stack.runs["first"].smoke["ingresskit_report"]
    days = report["days_left"]
    assert (days["tea.wild.example"], days["milk.wild.example"], days["given.example"]) == (89, 89, 5)
    assert {days["till.example"], days["shop.example"]} <= {29, 30}, "a third of the CA's life"
    line = "the certificate of given.example expires in 5 days: renew it"
    assert report["expiring"] == [line] and f"EXPIRING: {line}" in report["text"]
    output = " ".join(stack.runs["first"].output.split())
    assert line in output and "the certificate expires in 5 days, on" in output
    assert "verified, 5 d!" in report["text"] and "verified, 89 d" in report["text"]


def test_a_new_ca_is_trusted_before_it_signs(nginx):
    before = nginx.served("till.example")
    rehearsed = nginx.bring("--check", ingress_ca=CA | {"rotate": "soon"}).passed().stack
    assert rehearsed["changed"] and "successor.crt" not in authority_of(nginx), "the CA of check mode is nobody's"
    run = nginx.bring("--diff", ingress_ca=CA | {"rotate": "soon"}).passed()
    assert run.stack["changed"] and {each["action"] for each in run.stack["objects"]} <= {"unchanged", "skipped"}
    assert "the stack's CA: a new one is trusted from now on and signs from" in run.output
    assert nginx.served("till.example") == before, "the old one signs until the overlap is over"
    nginx.play("playbooks/ca.yml").passed()
    nginx.exported = exported(nginx)
    assert len(certificates(nginx.exported)) == 2 and "PRIVATE" not in nginx.exported


def test_a_rotation_is_served_without_a_failed_request(stack):
    """App and default certificates from files, and a CA that signs from now on: all at once."""
    before = {host: stack.served(host) for host in HOSTS}
    stack.give(wild(2), issued("default.example", name="default 2"))
    with stack.meanwhile() as asked:
        run = stack.bring("--diff", ingress_ca=DONE).passed()
        until(lambda: stack.served("tea.wild.example") == der(stack.app[0]))
        if stack.kind == "traefik":  # the kubelet looks at what it mounts once a minute, and when the Pod changes
            namespace = stack.namespace("controller")
            kubectl("annotate", "pods", "--all", "-n", namespace, "theirs=now", "--overwrite")
        until(lambda: stack.served("nobody.example") == der(stack.default[0]), 120)
        seen = asked.answers
        until(lambda: asked.answers > seen + 10)
    assert asked.answers > 20 and asked.failures == []
    assert "the stack's CA: the new one signs from now on; the one before is trusted until" in run.output
    assert "PRIVATE" not in run.output
    now = {host: stack.served(host) for host in HOSTS}
    assert now["given.example"] == before["given.example"]
    assert all(now[host] != before[host] for host in HOSTS if host != "given.example")

    again = stack.bring(ingress_ca=DONE).passed()
    assert not again.changed and not again.writes, again.output


def test_clients_trust_what_is_served_before_and_after_the_rotation(nginx):
    """Those who took the bundle during the overlap, and those who take it now."""
    run = nginx.play("playbooks/ca.yml").passed()
    for text in (nginx.exported, exported(nginx)):
        trust = ssl.create_default_context(cadata=text)
        for host in ("till.example", "x.shop.example"):
            assert ask(nginx.address, nginx.port, host, tls=True, context=trust).status == 200
    assert len(certificates(exported(nginx))) == 2, "the old one is trusted while what it signed may be alive"
    said = run.of("ingress_info")
    assert [each["role"] for each in said["ca"]] == ["signs", "did sign"] and said["ca"][1]["until"]
    assert said["ca_certificate"] == exported(nginx)


def test_the_cas_key_is_in_one_place(nginx):
    listed = json.loads(
        kubectl("get", "secrets,configmaps", "-A", "-l", f"ingresskit.io/stack={nginx.name}", "-o", "json")
    )
    held = authority_of(nginx)
    key = held["tls.key"]
    assert "successor.key" not in held, "it has become the one that signs"
    having = [each["metadata"]["name"] for each in listed["items"] if key in (each.get("data") or {}).values()]
    assert having == [f"ingresskit-{nginx.name}.ca"]


def test_an_expired_certificate_fails_though_it_is_served(stack):
    """Replaced behind our back: the controller serves it without a word."""
    replaced(secret_of("given", stack.apps, PAST))
    until(lambda: stack.served("given.example") == der(PAST[0]))
    quick = {"ingress_smoke": {"wait": 0}}
    run = stack.bring(playbook="playbooks/smoke.yml", **quick).failed("certificate expired on")
    assert {route["url"].partition("//")[2].partition(":")[0] for route in run.smoke["failed_routes"]} == {
        "given.example"
    }
    said = " ".join(stack.bring(**quick).failed().output.split())
    assert "ingress_apps.given.tls.secret: the certificate expired on" in said and "renew it" in said
    replaced(secret_of("given", stack.apps, SOON))


CERTIFICATES = obj(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "certificates.cert-manager.io",
    spec={
        "group": "cert-manager.io", "scope": "Namespaced",
        "names": {"plural": "certificates", "singular": "certificate", "kind": "Certificate"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {
                "type": "object", "required": ["issuerRef", "secretName"], "properties": {
                    "secretName": {"type": "string"},
                    "dnsNames": {"type": "array", "items": {"type": "string"}},
                    "issuerRef": {"type": "object", "required": ["name"], "properties": {
                        each: {"type": "string"} for each in ("name", "kind", "group")
                    }},
                    "privateKey": {"type": "object", "properties": {
                        "algorithm": {"type": "string", "enum": ["RSA", "ECDSA", "Ed25519"]},
                        "size": {"type": "integer"},
                        "rotationPolicy": {"type": "string", "enum": ["Never", "Always"]},
                    }},
                },
            }},
        }}}],
    },
)  # fmt: skip


@pytest.fixture
def cert_manager():
    """A definition of the fields that we use, of our own making; nobody acts on them."""
    kubectl("delete", "crd", CERTIFICATES["metadata"]["name"], "--ignore-not-found")
    create(CERTIFICATES)
    kubectl("wait", "--for=condition=Established", "crd/certificates.cert-manager.io", "--timeout=30s")
    yield
    kubectl("delete", "crd", CERTIFICATES["metadata"]["name"])


def asking(stack, **issuers):
    """The apps and some whose certificate somebody else makes."""
    for name, issuer in issuers.items():
        hosts = {f"{name}.issued.example": "tea-svc:80"}
        issuers[name] = {"namespace": stack.apps, "tls": {"issuer": issuer}, "hosts": hosts}
    return stack.four() | issuers


def test_what_cert_manager_is_asked_for_passes_the_servers_dry_run(nginx, cert_manager):
    cluster = {"name": "lets", "kind": "ClusterIssuer"}
    apps = asking(nginx, one="lets", two=cluster, three=cluster | {"by": "annotation"})
    run = nginx.bring("--check", "--diff", apps=apps, ingress_ca=DONE).passed()
    made = {each["object"] for each in run.stack["objects"] if each["action"] == "created"}
    ingresses = {f"Ingress {nginx.apps}/{name}" for name in ("one", "two", "three")}
    assert made == ingresses | {f"Certificate {nginx.apps}/{name}-tls" for name in ("one", "two")}
    assert run.output.count("cert-manager.io/cluster-issuer: lets") == 1 and "secretName: three-tls" in run.output


def test_without_cert_manager_it_is_said(nginx):
    if "certificates.cert-manager.io" in kubectl("get", "crd", "-o", "name"):
        pytest.fail("somebody's cert-manager is here: this test wants a cluster without")
    nginx.bring("--check", apps=asking(nginx, one="lets"), ingress_ca=DONE).failed("cert-manager.io/v1", "Certificate")


def authority_of(stack):
    return secret(stack.namespace("state"), f"ingresskit-{stack.name}.ca")["data"]


def exported(stack):
    """What playbooks/ca.yml has written."""
    return (stack.folder / "artifacts" / "kind" / stack.name / "ca-bundle.crt").read_text()


def certificates(text):
    return text.split("BEGIN CERTIFICATE")[1:]
