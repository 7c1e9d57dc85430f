"""What is gathered of the world: files, Secrets, the CA and the certificates it has issued."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from module_utils.ingresskit import model, observe, tls
from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.authority import recorded
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.engine.snapshot import Snapshot
from module_utils.ingresskit.errors import ClusterError, ConflictError
from module_utils.ingresskit.facts import ExistingSecret, Facts, KeyPair, KnownCertificate
from module_utils.ingresskit.model.tls import Ca
from module_utils.ingresskit.render import render
from module_utils.ingresskit.render.secrets import INPUTS, NOT_AFTER, to_issue, uses_of
from module_utils.ingresskit.state.release import Release

from .certificates import NOW, certificate, key_pem

OWNER = Owner("edge")
CA_NAME = "ingresskit-edge.ca"
AUTHORITY = tls.new_authority("edge", NOW)
OTHER = tls.new_authority("edge", NOW)
HOSTS = ("cafe.example.com",)
STACK = model.load({"ingress_apps": {"cafe": {"tls": {"self_signed": True}, "hosts": {HOSTS[0]: "tea:80"}}}})
USES = uses_of(STACK, controller_for(STACK.controller))


class ApiDouble:
    """A test double of the API server's client: Secrets in memory, and a note of what was read."""

    def __init__(self, **secrets: dict) -> None:
        self.secrets = secrets
        self.read: list[str] = []

    def get(self, ref: Ref) -> dict | None:
        self.read.append(str(ref))
        return self.secrets.get(ref.name)

    def create(self, obj: dict) -> None:
        assert obj["metadata"]["name"] not in self.secrets
        self._keep(obj)

    def update(self, obj: dict) -> None:
        assert (
            obj["metadata"]["resourceVersion"] == self.secrets[obj["metadata"]["name"]]["metadata"]["resourceVersion"]
        )
        self._keep(obj)

    def _keep(self, obj: dict) -> None:
        self.secrets[obj["metadata"]["name"]] = obj | {"metadata": obj["metadata"] | {"resourceVersion": "1"}}


def secret(certificate: str | bytes = b"", key: str | bytes = b"", kind: str = "kubernetes.io/tls") -> dict:
    texts = {"tls.crt": certificate, "tls.key": key}
    raw = {name: text.encode() if isinstance(text, str) else text for name, text in texts.items()}
    return {
        "type": kind,
        "metadata": {"resourceVersion": "1"},
        "data": {name: base64.b64encode(text).decode() for name, text in raw.items()},
    }


def ca(pair: KeyPair = AUTHORITY) -> dict:
    return {CA_NAME: secret(pair.certificate, pair.key)}


class TestFiles:
    @pytest.fixture(autouse=True)
    def _world(self, tmp_path, monkeypatch):
        self.folder = tmp_path / "inventory"
        self.folder.mkdir()
        (self.folder / "here.pem").write_bytes(b"\xff here")
        (tmp_path / "home").mkdir()
        (tmp_path / "home/mine.pem").write_bytes(b"mine")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))

    @pytest.mark.parametrize(
        ("name", "content"), [("here.pem", b"\xff here"), ("./here.pem", b"\xff here"), ("~/mine.pem", b"mine")]
    )
    def test_a_file_is_known_by_the_name_the_inventory_has(self, name, content):
        facts = observe.local_facts([name], self.folder)
        assert facts.files == {name: content} and facts.unreadable == {}

    def test_an_absolute_name_stays(self):
        name = str(self.folder / "here.pem")
        assert observe.local_facts([name], self.folder / "elsewhere").files == {name: b"\xff here"}

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("gone.pem", "there is no file {folder}/gone.pem (relative names are meant from the inventory's folder)"),
            ("/gone/x.pem", "there is no file /gone/x.pem"),
            ("~/gone.pem", "there is no file {home}/gone.pem"),
            (".", "cannot read (Is a directory) {folder} (relative names are meant from the inventory's folder)"),
            ("here.pem/x", "cannot read (Not a directory) {folder}/here.pem/x (relative"),
            ("~nobody-of-that-name/x", "'~nobody-of-that-name/x' is not the name of a file"),
            ("a\0b", "'a\\x00b' is not the name of a file"),
        ],
    )
    def test_what_cannot_be_read_is_told(self, name, message):
        facts = observe.local_facts([name, "here.pem"], self.folder)
        expected = message.format(folder=self.folder, home=self.folder.parent / "home")
        assert facts.unreadable[name].startswith(expected)
        assert facts.unreadable.keys() == {name} and facts.files.keys() == {"here.pem"}

    def test_the_clock_is_aware_of_its_zone(self):
        facts = observe.local_facts([], self.folder)
        assert facts.now is not None and abs(facts.now - datetime.now(UTC)) < timedelta(minutes=1)


