"""cert-manager's issuers: the Certificate of ours, the annotation of an Ingress, and where that cannot do."""

import pytest

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.parts import route
from module_utils.ingresskit.parts import tls as tls_part
from module_utils.ingresskit.preflight import check
from module_utils.ingresskit.render import render

KINDS = {
    "nginx": {"kind": "nginx"},
    "traefik": {"kind": "traefik"},
    "compat": {"kind": "traefik", "compat": "ingress-nginx"},
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
}
LETS = {"name": "lets", "by": "annotation"}


def stack_of(tls, kind="nginx", host_tls=None, hosts=("a.example", "b.example"), **more):
    rules = {host: {"paths": {"/": "x:80"}} for host in hosts}
    if host_tls:
        rules[hosts[-1]]["tls"] = host_tls
    app = {"namespace": "cafe", "tls": tls, "hosts": rules, **more}
    return model.load({"ingress_controller": KINDS[kind], "ingress_apps": {"cafe": app}})


def of_kind(stack, kind):
    return [each for each in render(stack, Facts()) if each["kind"] == kind]


ISSUERS = [
    ("lets", {"group": "cert-manager.io", "kind": "Issuer", "name": "lets"}, {"cert-manager.io/issuer": "lets"}),
    (
        {"name": "lets", "kind": "ClusterIssuer"},
        {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "lets"},
        {"cert-manager.io/cluster-issuer": "lets"},
    ),
    (
        {"name": "pca", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"},
        {"group": "awspca.cert-manager.io", "kind": "AWSPCAClusterIssuer", "name": "pca"},
        {
            "cert-manager.io/issuer": "pca",
            "cert-manager.io/issuer-kind": "AWSPCAClusterIssuer",
            "cert-manager.io/issuer-group": "awspca.cert-manager.io",
        },
    ),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("issuer", "ref", "annotations"), ISSUERS, ids=["issuer", "cluster", "external"])
def test_both_ways_to_ask(kind, issuer, ref, annotations):
    stack = stack_of({"issuer": issuer}, kind)
    (certificate,) = of_kind(stack, "Certificate")
    assert certificate["apiVersion"] == "cert-manager.io/v1"
    assert certificate["spec"]["issuerRef"] == ref
    assert certificate["spec"]["secretName"] == "cafe-tls" and certificate["spec"]["dnsNames"] == [
        "a.example",
        "b.example",
    ]
    assert "cert-manager.io" not in str(of_kind(stack, "Ingress")), "never both: they would fight for the Secret"

    named = issuer if isinstance(issuer, dict) else {"name": issuer}
    app = {"hosts": ("a.example",)} if kind == "nginx" else {}  # F5: an Ingress for each host
    stack = stack_of({"issuer": named | {"by": "annotation"}}, kind, **app)
    assert of_kind(stack, "Certificate") == []
    asking = [each for each in of_kind(stack, "Ingress") if each["spec"].get("tls")]
    assert len(asking) == 1
    assert annotations.items() <= asking[0]["metadata"]["annotations"].items()
    assert all("cert-manager.io" not in str(each) for each in of_kind(stack, "Ingress") if each not in asking)
    assert not [each for each in check(stack, controller_for(stack.controller), Facts()) if each.level == "error"]


def test_raw_annotations_for_cert_manager_stay():
    raw = {"cert-manager.io/issuer": "mine", "cert-manager.io/duration": "720h"}
    (ingress,) = of_kind(stack_of({"issuer": LETS}, "traefik", annotations=raw), "Ingress")
    assert raw.items() <= ingress["metadata"]["annotations"].items()


def errors(stack):
    found = check(stack, controller_for(stack.controller), Facts())
    return [(each.path, each.message) for each in found if each.level == "error"]


PATH = "ingress_apps.cafe.tls.issuer.by"
GIVEN = {"secret": "given"}


@pytest.mark.parametrize(
    ("stack", "path", "words"),
    [
        (
            stack_of({"issuer": LETS}, "traefik", GIVEN), PATH,
            "its Ingress names the Secret given, too, which the same issuer would overwrite",
        ),
        (
            stack_of({"issuer": LETS}, "traefik", {"issuer": LETS | {"name": "other"}}), PATH,
            "its Ingress names the Secret cafe-b-example-tls, too",
        ),
        (
            stack_of({"issuer": LETS}, "ingress-nginx", options={}, hosts=("a.example",)).model_copy(
                update={"ingress_controller": stack_of({"issuer": LETS}).controller.model_copy(
                    update={"default_tls": stack_of({"issuer": LETS}).apps["cafe"].tls}
                )}
            ),
            "ingress_controller.default_tls.issuer.by", "no Ingress names the Secret default-server-tls",
        ),
    ],
    ids=["a Secret that is given", "two issuers", "the default certificate"],
)  # fmt: skip
def test_where_an_annotation_cannot_do(stack, path, words):
    found = errors(stack)
    assert path in [each for each, _ in found] and any(words in message for _, message in found)
    assert all("leave by out for a Certificate of ours" in message for _, message in found)


def test_one_certificate_for_several_ingresses():
    options = {
        "hosts": {
            "a.example": {"paths": {"/": "x:80"}},
            "b.example": {"paths": {"/": "x:80"}, "options": {"body_size": "1m"}},
        }
    }
    stack = model.load(
        {"ingress_controller": KINDS["ingress-nginx"], "ingress_apps": {"cafe": {"tls": {"issuer": LETS}} | options}}
    )
    ((path, message),) = errors(stack)
    assert path == PATH and message.startswith(
        "2 Ingresses name the Secret cafe-tls, and cert-manager listens to exactly one"
    )


@pytest.mark.parametrize("same", [{"issuer": LETS}, {"issuer": LETS | {"kind": "Issuer"}}], ids=["the same", "in full"])
def test_hosts_with_certificates_of_one_issuer_share_an_ingress(same):
    assert errors(stack_of({"issuer": LETS}, "traefik", same)) == []


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        (
            {"name": "x", "kind": "Clusterissuer"},
            "kind Clusterissuer is none of cert-manager.io: Issuer or ClusterIssuer",
        ),
        ({"kind": "Issuer"}, "is missing"),
        ({"name": "x", "by": "ingress"}, "is not one of certificate, annotation"),
        ({"name": "Not A Name"}, "must be a DNS name"),
        ("Not A Name", "must be a DNS name"),
        (5, "must be a mapping"),
    ],
)
def test_issuers_that_cannot_be(issuer, words):
    with pytest.raises(InventoryError, match=words):
        stack_of({"issuer": issuer})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (False, "false says nothing; remove it, or set tls to null"),
        ("rsa", "must be a mapping"),
        ({"algorithm": "RSA"}, "is not one of ecdsa, rsa"),
        ({"algoritm": "rsa"}, "did you mean 'algorithm'"),
    ],
)
def test_self_signed_that_cannot_be(source, words):
    with pytest.raises(InventoryError, match=words):
        stack_of({"self_signed": source})


