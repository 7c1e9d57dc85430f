"""The playbooks on a real cluster, as users run them: from nothing to proven routes, day two, and the end."""

import json
import re
import shlex
import shutil
import ssl
import subprocess
from pathlib import Path

from tests.cluster.double import ask, make_pair, obj, tls_secret, until
from tests.cluster.playbook import HOST, create, kubectl, namespaces, secret

SECRET_TEXT = re.compile(r"BEGIN [A-Z ]*PRIVATE KEY|LS0tLS1")  # PEM, and its base64


def config_map(namespace):
    """Somebody else's object."""
    return obj("v1", "ConfigMap", "theirs", namespace, data={"kept": "yes"})


def theirs(namespace):
    return kubectl("get", "configmap", "theirs", "-n", namespace, "-o", "jsonpath={.data.kept}")


def verdicts(run):
    """(url with what it should say) -> verdict, of every route asked."""
    return {f"{route['url']} = {route['expected']}": route["verdict"] for route in run.smoke["routes"]}


def proven(run, *urls):
    """Every route is proven, these among them."""
    found = verdicts(run)
    assert set(found.values()) == {"proven"}, run.output
    for url in urls:
        assert any(route.startswith(url) for route in found), f"{url} is not in {sorted(found)}"
    return True


def leaf(node, site, host=HOST):
    """The certificate that is served for a host, DER."""
    return ask(node, site.ports[1], host, tls=True).certificate


def der(pair):
    return ssl.PEM_cert_to_DER_cert(pair[0].decode())


def files(folder, pair, name="cafe"):
    """A pair as files, and the tls source that names them."""
    for suffix, text in zip(("crt", "key"), pair, strict=True):
        (folder / f"{name}.{suffix}").write_bytes(text)
    return {"cert_file": str(folder / f"{name}.crt"), "key_file": str(folder / f"{name}.key")}


def unselect(site, service="tea-svc"):
    """What an operator's slip does: the Service selects no Pod any more."""
    patch = '{"spec": {"selector": {"no": "pod"}}}'
    kubectl("patch", "service", service, "-n", site.namespace("cafe"), "-p", patch)


def test_from_nothing_to_proven_routes_and_back(kind, fresh, node):
    first = fresh.site(kind)
    assert first.changed
    assert proven(first, f"https://{HOST}:{fresh.ports[1]}/tea", f"https://{HOST}:{fresh.ports[1]}/coffee")
    assert first.smoke["ingresskit_report"]["target"]["address"] == node
    assert_header_tells_what_runs(kind, first)
    assert_curl_answers(first, fresh.namespace("cafe"))
    certificate = leaf(node, fresh)

    second = fresh.play().passed()
    assert not second.changed, second.output
    assert not second.writes
    assert second.stack["revision"] == first.stack["revision"]
    assert leaf(node, fresh) == certificate

    create(config_map(fresh.namespace("cafe")))
    assert_removed_but_for_theirs(fresh)
    assert not fresh.play("playbooks/teardown.yml").passed().changed


def assert_header_tells_what_runs(kind, run):
    """A double is called one wherever it stands in; Traefik's binary is the real one."""
    running = kubectl("get", "pods", "-A", "-l", f"app.kubernetes.io/instance={run.stack['stack']}", "-o", "json")
    doubles = [
        "ingresskit.io/test-double" in pod["metadata"].get("annotations", {}) for pod in json.loads(running)["items"]
    ]
    header = next(line for line in run.output.splitlines() if line.startswith("stack "))
    assert kind in header
    assert ("TEST DOUBLE" in header) == any(doubles) == any(run.smoke["ingresskit_report"]["notes"])
    assert kind == "nginx" or not any(doubles)