TWICE = "ingress_stack_name: a\n\ningress_stack_name: b\n"


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("hosts.yml", "all: {vars: {ingress_stack_name: a, ingress_stack_name: b}}\n", "1 and 1"),
        ("inventory.yaml", TWICE, "1 and 3"),
        ("group_vars/all.yml", TWICE, "1 and 3"),
        ("group_vars/all/stack.yml", TWICE, "1 and 3"),
        ("host_vars/kind/stack.yaml", TWICE, "1 and 3"),
        ("roles/x/defaults/main.yml", TWICE, None),
        ("group_vars/all/other.yml", "a: 1\na: 2\n", None),
        ("group_vars/all/vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n3132\n", None),
        ("group_vars/all/tagged.yml", "ingress_apps: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132\n", None),
        ("group_vars/all/broken.yml", "a: [\n", None),
        ("group_vars/all/binary.yml", b"\xff\xfe", None),
    ],
)
def test_keys_given_twice_in_the_inventorys_files(tmp_path, name, text, lines):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    told = [str(problem) for problem in observe.inventory_problems(tmp_path)]
    expected = f"ingress_stack_name: is given twice ({name}, lines {lines}): the second would silently win; remove one"
    assert told == ([expected] if lines else [])


def test_existing_secrets_are_read_without_their_keys():
    apps = {
        "a": {"tls": {"secret": "good"}, "hosts": {"a.example": "x:80"}},
        "b": {"tls": {"secret": "opaque"}, "hosts": {"b.example": "x:80"}},
        "c": {"tls": {"secret": "empty"}, "hosts": {"c.example": "x:80"}},
        "d": {"tls": {"secret": "gone"}, "hosts": {"d.example": "x:80"}},
        "e": {"tls": {"issuer": "i"}, "hosts": {"e.example": "x:80"}},
        "f": {"tls": {"self_signed": True}, "hosts": {"f.example": "x:80"}},
        "g": {"options": {"basic_auth": {"secret": "users"}}, "hosts": {"g.example": "x:80"}},
    }
    stack = model.load({"ingress_apps": apps})
    api = ApiDouble(
        good=secret("CERT", "canary"),
        opaque=secret("CERT", "canary", "Opaque"),
        empty={"type": "kubernetes.io/tls"},
        users={"type": "Opaque", "data": {"auth": base64.b64encode(b"tea:canary").decode()}},
    )
    facts = observe.existing_secrets(api, uses_of(stack, controller_for(stack.controller)), stack, Facts(now=NOW))
    assert facts.secrets == {
        ("a", "good"): ExistingSecret("kubernetes.io/tls", "CERT", True, ("tls.crt", "tls.key")),
        ("b", "opaque"): ExistingSecret("Opaque", "CERT", True, ("tls.crt", "tls.key")),
        ("c", "empty"): ExistingSecret("kubernetes.io/tls", None, False),
        ("d", "gone"): None,
        ("g", "users"): ExistingSecret("Opaque", None, False, ("auth",)),
    }
    assert facts.htpasswd == {("g", "users"): "tea:canary"}
    assert facts.now == NOW and "canary" not in repr(facts)


def known(hosts=HOSTS, authority=AUTHORITY, left=timedelta(days=300)) -> KnownCertificate:
    return KnownCertificate(tls.inputs_hash(hosts, authority.certificate), (NOW + left).isoformat())


