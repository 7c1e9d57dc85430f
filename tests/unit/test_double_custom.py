"""The nginx double's VirtualServers, VirtualServerRoutes, Policies and TransportServers, on the plan alone.

Nothing of this was observed on F5's controller: it follows F5's documentation and source.
"""

import base64
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "testbed" / "images" / "nginx-double"))

from nginx_double import flags, plan, tls
from nginx_double.model import Snapshot, key_of

from .test_double_plan import HOST, endpoint, endpoint_slice, ingress, messages, path, secret, server_of, service

OLDER, YOUNGER = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
PASSTHROUGH = ["-enable-tls-passthrough"]


def custom(kind, name, spec, namespace="cafe", created=OLDER):
    meta = {"namespace": namespace, "name": name, "uid": f"uid-{kind}-{name}", "creationTimestamp": created}
    return {"apiVersion": "k8s.nginx.org/v1", "kind": kind, "metadata": meta | {"generation": 1}, "spec": spec}


def upstream(name="tea", port=80, **more):
    return {"name": name, "service": f"{name}-svc", "port": port} | more


def route(path_="/tea", to="tea", **more):
    return {"path": path_} | ({"action": {"pass": to}} if to else {}) | more


def virtual_server(*routes, name="cafe", upstreams=None, created=OLDER, **more):
    spec = {"ingressClassName": "nginx", "host": HOST, "upstreams": upstreams or [upstream()]}
    return custom("VirtualServer", name, spec | {"routes": list(routes) or [route()]} | more, created=created)


def policy(name, namespace="cafe", **said):
    return custom("Policy", name, {"ingressClassName": "nginx"} | said, namespace)


def transport_server(name="cafe", host=HOST, created=OLDER):
    spec = {"ingressClassName": "nginx", "host": host, "upstreams": [upstream(port=443)], "action": {"pass": "tea"}}
    listener = {"listener": {"name": "tls-passthrough", "protocol": "TLS_PASSTHROUGH"}}
    return custom("TransportServer", name, spec | listener, created=created)


def htpasswd(namespace="cafe"):
    content = base64.b64encode(b"me:{PLAIN}x").decode()
    found = secret("users", kind=tls.HTPASSWD, namespace=namespace)
    return found | {"data": {"htpasswd": content}}


def built(*objects, argv=(), secrets=()):
    snapshot = Snapshot(
        ingresses={key_of(each): each for each in objects if each["kind"] == "Ingress"},
        custom={key_of(each): each for each in objects if each["kind"] != "Ingress"},
        services={
            (space, name): service(name, [{"port": 80}, {"name": "tls", "port": 443}])
            for space, name in (("cafe", "tea-svc"), ("cafe", "new-svc"), ("milk", "tea-svc"))
        },
        slices={
            ("cafe", "tea-svc"): [endpoint_slice(endpoint("10.0.0.1"), ports=[{"port": 8080}])],
            ("cafe", "new-svc"): [endpoint_slice(endpoint("10.0.0.2"), ports=[{"port": 8080}])],
            ("milk", "tea-svc"): [endpoint_slice(endpoint("10.0.0.3"), ports=[{"port": 8080}])],
        },
        secrets={key_of(each): each for each in secrets},
    )
    return plan.build(snapshot, flags.parse(list(argv)), {})


def conf(*objects, **more):
    found = built(*objects, **more)
    assert not found.problems, found.problems
    return plan.text_of(found.main, found.chunks, 1)


# -- who gets the host ------------------------------------------------------------------------------------------------


def test_a_host_belongs_to_the_older_of_ingress_and_virtual_server():
    older, younger = ingress("one", created=OLDER), virtual_server(name="two", created=YOUNGER)
    found = built(older, younger)
    assert [key for key, *_ in messages(found.problems)] == ["VirtualServer/two"]
    assert "proxy_pass http://cafe-one-" in plan.text_of(found.main, found.chunks, 1)
    assert "vs_cafe_two_tea" in conf(younger)  # promoted when the other goes