def assert_curl_answers(run, namespace):
    """The command stands on a line of its own, works as it is, and verifies the certificate."""
    command = run.output.rstrip().splitlines()[-1]
    assert command == run.smoke["ingresskit_try"]
    words = shlex.split(command)
    assert words[0] == "curl" and "--cacert" in words and "--insecure" not in words
    answer = json.loads(subprocess.run([*words, "--silent", "--fail"], capture_output=True, check=True).stdout)
    assert (answer["namespace"], answer["service"], answer["path"]) == (namespace, "tea-svc", "/tea")


def assert_removed_but_for_theirs(site):
    """Teardown spares what is not ours and the namespace around it; the rest is gone, CA and record too."""
    cafe = site.namespace("cafe")
    run = site.play("playbooks/teardown.yml").passed()
    assert f"Namespace {cafe} skipped (kept: ConfigMap {cafe}/theirs lives in it)" in run.output
    until(lambda: site.left() == [f"namespace/{cafe}"], 30)
    assert theirs(cafe) == "yes"
    kubectl("delete", "namespace", cafe)


def test_check_mode_before_anything_exists(fresh):
    fresh.write(fresh.inventory())
    run = fresh.play("site.yml", "--check", "--diff").passed()
    assert run.changed
    assert "+  tls.key: '*** (after)'" in run.output
    assert not SECRET_TEXT.search(run.output)
    assert not fresh.left()


def test_a_lost_selector_is_found_and_repaired(kind, shared):
    shared.site(kind)
    unselect(shared)
    route = f'ingress_apps.cafe.hosts."{HOST}".paths."/tea"'
    lost = shared.play("playbooks/smoke.yml", ingress_smoke={"wait": 2}).failed(route)
    assert {each["source"] for each in lost.smoke["failed_routes"]} == {route}
    repaired = shared.play().passed()
    assert (
        f"Service {shared.namespace('cafe')}/tea-svc configured (kubectl-patch took .spec.selector)" in repaired.output
    )
    assert proven(repaired)
    assert not shared.play().passed().changed


def test_certificates_of_every_source_are_served(kind, shared, node, foreign, tmp_path):
    pairs = {name: make_pair(f"{name}.example.com") for name in ("filed", "inline", "given")}
    apps = {"cafe": shared.cafe(), **certified(shared, pairs, files(tmp_path, pairs["filed"]))}
    create(tls_secret("given-tls", foreign(shared.namespace("given")), pairs["given"]))
    untouched = secret(shared.namespace("given"), "given-tls")
    assert proven(shared.site(kind, apps), *(f"https://{name}.example.com" for name in pairs))
    assert {name: leaf(node, shared, f"{name}.example.com") for name in pairs} == {
        name: der(pair) for name, pair in pairs.items()
    }

    pairs["filed"] = make_pair("filed.example.com")
    files(tmp_path, pairs["filed"])
    rotated = shared.play().passed()
    assert proven(rotated)
    assert [change["object"] for change in rotated.stack["objects"] if change["action"] == "configured"] == [
        f"Secret {shared.namespace('cafe')}/filed-tls"
    ]
    assert leaf(node, shared, "filed.example.com") == der(pairs["filed"])

    assert f"Namespace {shared.namespace('given')}" not in shared.site(kind).output
    assert secret(shared.namespace("given"), "given-tls") == untouched


def certified(site, pairs, filed):
    """An app for each source of certificates; one of them in a namespace that is not ours."""
    cert, key = (text.decode() for text in pairs["inline"])
    tea = {"namespace": site.namespace("cafe")}
    return {
        "filed": {**tea, "tls": filed, "hosts": {"filed.example.com": "tea-svc:80"}},
        "inline": {**tea, "tls": {"cert": cert, "key": key}, "hosts": {"inline.example.com": "tea-svc:80"}},
        "given": {
            "namespace": site.namespace("given"),
            "tls": {"secret": "given-tls"},
            "hosts": {"given.example.com": "cake-svc:80"},
            "workloads": {"cake": {}},
        },
    }


