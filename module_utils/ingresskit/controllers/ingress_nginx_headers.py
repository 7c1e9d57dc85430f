"""Request headers behind ingress-nginx itself: no annotation sets them, its ConfigMap can.

``proxy-set-headers`` names a ConfigMap of headers that every location sets, and a value may be a variable; the template
tells each location its Ingress (``$namespace``, ``$ingress_name``). So a map of ``http-snippet`` gives each of these
headers its value by Ingress, and elsewhere what the client sent. Both keys are the administrator's: no annotation
snippet is allowed for it. (kubernetes.github.io/ingress-nginx, user guide, "ConfigMaps"; rootfs/etc/nginx/template.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from ..manifests import Object
from ..model.options import Options

NAME = "proxy-headers"  # of the ConfigMap that proxy-set-headers names
MARK = "ingresskit.io/request-headers"  # annotation that holds them, for ourselves
VALUE = re.compile(r"[^\"\\$\x00-\x1f\x7f]*")  # what a quoted word of nginx's configuration means as it stands

Values = Mapping[str, Mapping[str, str]]  # header -> Ingress ("namespace/name") -> value


def marked(options: Options) -> dict[str, str]:
    """An annotation with the headers to set for the backend: it keeps entries with others out of an Ingress. Host has
    an annotation of its own."""
    asked = options.headers.request if options.headers is not None else {}
    others = {name: value for name, value in sorted(asked.items()) if name.lower() != "host"}
    return {MARK: json.dumps(others)} if others else {}


def read_mark(annotations: Mapping[str, str]) -> dict[str, str]:
    """The headers of an Ingress so marked; of others none."""
    try:
        said = json.loads(annotations.get(MARK, "{}"))
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}


def values_of(objects: Iterable[Object]) -> Values:
    """What the Ingresses among the objects are marked with."""
    found: dict[str, dict[str, str]] = {}
    for each in objects:
        metadata = each["metadata"]
        for name, value in read_mark(metadata.get("annotations") or {}).items():
            found.setdefault(name, {})[f"{metadata['namespace']}/{metadata['name']}"] = value
    return dict(sorted(found.items()))


def headers_data(values: Values) -> dict[str, str]:
    """Content of the ConfigMap ``NAME``: each header with the variable that holds its value."""
    return {name: f"${_variable(name)}" for name in values}


def snippet(values: Values) -> str:
    """The maps, for the ConfigMap's ``http-snippet``."""
    lines = []
    for name, by_ingress in values.items():
        lines += [f'map "$namespace/$ingress_name" ${_variable(name)} {{', f"  default $http_{_word(name)};"]
        lines += [f'  "{ingress}" "{value}";' for ingress, value in sorted(by_ingress.items())]
        lines.append("}")
    return "".join(f"{line}\n" for line in lines)


def _variable(name: str) -> str:
    return f"ingresskit_request_{_word(name)}"


def _word(name: str) -> str:
    return name.lower().replace("-", "_")