def test_of_one_name_and_host_the_younger_is_promoted_without_a_moment_of_neither():
    both = [ingress("cafe", created=OLDER), virtual_server(name="cafe", created=YOUNGER)]
    assert conf_hosts(built(*both)) == conf_hosts(built(both[1])) == [HOST]


def conf_hosts(found):
    text = plan.text_of(found.main, found.chunks, 1)
    return [HOST] * text.count(f"server_name {HOST};")


def test_another_class_is_not_ours_and_none_is_everybodys():
    assert not built(virtual_server(ingressClassName="other")).chunks
    assert built(virtual_server(ingressClassName="")).chunks


# -- VirtualServer ----------------------------------------------------------------------------------------------------


def test_paths_upstreams_and_their_settings():
    settings = {"connect-timeout": "3s", "client-max-body-size": "9m", "tls": {"enable": True}}
    text = conf(virtual_server(route("=/tea"), upstreams=[upstream(**settings)]))
    assert "location =/tea {" in text
    assert "server 10.0.0.1:8080 " in text
    assert "proxy_connect_timeout 3s;" in text
    assert "client_max_body_size 9m;" in text
    assert "proxy_pass https://vs_cafe_cafe_tea;" in text


def test_tls_redirects_without_a_port_and_a_bad_secret_refuses_handshakes():
    spec = {"tls": {"secret": "cafe", "redirect": {"enable": True, "code": 308}}}
    block = server_of(conf(virtual_server(**spec), secrets=[secret()]))
    assert "if ($scheme = http) { return 308 https://$host$request_uri; }" in block
    found = built(virtual_server(**spec))
    assert "ssl_reject_handshake on;" in plan.text_of(found.main, found.chunks, 1)
    assert messages(found.accepted)[0][1] == "AddedOrUpdatedWithWarning"


def test_a_redirect_lets_access_rules_work():
    access = policy("near", accessControl={"allow": ["10.0.0.0/8"]})
    action = {"redirect": {"url": "https://new.example.com/x", "code": 307}}
    text = conf(access, virtual_server(route(to=None, action=action, policies=[{"name": "near"}])))
    assert 'error_page 418 =307 "https://new.example.com/x";' in text
    assert "allow 10.0.0.0/8;\n        deny all;" in text


def test_splits_and_matches_lead_on_to_internal_locations():
    two = [upstream(), upstream("new")]
    splits = [{"weight": 90, "action": {"pass": "tea"}}, {"weight": 10, "action": {"pass": "new"}}]
    text = conf(virtual_server({"path": "/tea", "splits": splits}, upstreams=two))
    assert "split_clients $request_id $vs_splits_" in text
    assert text.count("internal;") == 2
    matches = [{"conditions": [{"cookie": "canary", "value": "always"}], "action": {"pass": "new"}}]
    text = conf(virtual_server(route(matches=matches), upstreams=two))
    assert "map $cookie_canary $vs_matches_" in text
    assert "proxy_pass http://vs_cafe_cafe_new$request_uri;" in text


@pytest.mark.parametrize(
    ("path_", "line"),
    [("/tea", "proxy_pass http://vs_cafe_cafe_tea/new;"), ("~ ^/tea", 'rewrite "^^/tea" "/new" break;')],
)
def test_rewrites(path_, line):
    assert line in conf(
        virtual_server(route(path_, to=None, action={"proxy": {"upstream": "tea", "rewritePath": "/new"}}))
    )