def test_what_no_rule_matches_and_hosts_without_a_name(kind, shared, node):
    cafe = shared.namespace("cafe")
    page = "<h1>not on the menu</h1>"

    def answer(path):
        return ask(node, shared.ports[0], "nobody.example.org", path)

    fallback = {"fallback": {"namespace": cafe, "default_backend": "coffee-svc:80"}}
    run = shared.site(kind, {"cafe": shared.cafe(), **fallback}, ingress_extra_objects=[config_map(cafe)])
    assert proven(run)
    assert answer("/no/rule").json["service"] == "coffee-svc"
    assert theirs(cafe) == "yes"

    anyhost = {"anyhost": {"namespace": cafe, "hosts": {"*": {"paths": {"/foo": "tea-svc:80"}}}}}
    run = shared.site(kind, {"cafe": shared.cafe(), **anyhost})
    assert proven(run)
    assert f"ConfigMap {cafe}/theirs deleted" in run.output
    assert answer("/foo").json["service"] == "tea-svc"
    assert answer("/no/rule").status == 404

    assert proven(shared.site(kind, controller={"default_backend": {"page": page}}))
    assert (answer("/no/rule").status, answer("/no/rule").body.decode().strip()) == (404, page)


def test_drift_is_told_and_repaired(shared):
    shared.site()
    kubectl("scale", "deployment", "coffee", "-n", shared.namespace("cafe"), "--replicas=2")
    told = shared.play("playbooks/drift.yml").failed("The cluster differs from the inventory")
    assert f"Deployment {shared.namespace('cafe')}/coffee" in told.tasks[-1]["result"]["msg"]
    assert shared.play().passed().changed
    shared.play("playbooks/drift.yml").passed()


def test_apps_come_and_go(shared, node):
    """The CA outlives them; a namespace goes with its app unless somebody else lives in it."""
    first = shared.site()
    served, authority = leaf(node, shared), authority_of(first)
    more = {name: guest(shared, name) for name in ("bakery", "kiosk")}
    grown = shared.site(apps={"cafe": shared.cafe(), **more})
    assert proven(grown, "https://bakery.example.com", "https://kiosk.example.com")
    assert authority_of(grown) == authority
    assert leaf(node, shared) == served

    create(config_map(shared.namespace("kiosk")))
    kiosk = shared.namespace("kiosk")
    pruned = shared.site()
    assert f"Namespace {kiosk} skipped (kept: ConfigMap {kiosk}/theirs lives in it)" in pruned.output
    assert f"Namespace {shared.namespace('bakery')} deleted" in pruned.output
    assert theirs(kiosk) == "yes"
    assert not kubectl("get", "ingress,service,deployment,secret", "-n", kiosk, "-o", "name")
    until(lambda: shared.namespace("bakery") not in namespaces(), 30)
    kubectl("delete", "namespace", kiosk)


def authority_of(run):
    """The CA that clients are told to verify with."""
    command = shlex.split(run.smoke["ingresskit_try"])
    return Path(command[command.index("--cacert") + 1]).read_text()


def guest(site, name):
    return {
        "namespace": site.namespace(name),
        "tls": {"self_signed": True},
        "hosts": {f"{name}.example.com": "bun-svc:80"},
        "workloads": {"bun": {}},
    }


def test_layers_and_config_map_entries_take_effect(shared, node):
    shared.site()

    def order():
        return ask(node, shared.ports[1], HOST, "/tea", tls=True, method="POST", body=b"x" * 2000)

    assert order().status == 200
    paths = {"/coffee": None, "/cake": "tea-svc:80"}
    prod = {
        "ingress_apps__prod": {"cafe": {"hosts": {HOST: {"paths": paths}}}},
        "ingress_controller__prod": {"config": {"client-max-body-size": "1k"}},
    }
    shared.write(shared.inventory(), groups={"prod": prod})
    run = shared.play().passed()
    assert proven(run, f"https://{HOST}:{shared.ports[1]}/cake")
    assert not any("/coffee" in url for url in verdicts(run))
    until(lambda: order().status == 413)


