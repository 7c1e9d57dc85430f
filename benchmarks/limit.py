"""The API server's own speed: server-side apply of a file of objects by threads, and nothing else at all.

python -m benchmarks.limit SERVER CA_FILE TOKEN_FILE OBJECTS_FILE
"""

from __future__ import annotations

import json
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3

from benchmarks.own_time import timed

THREADS = 32
PLACES = {"Namespace": "/api/v1/namespaces", "Secret": "/api/v1/{}/secrets"}
PLACES["Ingress"] = "/apis/networking.k8s.io/v1/{}/ingresses"
QUERY = "fieldManager=limit&force=false&fieldValidation=Strict"


def path(obj: dict[str, Any]) -> str:
    """Where an object of the benchmark is served."""
    meta = obj["metadata"]
    collection = PLACES[obj["kind"]].format(f"namespaces/{meta.get('namespace')}")
    return f"{collection}/{meta['name']}?{QUERY}"


def send_all(server: str, ca_file: str, token: str, objects: list[dict[str, Any]]) -> None:
    """Raises SystemExit with what the API server said to the first object that it refused."""
    pool = urllib3.HTTPSConnectionPool(
        server.removeprefix("https://").partition(":")[0],
        int(server.rpartition(":")[2]),
        maxsize=THREADS,
        ssl_context=ssl.create_default_context(cafile=ca_file),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/apply-patch+yaml"},
    )

    def send(obj: dict[str, Any]) -> None:
        answer = pool.request("PATCH", path(obj), body=json.dumps(obj))
        if answer.status >= 300:
            raise SystemExit(f"{obj['kind']} {obj['metadata']['name']}: {answer.data.decode()}")

    first = [obj for obj in objects if obj["kind"] == "Namespace"]
    rest = [obj for obj in objects if obj["kind"] != "Namespace"]
    with ThreadPoolExecutor(THREADS) as workers:
        for group in (first, rest):
            list(workers.map(send, group))


if __name__ == "__main__":
    _, server, ca_file, token_file, objects_file = sys.argv
    objects = json.loads(Path(objects_file).read_text())
    with timed():
        send_all(server, ca_file, Path(token_file).read_text(), objects)
