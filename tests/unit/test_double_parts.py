"""The nginx double's working parts: store and leader against a real HTTP server, the applier, status, events."""

import asyncio
import base64
import contextlib
import json
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from .test_double_plan import PAIR

sys.path.insert(0, str(Path(__file__).parents[2] / "testbed" / "images" / "nginx-double"))

from nginx_double import flags, leader, store, tls
from nginx_double.__main__ import tables
from nginx_double.applier import EVERYBODY, Applier, without_moved_hosts
from nginx_double.events import event_of
from nginx_double.kube import Kube
from nginx_double.model import Chunk, Plan, Report, Snapshot
from nginx_double.nginx import NginxError, _essence
from nginx_double.special import SpecialSecrets
from nginx_double.status import Addresses
from nginx_double.web import Health, metrics_text

# -- status -----------------------------------------------------------------------------------------------------------

EXTERNAL = {"spec": {"type": "NodePort", "externalIPs": ["192.0.2.1"]}}
BALANCED = {
    "spec": {"type": "LoadBalancer"},
    "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.2"}, {"hostname": "lb"}]}},
}
NODE_PORT = {"spec": {"type": "NodePort"}, "status": {"loadBalancer": {}}}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("", NODE_PORT)], ()),
        ([("", None)], ()),
        ([("", EXTERNAL)], ("192.0.2.1",)),
        ([("", BALANCED)], ("192.0.2.2", "lb")),
        ([("", {"spec": {"type": "ExternalName", "externalName": "edge"}})], ("edge",)),
        ([("", EXTERNAL), ("", NODE_PORT)], ()),
        ([("edge", EXTERNAL)], ("edge",)),
        ([("edge", EXTERNAL), ("", EXTERNAL)], ("192.0.2.1",)),
        ([("edge", NODE_PORT), ("", NODE_PORT)], ("edge",)),  # removing the key keeps the old address: observed
        ([("edge", NODE_PORT), ("", NODE_PORT), ("", NODE_PORT)], ("edge",)),
    ],
)
def test_where_the_address_comes_from(steps, expected):
    found = Addresses()
    for key, service in steps:
        found = found.updated(key, service)
    assert found.values == expected


def test_an_address_is_an_ip_or_a_hostname():
    assert Addresses(("192.0.2.1", "fd00::1", "edge")).as_status() == [
        {"ip": "192.0.2.1"},
        {"ip": "fd00::1"},
        {"hostname": "edge"},
    ]


# -- events and metrics -----------------------------------------------------------------------------------------------


def test_an_event_names_its_object_and_the_double():
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n", "uid": "u"}}
    event = event_of(Report(one, "InvalidValue", "x" * 2000, warning=True), "pod-1")
    assert event["involvedObject"] == {
        **one["metadata"],
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "resourceVersion": "",
    }
    assert (event["reason"], event["type"], len(event["message"])) == ("InvalidValue", "Warning", 1024)
    assert event["metadata"]["annotations"]["ingresskit.io/test-double"].startswith("nginx: test double")


def test_metrics_say_first_whose_they_are():
    lines = metrics_text(Health(reloads=3, last_reload_ok=True)).splitlines()
    assert lines[0] == "# nginx: test double of F5 NGINX Ingress Controller 5.5.4"
    assert 'nginx_ingress_controller_nginx_reloads_total{class="nginx",reason="other"} 3' in lines


@pytest.mark.parametrize(
    ("said", "essence"),
    [
        ('nginx: [emerg] unknown directive "x" in /etc/nginx/nginx.conf:3\nnginx: test failed\n',
         'unknown directive "x" in /etc/nginx/nginx.conf:3'),
        ("2026/01/01 00:00:00 [emerg] 7#7: bind() to 0.0.0.0:80 failed (98: Address in use)\n",
         "bind() to 0.0.0.0:80 failed (98: Address in use)"),
        ("", "nginx gave no reason"),
    ],
)  # fmt: skip
def test_the_essence_of_nginxs_complaints(said, essence):
    assert _essence(said) == essence


