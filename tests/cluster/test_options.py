"""Every option behind every controller, proven by requests. `-k "traefik and rewrite"` brings up no more than that."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.options import CASES
from tests.cluster.options.access import PASSWORD
from tests.cluster.options.matrix import seen
from tests.cluster.options.promises import MUST_WORK, OPTIONS
from tests.cluster.options.stand import Stand
from tests.cluster.options.variants import STANDING, VARIANTS
from tests.cluster.playbook import HOST, ROOT
from tools import matrix

pytestmark = pytest.mark.timeout(1200)  # with the wait for the module that has the definitions
BY_NAME = {each.name: each for each in VARIANTS}
PROOFS = [
    pytest.param(variant.name, case, id=f"{variant.name}-{case.name}")
    for variant in STANDING
    for case in variant.cases()
]
INVALID = {
    "rate_limit": [{"rps": 0}, {"rps": 2, "burst": -1}, {"rps": "2r/s"}, {}],
    "body_size": ["8 MB", "-1"],
    "hsts": [{"max_age": -1}],
    "rewrite": [{"prefix": "beans"}, {"prefix": "/", "path": "/"}],
    "timeouts": [{"read": -1}, {"read": "5s"}],
    "backend_protocol": ["FTP"],
    "allow": [["10.0.0.0/33"], ["everybody"]],
    "basic_auth": [{}, {"secret": "Not A Name"}],
    "affinity": [{"cookie": "a b;c"}],
    "canary": [
        {"backend": "tea-svc:80", "weight": 101},
        {"backend": "tea-svc", "weight": 1},
        {"backend": "tea-svc:80"},
    ],
    "redirect": [{"to": ""}, {"to": "https://x.example.org", "code": 200}],
    "ssl_redirect": [{"code": 200}],
}


@pytest.fixture(scope="module")
def stands(request, tmp_path_factory, node):
    """A stack per variant with the cases that are asked for; all come up at once and are taken down at once."""
    found = {}
    for variant in STANDING:
        cases = [each for each in variant.cases() if any(wants(item, variant, each) for item in request.session.items)]
        if cases:
            found[variant.name] = Stand(variant, cases, tmp_path_factory.mktemp(variant.name), node)
    yield found
    with ThreadPoolExecutor() as pool:
        list(pool.map(Stand.clear, found.values()))


def wants(item, variant, case):
    """Whether a test needs a case: a proof its own, another one that looks at stacks all of its variant's."""
    if "stands" not in item.fixturenames:
        return False
    asked = item.callspec.params if hasattr(item, "callspec") else {}
    return asked.get("variant", variant.name) == variant.name and asked.get("case", case) is case


@pytest.mark.parametrize(("variant", "case"), PROOFS)
def test_an_option_does_what_it_says(stands, variant, case):
    stands[variant].proof(case)


@pytest.mark.parametrize("variant", [each.name for each in VARIANTS])
def test_what_a_controller_cannot_do_is_refused(project, variant):
    """By the path of the option, with the reason, before anything is sent."""
    chosen = BY_NAME[variant]
    refused = {case: chosen.refused(case) for case in CASES if chosen.refused(case)}
    if not refused:
        return
    site = chosen.site(project.folder)
    project.write(chosen.inventory(site, list(refused)))
    run = project.play().failed(*{path for each in refused.values() for path, _ in each})
    assert not run.changed


def test_an_invalid_value_is_refused_with_its_path(project):
    """Nothing is sent: no API server is there to be asked."""
    entries = {f"/{option}-{n}": (option, bad) for option, all_ in INVALID.items() for n, bad in enumerate(all_)}
    paths = {
        path: {"service": "tea-svc", "port": 80, "options": {option: bad}} for path, (option, bad) in entries.items()
    }
    project.env = {"KUBECONFIG": "/nonexistent"}
    project.write({"ingress_apps": {"cafe": {"hosts": {HOST: {"paths": paths}}}}})
    wanted = [
        f'ingress_apps.cafe.hosts."{HOST}".paths."{path}".options.{option}' for path, (option, _) in entries.items()
    ]
    project.play().failed(*wanted)


def test_what_the_issue_promises_is_proven(stands):
    """Nothing is skipped in silence: what is in the table works, what is not works or is refused."""
    found = seen(stands)
    works = {name: {option for option, each in one["options"].items() if each["works"]} for name, one in found.items()}
    missing = {name: sorted(must - works[name]) for name, must in MUST_WORK.items()}
    assert not any(missing.values()), missing
    for name, one in found.items():
        assert {option for option, each in one["options"].items() if each["works"] or each["refused"]} == OPTIONS, name


def test_the_matrix_in_the_docs_is_what_was_seen(stands, request):
    found = seen(stands)
    if request.config.getoption("--update-matrix"):
        (ROOT / matrix.RESULTS).write_text(matrix.text_of(found))
        (ROOT / matrix.PAGE).write_text(matrix.page(found))
    assert found == matrix.load(ROOT), "run `make matrix`, and look at the difference"
    assert matrix.page(found) == (ROOT / matrix.PAGE).read_text(), "run `make generate`"


STOOD = [each.name for each in STANDING if each.cases()]


@pytest.mark.parametrize("variant", STOOD)
def test_the_stack_proves_itself(stands, variant):
    """The toolkit's own smoke test agrees; a second run writes nothing."""
    stand = stands[variant]
    first = stand.run().passed()
    assert {each["verdict"] for each in first.smoke["routes"]} == {"proven"}
    second = stand.site.play().passed()
    assert not second.changed, second.output
    assert not second.writes


@pytest.mark.parametrize("variant", STOOD)
def test_a_password_is_told_and_kept_nowhere(stands, variant):
    """Its hash is: the same search finds it."""
    stand = stands[variant]
    artifacts = [path for path in (stand.site.folder / "artifacts").rglob("*") if path.is_file()]
    texts = {str(path): path.read_text(errors="replace") for path in artifacts} | stand.kept()
    told = json.dumps([stand.run().output, stand.run().tasks])
    for name, text in {**texts, "output and results": told}.items():
        assert PASSWORD not in text, name
    assert artifacts and any("waiter:$2y$" in text for text in texts.values())