GOOD = Facts(now=NOW, authority=AUTHORITY.public, known={("cafe", "cafe-tls"): known()})
KEPT = {
    "good": (GOOD, True),
    "nothing known": (replace(GOOD, known={}), False),
    "known under another name": (replace(GOOD, known={("cafe", "other"): known()}), False),
    "known in another namespace": (replace(GOOD, known={("tea", "cafe-tls"): known()}), False),
    "other hosts": (replace(GOOD, known={("cafe", "cafe-tls"): known(hosts=("tea.example.com",))}), False),
    "one host more": (replace(GOOD, known={("cafe", "cafe-tls"): known(hosts=(*HOSTS, "x.example"))}), False),
    "another CA": (replace(GOOD, authority=OTHER.public), False),
    "no CA known": (replace(GOOD, authority=None), False),
    "due": (replace(GOOD, known={("cafe", "cafe-tls"): known(left=timedelta(days=121))}), False),
    "all but due": (replace(GOOD, known={("cafe", "cafe-tls"): known(left=timedelta(days=122))}), True),
    "no clock": (replace(GOOD, now=None), False),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_certificate_is_kept_while_nothing_speaks_against_it(name):
    facts, kept = KEPT[name]
    assert to_issue(USES, facts) == ([] if kept else USES)


def secret_of(objects):
    return next(obj for obj in objects if obj["kind"] == "Secret")


def test_a_kept_certificate_is_rendered_without_content():
    rendered = secret_of(render(STACK, GOOD))
    assert "data" not in rendered
    assert rendered["metadata"]["annotations"] == {INPUTS: known().inputs, NOT_AFTER: known().not_after}


def test_a_due_one_is_issued_anew():
    facts = replace(GOOD, known={("cafe", "cafe-tls"): known(left=timedelta(days=1))}, authority=AUTHORITY)
    rendered = secret_of(render(STACK, facts))
    text = base64.b64decode(rendered["data"]["tls.crt"]).decode()
    info = tls.inspect(text)
    assert info.sans == HOSTS and info.not_after == NOW + timedelta(days=365)
    assert rendered["metadata"]["annotations"] == {INPUTS: known().inputs, NOT_AFTER: info.not_after.isoformat()}
    tls.check_pair(text.encode(), base64.b64decode(rendered["data"]["tls.key"]))
    kept = KnownCertificate(*rendered["metadata"]["annotations"].values())
    assert to_issue(USES, replace(GOOD, known={("cafe", "cafe-tls"): kept})) == []


REF = Ref("", "Secret", "cafe", "cafe-tls")


def seen(**annotations: str) -> Snapshot:
    metadata = {"name": "cafe-tls", "namespace": "cafe", "annotations": annotations} if annotations else {}
    return Snapshot(OWNER, owned={REF: {"metadata": metadata}})


MARKED = seen(**{INPUTS: known().inputs, NOT_AFTER: known().not_after})
RECORD = Release(1, "", "", "deployed", extras={observe.AUTHORITY: recorded(AUTHORITY)})


def test_only_an_untouched_secret_with_both_marks_is_known():
    config = Ref("", "ConfigMap", "cafe", "cafe-tls")
    cases = [
        (MARKED, {REF}, {("cafe", "cafe-tls"): known()}),
        (MARKED, set(), {}),
        (seen(), {REF}, {}),
        (seen(**{INPUTS: "x"}), {REF}, {}),
        (Snapshot(OWNER, owned={config: MARKED.owned[REF]}), {config}, {}),
    ]
    for snapshot, intact, expected in cases:
        facts = observe.certificate_facts(ApiDouble(**ca()), USES, Facts(now=NOW), snapshot, intact, RECORD)
        assert facts.known == expected


def test_the_cas_key_is_not_read_where_nothing_is_due():
    api = ApiDouble(**ca())
    facts = observe.certificate_facts(api, USES, Facts(now=NOW), MARKED, {REF}, RECORD)
    assert api.read == [] and facts.authority == AUTHORITY.public


def test_it_is_read_where_something_is():
    api = ApiDouble(**ca())
    facts = observe.certificate_facts(api, USES, Facts(now=NOW), MARKED, set(), RECORD)
    assert api.read == ["Secret ingresskit-system/ingresskit-edge.ca"]
    assert facts.authority == AUTHORITY


def test_the_ca_that_is_there_counts_not_the_one_of_the_record():
    facts = observe.certificate_facts(ApiDouble(**ca(OTHER)), USES, Facts(now=NOW), MARKED, set(), RECORD)
    assert facts.authority == OTHER


def test_a_stack_without_issued_certificates_asks_for_nothing():
    api, facts = ApiDouble(**ca()), Facts(now=NOW)
    assert observe.certificate_facts(api, [], facts, MARKED, {REF}, RECORD) is facts and api.read == []


def test_a_stack_without_a_ca_gets_one_that_is_kept_once():
    api = ApiDouble()
    facts = observe.certificate_facts(api, USES, Facts(now=NOW), Snapshot(OWNER), set(), None)
    assert facts.authority is not None and api.secrets == {}
    observe.save_authority(api, OWNER, facts)
    kept = api.secrets["ingresskit-edge.ca"]
    assert (kept["apiVersion"], kept["kind"]) == ("v1", "Secret")
    assert kept["type"] == "kubernetes.io/tls" and kept["metadata"]["namespace"] == "ingresskit-system"
    assert kept["metadata"]["labels"]["ingresskit.io/stack"] == "edge"
    observe.save_authority(api, OWNER, facts)
    again = observe.certificate_facts(api, USES, Facts(now=NOW), Snapshot(OWNER), set(), None)
    assert again.authority == facts.authority


def test_a_ca_made_by_another_run_meanwhile_stops_this_one():
    with pytest.raises(ConflictError, match="another run has made the CA of the stack edge meanwhile: run again"):
        observe.save_authority(ApiDouble(**ca(OTHER)), OWNER, Facts(authority=AUTHORITY))


def test_nothing_is_kept_where_no_ca_was_needed():
    api = ApiDouble()
    observe.save_authority(api, OWNER, Facts())
    assert api.secrets == {} and api.read == []


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ({"type": "kubernetes.io/tls"}, "there is no PEM certificate in it"),
        (secret(AUTHORITY.certificate, ""), "the private key is not a PEM private key"),
        (secret(AUTHORITY.certificate, OTHER.key), "the private key does not belong to the certificate"),
    ],
    ids=["empty", "no key", "another's key"],
)
def test_a_ca_that_cannot_sign_is_told_with_its_secret(pair, words):
    with pytest.raises(ClusterError) as caught:
        observe.certificate_facts(ApiDouble(**{CA_NAME: pair}), USES, Facts(now=NOW), Snapshot(OWNER), set(), None)
    assert str(caught.value).startswith("the stack's CA cannot sign (Secret ingresskit-system/ingresskit-edge.ca): ")
    assert words in str(caught.value) and "PRIVATE KEY-----" not in str(caught.value)