# -- scope ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "secrets", "ingresses"),
    [
        ([], {("", "")}, {""}),
        (["-watch-namespace=a,b"], {("a", ""), ("b", "")}, {"a", "b"}),
        (["-watch-namespace=a", "-watch-secret-namespace=c"], {("c", "")}, {"a"}),
        (["-watch-namespace=a", "-default-server-tls-secret=own/d"], {("a", ""), ("own", "metadata.name=d")}, {"a"}),
        (["-watch-namespace=own", "-default-server-tls-secret=own/d"], {("own", "")}, {"own"}),
    ],
)
def test_what_is_watched(argv, secrets, ingresses):
    found = tables(flags.parse(argv))
    scopes = {(each.namespace, each.params.get("fieldSelector", "")) for each in found if each.resource == "secrets"}
    assert scopes == secrets
    assert {each.namespace for each in found if each.resource == "ingresses"} == ingresses
    assert not [each for each in found if each.resource == "configmaps"]


# -- the applier ------------------------------------------------------------------------------------------------------


class ScriptedNginx:
    """Takes every configuration without the word BAD, as nginx would."""

    def __init__(self):
        self.running = ""
        self.reloads = 0
        self.tests = 0

    def write_secrets(self, files):
        pass

    def drop_secrets(self, keep):
        pass

    async def test(self, text):
        self.tests += 1
        if "BAD" in text:
            raise NginxError("unknown directive")

    async def start(self, text, version):
        await self.reload(text, version)

    async def reload(self, text, version):
        await self.test(text)
        self.running = text
        self.reloads += 1

    def has(self, *names):
        return [name for name in names if f"<{name}>" in self.running]


def plan_of(main="main", **chunks):
    found = [Chunk(("ns", name), f"<{name}> {text}\n") for name, text in chunks.items()]
    return Plan(f"{main}\n#CHUNKS#\n", found, {}, [], {}, [], [], [], "")


def applied(safe, *plans):
    """The complaints of each plan (names only), and nginx as it is then."""
    nginx = ScriptedNginx()

    async def go():
        applier = Applier(nginx, Health(), safe)
        await applier.start(plan_of())
        return [sorted(key[1] for key in await applier.apply(each)) for each in plans]

    return asyncio.run(go()), nginx


def test_the_same_plan_again_is_no_reload():
    complaints, nginx = applied(False, plan_of(a="1"), plan_of(a="1"))
    assert complaints == [[], []]
    assert nginx.reloads == 2  # start, a


def chunk(name, text, *hosts):
    return Chunk(("ns", name), f"<{name}> {text}\n", hosts=frozenset(hosts))


@pytest.mark.parametrize(
    ("running", "wanted", "between"),
    [
        ([chunk("a", "1", "x")], [chunk("a", "2", "x"), chunk("b", "1", "y")], None),  # nothing moves
        ([chunk("a", "1", "x")], [chunk("b", "1", "x")], []),  # a deleted, b promoted
        ([chunk("a", "1", "x", "y")], [chunk("a", "2", "y"), chunk("b", "1", "x")], [chunk("a", "2", "y")]),
        ([chunk("a", "1", "x"), chunk("b", "1", "y")], [chunk("a", "2"), chunk("b", "2", "x", "y")],
         [chunk("a", "2"), chunk("b", "1", "y")]),
    ],
)  # fmt: skip
def test_between_two_holders_a_host_has_none(running, wanted, between):
    assert without_moved_hosts(running, wanted) == between


def test_what_was_refused_once_is_not_tried_again():
    bad = plan_of(a="BAD")
    complaints, nginx = applied(False, bad, bad, bad)
    assert complaints == [["a"]] * 3
    assert nginx.tests == 2  # start, a


def test_without_safety_one_bad_piece_blocks_every_change():
    complaints, nginx = applied(False, plan_of(a="1"), plan_of(a="1", b="BAD", c="1"))
    assert complaints == [[], ["b", "c"]]
    assert nginx.has("a", "b", "c") == ["a"]


def test_without_safety_the_block_ends_with_its_cause():
    complaints, nginx = applied(False, plan_of(b="BAD", c="1"), plan_of(c="1"))
    assert complaints == [["b", "c"], []]
    assert nginx.has("c") == ["c"]


def test_a_bad_main_configuration_blocks_everybody():
    for safe in (False, True):
        complaints, nginx = applied(safe, plan_of(a="1"), plan_of("BAD", a="1", b="1"))
        assert complaints == [[], [EVERYBODY[1], "a", "b"]]
        assert nginx.has("a", "b") == ["a"]


