"""The nginx double against what F5's controller 5.5.4 was observed to do: a test for each row, on the plan alone."""

import base64
import datetime
import re
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(Path(__file__).parents[2] / "testbed" / "images" / "nginx-double"))

from nginx_double import flags, plan, tls
from nginx_double.model import NOT_IMITATED, Snapshot, key_of

HOST = "cafe.example.com"
DAY = datetime.timedelta(days=1)


# -- builders ---------------------------------------------------------------------------------------------------------


def make_pair(days=30):
    """A self-signed certificate and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    until = datetime.datetime.now(datetime.UTC) + days * DAY
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), until - 60 * DAY, until
    )
    certificate = builder.sign(key, hashes.SHA256())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(*form)


PAIR, OTHER_PAIR, EXPIRED = make_pair(), make_pair(), make_pair(days=-1)


def secret(name="cafe", crt=PAIR[0], key=PAIR[1], kind=tls.TLS, namespace="cafe"):
    data = {"tls.crt": base64.b64encode(crt).decode(), "tls.key": base64.b64encode(key).decode()}
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": "1"}, "type": kind, "data": data}


def path(path_="/tea", kind="Prefix", service="tea-svc", port=80):
    number = {"name": port} if isinstance(port, str) else {"number": port}
    return {"path": path_, "pathType": kind, "backend": {"service": {"name": service, "port": number}}}


def ingress(
    name="cafe", *, host=HOST, paths=None, annotations=None, secret_name=None, created="2026-01-01T00:00:00Z", **more
):
    rule = {"http": {"paths": [path()] if paths is None else paths}} | ({"host": host} if host else {})
    spec = {"ingressClassName": "nginx", "rules": [rule]} | more
    if secret_name is not None:
        spec["tls"] = [{"hosts": [host]} | ({"secretName": secret_name} if secret_name else {})]
    meta = {"namespace": "cafe", "name": name, "uid": f"uid-{name}", "creationTimestamp": created, "generation": 1}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": meta | {"annotations": annotations or {}},
        "spec": spec,
    }


def service(name="tea-svc", ports=None):
    ports = ports or [{"name": "http", "port": 80, "targetPort": 8080}]
    return {"metadata": {"namespace": "cafe", "name": name}, "spec": {"ports": ports}}


def endpoint_slice(*endpoints, ports=None):
    return {"addressType": "IPv4", "ports": ports or [{"name": "http", "port": 8080}], "endpoints": list(endpoints)}


def endpoint(address, **conditions):
    return {"addresses": [address], "conditions": conditions}


def built(*ingresses, secrets=(), argv=(), config=None, services=None, slices=None, special=None):
    """The plan for these objects; tea-svc has one ready pod unless said otherwise."""
    configmap = config is not None and {
        "apiVersion": "v1", "kind": "ConfigMap", "data": config,
        "metadata": {"namespace": "nginx-ingress", "name": "nginx-config", "uid": "c", "resourceVersion": "1"},
    }  # fmt: skip
    snapshot = Snapshot(
        ingresses={key_of(each): each for each in ingresses},
        services={("cafe", "tea-svc"): service()} if services is None else services,
        slices={("cafe", "tea-svc"): [endpoint_slice(endpoint("10.0.0.1"))]} if slices is None else slices,
        secrets={key_of(each): each for each in secrets},
        configmap=configmap or None,
    )
    return plan.build(snapshot, flags.parse(["-enable-custom-resources=false", *argv]), special or {})


def conf(*args, **more):
    found = built(*args, **more)
    return plan.text_of(found.main, found.chunks, 1)


def server_of(text, host=HOST):
    """The server block of a host."""
    blocks = re.findall(r"^server \{\n(?:    .*\n)*\}", text, re.MULTILINE)
    return next(block for block in blocks if f"server_name {host};" in block)


def messages(reports):
    return [(key_of(report.obj)[1], report.reason, report.message, report.warning) for report in reports]


# -- unknown host, default server -------------------------------------------------------------------------------------


def default_server(text):
    return server_of(text, "_")


def test_unknown_host_is_404_and_its_handshake_is_refused():
    block = default_server(conf())
    assert "listen 80 default_server;" in block
    assert "listen 443 ssl default_server;" in block
    assert "ssl_reject_handshake on;" in block
    assert "location / { return 404; }" in block


def test_with_a_default_server_secret_its_certificate_is_shown():
    argv = ["-default-server-tls-secret=nginx-ingress/default"]
    found = built(argv=argv, special={"default": secret("default", namespace="nginx-ingress")})
    block = default_server(found.main)
    assert "ssl_reject_handshake" not in block
    file = re.search(r"ssl_certificate /etc/nginx/secrets/(\S+);", block)[1]
    assert found.files[file].startswith(b"-----BEGIN CERTIFICATE-----")


def test_an_unusable_default_server_secret_cannot_be_started_with():
    with pytest.raises(tls.SecretError):
        built(special={"default": secret("default", key=OTHER_PAIR[1])})


def test_status_and_health_of_the_default_server_follow_the_flags():
    assert "stub_status" in conf()
    assert "stub_status" not in conf(argv=["-nginx-status=false"])
    assert "/nginx-health" not in conf()
    assert 'location /nginx-health { default_type text/plain; return 200 "healthy\\n"; }' in conf(
        argv=["-health-status"]
    )


@pytest.mark.parametrize(
    ("argv", "line", "there"),
    [
        (["-disable-ipv6"], "[::]", False),
        ([], "listen [::]:80 default_server;", True),
        (["-default-http-listener-port=8080"], "listen 8080 default_server;", True),
        (["-default-https-listener-port=8443"], "listen 8443 ssl default_server;", True),
        (["-nginx-status-port=9999"], "listen 9999;", True),
    ],
)
def test_listeners_follow_the_flags(argv, line, there):
    assert (line in conf(argv=argv)) == there


# -- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "regex", "expected"),
    [
        ("Prefix", "/coffee", None, 'location "/coffee" {'),  # a string prefix: /coffeexyz matches, /COFFEE does not
        ("ImplementationSpecific", "/coffee", None, 'location "/coffee" {'),
        ("ImplementationSpecific", "", None, 'location "/" {'),
        ("Exact", "/tea", None, 'location = "/tea" {'),
        ("Prefix", "/coffee", "case_insensitive", 'location ~* "^/coffee" {'),
        ("Prefix", "/coffee/[A-Z0-9]+", "case_sensitive", 'location ~ "^/coffee/[A-Z0-9]+" {'),
        ("Prefix", "/coffee", "exact", 'location = "/coffee" {'),
    ],
)
def test_paths(kind, text, regex, expected):
    annotations = {"nginx.org/path-regex": regex} if regex else {}
    assert expected in conf(ingress(paths=[path(text, kind)], annotations=annotations))


def test_unknown_paths_are_404_for_want_of_a_root():
    assert "root /etc/nginx/html;" in conf()  # does not exist; Debian's own root would serve its welcome page


def test_a_default_backend_takes_the_unknown_paths_of_the_hosts():
    backend = {"service": {"name": "tea-svc", "port": {"number": 80}}}
    text = conf(ingress(paths=[path("/coffee", service="coffee-svc")], defaultBackend=backend))
    assert 'location "/" {' in server_of(text)
    with_root = conf(ingress(paths=[path("/", service="coffee-svc")], defaultBackend=backend))
    assert server_of(with_root).count('location "/" {') == 1


# -- hostless, hosts, classes -----------------------------------------------------------------------------------------


def test_a_hostless_rule_is_rejected():
    found = built(ingress(host=None))
    assert messages(found.problems) == [("cafe", "Rejected", "spec.rules[0].host: Required value", True)]
    assert found.chunks == []


def test_with_the_flag_and_a_default_secret_a_hostless_rule_becomes_the_default_server():
    argv = ["-allow-empty-ingress-host", "-default-server-tls-secret=nginx-ingress/default"]
    text = conf(ingress(host=None), argv=argv, special={"default": secret("default", namespace="nginx-ingress")})
    block = default_server(text)
    assert text.count("default_server;") == 4  # two families, two ports: one server
    assert 'location "/tea" {' in block
    assert "ssl_certificate /etc/nginx/secrets/nginx-ingress-default-" in block
    assert "return 301" not in block  # it serves both schemes: no TLS was asked for


def test_an_ingress_without_rules_is_rejected():
    spec = {"ingressClassName": "nginx", "defaultBackend": {"service": {"name": "tea-svc", "port": {"number": 80}}}}
    found = built(ingress() | {"spec": spec})
    assert messages(found.problems) == [("cafe", "Rejected", "spec.rules: Required value", True)]


def test_the_older_claimant_wins_the_host_and_the_other_is_promoted_when_it_goes():
    old = ingress("old", created="2026-01-01T00:00:00Z", paths=[path("/old")])
    new = ingress("new", created="2026-01-01T00:00:01Z", paths=[path("/new")])
    both = built(new, old)
    assert [chunk.key[1] for chunk in both.chunks] == ["old"]
    assert messages(both.problems) == [("new", "Rejected", "All hosts are taken by other resources", True)]
    assert [chunk.key[1] for chunk in built(new).chunks] == ["new"]


def test_of_two_of_the_same_second_the_larger_uid_wins():
    assert [chunk.key[1] for chunk in built(ingress("a"), ingress("b")).chunks] == ["b"]


def test_an_ingress_that_wins_some_of_its_hosts_is_served_with_a_warning():
    two = ingress("two", created="2026-01-02T00:00:00Z")
    two["spec"]["rules"].append({"host": "pub.example.com", "http": {"paths": [path("/beer")]}})
    found = built(ingress(), two)
    assert 'location "/beer" {' in server_of(found.chunks[1].text, "pub.example.com")
    assert HOST not in found.chunks[1].text.replace("cafe-two-" + HOST, "")
    (report,) = [report for report in found.accepted if key_of(report.obj)[1] == "two"]
    assert report.reason == "AddedOrUpdatedWithWarning"
    assert f"host {HOST} is taken by another resource" in report.message


@pytest.mark.parametrize(
    ("named", "annotation", "ours"),
    [
        ("nginx", None, True),
        ("other", None, False),
        (None, "nginx", True),
        ("nginx", "other", False),
        (None, None, False),
    ],
)
def test_classes_the_annotation_goes_first(named, annotation, ours):
    each = ingress(annotations={"kubernetes.io/ingress.class": annotation} if annotation else {})
    each["spec"].pop("ingressClassName")
    each["spec"] |= {"ingressClassName": named} if named else {}
    found = built(each)
    assert bool(found.chunks) == ours
    assert found.problems == []


def test_a_rejected_update_of_a_live_ingress_withdraws_its_host():
    bad = ingress(annotations={"nginx.org/proxy-read-timeout": "soon"}, secret_name="cafe")
    found = built(bad, secrets=[secret()])
    assert found.chunks == []
    words = 'annotations.nginx.org/proxy-read-timeout: Invalid value: "soon": must be a time'
    assert messages(found.problems) == [("cafe", "Rejected", words, True)]


# -- masters and minions ----------------------------------------------------------------------------------------------


def master(annotations=None, **more):
    kind = {"nginx.org/mergeable-ingress-type": "master"}
    return ingress("master", paths=[], annotations=kind | (annotations or {}), **more)


def minion(name, text, created="2026-01-02T00:00:00Z", **annotations):
    found = {"nginx.org/mergeable-ingress-type": "minion"} | annotations
    return ingress(name, paths=[path(text)], annotations=found, created=created)


def test_minions_give_their_locations_to_the_masters_server():
    found = built(master(secret_name="cafe"), minion("tea", "/tea"), minion("coffee", "/coffee"), secrets=[secret()])
    (chunk,) = found.chunks
    block = server_of(chunk.text)
    assert 'location "/tea" {' in block
    assert 'location "/coffee" {' in block
    assert "ssl_certificate " in block
    assert {key_of(report.obj)[1] for report in found.accepted} == {"master", "tea", "coffee"}
    assert found.owners[("cafe", "tea")] == ("cafe", "master")


def test_a_minion_without_a_master_is_reported():
    found = built(minion("tea", "/tea"))
    words = "Ingress master is invalid or doesn't exist"
    assert messages(found.problems) == [("tea", "NoIngressMasterFound", words, True)]


def test_a_path_belongs_to_the_oldest_minion():
    found = built(master(), minion("late", "/tea", "2026-01-03T00:00:00Z"), minion("early", "/tea"))
    assert found.chunks[0].text.count('location "/tea" {') == 1
    (report,) = [report for report in found.accepted if key_of(report.obj)[1] == "late"]
    assert "path /tea is taken by another resource" in report.message


def test_a_path_that_a_minion_names_twice_belongs_to_nobody():
    twice = minion("tea", "/tea")
    twice["spec"]["rules"][0]["http"]["paths"].append(path("/tea", "Exact"))
    found = built(master(), twice, minion("coffee", "/coffee"))
    assert 'location "/tea"' not in found.chunks[0].text
    assert 'location = "/tea"' not in found.chunks[0].text
    assert 'location "/coffee"' in found.chunks[0].text


def test_a_minion_sets_its_own_request_headers_and_the_masters_others():
    over = master(annotations={"nginx.org/proxy-set-headers": "X-A: master,X-B: master"})
    text = conf(over, minion("tea", "/tea", **{"nginx.org/proxy-set-headers": "x-a: minion"}))
    assert re.findall(r"proxy_set_header (\S+ \"\w+\");", text) == ['x-a "minion"', 'X-B "master"']


@pytest.mark.parametrize(
    ("inherit", "expected"), [("", ["X-M"]), ("off", ["X-M"]), ("merge", ["X-M", "Strict-Transport-Security"])]
)
def test_a_minions_headers_switch_the_masters_off_unless_they_are_merged(inherit, expected):
    over = master(secret_name="cafe", annotations={"nginx.org/hsts": "true"})
    own = {"nginx.org/add-header": "X-M: 1"} | ({"nginx.org/add-header-inherit": inherit} if inherit else {})
    text = conf(over, minion("tea", "/tea", **own), minion("milk", "/milk"), secrets=[secret()])
    assert re.findall(r"^        add_header (\S+)", text, re.MULTILINE) == expected


def test_a_minion_inherits_timeouts_but_not_its_own_redirect():
    timeouts = {"nginx.org/proxy-read-timeout": "7s", "nginx.org/mergeable-ingress-type": "master"}
    over = ingress("master", paths=[], annotations=timeouts, secret_name="cafe")
    text = conf(over, minion("tea", "/tea", **{"nginx.org/ssl-redirect": "false"}), secrets=[secret()])
    assert "proxy_read_timeout 7s;" in text
    assert "return 301 https://" in text


@pytest.mark.parametrize(
    ("each", "words"),
    [
        (ingress(annotations={"nginx.org/mergeable-ingress-type": "master"}), "spec.rules[0].http.paths: Too many"),
        (
            ingress(paths=[], annotations={"nginx.org/mergeable-ingress-type": "minion"}),
            "must include at least one path",
        ),
        (ingress(secret_name="x", annotations={"nginx.org/mergeable-ingress-type": "minion"}), "spec.tls: Too many"),
        (ingress(annotations={"nginx.org/mergeable-ingress-type": "lord"}), "must be one of: 'master' or 'minion'"),
        (ingress(annotations={"nginx.org/lb-method": "fastest"}), "Invalid load balancing method"),
        (ingress(annotations={"nginx.org/server-snippets": "x;"}), "snippets feature is not enabled"),
        (ingress(annotations={"nginx.org/hsts-max-age": "5"}), "related annotation nginx.org/hsts: must be set"),
        (ingress(annotations={"nginx.org/websocket-services": "milk"}), "services were not found: milk"),
        (ingress(annotations={"nginx.org/rewrites": "tea-svc=/"}), "not a valid rewrite format"),
        (ingress(annotations={"nginx.org/ssl-redirect": ""}), "Required value"),
        (ingress(annotations={"nginx.com/slow-start": "5s"}), "annotation requires NGINX Plus"),
        (ingress(paths=[path("/a b")]), "must not include any whitespace character"),
        (ingress(paths=[{"path": "/", "pathType": "Prefix", "backend": {"resource": {}}}]), "resource backends"),
    ],
)
def test_what_f5_refuses(each, words):
    (problem,) = built(each).problems
    assert problem.reason == "Rejected"
    assert words in problem.message


# -- TLS --------------------------------------------------------------------------------------------------------------


def test_a_good_secret_serves_and_redirects():
    block = server_of(conf(ingress(secret_name="cafe"), secrets=[secret()]))
    assert "listen 443 ssl;" in block
    assert "ssl_certificate /etc/nginx/secrets/cafe-cafe-" in block
    # 301, and the port that F5 listens on: observed
    assert "if ($scheme = http) { return 301 https://$host:443$request_uri; }" in block


def test_without_tls_there_is_neither_certificate_nor_redirect():
    block = server_of(conf(ingress()))
    assert "443" not in block
    assert "return 301" not in block


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([secret(key=OTHER_PAIR[1])], "tls: private key does not match public key"),
        ([secret(crt=b"garbage")], "failed to find any PEM data in certificate input"),
        ([secret(key=b"garbage")], "failed to find any PEM data in key input"),
        ([], "secret doesn't exist or of an unsupported type"),
        ([secret(kind="Opaque")], "secret doesn't exist or of an unsupported type"),
    ],
)
def test_a_broken_secret_refuses_the_handshake_warns_and_still_redirects(given, words):
    found = built(ingress(secret_name="cafe"), secrets=given)
    block = server_of(found.chunks[0].text)
    assert "ssl_reject_handshake on;" in block
    assert "return 301 https://" in block
    (report,) = found.accepted
    assert report.reason == "AddedOrUpdatedWithWarning"
    assert report.warning
    assert words in report.message


def test_no_secret_name_refuses_the_handshake_unless_there_is_a_wildcard_secret():
    found = built(ingress(secret_name=""))
    assert "ssl_reject_handshake on;" in server_of(found.chunks[0].text)
    assert "requires specifying a TLS secret" in found.accepted[0].message
    wild = built(ingress(secret_name=""), special={"wildcard": secret("wild", namespace="nginx-ingress")})
    assert "ssl_certificate /etc/nginx/secrets/nginx-ingress-wild-" in server_of(wild.chunks[0].text)
    assert wild.accepted[0].reason == "AddedOrUpdated"


def test_an_expired_certificate_is_served_without_a_warning():
    found = built(ingress(secret_name="cafe"), secrets=[secret(crt=EXPIRED[0], key=EXPIRED[1])])
    assert "ssl_certificate " in server_of(found.chunks[0].text)
    assert found.accepted[0].reason == "AddedOrUpdated"


def test_of_two_entries_for_a_host_the_last_counts():
    both = ingress(tls=[{"hosts": [HOST], "secretName": "nowhere"}, {"hosts": [HOST], "secretName": "cafe"}])
    assert "ssl_certificate " in server_of(conf(both, secrets=[secret()]))


def test_a_rotated_certificate_is_another_configuration():
    first = conf(ingress(secret_name="cafe"), secrets=[secret()])
    assert first != conf(ingress(secret_name="cafe"), secrets=[secret(crt=OTHER_PAIR[0], key=OTHER_PAIR[1])])
    assert first == conf(ingress(secret_name="cafe"), secrets=[secret()])


def test_no_key_material_in_the_configuration_or_the_reports():
    found = built(ingress(secret_name="cafe"), secrets=[secret(key=OTHER_PAIR[1])])
    assert "PRIVATE" not in plan.text_of(found.main, found.chunks, 1) + str(messages(found.accepted))


# -- redirect and HSTS ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotations", "config", "expected"),
    [
        ({"nginx.org/ssl-redirect": "false"}, {}, None),
        ({}, {"ssl-redirect": "false"}, None),
        ({"nginx.org/ssl-redirect": "true"}, {"ssl-redirect": "false"}, 301),
        ({"nginx.org/http-redirect-code": "308"}, {}, 308),
        ({}, {"http-redirect-code": "307"}, 307),
        ({"nginx.ingress.kubernetes.io/ssl-redirect": "false"}, {}, 301),  # another controller's dialect: ignored
        ({"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"}, {"http-redirect-code": "999"}, 301),
    ],
)
def test_redirects(annotations, config, expected):
    block = server_of(conf(ingress(secret_name="cafe", annotations=annotations), secrets=[secret()], config=config))
    found = re.search(r"return (\d+) https://\$host:443\$request_uri", block)
    assert (int(found[1]) if found else None) == expected


@pytest.mark.parametrize(
    ("annotations", "config", "expected"),
    [
        ({}, {}, None),
        ({"nginx.org/hsts": "true"}, {}, "max-age=2592000; preload"),
        ({}, {"hsts": "true", "hsts-max-age": "60"}, "max-age=60; preload"),
        ({"nginx.org/hsts": "true", "nginx.org/hsts-max-age": "5"}, {"hsts-max-age": "60"}, "max-age=5; preload"),
        ({"nginx.org/hsts": "true", "nginx.org/hsts-include-subdomains": "true"}, {},
         "max-age=2592000; includeSubDomains; preload"),
        ({"nginx.org/hsts": "false"}, {"hsts": "true"}, None),
    ],
)  # fmt: skip
def test_hsts(annotations, config, expected):
    block = server_of(conf(ingress(secret_name="cafe", annotations=annotations), secrets=[secret()], config=config))
    found = re.search(r'if \(\$https = on\) \{ set \$hsts_header_val "([^"]*)"; \}', block)
    assert (found[1] if found else None) == expected


def test_hsts_is_for_https_only():
    assert "add_header Strict-Transport-Security" not in conf(ingress(annotations={"nginx.org/hsts": "true"}))


def test_hsts_behind_a_proxy_goes_by_the_header():
    annotations = {"nginx.org/hsts": "true", "nginx.org/hsts-behind-proxy": "true"}
    assert "if ($http_x_forwarded_proto = 'https')" in server_of(conf(ingress(annotations=annotations)))


# -- the ConfigMap ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("server-tokens", "false", "server_tokens off;"),
        ("http2", "true", "listen 443 ssl http2 default_server;"),
        ("proxy-connect-timeout", "9s", "proxy_connect_timeout 9s;"),
        ("proxy-read-timeout", "9s", "proxy_read_timeout 9s;"),
        ("proxy-send-timeout", "9s", "proxy_send_timeout 9s;"),
        ("client-max-body-size", "8m", "client_max_body_size 8m;"),
        ("lb-method", "least_conn", "    least_conn;"),
        ("ssl-protocols", "TLSv1.3", "ssl_protocols TLSv1.3;"),
        ("worker-shutdown-timeout", "5s", "worker_shutdown_timeout 5s;"),
        ("main-snippets", "worker_priority 1;", "\nworker_priority 1;\n"),
        ("http-snippets", "gzip on;", "gzip on;"),
        ("server-snippets", "gzip on;", "    gzip on;"),
        ("location-snippets", "gzip on;", "        gzip on;"),
        ("proxy-read-timeout", "soon", "proxy_read_timeout soon;"),  # nginx refuses it, and the reload with it
        ("default-server-return", "444", "location / { return 444; }"),
        ("error-log-level", "warn", "error_log stderr warn;"),
        ("keepalive", "16", "    keepalive 16;"),
    ],
)
def test_a_key_that_took_effect(key, value, line):
    found = built(ingress(), config={key: value})
    assert line in plan.text_of(found.main, found.chunks, 1)
    assert line not in conf(ingress())
    assert found.configmap == []


def test_a_bad_boolean_is_an_event_and_ignored():
    found = built(ingress(), config={"ssl-redirect": "sure", "http2": "yes"})
    assert {report.reason for report in found.configmap} == {"InvalidValue"}
    assert len(found.configmap) == 2
    assert found.main == built(ingress()).main


def test_a_bad_hsts_value_switches_all_of_hsts_off():
    found = built(ingress(secret_name="cafe"), secrets=[secret()], config={"hsts": "true", "hsts-max-age": "long"})
    assert "Strict-Transport" not in found.chunks[0].text
    assert [report.reason for report in found.configmap] == ["InvalidValue"]


def test_an_unknown_key_is_silence():
    found = built(ingress(), config={"proxy-body-size": "8m", "no-such-key": "1"})
    assert found.configmap == []
    assert found.main == built().main


def test_a_key_of_f5s_that_the_double_lacks_is_said():
    (report,) = built(config={"resolver-addresses": "10.0.0.10"}).configmap
    assert report.reason == NOT_IMITATED


def test_external_status_address():
    assert built(config={"external-status-address": "192.0.2.7"}).status_address == "192.0.2.7"


# -- what annotations do to routes ------------------------------------------------------------------------------------


ROUTE_ANNOTATIONS = [
    (
        "rewrites: serviceName=tea-svc rewrite=/beans",
        ["proxy_pass http://cafe-cafe-cafe.example.com-tea-svc-80/beans;"],
    ),
    ("rewrite-target: /beans", ['rewrite "/tea" /beans break;']),
    ("proxy-read-timeout: 3s", ["proxy_read_timeout 3s;", "proxy_send_timeout 60s;"]),
    ("client-max-body-size: 2m", ["client_max_body_size 2m;"]),
    ("websocket-services: tea-svc", ["proxy_set_header Upgrade $http_upgrade;"]),
    ("ssl-services: tea-svc", ["proxy_pass https://cafe-cafe-"]),
    ("limit-req-rate: 1r/s", ["limit_req_zone ${binary_remote_addr} zone=cafe/cafe:10m rate=1r/s;"]),
    ("limit-req-rate: 1r/s", ["limit_req zone=cafe/cafe;", "limit_req_status 429;"]),
    (
        "limit-req-rate: 1r/s | limit-req-burst: 5 | limit-req-no-delay: true | limit-req-reject-code: 503",
        ["limit_req zone=cafe/cafe burst=5 nodelay;", "limit_req_status 503;"],
    ),
    (
        "sticky-cookie-services: serviceName=tea-svc srv_id expires=1h path=/tea",
        [
            "map $http_cookie $sticky_",
            '_set { default "srv_id=$request_id; max-age=3600; path=/tea"; "~(^|; *)srv_id=[^;]" ""; }',
            " consistent;",
            "add_header Set-Cookie $sticky_",
        ],
    ),
    ("proxy-set-headers: X-A: b,X-C", ['proxy_set_header X-A "b";', "proxy_set_header X-C $http_x_c;"]),
    ("proxy-set-headers: X-A:", ['proxy_set_header X-A "";']),
    ("add-header: X-A: b c, X-D: e: always", ['    add_header X-A "b c";', '    add_header X-D "e" always;']),
    ("limit-req-rate: 1r/s | limit-req-scale: true", ["rate=1r/s;"]),  # one pod as far as anybody can see
    ("app-root: /tea", ["if ($uri = /) { return 302 $scheme://$http_host/tea; }"]),
    ("redirect-to-https: true", ["$http_x_forwarded_proto = 'http') { return 301 https://$host$request_uri; }"]),
    ("lb-method: round_robin | max-fails: 0", ["server 10.0.0.1:8080 max_fails=0 "]),
    (
        "basic-auth-secret: users | basic-auth-realm: Cafe",
        ['auth_basic "Cafe";', "auth_basic_user_file /etc/nginx/secrets/cafe-users-absent;"],
    ),
]


@pytest.mark.parametrize(("given", "lines"), ROUTE_ANNOTATIONS)
def test_route_annotations(given, lines):
    pairs = (each.partition(": ") for each in given.split(" | "))
    text = conf(ingress(annotations={f"nginx.org/{name}": value for name, _, value in pairs}))
    for line in lines:
        assert line in text


@pytest.mark.parametrize("rate", ["fast", "0r/s", "1.5r/s"])
def test_an_invalid_rate_is_no_limit_at_all(rate):
    found = built(ingress(annotations={"nginx.org/limit-req-rate": rate}))
    assert "limit_req" not in found.chunks[0].text
    assert found.accepted[0].reason == "AddedOrUpdated"


def test_snippets_stand_where_they_belong_once_allowed():
    annotations = {"nginx.org/server-snippets": "gzip on;", "nginx.org/location-snippets": "add_header X-A b;"}
    block = server_of(conf(ingress(annotations=annotations), argv=["-enable-snippets"]))
    assert "\n    gzip on;\n" in block
    assert "\n        add_header X-A b;\n" in block


def test_grpc_needs_http2():
    each = ingress(annotations={"nginx.org/grpc-services": "tea-svc"})
    assert "grpc_pass" not in conf(each)
    assert "grpc_pass grpc://cafe-cafe-" in conf(each, config={"http2": "true"})


def test_a_server_for_grpc_alone_has_no_plain_http():
    each = ingress(annotations={"nginx.org/grpc-services": "tea-svc"}, secret_name="cafe")
    alone = server_of(conf(each, config={"http2": "true"}, secrets=[secret()]))
    assert "listen 80;" not in alone
    assert "return 301" not in alone
    mixed = ingress(annotations=each["metadata"]["annotations"], paths=[path(), path("/milk", service="milk-svc")],
                    secret_name="cafe")  # fmt: skip
    assert "listen 80;" in server_of(conf(mixed, config={"http2": "true"}, secrets=[secret()]))
    below = minion("tea", "/tea", **{"nginx.org/grpc-services": "tea-svc"})
    text = server_of(conf(master(secret_name="cafe"), below, config={"http2": "true"}, secrets=[secret()]))
    assert "listen 80;" in text
    assert "grpc_pass" in text


@pytest.mark.parametrize(
    ("rate", "pods", "expected"), [("10r/s", 2, "5r/s"), ("1r/s", 2, "30r/m"), ("7r/s", 3, "2r/s"), ("2r/m", 3, "0r/m")]
)
def test_a_scaled_limit_is_shared_by_the_pods(rate, pods, expected):
    each = ingress(annotations={"nginx.org/limit-req-rate": rate, "nginx.org/limit-req-scale": "true"})
    own = {("nginx-ingress", "edge"): [endpoint_slice(*(endpoint(f"10.0.1.{number}") for number in range(pods)))]}
    text = conf(each, argv=["-nginx-configmaps=nginx-ingress/c", "-external-service=edge"], slices=own)
    assert f"rate={expected};" in text


def test_an_annotation_the_double_lacks_is_said_without_spoiling_the_ingress():
    found = built(ingress(annotations={"nginx.org/custom-http-errors": "404", "nginx.ingress.kubernetes.io/x": "y"}))
    assert found.accepted[0].reason == "AddedOrUpdated"
    (note,) = found.notes
    assert note.reason == NOT_IMITATED
    assert "nginx.org/custom-http-errors" in note.message


def test_the_clients_x_forwarded_for_is_kept_and_the_peer_appended():
    text = conf(ingress())
    for header in ("X-Forwarded-For $proxy_add_x_forwarded_for", "X-Real-IP $remote_addr", "X-Forwarded-Host $host",
                   "X-Forwarded-Port $server_port", "X-Forwarded-Proto $scheme", "Host $host"):  # fmt: skip
        assert f"proxy_set_header {header};" in text


# -- endpoints --------------------------------------------------------------------------------------------------------


def upstream(text):
    return re.findall(r"^    server (\S+) max_fails", text, re.MULTILINE)


BAD_GATEWAY = ["unix:/var/lib/nginx/nginx-502-server.sock"]
TEA = ("cafe", "tea-svc")


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([endpoint_slice(endpoint("10.0.0.2", ready=True), endpoint("10.0.0.1", ready=True))],
         ["10.0.0.1:8080", "10.0.0.2:8080"]),
        ([endpoint_slice(endpoint("10.0.0.1")), endpoint_slice(endpoint("10.0.0.9"))],
         ["10.0.0.1:8080", "10.0.0.9:8080"]),
        ([endpoint_slice(endpoint("10.0.0.1", ready=False))], BAD_GATEWAY),
        ([endpoint_slice(endpoint("10.0.0.1", ready=False, serving=True, terminating=True))], BAD_GATEWAY),
        ([endpoint_slice(endpoint("fd00::1"))], ["[fd00::1]:8080"]),
        ([endpoint_slice(endpoint("10.0.0.1"), ports=[{"name": "metrics", "port": 9}])], BAD_GATEWAY),
        ([], BAD_GATEWAY),
    ],
)  # fmt: skip
def test_upstreams_are_ready_endpoints(slices, expected):
    assert upstream(conf(ingress(), slices={TEA: slices})) == expected


@pytest.mark.parametrize(
    ("port", "expected"), [("http", "10.0.0.1:8080"), (80, "10.0.0.1:8080"), ("web", *BAD_GATEWAY)]
)
def test_service_ports_by_name_or_number(port, expected):
    assert upstream(conf(ingress(paths=[path(port=port)]))) == [expected]


def test_a_missing_service_is_502_without_an_event():
    found = built(ingress(), services={})
    assert upstream(found.chunks[0].text) == BAD_GATEWAY
    assert found.accepted[0].reason == "AddedOrUpdated"


def test_the_502_server_is_there():
    assert "server { listen unix:/var/lib/nginx/nginx-502-server.sock; access_log off; return 502; }" in conf()


def test_the_same_objects_make_the_same_text():
    objects = [ingress("a"), ingress("b", host="b.example.com"), ingress("c", host="c.example.com")]
    assert conf(*objects) == conf(*reversed(objects))
