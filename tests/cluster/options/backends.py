"""Cases of which backend is asked, and how: backend_protocol, ssl_passthrough, affinity, canary, headers."""

import grpc
import pytest
from cryptography import x509

from tests.cluster.options.case import COFFEE, RPC, SECURE, TEA, app, case, to

CALL = "/ingresskit.Echo/Who"


def subject(answer):
    return x509.load_der_x509_certificate(answer.certificate).subject.rfc4514_string()


@case("backend_protocol", app({"/tea": to(SECURE, backend_protocol="HTTPS"), "/plain": TEA}))
def https_backend(behind):
    assert behind.echo("/tea/green")["service"] == "secure-svc"
    assert behind.echo("/plain")["service"] == "tea-svc"


@case("backend_protocol", app({"/ingresskit.Echo": to(RPC, backend_protocol="GRPC"), "/tea": TEA}))
def grpc_backend(behind):
    assert behind.call(CALL)["service"] == "rpc-svc"
    with pytest.raises(grpc.RpcError) as unknown:
        behind.call("/ingresskit.Echo/Nothing")
    assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert behind.echo("/tea")["service"] == "tea-svc"


@case("backend_protocol", app({"/chat": to(TEA, backend_protocol="WS"), "/tea": TEA}))
def websocket_backend(behind):
    assert behind.converse("/chat/room", "hello", "again") == ["hello", "again"]
    assert behind.echo("/chat")["service"] == "tea-svc"


@case("ssl_passthrough", app({"/": SECURE}, tls=False, ssl_passthrough=True))
def tls_ends_at_the_backend(behind):
    answer = behind.get("/any/path")
    assert answer.json["service"] == "secure-svc"
    assert answer.json["host"] == behind.host
    assert subject(answer) == "CN=secure-svc"


@case("backend_protocol", app({"/": to(SECURE, backend_protocol="HTTPS")}))
def tls_ends_at_the_controller(behind):
    answer = behind.get("/")
    assert answer.json["service"] == "secure-svc"
    assert subject(answer) != "CN=secure-svc"


@case("affinity", app({"/tea": to(TEA, affinity={"cookie": "TEAPOT", "max_age": 3600}), "/free": TEA}))
def affinity_of_a_path(behind):
    first = behind.get("/tea")
    cookie, *attributes = (part.strip() for part in first.headers["set-cookie"].split(";"))
    assert cookie.startswith("TEAPOT=")
    assert {part.partition("=")[0].lower() for part in attributes} & {"max-age", "expires"}
    assert behind.pods("/tea", 20, headers={"Cookie": cookie}) == {first.json["pod"]}
    assert len(behind.pods("/tea", 20)) == 2
    assert "set-cookie" not in behind.get("/free").headers
    assert len(behind.pods("/free", 20, headers={"Cookie": cookie})) == 2


@case("affinity", app({"/tea": TEA}, affinity={}))
def affinity_by_default(behind):
    first = behind.get("/tea")
    cookie = first.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("INGRESSCOOKIE=")
    assert behind.pods("/tea", 10, headers={"Cookie": cookie}) == {first.json["pod"]}


def canary(**by):
    return to(TEA, canary={"backend": COFFEE, **by})


@case("canary", app({"/none": canary(weight=0), "/all": canary(weight=100), "/half": canary(weight=50)}))
def canary_by_weight(behind):
    assert set(behind.services("/none", 20)) == {"tea-svc"}
    assert set(behind.services("/all", 20)) == {"coffee-svc"}
    assert 25 <= behind.services("/half", 100)["coffee-svc"] <= 75  # outside once in ten million binomial runs


@case("canary", app({"/tea": canary(header={"name": "X-Taste", "value": "new"}), "/plain": TEA}))
def canary_by_header_and_value(behind):
    def service(target, **headers):
        return behind.echo(target, headers=headers)["service"]

    assert service("/tea/green", **{"X-Taste": "new"}) == "coffee-svc"
    assert service("/tea") == service("/tea", **{"X-Taste": "old"}) == "tea-svc"
    assert service("/plain", **{"X-Taste": "new"}) == "tea-svc"


@case("canary", app({"/tea": canary(header={"name": "X-Canary"})}))
def canary_by_header(behind):
    assert behind.echo("/tea", headers={"X-Canary": "always"})["service"] == "coffee-svc"
    assert behind.echo("/tea", headers={"X-Canary": "never"})["service"] == "tea-svc"
    assert behind.echo("/tea")["service"] == "tea-svc"


@case("canary", app({"/tea": canary(cookie="taste")}))
def canary_by_cookie(behind):
    assert behind.echo("/tea", headers={"Cookie": "a=b; taste=always"})["service"] == "coffee-svc"
    assert behind.echo("/tea", headers={"Cookie": "taste=never"})["service"] == "tea-svc"
    assert behind.echo("/tea")["service"] == "tea-svc"


def heard(behind, target):
    """The headers that the backend got of ours."""
    sent = {"X-Internal": "yes", "X-Team": "mine", "X-Other": "kept"}
    return {name.lower(): value for name, value in behind.echo(target, headers=sent)["headers"].items()}


CHANGED = {"request": {"X-Team": "tea", "X-Internal": ""}}


@case("headers", app({"/tea": to(TEA, headers=CHANGED), "/coffee": COFFEE}))
def request_headers_of_a_path(behind):
    got = heard(behind, "/tea")
    assert (got["x-team"], got["x-other"]) == ("tea", "kept")
    assert "x-internal" not in got
    got = heard(behind, "/coffee")
    assert (got["x-team"], got["x-internal"]) == ("mine", "yes")


@case("headers", app({"/tea": to(TEA, headers={"response": {"X-Frame-Options": "DENY"}}), "/coffee": COFFEE}))
def response_header_of_a_path(behind):
    assert behind.get("/tea").headers["x-frame-options"] == "DENY"
    assert "x-frame-options" not in behind.get("/coffee").headers


@case("headers", app({"/tea": to(TEA, headers={"response": {"X-Powered-By": ""}}), "/coffee": COFFEE}))
def response_header_removed_of_a_path(behind):
    assert "x-powered-by" not in behind.get("/tea").headers
    assert behind.get("/coffee").headers["x-powered-by"] == "ingresskit-echo"


@case("headers", app({"/tea": TEA, "/coffee": COFFEE}, headers={"response": {"X-Powered-By": ""}}))
def response_header_removed_of_an_app(behind):
    for target in ("/tea", "/coffee"):
        assert "x-powered-by" not in behind.get(target).headers


LEVELS = app(
    {"/tea": TEA, "/own": to(TEA, headers={"response": {"X-Level": "path"}})},
    headers={"response": {"X-Level": "app", "X-House": "ours"}},
)
LEVELS["hosts"]["other.this-case.example.com"] = {
    "paths": {"/tea": TEA},
    "options": {"headers": {"response": {"X-Level": "host"}}},
}


@case("headers", LEVELS)
def levels_of_a_mapping(behind):
    """What the nearer level leaves out stays as the farther one has it."""
    found = [behind.get("/tea"), behind.get("/own"), behind.get("/tea", host=f"other.{behind.host}")]
    assert [each.headers["x-level"] for each in found] == ["app", "path", "host"]
    assert {each.headers["x-house"] for each in found} == {"ours"}