def test_headers():
    answer = {"hide": ["X-Old"], "add": [{"name": "X-New", "value": "1", "always": True}]}
    asked = {"set": [{"name": "X-Asked", "value": ""}]}
    proxy = {"upstream": "tea", "requestHeaders": asked, "responseHeaders": answer}
    text = conf(virtual_server(route(to=None, action={"proxy": proxy})))
    for line in ('proxy_set_header X-Asked "";', "proxy_hide_header X-Old;", 'add_header X-New "1" always;'):
        assert line in text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (route(to="gone"), 'Not found: "gone"'),
        ({"path": "/tea"}, "exactly one of `action`, `splits` or `route`"),
        (route(to=None, action={"redirect": {"url": "/only/a/path"}}), "must start with http://"),
        (route(to=None, action={"redirect": {"url": "https://$host/"}}), "unknown variables"),
        (route(to=None, action={"redirect": {"url": "https://x/", "code": 303}}), "accepted values"),
        ({"path": "/tea", "splits": [{"weight": 100, "action": {"pass": "tea"}}]}, "at least 2 splits"),
        (route("tea"), "path: Invalid value"),
    ],
)
def test_a_wrong_route_rejects_the_whole(changed, words):
    found = built(virtual_server(route("/ok"), changed))
    assert not found.chunks
    ((name, reason, message, warning),) = messages(found.problems)
    assert (name, reason, warning) == ("VirtualServer/cafe", "Rejected", True)
    assert words in message


def test_session_cookies_need_plus():
    found = built(virtual_server(upstreams=[upstream(sessionCookie={"enable": True, "name": "x"})]))
    assert "only supported in NGINX Plus" in found.problems[0].message


# -- VirtualServerRoute -----------------------------------------------------------------------------------------------


def test_a_route_of_another_namespace():
    vsr = custom(
        "VirtualServerRoute", "milk", {"host": HOST, "upstreams": [upstream()], "subroutes": [route()]}, "milk"
    )
    text = conf(vsr, virtual_server(route("/tea", to=None, route="milk/milk")))
    assert "server 10.0.0.3:8080 " in text
    assert "proxy_pass http://vs_cafe_cafe_vsr_milk_milk_tea;" in text


@pytest.mark.parametrize("subroute", [route("/other"), None])
def test_a_route_that_leads_nowhere_is_left_out(subroute):
    spec = {"host": HOST, "upstreams": [upstream()], "subroutes": [subroute]}
    objects = [custom("VirtualServerRoute", "milk", spec, "milk")] if subroute else []
    found = built(*objects, virtual_server(route("/ok"), route("/tea", to=None, route="milk/milk")))
    assert messages(found.accepted)[0][1] == "AddedOrUpdatedWithWarning"
    text = plan.text_of(found.main, found.chunks, 1)
    assert "location /ok {" in text
    assert "location /tea {" not in text


# -- Policy -----------------------------------------------------------------------------------------------------------


def test_policies_of_a_route():
    limit = policy("limit", rateLimit={"rate": "5r/s", "key": "${binary_remote_addr}", "zoneSize": "1M", "noDelay": True,
                                       "burst": 3, "rejectCode": 429})  # fmt: skip
    auth = policy("auth", basicAuth={"secret": "users", "realm": "tea"})
    cors = policy("cors", cors={"allowOrigin": ["https://a.example.com"], "allowMethods": ["GET"], "maxAge": 5})
    named = [{"name": name} for name in ("limit", "auth", "cors")]
    text = conf(limit, auth, cors, virtual_server(route(policies=named)), secrets=[htpasswd()])
    for line in (
        "limit_req_zone ${binary_remote_addr} zone=pol_rl_cafe_limit_cafe_cafe:1M rate=5r/s;",
        "limit_req zone=pol_rl_cafe_limit_cafe_cafe burst=3 nodelay;",
        "limit_req_status 429;",
        'auth_basic "tea";',
        '"https://a.example.com" $http_origin;',
        'add_header Access-Control-Max-Age "5" always;',
        "if ($request_method = OPTIONS) {",
    ):
        assert line in text


