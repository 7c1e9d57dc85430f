"""The page for what no rule matches and the error pages: what each kind of controller is told, and what is refused."""

import shutil
import subprocess

import pytest
import yaml

from module_utils.ingresskit import model, preflight
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.controllers.pages import page_name, server_snippets
from module_utils.ingresskit.controllers.traefik_dynamic import NAME, read, references, with_former
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.oracle import probes
from module_utils.ingresskit.render import render
from module_utils.ingresskit.render.default_backend import error_texts, page_of

KINDS = {
    "nginx": {"kind": "nginx"},
    "traefik": {"kind": "traefik"},
    "compat": {"kind": "traefik", "compat": "ingress-nginx"},
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
}
HOMES = {"nginx": "nginx-ingress", "traefik": "traefik", "compat": "traefik", "ingress-nginx": "ingress-nginx"}
BY_POD = ["traefik", "compat", "ingress-nginx"]
NOTHING = Facts()
CAFE = {"cafe": {"hosts": {"a.example": {"paths": {"/tea": "tea-svc:80"}}}, "workloads": {"tea": {}}}}
TWO = {502: "<h1>gone", 503: "<h1>soon"}


def stack_of(kind, apps=CAFE, **controller):
    default_tls = {} if kind != "nginx" else {"default_tls": {"secret": "s"}}
    given = {**KINDS[kind], **default_tls, **controller}
    return model.load({"ingress_controller": given, "ingress_apps": apps})


def objects(kind, apps=CAFE, facts=NOTHING, **controller):
    return render(stack_of(kind, apps, **controller), facts)


def pick(found, kind, name, namespace=None):
    (one,) = [
        each
        for each in found
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
        and namespace in (None, each["metadata"].get("namespace"))
    ]
    return one


def named(found, kind, name="edge-default-backend"):
    return [each["metadata"]["namespace"] for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]


def conf(found, namespace):
    return pick(found, "ConfigMap", "edge-default-backend", namespace)["data"]["nginx.conf"]


def findings(kind, facts=NOTHING, **controller):
    stack = stack_of(kind, **controller)
    return [each for each in preflight.check(stack, controller_for(stack.controller), facts) if each.level == "error"]


# -- the model --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [399, 600, 200, 444, 499, "50x", "5", True, "", "-503"])
def test_a_page_is_for_the_status_of_an_error(key):
    with pytest.raises(InventoryError, match=r"ingress_controller.error_pages.*not the status of an error: 400 to 599"):
        model.load({"ingress_controller": {"error_pages": {key: "<h1>"}}})


def test_a_key_that_comes_as_text_is_the_same():
    """Ansible hands mappings over as JSON, whose keys are texts."""
    given = [stack_of("nginx", error_pages={key: "<h1>"}).controller for key in (503, "503")]
    assert given[0] == given[1]


def test_the_page_of_404_answers_what_no_rule_matches():
    with_page = stack_of("traefik", error_pages={404: "<h1>no"})
    assert with_page.controller.not_found.page == "<h1>no"
    assert page_of(with_page, Facts()) == "<h1>no"
    assert stack_of("traefik", error_pages=TWO).controller.not_found is None


# -- what is refused --------------------------------------------------------------------------------------------------