def test_the_single_modules():
    tls = {"name": "t", "namespace": "cafe", "hosts": ["a.example"]}
    (*_, made) = tls_part.load(tls | {"source": {"issuer": {"name": "x", "kind": "ClusterIssuer"}}}).render(Facts())
    assert made["spec"]["issuerRef"]["kind"] == "ClusterIssuer"
    with pytest.raises(
        InventoryError, match=r"source.issuer.by: an annotation belongs to an Ingress: .* to ingress_route"
    ):
        tls_part.load(tls | {"source": {"issuer": LETS}})
    app = {"namespace": "cafe", "tls": {"issuer": LETS}, "hosts": {"a.example": {"paths": {"/": "x:80"}}}}
    objects = route.load({"name": "cafe", "app": app}).render(Facts())
    assert objects[-1]["metadata"]["annotations"]["cert-manager.io/issuer"] == "lets"


def test_the_single_module_knows_what_the_ca_is_to_be_like():
    given = {"name": "t", "namespace": "cafe", "hosts": ["a.example"], "source": {"self_signed": {"algorithm": "rsa"}}}
    wish = tls_part.load(given | {"ca": {"days": 90, "rotate": "x"}}).stack.ingress_ca
    assert (wish.days, wish.rotate, wish.overlap) == (90, "x", 30)
    with pytest.raises(InventoryError, match=r"^ca: overlap \(30\) is at most a third of days \(60\)"):
        tls_part.load(given | {"ca": {"days": 60}})