@pytest.mark.parametrize(
    "objects",
    [
        [],
        [policy("near", accessControl={"allow": ["10.0.0.0/8"]}, rateLimit={})],
        [policy("near", basicAuth={"secret": "gone"})],
    ],
)
def test_a_policy_that_is_not_there_or_no_good_answers_500(objects):
    found = built(*objects, virtual_server(route(policies=[{"name": "near"}])))
    assert "return 500;" in plan.text_of(found.main, found.chunks, 1)
    assert messages(found.accepted)[0][1] == "AddedOrUpdatedWithWarning"


def test_an_ingress_names_policies_too_a_minion_its_own():
    access = policy("near", accessControl={"allow": ["10.0.0.0/8"]})
    named = {"nginx.org/policies": "near"}
    text = conf(access, ingress(annotations=named))
    assert "    allow 10.0.0.0/8;\n    deny all;" in text
    kinds = "nginx.org/mergeable-ingress-type"
    master = ingress("master", paths=[], annotations={kinds: "master"})
    minions = [
        ingress("minion", annotations={kinds: "minion"} | named),
        ingress("other", paths=[path("/coffee")], annotations={kinds: "minion"}),
    ]
    text = conf(access, master, *minions)
    assert text.count("allow 10.0.0.0/8;") == 1
    assert text.index("# location for minion cafe/minion") < text.index("allow 10.") < text.index('"/coffee"')


def test_an_ingress_takes_no_rate_limit_policy():
    limit = policy("limit", rateLimit={"rate": "5r/s", "key": "x", "zoneSize": "1M"})
    found = built(limit, ingress(annotations={"nginx.org/policies": "limit"}))
    assert "is not supported for Ingress" in found.accepted[0].message
    assert "return 500;" in plan.text_of(found.main, found.chunks, 1)


# -- TransportServer --------------------------------------------------------------------------------------------------


def test_passthrough_hands_the_connection_on_and_everybody_else_to_nginx_itself():
    text = conf(transport_server(), ingress("other", host="x.example.com", secret_name="cafe"), argv=PASSTHROUGH,
                secrets=[secret()])  # fmt: skip
    assert text.startswith("load_module ")
    assert f"{HOST} unix:/var/lib/nginx/passthrough-cafe_cafe.sock;" in text
    assert "default unix:/var/lib/nginx/passthrough-https.sock;" in text
    assert "listen unix:/var/lib/nginx/passthrough-https.sock ssl proxy_protocol;" in server_of(text, "x.example.com")
    assert "listen 443" in text[: text.index("http {")]
    assert "listen 443" not in text[text.index("http {") :]


def test_passthrough_without_its_flag_is_refused():
    assert "TLS Passthrough is not enabled" in built(transport_server()).problems[0].message
    with pytest.raises(flags.FlagError, match="requires -enable-custom-resources"):
        flags.parse([*PASSTHROUGH, "-enable-custom-resources=false"])


def test_a_passthrough_host_is_claimed_like_any_other():
    found = built(ingress(created=OLDER), transport_server(created=YOUNGER), argv=PASSTHROUGH)
    assert [key for key, *_ in messages(found.problems)] == ["TransportServer/cafe"]


# -- TCP and UDP ports ------------------------------------------------------------------------------------------------

LISTEN = ["-global-configuration=ic/ports"]


def ports(*listeners):
    return custom("GlobalConfiguration", "ports", {"listeners": list(listeners)}, namespace="ic")


def listener(name="tcp-5432", port=5432, protocol="TCP"):
    return {"name": name, "port": port, "protocol": protocol}


def passed_on(name="one", to=("tcp-5432", "TCP"), created=OLDER, **more):
    spec = {"ingressClassName": "nginx", "listener": dict(zip(("name", "protocol"), to, strict=True))}
    spec |= {"upstreams": [upstream()], "action": {"pass": "tea"}}
    return custom("TransportServer", name, spec | more, created=created)


