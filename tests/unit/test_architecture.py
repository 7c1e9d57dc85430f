"""The arrows of the design hold: read from the imports, so no one has to remember them."""

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "module_utils" / "ingresskit"
PURE = ("model", "controllers", "render", "preflight", "oracle", "parts", "importing")
PURE_FILES = (
    "engine/adopt.py",
    "engine/blame.py",
    "engine/balancers.py",
    "engine/fields.py",
    "engine/handover.py",
    "engine/keepers.py",
    "engine/plan.py",
    "engine/changes.py",
    "engine/status.py",
    "engine/stages.py",
    "engine/normalise.py",
    "tls.py",
    "authority.py",
)
IMPURE = {
    "ansible",
    "kubernetes",
    "socket",
    "urllib3",
    "requests",
    "aiohttp",
    "http",
    "time",
    "subprocess",
    "threading",
}
# package -> what it may import of ours (each may import itself and the plain values at the root)
VALUES = {"authority", "errors", "facts", "manifests", "images", "tls", "htpasswd", "version", "drifted", "keyless"}
ALLOWED = {
    "model": set(),
    "controllers": {"model"},
    "render": {"controllers", "model"},
    "oracle": {"controllers", "model"},
    "preflight": {"controllers", "model", "render", "oracle"},
    "parts": {"controllers", "model", "render", "preflight"},
    "importing": {"controllers", "model", "preflight"},
    "probe": {"oracle"},
    "report": {"oracle", "probe"},
    "api": {"oracle"},
    "state": {"api", "engine"},
    "engine": {"api", "state"},
}


def imports(path: Path, *, deferred: bool = True) -> set[str]:
    """Modules that a file imports: ``a.b`` for the outside, ``.a.b`` for ours, counted from the package's root."""
    inside = path.relative_to(CORE).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {"." + ".".join((*base, *name.split("."))) for name in names}
    return found


def files(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((CORE / package).rglob("*.py"))]


@pytest.mark.parametrize(
    "path", [*files(*PURE), *(CORE / name for name in PURE_FILES)], ids=lambda path: str(path.relative_to(CORE))
)
def test_pure_code_knows_no_world(path):
    outside = {name.split(".")[0] for name in imports(path) if not name.startswith(".")}
    assert not outside & IMPURE
    clock = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not clock & {"now", "utcnow", "today"} or "facts" in path.read_text()


@pytest.mark.parametrize("package", ALLOWED)
def test_arrows(package):
    for path in files(package):
        ours = {name[1:].split(".")[0] for name in imports(path) if name.startswith(".")}
        assert ours - {package} - VALUES <= ALLOWED[package], path


def test_only_the_driver_uses_everything():
    """What is at the root is a value, or one of the few that string the steps together."""
    drivers = {
        "app_files.py",
        "converge.py",
        "crds.py",
        "transaction.py",
        "settings.py",
        "observe.py",
        "smoke.py",
        "sops.py",
        "rendering.py",
        "reach.py",
        "rollback.py",
        "info.py",
        "drift.py",
        "importer.py",
        "shell.py",
    }
    assert {path.name for path in CORE.glob("*.py")} - {f"{name}.py" for name in VALUES} <= drivers | {"__init__.py"}


@pytest.mark.parametrize("path", files("."), ids=lambda path: str(path.relative_to(CORE)))
def test_what_is_not_used_is_called_by_two_underscores(path):
    """One alone is gettext's in Ansible's eyes: its pylint (`make sanity`) refuses it."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = [
        node.lineno
        for node in tree
        if (isinstance(node, ast.Name) and node.id == "_") or (isinstance(node, ast.arg) and node.arg == "_")
    ]
    assert not found, "call it __"