ASKED = Ca(rotate="now")


def facts_of(api, wish=None, now=NOW, record=RECORD, intact=(REF,)):
    return observe.certificate_facts(api, USES, Facts(now=now), MARKED, set(intact), record, wish)


def record_of(facts, result="deployed"):
    return Release(2, "", "", result, extras={observe.AUTHORITY: recorded(facts.authority)})


def test_a_rotation_is_kept_step_by_step():
    api = ApiDouble(**ca())
    made = facts_of(api, ASKED)
    assert made.authority.key == AUTHORITY.key and made.authority.successor_key
    observe.save_authority(api, OWNER, made)
    kept = api.secrets[CA_NAME]
    assert set(kept["data"]) == {"tls.crt", "tls.key", "successor.crt", "successor.key", "state"}
    assert "PRIVATE" not in base64.b64decode(kept["data"]["state"]).decode()
    assert kept["metadata"]["resourceVersion"] == "1", "guarded by what was read"
    api.read.clear()
    assert facts_of(api, ASKED, record=record_of(made)).authority == made.authority.public
    assert api.read == [], "what is on record is not asked for"

    later = NOW + timedelta(days=30)
    over = facts_of(api, ASKED, later, record_of(made))
    assert over.authority.certificate == made.authority.successor and to_issue(USES, over) == USES
    observe.save_authority(api, OWNER, over)
    assert set(api.secrets[CA_NAME]["data"]) == {"tls.crt", "tls.key", "state"}, "the old key is gone"
    assert facts_of(api, ASKED, later, record_of(over), ()).authority == over.authority