BIG = "<p>" + "x" * 600_000
FILE = Facts(files={"empty.html": b" \n", "full.html": b"<h1>"})
REFUSED = {
    "an empty page": ({"error_pages": {503: " \n"}}, "error_pages.503", "empty", KINDS),
    "an empty file": ({"default_backend": {"page": "empty.html"}}, "default_backend.page", "empty", KINDS),
    "too much": ({"error_pages": {502: "<p>", 503: BIG, 504: BIG}}, "error_pages.503", "a ConfigMap has room", KINDS),
    "two pages for 404": (
        {"default_backend": {"page": "<h1>"}, "error_pages": {404: "<h1>"}},
        "error_pages.404", "leave one of them out", KINDS,
    ),
    "an image that stands in for our nginx": (
        {"default_backend": {"image": "mine"}, "error_pages": TWO}, "default_backend.image", "set page too", BY_POD,
    ),
    "a port by its name": ({"default_backend": {"service": "a/b:http"}}, "default_backend.service", "a/b:80", ["nginx"]),
    "by its name, with error pages": (
        {"default_backend": {"service": "a/b:http"}, "error_pages": TWO}, "default_backend.service", "a/b:80",
        ["nginx", "ingress-nginx"],
    ),
    "401 without WWW-Authenticate": ({"error_pages": {401: "<h1>"}}, "error_pages.401", "WWW-Authenticate", ["traefik", "compat"]),
    "a directive twice": (
        {"error_pages": TWO, "config": {"server-snippets": "proxy_intercept_errors off;"}}, 'config."server-snippets"',
        "leave it out", ["nginx"],
    ),
    "the codes in two places": (
        {"error_pages": TWO, "config": {"custom-http-errors": "500"}}, 'config."custom-http-errors"',
        "name them all there", ["ingress-nginx"],
    ),
    "middlewares of the user's": (
        {"error_pages": TWO, "config": {"entryPoints.web.http.middlewares": "a@file"}},
        'config."entryPoints.web.http.middlewares"', "for itself", ["traefik", "compat"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_served_is_refused(name):
    controller, key, words, kinds = REFUSED[name]
    for kind in KINDS:
        found = [each for each in findings(kind, FILE, **controller) if words in each.message]
        assert [each.path for each in found] == [f"ingress_controller.{key}"] * (kind in kinds), kind


@pytest.mark.parametrize("kind", KINDS)
def test_pages_that_are_sound_are_taken(kind):
    assert not findings(kind, FILE, error_pages={404: "full.html", **TWO})
    assert not findings(kind, FILE, error_pages=TWO, default_backend={"page": "full.html", "image": "mine"})
    assert not findings(kind, FILE, error_pages={404: "full.html"}, default_backend={"service": "a/b:80"})


# -- the Pods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_two_stacks_share_no_name_in_a_namespace(kind):
    names = []
    for stack in ("blue", "green"):
        given = {**KINDS[kind], "default_backend": {"page": "<h1>"}, "default_tls": {"secret": "s"}}
        found = render(
            model.load({"ingress_stack_name": stack, "ingress_controller": given, "ingress_apps": CAFE}), Facts()
        )
        of_pod = [
            each
            for each in found
            if each["metadata"].get("labels", {}).get("app.kubernetes.io/name") == "default-backend"
        ]
        selectors = [each["spec"]["selector"]["matchLabels"] for each in of_pod if each["kind"] == "Deployment"]
        assert selectors and all(each["app.kubernetes.io/instance"] == stack for each in selectors)
        names.append({(each["kind"], each["metadata"]["name"]) for each in of_pod})
    assert not names[0] & names[1]


def test_the_longest_name_of_a_stack_leaves_a_name_for_a_service():
    stack = model.load({"ingress_stack_name": "s" * 63, "ingress_controller": {"default_backend": {"page": "<h1>"}}})
    assert len(page_name(stack)) <= 63


@pytest.mark.parametrize("kind", KINDS)
def test_its_pods_survive_a_rollout_and_a_drain(kind):
    found = objects(kind, default_backend={"page": "<h1>"})
    deployment = pick(found, "Deployment", "edge-default-backend", HOMES[kind])
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    places = named(found, "Deployment")
    assert places == named(found, "PodDisruptionBudget") == named(found, "NetworkPolicy") == named(found, "Service")
    assert named(objects(kind, default_backend={"page": "<h1>"}, network_policy=False), "NetworkPolicy") == []


SERVICE = {"service": "errors/not-found:8080"}
# default backend, error pages -> where our Pods stand, by kind; None: nowhere
WHERE = [
    (None, {}, {"nginx": [], "traefik": [], "compat": [], "ingress-nginx": []}),
    (None, TWO, {"nginx": [], "traefik": ["traefik"], "compat": ["traefik"], "ingress-nginx": ["ingress-nginx"]}),
    (SERVICE, {}, {"nginx": ["nginx-ingress", "cafe"], "traefik": [], "compat": [], "ingress-nginx": []}),
    (SERVICE, TWO, {"nginx": ["nginx-ingress", "cafe"], "traefik": ["traefik"], "compat": ["traefik"],
                    "ingress-nginx": ["ingress-nginx"]}),
]  # fmt: skip


@pytest.mark.parametrize(("backend", "errors", "places"), WHERE)
@pytest.mark.parametrize("kind", KINDS)
def test_our_pods_stand_where_somebody_asks_them(kind, backend, errors, places):
    found = objects(kind, default_backend=backend, error_pages=errors)
    assert named(found, "Deployment") == places[kind]


@pytest.mark.parametrize(("kind", "errors", "passed"), [
    ("nginx", {}, True), ("nginx", TWO, True), ("ingress-nginx", TWO, True), ("traefik", TWO, False), ("compat", TWO, False),
])  # fmt: skip
def test_a_service_of_another_namespace_is_reached_through_ours_where_nothing_else_does(kind, errors, passed):
    found = objects(kind, default_backend=SERVICE, error_pages=errors)
    text = conf(found, HOMES[kind])
    assert ("set $service http://not-found.errors.$zone:8080;" in text) is passed


@pytest.mark.parametrize(("kind", "errors", "said"), [
    ("compat", {}, "--providers.kubernetesingressnginx.defaultbackendservice=errors/not-found"),
    ("compat", TWO, "--providers.kubernetesingressnginx.defaultbackendservice=errors/not-found"),
    ("ingress-nginx", {}, "--default-backend-service=errors/not-found"),
    ("ingress-nginx", TWO, "--default-backend-service=$(POD_NAMESPACE)/edge-default-backend"),
])  # fmt: skip
def test_the_flag_for_a_default_backend(kind, errors, said):
    found = objects(kind, default_backend=SERVICE, error_pages=errors)
    name = {"compat": "traefik"}.get(kind, kind)
    assert said in pick(found, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["args"]


# -- error pages ------------------------------------------------------------------------------------------------------


def test_f5_is_told_by_server_snippets_after_the_users_own():
    found = objects("nginx", error_pages=TWO, config={"server-snippets": "gzip on;\n", "http2": True})
    data = pick(found, "ConfigMap", "nginx-config")["data"]
    assert data["http2"] == "true"
    own, intercept, *rest = data["server-snippets"].splitlines()
    assert (own, intercept) == ("gzip on;", "proxy_intercept_errors on;")
    assert [line.split(" ", 2)[:2] for line in rest[::2]] == [["error_page", "502"], ["error_page", "503"]]


@pytest.mark.parametrize("apps", [CAFE, {}])
def test_f5_has_the_pages_as_files_and_is_rolled_out_for_another(apps):
    def pod(pages):
        found = objects("nginx", apps, error_pages=pages)
        files = pick(found, "ConfigMap", "edge-error-pages")["data"]
        assert files == {f"{code}.html": page for code, page in pages.items()}
        return pick(found, "Deployment", "nginx-ingress")["spec"]["template"]

    assert pod(TWO) == pod(TWO) != pod({**TWO, 503: "<h1>later"})
    spec = pod(TWO)["spec"]
    (mount,) = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "error-pages"]
    assert mount["mountPath"] == "/etc/.ingresskit/errors" and mount["readOnly"]


def test_what_f5_is_told_is_a_configuration_that_nginx_takes(tmp_path):
    """By nginx itself where it is installed, as in CI; its grammar is that of every version."""
    stack = stack_of("nginx", error_pages=dict.fromkeys((400, 401, 403, 404, 413, 429, 500, 502, 503, 504), "<h1>"))
    text = server_snippets(stack.controller)
    assert text.count("{") == text.count("}") == 10
    nginx = shutil.which("nginx")
    if nginx is not None:
        conf = tmp_path / "nginx.conf"
        server = f"server {{ listen unix:{tmp_path}/s; {text} location / {{ proxy_pass http://127.0.0.1:9; }} }}"
        conf.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {server} }}")
        ran = subprocess.run(
            [nginx, "-t", "-q", "-p", tmp_path, "-c", conf], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("kind", ["traefik", "compat"])
def test_traefik_has_a_middleware_on_both_entry_points(kind):
    found = objects(kind, error_pages=TWO)
    dynamic = yaml.safe_load(pick(found, "ConfigMap", NAME)["data"]["dynamic.yaml"])
    (name,) = [name for name in dynamic["http"]["middlewares"] if name.startswith("errors-")]
    errors = dynamic["http"]["middlewares"][name]["errors"]
    assert errors["status"] == ["502", "503"]
    assert dynamic["http"]["services"][errors["service"]]["loadBalancer"]["servers"] == [
        {"url": "http://edge-default-backend.traefik.svc:80"}
    ]
    args = pick(found, "Deployment", "traefik")["spec"]["template"]["spec"]["containers"][0]["args"]
    for point in ("web", "websecure"):
        assert f"--entrypoints.{point}.http.middlewares={name}@file" in args


def test_another_page_leaves_traefiks_pods_alone():
    def pods(page):
        found = objects("traefik", error_pages={503: page})
        return [pick(found, "Deployment", each)["spec"]["template"] for each in ("traefik", "edge-default-backend")]

    before, after = pods("<h1>a"), pods("<h1>b")
    assert before[0] == after[0] and before[1] != after[1]


def test_traefik_keeps_the_middleware_that_pods_on_their_way_out_still_name():
    """A mounted file follows before they have ended, and a route whose middleware is gone answers 404."""
    before, after = objects("traefik", error_pages=TWO), objects("traefik")
    live = pick(before, "ConfigMap", NAME)
    used = references(before)
    brought = pick(with_former(after, live, None, used), "ConfigMap", NAME)
    kept = read(brought, None)
    assert read(live, None).middlewares == kept.middlewares
    assert kept.rest["http"]["services"] == read(live, None).rest["http"]["services"]
    again = with_former(after, brought, None, references(after))  # the next run: nothing is written
    assert pick(again, "ConfigMap", NAME)["data"] == brought["data"]
    assert pick(with_former(after, live, None, references(after)), "ConfigMap", NAME)["data"] == brought["data"]


@pytest.mark.parametrize("kind", BY_POD)
def test_our_nginx_serves_each_page_by_path_and_by_header(kind):
    found = objects(kind, error_pages=TWO)
    files = pick(found, "ConfigMap", "edge-default-backend")["data"]
    assert {name: files[name] for name in ("502.html", "503.html")} == {"502.html": "<h1>gone", "503.html": "<h1>soon"}
    for code in TWO:
        assert f"error_page {code} /{code}.html;" in files["nginx.conf"]
        assert f"location = /.ingresskit/errors/{code}.html {{ return {code}; }}" in files["nginx.conf"]
        assert f"if ($http_x_code = {code}) {{ return {code}; }}" in files["nginx.conf"]


def test_ingress_nginx_is_told_the_codes():
    data = pick(objects("ingress-nginx", error_pages=TWO), "ConfigMap", "ingress-nginx-controller")["data"]
    assert data["custom-http-errors"] == "502,503"
    assert "custom-http-errors" not in pick(objects("ingress-nginx"), "ConfigMap", "ingress-nginx-controller")["data"]


# -- what smoke asks --------------------------------------------------------------------------------------------------


def asked(kind, apps=CAFE, **controller):
    stack = stack_of(kind, apps, **controller)
    dialect = controller_for(stack.controller)
    return list(probes(stack, dialect, page_of(stack, Facts()), error_texts(stack, Facts())))


@pytest.mark.parametrize("kind", KINDS)
def test_the_echo_backend_is_asked_for_each_error(kind):
    found = [each for each in asked(kind, error_pages=TWO) if each.kind == "error-page"]
    told = [(each.request.path, each.expected.status, each.expected.body_contains, each.source) for each in found]
    assert told == [
        ("/tea/status/502", (502,), "<h1>gone", "ingress_controller.error_pages.502"),
        ("/tea/status/503", (503,), "<h1>soon", "ingress_controller.error_pages.503"),
    ]


def test_no_other_backend_is_asked_for_errors():
    apps = {"cafe": {"hosts": {"a.example": {"paths": {"/tea": "theirs:80"}}}}}
    assert not [each for each in asked("traefik", apps, error_pages=TWO) if each.kind == "error-page"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_404_is_asked_for_unknown_hosts_and_paths(kind):
    found = [each for each in asked(kind, error_pages={404: "<h1>no"}) if each.kind in ("unknown-host", "unknown-path")]
    assert len(found) == 3
    assert {(each.expected.status, each.expected.body_contains) for each in found} == {((404,), "<h1>no")}


def test_a_default_backend_that_names_itself_has_to():
    found = [
        each
        for each in asked("nginx", default_backend={"service": "cafe/tea-svc:80"})
        if each.kind.startswith("unknown")
    ]
    assert {(each.expected.backend, each.expected.identity) for each in found} == {("cafe/tea-svc", "echo")}