def test_with_safety_only_the_offender_is_left_out():
    complaints, nginx = applied(True, plan_of(a="1", b="BAD", c="1"))
    assert complaints == [["b"]]
    assert nginx.has("a", "b", "c") == ["a", "c"]


def test_with_safety_an_offender_that_was_good_keeps_its_last_good_configuration():
    _, nginx = applied(True, plan_of(a="old"), plan_of(a="BAD", b="1"))
    assert "<a> old" in nginx.running
    assert nginx.has("b") == ["b"]


# -- Secrets that flags name ------------------------------------------------------------------------------------------


def special_reports(*steps):
    """The reports while the default server's Secret goes through these states (None: gone), and the one kept."""
    reports = []
    found = SpecialSecrets(flags.parse(["-default-server-tls-secret=own/d"]), {"kind": "Pod"}, reports.append)
    found.start(Snapshot(secrets={("own", "d"): steps[0]}))
    for step in steps:
        found.refresh(Snapshot(secrets={("own", "d"): step} if step else {}))
    return [report.reason for report in reports], found.current["default"]


def certificate(version, *, good=True):
    crt, key = (base64.b64encode(part).decode() for part in PAIR)
    meta = {"namespace": "own", "name": "d", "resourceVersion": version}
    return {"metadata": meta, "type": "kubernetes.io/tls", "data": {"tls.crt": crt, "tls.key": key if good else crt}}


def test_a_deleted_special_secret_is_kept_and_told_once():
    one = certificate("1")
    assert special_reports(one, None, None) == (["SecretDeleted"], one)


def test_a_special_secret_that_goes_bad_is_not_taken():
    one = certificate("1")
    assert special_reports(one, certificate("2", good=False), certificate("2", good=False)) == (["SecretError"], one)


def test_a_new_special_secret_is_taken_and_a_later_loss_told_again():
    one, two = certificate("1"), certificate("2")
    assert special_reports(one, None, two, None) == (["SecretDeleted", "Updated", "SecretDeleted"], two)


@pytest.mark.parametrize("secret_", [None, certificate("1", good=False)])
def test_without_a_usable_special_secret_there_is_no_start(secret_):
    with pytest.raises(tls.SecretError, match="own/d of -default-server-tls-secret"):
        special_reports(secret_)


# -- the API server: list, watch, lease -------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def served(app):
    """A Kube that talks to an aiohttp application in the place of the API server."""
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with Kube(f"http://127.0.0.1:{port}", aiohttp.ClientSession(), None) as kube:
        yield kube
    await runner.cleanup()


def secret(name, version, kind="kubernetes.io/tls"):
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": version}, "type": kind}


class Script:
    """Answers LISTs and watches of secrets from a script; remembers what was asked for."""

    def __init__(self, lists, watches):
        self.lists, self.watches, self.asked = list(lists), list(watches), []
        self.over = asyncio.Event()

    def app(self):
        app = web.Application()
        app.router.add_get("/api/v1/secrets", self.answer)
        return app

    async def answer(self, request):
        query = request.query
        if "watch" not in query:
            self.asked.append("list" + (f" {query['continue']}" if "continue" in query else ""))
            return web.json_response(self.lists.pop(0))
        self.asked.append(f"watch {query['resourceVersion']}")
        response = web.StreamResponse()
        await response.prepare(request)
        for kind, one in self.watches.pop(0) if self.watches else []:
            # in two pieces: a line may come in parts
            line = json.dumps({"type": kind, "object": one}).encode() + b"\n"
            await response.write(line[:10])
            await response.write(line[10:])
        if not self.watches:
            await self.over.wait()  # nothing more to tell
        return response


def page(version, *items, more=None):
    return {"metadata": {"resourceVersion": version} | ({"continue": more} if more else {}), "items": list(items)}


def followed(script, names):
    """Run a store on the script until it holds exactly these names; what it holds, by name."""

    async def go():
        async with served(script.app()) as kube:
            found = store.Store(kube, [store.Table("secrets")])
            job = asyncio.create_task(found.run())
            try:
                async with asyncio.timeout(5):
                    while {name for _, name in found.all("secrets")} != names or len(script.asked) < 3:
                        await asyncio.sleep(0.01)
            finally:
                script.over.set()
                job.cancel()
                await asyncio.gather(job, return_exceptions=True)
            return {name: one for (_, name), one in found.all("secrets").items()}

    return asyncio.run(go())


