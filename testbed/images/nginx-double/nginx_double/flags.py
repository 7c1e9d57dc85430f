"""The command line: F5's flags, parsed as Go's `flag` package parses them.

The set is that of nginx/kubernetes-ingress 5.x (cmd/nginx-ingress/flags.go, docs "command-line-arguments"). A flag F5
does not know is refused; one that F5 knows and the double does not imitate is refused too (`REFUSE`) or said to be
without effect (`IGNORE`).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

Value = str | bool | int
IMITATE, IGNORE, REFUSE = "imitated", "accepted, not imitated by the double", "refused: not imitated by the double"

# name: (default, what the double does with another value)
FLAGS: dict[str, tuple[Value, str]] = {
    "nginx-configmaps": ("", IMITATE),
    "ingress-class": ("nginx", IMITATE),
    "report-ingress-status": (False, IMITATE),
    "external-service": ("", IMITATE),
    "enable-leader-election": (True, IMITATE),
    "leader-election-lock-name": ("nginx-ingress-leader-election", IMITATE),
    "default-server-tls-secret": ("", IMITATE),
    "wildcard-tls-secret": ("", IMITATE),
    "watch-namespace": ("", IMITATE),
    "watch-secret-namespace": ("", IMITATE),
    "enable-snippets": (False, IMITATE),
    "enable-config-safety": (False, IMITATE),
    "allow-empty-ingress-host": (False, IMITATE),
    "health-status": (False, IMITATE),
    "health-status-uri": ("/nginx-health", IMITATE),
    "nginx-status": (True, IMITATE),
    "nginx-status-port": (8080, IMITATE),
    "nginx-status-allow-cidrs": ("127.0.0.1,::1", IMITATE),
    "enable-prometheus-metrics": (False, IMITATE),
    "prometheus-metrics-listen-port": (9113, IMITATE),
    "ready-status": (True, IMITATE),
    "ready-status-port": (8081, IMITATE),
    "default-http-listener-port": (80, IMITATE),
    "default-https-listener-port": (443, IMITATE),
    "nginx-reload-timeout": (60000, IMITATE),
    "disable-ipv6": (False, IMITATE),
    "version": (False, IMITATE),
    "enable-custom-resources": (True, IMITATE),
    "log-level": ("info", IGNORE),
    "log-format": ("glog", IGNORE),
    "enable-telemetry-reporting": (True, IMITATE),  # nothing is ever reported
    "ssl-dynamic-reload": (True, IGNORE),
    "enable-directive-autoadjust": (False, IGNORE),
    "enable-latency-metrics": (False, IGNORE),
    "agent-instance-group": ("", IGNORE),
    "app-protect-log-level": ("fatal", IGNORE),
    "app-protect-enforcer-address": ("127.0.0.1:50000", IGNORE),
    "app-protect-dos-debug": (False, REFUSE),
    "app-protect-dos-max-daemons": (0, REFUSE),
    "app-protect-dos-max-workers": (0, REFUSE),
    "app-protect-dos-memory": (0, REFUSE),
    "agent": (False, REFUSE),
    "enable-app-protect": (False, REFUSE),
    "enable-app-protect-dos": (False, REFUSE),
    "enable-cert-manager": (False, REFUSE),
    "enable-external-dns": (False, REFUSE),
    "enable-internal-routes": (False, REFUSE),
    "enable-oidc": (False, REFUSE),
    "enable-service-insight": (False, REFUSE),
    "enable-tls-passthrough": (False, IMITATE),
    "global-configuration": ("", IMITATE),
    "ingress-template-path": ("", REFUSE),
    "ingresslink": ("", REFUSE),
    "main-template-path": ("", REFUSE),
    "mgmt-configmap": ("", REFUSE),
    "nginx-debug": (False, REFUSE),
    "nginx-plus": (False, REFUSE),
    "prometheus-tls-secret": ("", REFUSE),
    "proxy": ("", REFUSE),
    "service-insight-listen-port": (9114, REFUSE),
    "service-insight-tls-secret": ("", REFUSE),
    "spire-agent-address": ("", REFUSE),
    "tls-passthrough-port": (443, IMITATE),
    "transportserver-template-path": ("", REFUSE),
    "virtualserver-template-path": ("", REFUSE),
    "watch-namespace-label": ("", REFUSE),
    "weight-changes-dynamic-reload": (False, REFUSE),
}

TRUE = {"1", "t", "T", "TRUE", "true", "True"}
FALSE = {"0", "f", "F", "FALSE", "false", "False"}
DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LOCATION = re.compile(r"/[^\s{};]+")


class FlagError(Exception):
    """A command line that F5 (exit code 2 for syntax, 1 for values) or the double refuses."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Flags:
    """The parsed command line: `values` holds every known flag, `notes` what the operator must be told."""

    values: dict[str, Value]
    notes: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        return str(self.values[name])

    def on(self, name: str) -> bool:
        return bool(self.values[name])

    def number(self, name: str) -> int:
        return int(self.values[name])

    def names(self, name: str) -> list[str]:
        """A comma-separated flag as a list; empty when it is not set."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]


def parse(argv: list[str]) -> Flags:
    """Parse `argv` (without the program's name). Raises FlagError with Go's or F5's words."""
    values, rest = _scan(argv)
    notes = [f"Ignoring unhandled arguments: {rest}"] if rest else []
    for name, value in values.items():
        default, treatment = FLAGS[name]
        if value != default and treatment == REFUSE:
            raise FlagError(f"-{name}={value}: known to F5, but {treatment}", 1)
        if value != default and treatment == IGNORE:
            notes.append(f"-{name}={value}: {treatment}")
    flags = Flags({name: default for name, (default, _) in FLAGS.items()} | values, notes)
    if not flags.on("version"):
        _check(flags)
    return flags


def _scan(argv: list[str]) -> tuple[dict[str, Value], list[str]]:
    """Go's rules: -x, --x, -x=v, `-x v` for all but booleans; a bare word or `--` ends the flags."""
    values: dict[str, Value] = {}
    rest = list(argv)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        arg = rest.pop(0)
        if arg == "--":
            break
        name, equals, text = arg.removeprefix("-").removeprefix("-").partition("=")
        if not name or name[0] in "-=":
            raise FlagError(f"bad flag syntax: {arg}")
        if name not in FLAGS:
            raise FlagError(f"flag provided but not defined: -{name}")
        if not equals and isinstance(FLAGS[name][0], bool):
            text = "true"
        elif not equals:
            if not rest:
                raise FlagError(f"flag needs an argument: -{name}")
            text = rest.pop(0)
        values[name] = _convert(name, text)
    return values, rest


def _convert(name: str, text: str) -> Value:
    default = FLAGS[name][0]
    if isinstance(default, bool):
        if text not in TRUE | FALSE:
            raise FlagError(f'invalid boolean value "{text}" for -{name}: parse error')
        return text in TRUE
    if isinstance(default, int):
        try:
            return int(text, 0)
        except ValueError:
            raise FlagError(f'invalid value "{text}" for flag -{name}: parse error') from None
    return text


def _check(flags: Flags) -> None:
    """F5's checks of values (`mustValidateFlags`); all are fatal with exit code 1."""
    if not LOCATION.fullmatch(flags.text("health-status-uri")):
        raise FlagError("Invalid value for health-status-uri: must start with / and must not be / alone", 1)
    for name in ("nginx-status-port", "prometheus-metrics-listen-port", "ready-status-port"):
        if not 1024 <= flags.number(name) <= 65535:
            raise FlagError(f"Invalid value for {name}: port outside of valid port range [1024 - 65535]", 1)
    for name in ("watch-namespace", "watch-secret-namespace", "leader-election-lock-name", "external-service"):
        for part in flags.names(name):
            if not DNS_NAME.fullmatch(part):
                raise FlagError(f"Invalid value for {name}: invalid resource name {part}", 1)
    for name in ("nginx-configmaps", "default-server-tls-secret", "wildcard-tls-secret", "global-configuration"):
        if flags.text(name) and not re.fullmatch(r"[^/]+/[^/]+", flags.text(name)):
            raise FlagError(f"Invalid value for {name}: {flags.text(name)}: must have the form <namespace>/<name>", 1)
    if flags.on("enable-tls-passthrough") and not flags.on("enable-custom-resources"):
        raise FlagError("enable-tls-passthrough flag requires -enable-custom-resources", 1)
    if flags.text("global-configuration") and not flags.on("enable-custom-resources"):
        raise FlagError("global-configuration flag requires -enable-custom-resources", 1)
    for cidr in flags.names("nginx-status-allow-cidrs"):
        try:
            ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            raise FlagError(f"Invalid value for nginx-status-allow-cidrs: invalid IP address: {cidr}", 1) from None