def test_controllers_take_turns_on_the_same_ports(shared):
    for kind, other in (("nginx", "traefik"), ("traefik", "nginx"), ("nginx", "traefik")):
        run = shared.site(kind)
        assert proven(run)
        assert run.smoke["ingresskit_report"]["controller"].startswith(kind)
        assert not [name for name in shared.left() if other in name]


def test_an_image_that_cannot_be_pulled_fails_early_with_the_reason(shared):
    broken = shared.cafe(workloads={"tea": {"image": "localhost:9/no/such:image"}, "coffee": {}})
    shared.write(shared.inventory(apps={"cafe": broken}))
    run = shared.play().failed(f"Deployment {shared.namespace('cafe')}/tea cannot become ready")
    assert re.search("ErrImagePull|ImagePullBackOff", run.output), run.output
    assert run.seconds < 40
    assert proven(shared.site())


def test_info_and_preflight(shared, node):
    shared.site()
    ran = shared.play("playbooks/preflight.yml").passed()
    assert [each for each in ran.of("ingress_preflight")["findings"] if each["level"] == "error"] == []
    tasks = [{"ingress_info": {"inventory": shared.inventory()}}]
    (shared.folder / "info.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    said = shared.play(shared.folder / "info.yml").passed().of("ingress_info")
    assert said["installed"]
    assert f"Ingress {shared.namespace('cafe')}/cafe" in said["release"]["objects"]
    ports = dict(zip(("http_port", "https_port"), shared.ports, strict=True))
    assert ports.items() <= said["target"].items()
    assert said["target"]["address"] == node
    assert said["ca_certificate"].startswith("-----BEGIN CERTIFICATE-----")


def rendered(project):
    folder = project.folder / "rendered"
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_render_needs_no_cluster(project):
    project.env = {"KUBECONFIG": "/nonexistent"}
    cafe = {"tls": {"secret": "cafe-tls"}, "hosts": {HOST: {"paths": {"/tea": "tea-svc:80"}}}, "workloads": {"tea": {}}}
    bakery = {"hosts": {"bakery.example.com": "bun-svc:80"}}
    project.write({"ingress_stack_name": "files", "ingress_apps": {"cafe": cafe, "bakery": bakery}})
    assert project.play("playbooks/render.yml").passed().changed
    first = rendered(project)
    assert Path("kind/files/cafe/ingress-cafe.yaml") in first
    assert not [name for name, text in first.items() if SECRET_TEXT.search(text.decode())]
    shutil.rmtree(project.folder / "rendered" / "kind" / "files" / "cafe")
    project.play("playbooks/render.yml").passed()
    assert rendered(project) == first
    assert not project.play("playbooks/render.yml").passed().changed


def test_render_drops_what_is_stale_and_keeps_what_is_not_its_own(project):
    project.env = {"KUBECONFIG": "/nonexistent"}
    apps = {"cafe": {"hosts": {HOST: "tea-svc:80"}}, "bakery": {"hosts": {"bakery.example.com": "bun-svc:80"}}}
    project.write({"ingress_stack_name": "files", "ingress_apps": apps})
    project.play("playbooks/render.yml").passed()
    folder = project.folder / "rendered" / "kind" / "files"
    (folder / "bakery" / "kustomization.yaml").write_text("resources: []\n")
    project.write({"ingress_stack_name": "files", "ingress_apps": {"cafe": apps["cafe"]}})
    assert project.play("playbooks/render.yml").passed().changed
    assert [path.name for path in (folder / "bakery").iterdir()] == ["kustomization.yaml"]
    assert (folder / "cafe" / "ingress-cafe.yaml").exists()


def test_render_refuses_what_would_write_a_key(project):
    project.env = {"KUBECONFIG": "/nonexistent"}
    app = {"tls": {"self_signed": True}, "hosts": {HOST: "tea-svc:80"}}
    project.write({"ingress_stack_name": "files", "ingress_apps": {"cafe": app}})
    project.play("playbooks/render.yml").failed("ingress_apps.cafe.tls", "secret", "issuer")
    assert not (project.folder / "rendered").exists()
