"""Endpoints of a backend, straight from EndpointSlices: nginx talks to pods, not to the Service's address."""

from __future__ import annotations

from .model import Key, Obj, Snapshot


def port_of(backend: Obj) -> str:
    """The Service port an Ingress backend names, by name or number."""
    port = backend["service"].get("port") or {}
    return str(port.get("name") or port.get("number") or "")


def endpoints(snapshot: Snapshot, namespace: str, backend: Obj, protocol: str = "TCP") -> list[str]:
    """Sorted `address:port` of the ready endpoints; none for a missing Service or port (F5 then: 502, no event).

    `ready` left out counts as ready (EndpointSlice API); a terminating pod is never ready. ExternalName has no
    endpoints: F5's open-source build needs a resolver for it.
    """
    key: Key = (namespace, backend["service"]["name"])
    service = snapshot.services.get(key)
    port = _service_port(service, port_of(backend), protocol) if service else None
    if port is None:
        return []
    found = set()
    for piece in snapshot.slices.get(key, []):
        number = _slice_port(piece, port.get("name") or "", protocol)
        if number and piece.get("addressType") != "FQDN":
            for endpoint in piece.get("endpoints") or []:
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    found |= {_join(address, number) for address in endpoint["addresses"]}
    return sorted(found)


def _service_port(service: Obj, wanted: str, protocol: str) -> Obj | None:
    for port in service["spec"].get("ports") or []:
        if wanted in (port.get("name"), str(port["port"])) and port.get("protocol", "TCP") == protocol:
            found: Obj = port
            return found
    return None


def _slice_port(piece: Obj, name: str, protocol: str) -> int | None:
    # A slice's port carries the name of the Service's port; a Service with a single port may have none.
    for port in piece.get("ports") or []:
        if (port.get("name") or "") == name and port.get("protocol", "TCP") == protocol:
            number: int | None = port.get("port")
            return number
    return None


def _join(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
