"""A user's mistakes through ansible-playbook: one message with the key and the remedy, no traceback, nothing sent.

Each mistake is a cluster of its own in one inventory, whose kubeconfig leads to a socket that counts who comes.
"""

import socket
import threading

import pytest
import yaml

from tests.cluster.double import make_pair
from tests.cluster.playbook import HOST, HOSTS, Project

pytestmark = pytest.mark.timeout(300)
AT_HOST = f'ingress_apps.cafe.hosts."{HOST}"'
CAFE, OTHER = make_pair(HOST), make_pair(HOST)
STRANGER = make_pair("shop.example.com")


def cafe(**changes):
    """What a mistake is made in: an app with one route."""
    return {"ingress_apps": {"cafe": {"hosts": {HOST: {"paths": {"/tea": "tea-svc:80"}}}, **changes}}}


def hosts(rules):
    return cafe(hosts={HOST: rules})


def secret(data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "x"}, "stringData": data}


def inline(pair, key=None):
    return {"cert": pair[0].decode(), "key": (key or pair[1]).decode()}


# name: variables, the path the message begins with, what else it says
MISTAKES = {
    "unknown-key": (cafe(hostz={}), "ingress_apps.cafe.hostz", "did you mean 'hosts'?"),
    "unknown-variable": ({"ingress_app": {}}, "ingress_app", "did you mean 'ingress_apps'?"),
    "unknown-key-of-a-host": (hosts({"path": {}, "paths": {"/": "tea-svc:80"}}), f"{AT_HOST}.path", "'paths'"),
    "text-for-a-number": (
        {"ingress_controller": {"replicas": "2"}}, "ingress_controller.replicas", "must be an integer, not the string '2'",
    ),
    "list-for-a-mapping": (cafe(workloads=["tea"]), "ingress_apps.cafe.workloads", "must be a mapping, not a list"),
    "list-for-the-apps": ({"ingress_apps": ["cafe"]}, "ingress_apps", "must be a mapping, not a list"),
    "text-for-the-controller": ({"ingress_controller": "nginx"}, "ingress_controller", "must be a mapping"),
    "text-for-seconds": ({"ingress_smoke": {"wait": "long"}}, "ingress_smoke.wait", "must be a number"),
    "empty": (cafe(hosts={HOST: None}), AT_HOST, "must be a mapping, not empty (null)"),
    "path-without-slash": (hosts({"paths": {"tea": "tea-svc:80"}}), f'{AT_HOST}.paths."tea"', "write '/tea'"),
    "service-without-port": (hosts({"paths": {"/tea": "tea-svc"}}), f'{AT_HOST}.paths."/tea"', "write 'tea-svc:80'"),
    "port-too-high": (hosts({"paths": {"/tea": "tea-svc:70000"}}), f'{AT_HOST}.paths."/tea"', "1 to 65535"),
    "host-with-scheme": (cafe(hosts={"https://cafe.example.com": "tea-svc:80"}), "ingress_apps.cafe.hosts", "without scheme"),
    "certificate-missing": (
        cafe(tls={"cert_file": "nowhere.crt", "key_file": "cafe.key"}), "ingress_apps.cafe.tls.cert_file", "there is no file",
    ),
    "key-missing": (
        cafe(tls={"cert_file": "cafe.crt", "key_file": "nowhere.key"}), "ingress_apps.cafe.tls.key_file", "there is no file",
    ),
    "key-of-another": (
        cafe(tls={"cert_file": "cafe.crt", "key_file": "other.key"}), "ingress_apps.cafe.tls.key_file", "does not belong",
    ),
    "inline-key-of-another": (cafe(tls=inline(CAFE, OTHER[1])), "ingress_apps.cafe.tls.key", "does not belong"),
    "no-certificate-in-it": (
        cafe(tls={"cert_file": "cafe.key", "key_file": "cafe.key"}), "ingress_apps.cafe.tls.cert_file", "no PEM certificate",
    ),
    "certificate-of-another-host": (cafe(tls=inline(STRANGER)), "ingress_apps.cafe.tls.cert", f"does not cover {HOST}"),
    "text-for-a-file": (
        cafe(tls={"cert_file": CAFE[0].decode(), "key_file": "cafe.key"}), "ingress_apps.cafe.tls.cert_file", "as cert and key",
    ),
    "two-sources": (cafe(tls={"secret": "cafe-tls", "self_signed": True}), "ingress_apps.cafe.tls", "found secret, self_signed"),
    "list-in-a-secret": (
        {"ingress_extra_objects": [secret({"password": ["hunter2"]})]},
        'ingress_extra_objects[0].stringData."password"', "must be a text",
    ),
    "kubeconfig-missing": (
        {"ingress_cluster": {"kubeconfig": "/nonexistent/config"}}, "ingress_cluster.kubeconfig", "create the file",
    ),
    "context-unknown": ({"ingress_cluster": {"context": "nowhere"}}, "ingress_cluster.context", "name one of closed, counted"),
    "no-answer": ({"ingress_cluster": {"context": "closed"}}, "ingress_cluster", "refused"),
}  # fmt: skip


