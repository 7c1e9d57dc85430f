"""The stacks whose objects are kept as files: the demo, and one for each corner of the contract."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from module_utils.ingresskit.converge import render_offline
from module_utils.ingresskit.manifests import Object
from module_utils.ingresskit.render.yaml_files import to_files

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXPECTED = HERE / "expected"
# what the inventories cannot say for both controllers
LAYERS: dict[str, dict[str, dict[str, Any]]] = {
    "demo": {
        kind: {"default_tls": {"secret": "default-tls"}}
        for kind in ("nginx", "traefik", "ingress-nginx", "traefik-compat")
    },
    "rich": {
        "nginx": {"config": {"client-max-body-size": "8m", "server-tokens": False, "main-snippets": "# none"}},
        "traefik": {"config": {"log.level": "DEBUG", "accesslog": True}, "extra_args": ["--api.insecure=false"]},
    },
    "knobs": {
        "nginx": {"config": {"worker-connections": 4096, "http-snippets": "map $a $b { default 1; }\n"}},
        "traefik": {"config": {"log.level": "WARN"}, "extra_args": ["--global.sendanonymoususage=true"]},
        "traefik-compat": {"config": {"entrypoints.web.http.maxheaderbytes": 65536}},
        "ingress-nginx": {"watch_namespaces": ["shop"], "config": {"http-snippet": "map $a $b { default 1; }\n"}},
    },
    "elsewhere": {"nginx": {"default_tls": {"secret": "default-tls"}}},
    "edge": {"nginx": {"version": "v5.6.0"}, "traefik": {"version": "3.8.0"}},
    "streams": {"nginx": {"custom_resources": True, "crds": {"source": "none"}}},
}
# kinds that are more than a name
MODES = {
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
    "traefik-compat": {"kind": "traefik", "compat": "ingress-nginx"},
}
READERS = tuple(MODES)  # of the annotations nginx.ingress.kubernetes.io


@dataclass(frozen=True)
class Case:
    """An inventory behind a controller; ``outside``: Services and Secrets that somebody else has to bring."""

    inventory: str
    kind: str
    outside: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.inventory}-{self.kind}"

    @property
    def folder(self) -> Path:
        return EXPECTED / str(self)

    def variables(self) -> dict[str, Any]:
        """The inventory's variables with the controller laid over them as one more layer."""
        loaded = yaml.safe_load(self._path().read_text())
        return loaded | {"ingress_controller__golden": self._layer(), **self._no_keys()}

    def objects(self) -> list[Object]:
        return render_offline(self.variables(), ROOT)[1]

    def files(self) -> dict[str, str]:
        return to_files(self.objects())

    def _path(self) -> Path:
        demo = ROOT / "inventories/kind/group_vars/all/stack.yml"
        return demo if self.inventory == "demo" else HERE / "cases" / f"{self.inventory}.yml"

    def _layer(self) -> dict[str, Any]:
        kind = MODES.get(self.kind, {"kind": self.kind})
        return kind | LAYERS.get(self.inventory, {}).get(self.kind, {})

    def _no_keys(self) -> dict[str, Any]:
        """The demo issues its certificate itself; a file holds no key, so it names a Secret here."""
        secret = {"cafe": {"tls": {"self_signed": None, "secret": "cafe-tls"}}}
        return {"ingress_apps__golden": secret} if self.inventory == "demo" else {}


def _cases(inventory: str, *outside: str, kinds: tuple[str, ...] = ("nginx", "traefik")) -> list[Case]:
    homes = {"nginx": "nginx-ingress", "traefik": "traefik", "traefik-compat": "traefik"}
    return [
        Case(inventory, kind, frozenset(each.format(home=homes.get(kind, kind)) for each in outside)) for kind in kinds
    ]


CASES = [
    *_cases("demo", "secret {home}/default-tls", "secret cafe/cafe-tls", kinds=("nginx", "traefik", *READERS)),
    *_cases(
        "rich",
        "secret edge/wildcard-example-com", "secret edge/registry", "secret shop-live/shop-tls",
        "service shop-live/web:http", "service shop-live/api:8080",
        "service intranet/wiki:80", "service intranet/home:80",
    ),
    *_cases(
        "edge",
        "secret {home}/default-tls",
        "service anyhost/service1:4200", "service anyhost/service2:4200",
    ),
    *_cases("fallback", "service fallback/myweb:8080"),
    *_cases(
        "custom", "secret edge/shop-tls", "service shop/web:80", "service shop/next:80", "service backend/api:8080",
        "service backend/beta:8080", "service vault/vault:8200", kinds=("nginx",),
    ),
    *_cases(
        "options",
        "secret edge/shared-example-com", "secret cafe/cafe-tls",
        "service cafe/chat:80", "service cafe/secure:443", "service cafe/api:80", "service cafe/rpc:50051",
        "service cafe/staff:80", "service wiki/home:80", "service wiki/wiki:80",
        kinds=("nginx",),
    ),
    *_cases("elsewhere", "secret {home}/default-tls", "service shop/web:80", kinds=("nginx",)),
    *_cases("elsewhere", "service errors/not-found:8080", "service shop/web:80", kinds=("traefik",)),
    *_cases("pages", "secret {home}/wildcard-example-com", "service shop/web:80", kinds=("nginx", "traefik", *READERS)),
    *_cases(
        "middlewares", "secret cafe/cafe-tls", "service vault/vault:443", kinds=("traefik",)
    ),
    *_cases("streams", kinds=("traefik", *READERS)),
    *_cases("streams", "service db/postgres:5432", kinds=("nginx",)),
    *_cases("knobs", "secret edge/registry", "service shop/web:80", kinds=("nginx", "traefik", *READERS)),
    *_cases("annotated", "secret cafe/cafe-tls", "secret cafe/their-users", "service cafe/old:80", kinds=READERS),
]  # fmt: skip


def generated() -> str:
    """Every file of every case as one text: what must not differ between two runs."""
    return "".join(f"--- {case}/{name}\n{text}" for case in CASES for name, text in case.files().items())


if __name__ == "__main__":
    sys.stdout.write(generated())
