"""The controller's own HTTP: /nginx-ready, and a few of F5's metrics."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from . import BANNER


@dataclass
class Health:
    ready: bool = False
    reloads: int = 0
    reload_errors: int = 0
    last_reload_ok: bool = False
    ingresses: int = 0


def ready_app(health: Health) -> web.Application:
    async def nginx_ready(_: web.Request) -> web.Response:
        return web.Response(text="Ready\n") if health.ready else web.Response(status=503, text="Not ready\n")

    app = web.Application()
    app.router.add_get("/nginx-ready", nginx_ready)
    return app


def metrics_app(health: Health) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=metrics_text(health))

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app


def metrics_text(health: Health) -> str:
    """In Prometheus' format, under F5's names; those about nginx's connections are missing."""
    values = {
        'nginx_ingress_controller_nginx_reloads_total{class="nginx",reason="other"}': health.reloads,
        'nginx_ingress_controller_nginx_reload_errors_total{class="nginx"}': health.reload_errors,
        'nginx_ingress_controller_nginx_last_reload_status{class="nginx"}': int(health.last_reload_ok),
        'nginx_ingress_controller_ingress_resources_total{class="nginx",type="regular"}': health.ingresses,
    }
    return f"# {BANNER}\n" + "".join(f"{name} {value}\n" for name, value in values.items())


async def serve(app: web.Application, port: int) -> web.AppRunner:
    """Start the app on every address; the runner is to be cleaned up at the end."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