class Doorman:
    """An address that takes connections, counts them and says nothing; and one where nobody listens."""

    def __init__(self):
        self.visits = 0
        self._open, unused = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        self.ports = {"counted": self._open.getsockname()[1], "closed": unused.getsockname()[1]}
        unused.close()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                visitor, _ = self._open.accept()
            except OSError:  # closed: the test is over
                return
            self.visits += 1
            visitor.close()

    def kubeconfig(self):
        clusters = [
            {"name": name, "cluster": {"server": f"https://127.0.0.1:{port}"}} for name, port in self.ports.items()
        ]
        contexts = [{"name": name, "context": {"cluster": name, "user": "nobody"}} for name in self.ports]
        users = [{"name": "nobody", "user": {"token": "none"}}]
        return {"clusters": clusters, "contexts": contexts, "users": users, "current-context": "counted"}

    def close(self):
        self._open.close()


@pytest.fixture(scope="module")
def doorman():
    door = Doorman()
    yield door
    door.close()


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory, doorman):
    """One run over all mistakes."""
    project = Project(tmp_path_factory.mktemp("mistakes"))
    config = project.text("kubeconfig", yaml.safe_dump(doorman.kubeconfig()))
    for name, pair in (("cafe", CAFE), ("other", OTHER)):
        project.text(f"{name}.crt", pair[0].decode())
        project.text(f"{name}.key", pair[1].decode())
    project.dump("hosts.yml", {"all": {"hosts": dict.fromkeys(MISTAKES, HOSTS)}})
    for name, (variables, _, _) in MISTAKES.items():
        cluster = {"kubeconfig": str(config)} | variables.get("ingress_cluster", {})
        project.dump(f"host_vars/{name}.yml", cafe() | variables | {"ingress_cluster": cluster})
    return project.play("site.yml", "--forks", "4").failed()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_path_and_the_remedy(name, mistaken):
    _, path, remedy = MISTAKES[name]
    (failure,) = [task["result"] for task in mistaken.tasks if task["host"] == name and task["outcome"] == "failed"]
    (message,) = failure["msg"].splitlines()
    assert message.removeprefix("Task failed: Action failed: ").startswith(path)
    assert remedy in message


def test_nothing_was_sent_anywhere(mistaken, doorman):
    assert doorman.visits == 0
    assert mistaken.seconds < 60


def test_every_mistake_of_an_inventory_is_told_at_once(project):
    project.write(cafe(hostz={}, tls={"self_signed": "yes"}) | {"ingress_smoke": {"wait": "long"}})
    run = project.play().failed("ingress_apps.cafe.hostz", "ingress_apps.cafe.tls.self_signed", "ingress_smoke.wait")
    assert len(run.tasks[-1]["result"]["problems"]) == 3


def test_a_key_given_twice_is_told_with_both_lines(project):
    project.write({})
    rules = "  cafe:\n    hosts: {cafe.example.com: tea-svc:80}\n    hosts: {shop.example.com: shop-svc:80}\n"
    project.text("group_vars/all/apps.yml", f"ingress_apps:\n{rules}")
    project.play().failed("ingress_apps.cafe.hosts: is given twice (group_vars/all/apps.yml, lines 3 and 4)")


def test_a_cluster_that_does_not_answer_is_told_in_seconds(project, doorman):
    config = project.text("kubeconfig", yaml.safe_dump(doorman.kubeconfig()))
    project.write(cafe() | {"ingress_cluster": {"kubeconfig": str(config), "context": "closed"}})
    for playbook in ("smoke", "teardown"):  # site is among the mistakes
        run = project.play(f"playbooks/{playbook}.yml").failed("ingress_cluster", "refused")
        assert run.seconds < 15