def test_a_listener_is_a_server_of_the_stream_block():
    text = conf(ports(listener()), passed_on(), argv=LISTEN)
    stream = text[: text.index("http {")]
    assert text.startswith("load_module ")
    assert "upstream ts_cafe_one {\n    random two least_conn;\n    server 10.0.0.1:8080;\n}" in stream
    assert "    listen 5432;\n    listen [::]:5432;\n    proxy_pass ts_cafe_one;" in stream
    assert "ssl_preread" not in stream


def test_udp_goes_to_the_udp_port_of_its_service():
    found = built(ports(listener("udp-53", 53, "UDP")), passed_on(to=("udp-53", "UDP")), argv=LISTEN)
    assert "    listen 53 udp;" in found.chunks[0].stream
    assert "non-existing-unix-socket.sock" in found.chunks[0].stream  # tea-svc has TCP ports only


def test_ports_stand_beside_passthrough():
    text = conf(ports(listener()), passed_on(), transport_server(), argv=[*LISTEN, *PASSTHROUGH])
    assert text.count("load_module") == 1 and text.count("stream {") == 1
    assert "listen 5432;" in text and f"{HOST} unix:/var/lib/nginx/passthrough-cafe_cafe.sock;" in text


def test_a_listener_belongs_to_the_older():
    older, younger = passed_on(), passed_on("two", created=YOUNGER)
    found = built(ports(listener()), younger, older, argv=LISTEN)
    assert [chunk.key[1] for chunk in found.chunks] == ["TransportServer/one"]
    assert [(report.reason, report.message) for report in found.problems] == [
        ("Rejected", "Listener tcp-5432 is taken by another resource")
    ]
    assert not built(ports(listener()), younger, argv=LISTEN).problems  # promoted when the other goes


@pytest.mark.parametrize(
    "objects",
    [
        (passed_on(),),  # no GlobalConfiguration
        (ports(listener("other")), passed_on()),
        (ports(listener(protocol="UDP")), passed_on()),
    ],
)
def test_a_listener_that_does_not_exist(objects):
    (problem,) = built(*objects, argv=LISTEN).problems
    assert problem.message == "Listener tcp-5432 doesn't exist"


def test_without_its_flag_no_listener_exists():
    assert [each.message for each in built(ports(listener()), passed_on()).problems] == [
        "Listener tcp-5432 doesn't exist"
    ]
    with pytest.raises(flags.FlagError, match="global-configuration flag requires -enable-custom-resources"):
        flags.parse([*LISTEN, "-enable-custom-resources=false"])


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (listener("web", 80), "port 80 is forbidden"),
        (listener("status", 8080), "port 8080 is forbidden"),
        (listener("tls-passthrough"), "is the name of a built-in listener"),
        (listener("Tcp"), 'Invalid value: "Tcp"'),
        (listener("big", 65536), "port: Invalid value: 65536"),
        (listener("x", protocol="HTTP"), "knows TCP and UDP only"),
        (listener("tcp-1", 1), 'name: Duplicate value: "tcp-1"'),
        (listener("again", 1), "Duplicated ip:port protocol combination 1 TCP"),
    ],
)
def test_a_bad_listener_is_left_out_and_told_of(bad, words):
    good = listener("tcp-1", 1), listener("udp-1", 1, "UDP")
    found = built(ports(*good, bad), passed_on(to=("tcp-1", "TCP")), argv=LISTEN)
    (problem,) = found.problems
    assert (problem.reason, words in problem.message) == ("AddedOrUpdatedWithError", True), problem.message
    assert len(found.chunks) == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"host": HOST}, "host field is allowed only for TLS Passthrough"),
        ({"to": ("tls-passthrough", "TCP")}, "must be 'TLS_PASSTHROUGH' for the built-in"),
        ({"to": ("http", "HTTP")}, "the test double knows TCP, UDP"),
        ({"action": {"pass": "milk"}}, "spec.action.pass: Not found"),
    ],
)
def test_a_transport_server_at_fault_is_refused(more, words):
    (problem,) = built(ports(listener()), passed_on(**more), argv=LISTEN).problems
    assert words in problem.message