def test_lists_page_by_page_then_watches_from_there(monkeypatch):
    monkeypatch.setattr(store, "BACKOFF", (0.01, 0.05))
    opaque = secret("opaque", "3", "Opaque")
    events = [("ADDED", secret("c", "6")), ("MODIFIED", secret("a", "7")), ("DELETED", secret("b", "8"))]
    script = Script([page("5", secret("a", "1"), more="next"), page("5", secret("b", "2"), opaque)], [events])
    found = followed(script, {"a", "c"})
    assert script.asked == ["list", "list next", "watch 5"]
    assert found["a"]["metadata"]["resourceVersion"] == "7"
    assert (found["a"]["kind"], found["a"]["apiVersion"]) == ("Secret", "v1")


def test_a_watch_that_ends_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(store, "BACKOFF", (0.01, 0.05))
    bookmark = {"metadata": {"resourceVersion": "20"}}
    script = Script(
        [page("5")], [[("ADDED", secret("a", "9")), ("BOOKMARK", bookmark)], [("ADDED", secret("b", "21"))]]
    )
    followed(script, {"a", "b"})
    assert script.asked == ["list", "watch 5", "watch 20"]


def test_after_410_it_lists_again_and_forgets_what_is_gone(monkeypatch):
    monkeypatch.setattr(store, "BACKOFF", (0.01, 0.05))
    gone = {"code": 410, "message": "too old resource version"}
    script = Script([page("5", secret("old", "1")), page("9", secret("new", "8"))], [[("ERROR", gone)], []])
    followed(script, {"new"})
    assert script.asked == ["list", "watch 5", "list", "watch 9"]


class Leases:
    """One Lease, kept as the API server would: an update of an old version is a conflict."""

    def __init__(self):
        self.lease = None

    def app(self):
        app = web.Application()
        path = "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
        app.router.add_post(path, self.create)
        app.router.add_get(path + "/lock", self.get)
        app.router.add_put(path + "/lock", self.update)
        return app

    async def get(self, _):
        return web.json_response(self.lease) if self.lease else web.json_response({"message": "none"}, status=404)

    async def create(self, request):
        if self.lease:
            return web.json_response({"message": "exists"}, status=409)
        self.lease = await request.json()
        self.lease["metadata"]["resourceVersion"] = "1"
        return web.json_response(self.lease, status=201)

    async def update(self, request):
        new = await request.json()
        version = int(self.lease["metadata"]["resourceVersion"])
        if new["metadata"]["resourceVersion"] != str(version):
            return web.json_response({"message": "conflict"}, status=409)
        new["metadata"]["resourceVersion"] = str(version + 1)
        self.lease = new
        return web.json_response(new)


def test_one_leads_and_the_other_follows_when_it_lets_go(monkeypatch):
    monkeypatch.setattr(leader, "RETRY_SECONDS", 0.02)
    leases = Leases()

    async def go():
        async with served(leases.app()) as kube:
            pair = [leader.Leader(kube, "ns", "lock", name, lambda: None) for name in ("a", "b")]
            jobs = [asyncio.create_task(each.run()) for each in pair]
            await asyncio.sleep(0.3)
            before = [each.leads for each in pair]
            first = before.index(True)
            jobs[first].cancel()
            await pair[first].release()
            await asyncio.sleep(0.3)
            after = pair[1 - first].leads
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            return before, after

    before, after = asyncio.run(go())
    assert sorted(before) == [False, True]
    assert after
    assert leases.lease["spec"]["leaseTransitions"] == 2


def test_a_silent_leader_is_replaced(monkeypatch):
    monkeypatch.setattr(leader, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(leader, "LEASE_SECONDS", 0.3)
    leases = Leases()
    leases.lease = {
        "metadata": {"name": "lock", "resourceVersion": "7"},
        "spec": {"holderIdentity": "dead", "renewTime": "2020-01-01T00:00:00.000000Z"},
    }

    async def go():
        async with served(leases.app()) as kube:
            heir = leader.Leader(kube, "ns", "lock", "heir", lambda: None)
            job = asyncio.create_task(heir.run())
            await asyncio.sleep(0.1)
            early = heir.leads
            await asyncio.sleep(0.6)
            job.cancel()
            return early, heir.leads

    # it is not the clock of the dead one that counts, but for how long nothing was heard
    assert asyncio.run(go()) == (False, True)
