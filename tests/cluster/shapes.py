"""The shapes an Ingress can have: what the inventory says in its short and its long form, and what requests must get.

Written by hand, without the oracle. FORM stands for ``short`` or ``long``, so that both live in one stack; HOME,
OTHER and EDGE for its namespaces. Expectations: a Service that answers, a status, "-> URL", or one for each
controller where they differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

FORMS = ("short", "long")


@dataclass(frozen=True)
class Shape:
    """``asks``: URL -> expectation. ``long`` is empty where the contract knows one form only."""

    short: str
    long: str
    asks: dict[str, Any]
    owned: str = ""  # ``ingress_hosts``, for both forms
    without: tuple[str, ...] = field(default=())  # controllers that refuse it

    def forms(self) -> list[str]:
        return [form for form in FORMS if getattr(self, form)]

    def apps(self, form: str) -> dict[str, Any]:
        return yaml.safe_load(getattr(self, form).replace("FORM", form))

    def hosts(self, form: str) -> dict[str, Any]:
        return yaml.safe_load(self.owned.replace("FORM", form)) or {}


# The backends of all shapes. An ExternalName and a headless Service are nobody's workload, so they are extra objects.
BACKENDS = {
    "backends": {"namespace": "HOME", "workloads": {"red": {}, "blue": {}}},
    "others": {"namespace": "OTHER", "workloads": {"green": {}}},
}

SHAPES = {
    "simple fanout": Shape(
        "fanout-FORM: {namespace: HOME, hosts: {fanout.FORM.test: {paths: {/foo: red-svc:80, /bar: blue-svc:80}}}}",
        """
        fanout-FORM:
          namespace: HOME
          hosts:
            fanout.FORM.test:
              paths:
                - {path: /foo, type: Prefix, service: red-svc, port: 80}
                - {path: /bar, type: Prefix, service: blue-svc, port: 80}
        """,
        {
            "http://fanout.FORM.test/foo": "red-svc",
            "http://fanout.FORM.test/foo/bar": "red-svc",
            "http://fanout.FORM.test/bar": "blue-svc",
            "http://fanout.FORM.test/bar?to=/foo": "blue-svc",
            "http://fanout.FORM.test/": 404,
            "http://fanout.FORM.test/FOO": 404,
            "http://other.fanout.FORM.test/foo": 404,
        },
    ),
    "fanout of a site and its API": Shape(
        "site-FORM: {namespace: HOME, hosts: {site.FORM.test: {paths: {/web: red-svc:http, /api: blue-svc:80}}}}",
        """
        site-FORM:
          namespace: HOME
          hosts:
            site.FORM.test:
              paths:
                /web: {service: red-svc, port: http}
                /api: {service: blue-svc, port: 80, type: Prefix}
        """,
        {
            "http://site.FORM.test/web": "red-svc",
            "http://site.FORM.test/api": "blue-svc",
            "http://site.FORM.test/api/v1": "blue-svc",
            "http://site.FORM.test/": 404,
        },
    ),
    "name-based virtual hosts": Shape(
        "vhosts-FORM: {namespace: HOME, hosts: {foo.FORM.test: red-svc:80, bar.FORM.test: blue-svc:80}}",
        """
        vhosts-FORM:
          namespace: HOME
          hosts:
            foo.FORM.test: {paths: {/: {service: red-svc, port: 80, type: Prefix}}}
            bar.FORM.test: {paths: [{path: /, type: Prefix, service: blue-svc, port: 80}]}
        """,
        {
            "http://foo.FORM.test/": "red-svc",
            "http://foo.FORM.test/any/path": "red-svc",
            "http://bar.FORM.test/": "blue-svc",
            "http://baz.FORM.test/": 404,
            "http://www.foo.FORM.test/": 404,
        },
    ),
    "wildcard hosts": Shape(
        """
        wild-FORM:
          namespace: HOME
          tls: {self_signed: true}
          hosts: {"*.wild.FORM.test": red-svc:80, exact.wild.FORM.test: blue-svc:80}
        """,
        """
        wild-FORM:
          namespace: HOME
          hosts:
            "*.wild.FORM.test":
              tls: {self_signed: true}
              paths: [{path: /, type: Prefix, service: red-svc, port: 80}]
            exact.wild.FORM.test:
              tls: {self_signed: true}
              paths: [{path: /, type: Prefix, service: blue-svc, port: 80}]
        """,
        {
            "https://any.wild.FORM.test/": "red-svc",
            "https://exact.wild.FORM.test/": "blue-svc",
            "http://any.wild.FORM.test/x": "-> https://any.wild.FORM.test/x",
            "http://exact.wild.FORM.test/x": "-> https://exact.wild.FORM.test/x",
            # nginx.org, "Server names": there a wildcard stands for several labels, against the Ingress API
            "http://two.labels.wild.FORM.test/": {"nginx": "-> https://two.labels.wild.FORM.test/", "": 404},
            "http://wild.FORM.test/": 404,
        },
    ),
    "path types": Shape(
        "",
        """
        types-FORM:
          namespace: HOME
          hosts:
            types.FORM.test:
              paths:
                /exact: {service: red-svc, port: 80, type: Exact}
                /prefix: {service: blue-svc, port: 80, type: Prefix}
                /prefix/nearer: {service: red-svc, port: 80, type: Prefix}
                /own: {service: blue-svc, port: 80, type: ImplementationSpecific}
        """,
        {
            "http://types.FORM.test/exact": "red-svc",
            "http://types.FORM.test/exact/": 404,
            "http://types.FORM.test/exactly": 404,
            "http://types.FORM.test/EXACT": 404,
            "http://types.FORM.test/prefix": "blue-svc",
            "http://types.FORM.test/prefix/": "blue-svc",
            "http://types.FORM.test/prefix/near": "blue-svc",
            "http://types.FORM.test/prefix/nearer": "red-svc",
            "http://types.FORM.test/prefix/nearer/x": "red-svc",
            "http://types.FORM.test/prefixed": {"nginx": "blue-svc", "": 404},
            "http://types.FORM.test/own": "blue-svc",
            "http://types.FORM.test/own/x": "blue-svc",
        },
    ),
    "two types on one path": Shape(
        "",
        """
        twotypes-FORM:
          namespace: HOME
          hosts:
            twotypes.FORM.test:
              paths:
                - {path: /tea, type: Prefix, service: blue-svc, port: 80}
                - {path: /tea, type: Exact, service: red-svc, port: 80}
        """,
        {
            "http://twotypes.FORM.test/tea": "red-svc",
            "http://twotypes.FORM.test/tea/": "blue-svc",
            "http://twotypes.FORM.test/tea/green": "blue-svc",
            "http://twotypes.FORM.test/": 404,
        },
    ),
    "several hosts in one TLS entry": Shape(
        """
        secure-FORM:
          namespace: HOME
          tls: {self_signed: true}
          hosts: {a.tls.FORM.test: red-svc:80, b.tls.FORM.test: blue-svc:80}
        """,
        """
        secure-FORM:
          namespace: HOME
          tls: {self_signed: true}
          hosts:
            a.tls.FORM.test: {paths: {/: {service: red-svc, port: 80}}, options: {ssl_redirect: true}}
            b.tls.FORM.test: {paths: {/: {service: blue-svc, port: 80}}, options: {ssl_redirect: false}}
        """,
        {
            "https://a.tls.FORM.test/": "red-svc",
            "https://b.tls.FORM.test/": "blue-svc",
            "http://a.tls.FORM.test/": "-> https://a.tls.FORM.test/",
            "http://b.tls.short.test/": "-> https://b.tls.short.test/",
            "http://b.tls.long.test/": "blue-svc",
        },
    ),
    "named ports": Shape(
        "named-FORM: {namespace: HOME, hosts: {named.FORM.test: red-svc:http}}",
        "named-FORM: {namespace: HOME, hosts: {named.FORM.test: {paths: {/: {service: red-svc, port: http}}}}}",
        {"http://named.FORM.test/": "red-svc"},
    ),
    "headless backend": Shape(
        "headless-FORM: {namespace: HOME, hosts: {headless.FORM.test: headless:80}}",
        "headless-FORM: {namespace: HOME, hosts: {headless.FORM.test: {paths: {/: {service: headless, port: http}}}}}",
        {"http://headless.FORM.test/": "blue-svc"},
    ),
    "ExternalName backend": Shape(
        "external-FORM: {namespace: HOME, hosts: {external.FORM.test: {paths: {/out: elsewhere:80}}}}",
        """
        external-FORM:
          namespace: HOME
          hosts: {external.FORM.test: {paths: [{path: /out, type: Prefix, service: elsewhere, port: 80}]}}
        """,
        {"http://external.FORM.test/out": "OTHER/green-svc", "http://external.FORM.test/": 404},
        without=("nginx",),
    ),
    "an app of another namespace": Shape(
        "away-FORM: {namespace: OTHER, tls: {self_signed: true}, hosts: {away.FORM.test: green-svc:80}}",
        """
        away-FORM:
          namespace: OTHER
          tls: {self_signed: true}
          hosts: {away.FORM.test: {paths: {/: {service: green-svc, port: 80}}}}
        """,
        {"https://away.FORM.test/": "OTHER/green-svc"},
    ),
    "several apps on one host": Shape(
        """
        first-FORM: {namespace: HOME, tls: {self_signed: true}, hosts: {shared.FORM.test: {paths: {/red: red-svc:80}}}}
        second-FORM: {namespace: HOME, hosts: {shared.FORM.test: {paths: {/blue: blue-svc:80}}}}
        third-FORM: {namespace: OTHER, hosts: {shared.FORM.test: {paths: {/green: green-svc:80}}}}
        """,
        """
        first-FORM:
          namespace: HOME
          hosts:
            shared.FORM.test:
              tls: {self_signed: true}
              paths: [{path: /red, type: Prefix, service: red-svc, port: 80}]
        second-FORM:
          namespace: HOME
          hosts: {shared.FORM.test: {paths: [{path: /blue, type: Prefix, service: blue-svc, port: 80}]}}
        third-FORM:
          namespace: OTHER
          hosts: {shared.FORM.test: {paths: [{path: /green, type: Prefix, service: green-svc, port: 80}]}}
        """,
        {
            "https://shared.FORM.test/red": "red-svc",
            "https://shared.FORM.test/blue/x": "blue-svc",
            "https://shared.FORM.test/green": "OTHER/green-svc",
            "http://shared.FORM.test/green": "-> https://shared.FORM.test/green",
            "https://shared.FORM.test/": 404,
        },
    ),
    "a host that ingress_hosts owns": Shape(
        """
        here-FORM: {namespace: HOME, hosts: {owned.FORM.test: {paths: {/red: red-svc:80}}}}
        there-FORM: {namespace: OTHER, hosts: {owned.FORM.test: {paths: {/green: green-svc:80}}}}
        """,
        """
        here-FORM:
          namespace: HOME
          hosts: {owned.FORM.test: {paths: [{path: /red, type: Prefix, service: red-svc, port: 80}]}}
        there-FORM:
          namespace: OTHER
          hosts: {owned.FORM.test: {paths: [{path: /green, type: Prefix, service: green-svc, port: 80}]}}
        """,
        {
            "https://owned.FORM.test/red": "red-svc",
            "https://owned.FORM.test/green/x": "OTHER/green-svc",
            "http://owned.FORM.test/red": "red-svc",
            "http://owned.FORM.test/green": "OTHER/green-svc",
            "https://owned.FORM.test/": 404,
        },
        owned="owned.FORM.test: {namespace: EDGE, tls: {self_signed: true}, options: {ssl_redirect: false}}",
    ),
    "a default backend of a host": Shape(
        "rest-FORM: {namespace: HOME, hosts: {rest.FORM.test: {paths: {/red: red-svc:80}}}, default_backend: blue-svc:80}",
        """
        rest-FORM:
          namespace: HOME
          hosts: {rest.FORM.test: {paths: [{path: /red, type: Prefix, service: red-svc, port: 80}]}}
          default_backend: {service: blue-svc, port: 80}
        """,
        {"http://rest.FORM.test/red": "red-svc", "http://rest.FORM.test/any/other": "blue-svc"},
    ),
    "layered variables": Shape(
        "layered-FORM: {namespace: HOME, hosts: {layered.FORM.test: {paths: {/old: red-svc:80, /kept: red-svc:80}}}}",
        """
        layered-FORM:
          namespace: HOME
          hosts:
            layered.FORM.test:
              paths: {/old: {service: red-svc, port: 80}, /kept: {service: red-svc, port: 80}}
        """,
        {
            "http://layered.FORM.test/kept": "red-svc",
            "http://layered.FORM.test/new": "blue-svc",
            "http://layered.FORM.test/old": 404,
        },
    ),
    "extra objects": Shape(
        "alias-FORM: {namespace: HOME, hosts: {alias.FORM.test: alias:8000}}",
        "alias-FORM: {namespace: HOME, hosts: {alias.FORM.test: {paths: {/: {service: alias, port: 8000}}}}}",
        {"http://alias.FORM.test/": "red-svc"},
    ),
}

# What answers every name there is cannot stand beside another that does: one of these at a time.
EVERYTHING = {
    "hostless, short": Shape(
        'any: {namespace: HOME, hosts: {"*": {paths: {/any: red-svc:80, /one: blue-svc:80}}}}',
        "",
        {
            "http://no.such.host.test/any": "red-svc",
            "http://NODE/any": "red-svc",
            "http://NODE/one/x": "blue-svc",
            "http://NODE/none": 404,
            "http://fanout.short.test/foo": "red-svc",
        },
    ),
    "hostless, long": Shape(
        """
        any:
          namespace: HOME
          hosts:
            "*":
              paths:
                - {path: /al, type: Exact, service: red-svc, port: 80}
                - {path: /al, type: Prefix, service: blue-svc, port: 80}
        """,
        "",
        {
            "http://no.such.host.test/al": "red-svc",
            "http://NODE/al": "red-svc",
            "http://NODE/al/x": "blue-svc",
            "http://NODE/any": 404,
        },
    ),
    "single service, short": Shape(
        "any: {namespace: HOME, default_backend: red-svc:80}",
        "",
        {
            "http://no.such.host.test/": "red-svc",
            "http://NODE/al": "red-svc",
            "http://fanout.short.test/bar": "blue-svc",
        },
    ),
    "single service, long": Shape(
        "any: {namespace: HOME, default_backend: {service: blue-svc, port: http}}",
        "",
        {
            "http://no.such.host.test/": "blue-svc",
            "http://NODE/al": "blue-svc",
            "http://fanout.short.test/foo": "red-svc",
        },
    ),
}

# A layer of the group "prod" over the apps above: a path more, and one less.
PROD = {
    f"layered-{form}": {"hosts": {f"layered.{form}.test": {"paths": {"/old": None, "/new": "blue-svc:80"}}}}
    for form in FORMS
}


def extra_objects(external: bool) -> list[dict[str, Any]]:
    """A headless Service, one under another port, a ConfigMap; an ExternalName where the controller takes it."""
    names = [("headless", "blue", {"clusterIP": "None"}, 80), ("alias", "red", {}, 8000)]
    services = [
        {
            **_service(name),
            "spec": {
                "selector": {"app.kubernetes.io/name": selected},
                "ports": [{"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}],
                **more,
            },
        }
        for name, selected, more, port in names
    ]
    elsewhere = {"type": "ExternalName", "externalName": "green-svc.OTHER.svc.cluster.local", "ports": [{"port": 80}]}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "motd", "namespace": "HOME"}}
    found = [*services, {**config, "data": {"text": "closed on Sundays"}}]
    return [*found, {**_service("elsewhere"), "spec": elsewhere}] if external else found


def _service(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "HOME"}}