def test_what_a_run_that_was_killed_had_put_on_record_is_not_believed():
    lost = facts_of(ApiDouble(**ca()), ASKED)
    api = ApiDouble(**ca())
    found = facts_of(api, ASKED, record=record_of(lost, "pending"))
    assert api.read and found.authority.successor not in (None, lost.authority.successor)


def test_two_runs_that_rotate_at_once():
    api = ApiDouble(**ca())
    ours, theirs = facts_of(api, ASKED), facts_of(api, ASKED)
    observe.save_authority(api, OWNER, theirs)
    with pytest.raises(ConflictError, match="another run has made the CA"):
        observe.save_authority(api, OWNER, ours)
    observe.save_authority(api, OWNER, theirs)
    assert base64.b64decode(api.secrets[CA_NAME]["data"]["successor.key"]).decode() == theirs.authority.successor_key


def test_an_expired_ca_is_followed_by_another():
    pair = secret(certificate("x", days=-0.5), key_pem())
    found = facts_of(ApiDouble(**{CA_NAME: pair}), record=None)
    assert tls.inspect(found.authority.certificate).not_after == NOW + timedelta(days=3650)


def test_only_a_smoke_test_looks_at_what_cert_manager_made():
    app = {"tls": {"issuer": "i"}, "hosts": {"e.example": "x:80"}}
    stack = model.load({"ingress_apps": {"e": app}})
    api, uses = ApiDouble(), uses_of(stack, controller_for(stack.controller))
    assert observe.existing_secrets(api, uses, stack, Facts()).secrets == {} and api.read == []
    assert observe.existing_secrets(api, uses, stack, Facts(), issued=True).secrets == {("e", "e-tls"): None}


def test_a_smoke_test_reads_no_passwords():
    app = {"hosts": {"e.example": "x:80"}, "options": {"basic_auth": {"secret": "users"}}}
    stack, api = model.load({"ingress_apps": {"e": app}}), ApiDouble()
    observe.existing_secrets(api, [], stack, Facts(), issued=True)
    assert api.read == []
    observe.existing_secrets(api, [], stack, Facts())
    assert api.read == ["Secret e/users"]


def test_a_secret_of_many_hosts_is_read_once():
    apps = {
        name: {
            "namespace": "a",
            "tls": {"secret": "wild"},
            "hosts": {f"{name}.example": "x:80", f"x.{name}.example": "x:80"},
        }
        for name in ("one", "two", "three")
    }
    stack = model.load({"ingress_apps": apps})
    api = ApiDouble()
    observe.existing_secrets(api, uses_of(stack, controller_for(stack.controller)), stack, Facts())
    assert api.read == ["Secret a/wild"]


def test_the_ca_of_a_stolen_key_is_replaced_without_a_trace():
    """Its Secret is deleted, and ``rotate`` is another text: that has the run look."""
    found = facts_of(ApiDouble(), ASKED).authority
    assert found.certificate != AUTHORITY.certificate and found.former == () and found.rotate == "now"
    assert to_issue(USES, replace(GOOD, authority=found)) == USES


@pytest.mark.parametrize("other", [Owner("edge-ca"), Owner("edge", part="tls.ca.x"), Owner("ca")], ids=str)
def test_the_cas_secret_is_nobodys_release_record(other):
    """The record of the stack edge-ca once had the name of edge's CA."""
    assert OWNER.ca_name not in (other.record_name, *([other.ca_name] if other.stack != "edge" else []))
