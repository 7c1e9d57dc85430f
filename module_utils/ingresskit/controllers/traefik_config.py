"""Traefik's static configuration: every key that its command line knows, with the kind of its value.

From the types of pkg/config/static of Traefik 3.7, which its reference (doc.traefik.io, "Static Configuration: CLI") is
made from; 3.7.15 took every one of them. It does not start with a key that it does not know or a value that it cannot
read.
"""

from __future__ import annotations

from .config_values import ANY, BOOL, DURATION, FRACTION, INTEGER, ConfigTable, Value, keys, listed, one_of

_KEPT = one_of("keep", "drop")
_REDACTED = one_of("keep", "drop", "redact")
_LEVEL = one_of(
    *("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "PANIC"),
    *("trace", "debug", "info", "warn", "error", "fatal", "panic"),
)
# groups of keys that several of the others have below them
_TLS = "ca cert key"
_WITH_TLS = ("log", "accesslog", "tracing", "metrics")


def _otlp(signal: str) -> dict[str, Value]:
    """Where a signal is exported to by OTLP."""
    at = f"{signal}.otlp"
    rows = keys(BOOL, f"{at} {at}.grpc {at}.http {at}.grpc.insecure")
    if signal != "tracing":  # it has them one level up
        rows |= keys(ANY, f"{at}.servicename {at}.resourceattributes.*")
    for way in ("grpc", "http"):
        rows |= keys(ANY, f"{at}.{way}.endpoint {at}.{way}.headers.*")
        rows |= keys(ANY, " ".join(f"{at}.{way}.tls.{key}" for key in _TLS.split()))
        rows |= keys(BOOL, f"{at}.{way}.tls.insecureskipverify")
    return rows


_OWN_PORT = "ingresskit sets it, and the Service leads there"
_ENDS = "ingresskit sets it from ingress_controller.termination: set that"
_METRICS = "ingresskit sets it from ingress_controller.metrics: set that"
_PROVIDER = "ingresskit sets it"
_SCOPE = "set ingress_controller.watch_namespaces"
_CLASS = "set ingress_controller.class_name"
_TO_HTTPS = "set the option ssl_redirect, of an app or of a host: the smoke test knows of that"
_KINGRESS, _KNGINX, _KCRD = (f"providers.kubernetes{name}" for name in ("ingress", "ingressnginx", "crd"))
RESERVED = {
    **{f"entrypoints.{name}.address": _OWN_PORT for name in ("web", "websecure", "traefik", "metrics")},
    **{f"entrypoints.{name}.asdefault": _OWN_PORT for name in ("web", "websecure")},
    **{
        f"entrypoints.{name}.transport.lifecycle.{key}": _ENDS
        for name in ("web", "websecure")
        for key in ("requestacceptgracetimeout", "gracetimeout")
    },
    **{f"entrypoints.web.http.redirections.entrypoint.{key}": _TO_HTTPS for key in ("to", "scheme", "permanent")},
    "entrypoints.websecure.http.tls": _OWN_PORT,
    **dict.fromkeys(("ping", "ping.entrypoint", "ping.manualrouting"), "the probes of the Pod ask it"),
    **dict.fromkeys(("metrics.prometheus", "metrics.prometheus.entrypoint"), _METRICS),
    **{
        f"providers.file.{key}": "it holds what ingresskit writes: there can be no second"
        for key in ("directory", "filename")
    },
    _KINGRESS: _PROVIDER,
    _KNGINX: "set ingress_controller.compat: ingress-nginx",
    _KCRD: "set ingress_controller.custom_resources: true",
    **{f"{provider}.ingressclass": _CLASS for provider in (_KINGRESS, _KNGINX, _KCRD)},
    **{f"{provider}.namespaces": _SCOPE for provider in (_KINGRESS, _KCRD)},
    f"{_KNGINX}.watchnamespace": _SCOPE,
    f"{_KNGINX}.watchnamespaceselector": _SCOPE,
    f"{_KNGINX}.controllerclass": _CLASS,
    f"{_KNGINX}.defaultbackendservice": "set ingress_controller.default_backend",
    **{f"{_KNGINX}.{key}": _OWN_PORT for key in ("httpentrypoint", "httpsentrypoint")},
    f"{_KINGRESS}.strictprefixmatching": "Prefix means path by path element in the Ingress API: it stays on",
}
# of other worlds than Kubernetes, and of plugins: whatever is below them is taken as it is
_ELSEWHERE = (
    *("docker", "swarm", "consulcatalog", "nomad", "ecs", "consul", "etcd", "zookeeper", "redis", "http", "plugin"),
    *("rest", "knative", "kubernetesgateway"),
)
VALUES: dict[str, Value] = {
    **keys(
        BOOL,
        """
        accesslog accesslog.addinternals accesslog.dualoutput accesslog.filters.retryattempts api api.dashboard
        api.debug api.disabledashboardad api.insecure certificatesresolvers.*.acme.casystemcertpool
        certificatesresolvers.*.acme.disablecommonname certificatesresolvers.*.acme.dnschallenge
        certificatesresolvers.*.acme.dnschallenge.disablepropagationcheck
        certificatesresolvers.*.acme.dnschallenge.propagation
        certificatesresolvers.*.acme.dnschallenge.propagation.disableanschecks
        certificatesresolvers.*.acme.dnschallenge.propagation.disablechecks
        certificatesresolvers.*.acme.dnschallenge.propagation.requireallrns
        certificatesresolvers.*.acme.httpchallenge certificatesresolvers.*.acme.tlschallenge
        certificatesresolvers.*.tailscale core.stricttlsoptions entrypoints.*.allowacmebypass
        entrypoints.*.asdefault entrypoints.*.forwardedheaders.insecure
        entrypoints.*.forwardedheaders.notappendxforwardedfor
        entrypoints.*.http.encodedcharacters.allowencodedbackslash
        entrypoints.*.http.encodedcharacters.allowencodedhash
        entrypoints.*.http.encodedcharacters.allowencodednullcharacter
        entrypoints.*.http.encodedcharacters.allowencodedpercent
        entrypoints.*.http.encodedcharacters.allowencodedquestionmark
        entrypoints.*.http.encodedcharacters.allowencodedsemicolon
        entrypoints.*.http.encodedcharacters.allowencodedslash entrypoints.*.http.encodequerysemicolons
        entrypoints.*.http.redirections.entrypoint.permanent entrypoints.*.http.sanitizepath
        entrypoints.*.http.tls entrypoints.*.http3 entrypoints.*.observability.accesslogs
        entrypoints.*.observability.metrics entrypoints.*.observability.tracing entrypoints.*.proxyprotocol
        entrypoints.*.proxyprotocol.insecure entrypoints.*.reuseport experimental.abortonpluginfailure
        experimental.fastproxy experimental.fastproxy.debug experimental.knative experimental.kubernetesgateway
        experimental.kubernetesingressnginx experimental.localplugins.*.settings.useunsafe experimental.otlplogs
        experimental.plugins.*.settings.useunsafe global.checknewversion global.notappendxforwardedfor
        global.sendanonymoususage hostresolver hostresolver.cnameflattening log log.compress log.nocolor
        metrics.addinternals metrics.datadog metrics.datadog.addentrypointslabels
        metrics.datadog.addrouterslabels metrics.datadog.addserviceslabels metrics.influxdb2
        metrics.influxdb2.addentrypointslabels metrics.influxdb2.addrouterslabels
        metrics.influxdb2.addserviceslabels metrics.otlp.addentrypointslabels metrics.otlp.addrouterslabels
        metrics.otlp.addserviceslabels metrics.prometheus metrics.prometheus.addentrypointslabels
        metrics.prometheus.addrouterslabels metrics.prometheus.addserviceslabels
        metrics.prometheus.manualrouting metrics.statsd metrics.statsd.addentrypointslabels
        metrics.statsd.addrouterslabels metrics.statsd.addserviceslabels ocsp ping ping.manualrouting
        providers.file.debugloggeneratedtemplate providers.file.watch providers.kubernetescrd
        providers.kubernetescrd.allowcrossnamespace providers.kubernetescrd.allowemptyservices
        providers.kubernetescrd.allowexternalnameservices providers.kubernetescrd.disableclusterscoperesources
        providers.kubernetescrd.nativelbbydefault providers.kubernetescrd.safenaming providers.kubernetesingress
        providers.kubernetesingress.allowemptyservices providers.kubernetesingress.allowexternalnameservices
        providers.kubernetesingress.disableclusterscoperesources
        providers.kubernetesingress.disableingressclasslookup providers.kubernetesingress.nativelbbydefault
        providers.kubernetesingress.strictprefixmatching providers.kubernetesingressnginx
        providers.kubernetesingressnginx.allowcrossnamespaceresources
        providers.kubernetesingressnginx.allowsnippetannotations
        providers.kubernetesingressnginx.disablesvcexternalname
        providers.kubernetesingressnginx.ingressclassbyname providers.kubernetesingressnginx.proxybuffering
        providers.kubernetesingressnginx.proxyrequestbuffering
        providers.kubernetesingressnginx.strictvalidatepathtype
        providers.kubernetesingressnginx.watchingresswithoutclass serverstransport.insecureskipverify
        serverstransport.spiffe tcpserverstransport.tls tcpserverstransport.tls.insecureskipverify
        tcpserverstransport.tls.spiffe tracing tracing.addinternals
        """,
    ),
    **keys(
        INTEGER,
        """
        accesslog.bufferingsize certificatesresolvers.*.acme.certificatesduration
        entrypoints.*.http.maxheaderbytes entrypoints.*.http.redirections.entrypoint.priority
        entrypoints.*.http2.maxconcurrentstreams entrypoints.*.http2.maxdecoderheadertablesize
        entrypoints.*.http2.maxencoderheadertablesize entrypoints.*.http3.advertisedport
        entrypoints.*.transport.keepalivemaxrequests hostresolver.resolvdepth log.maxage log.maxbackups
        log.maxsize ping.terminatingstatuscode providers.kubernetesingressnginx.clientbodybuffersize
        providers.kubernetesingressnginx.ipallowliststrategy.depth
        providers.kubernetesingressnginx.ipallowliststrategy.ipv6subnet
        providers.kubernetesingressnginx.proxybodysize providers.kubernetesingressnginx.proxybuffersize
        providers.kubernetesingressnginx.proxybuffersnumber providers.kubernetesingressnginx.proxyconnecttimeout
        providers.kubernetesingressnginx.proxynextupstreamtimeout
        providers.kubernetesingressnginx.proxynextupstreamtries
        providers.kubernetesingressnginx.proxyreadtimeout providers.kubernetesingressnginx.proxysendtimeout
        providers.kubernetesingressnginx.upstreamkeepalivetimeout serverstransport.maxidleconnsperhost
        """,
    ),
    **keys(
        DURATION,
        """
        accesslog.filters.minduration certificatesresolvers.*.acme.certificatetimeout
        certificatesresolvers.*.acme.clientresponseheadertimeout certificatesresolvers.*.acme.clienttimeout
        certificatesresolvers.*.acme.dnschallenge.delaybeforecheck
        certificatesresolvers.*.acme.dnschallenge.propagation.delaybeforechecks
        certificatesresolvers.*.acme.httpchallenge.delay certificatesresolvers.*.acme.tlschallenge.delay
        entrypoints.*.transport.keepalivemaxtime entrypoints.*.transport.lifecycle.gracetimeout
        entrypoints.*.transport.lifecycle.requestacceptgracetimeout
        entrypoints.*.transport.respondingtimeouts.idletimeout
        entrypoints.*.transport.respondingtimeouts.readtimeout
        entrypoints.*.transport.respondingtimeouts.writetimeout entrypoints.*.udp.timeout
        metrics.datadog.pushinterval metrics.influxdb2.pushinterval metrics.otlp.pushinterval
        metrics.statsd.pushinterval providers.kubernetescrd.throttleduration
        providers.kubernetesingress.throttleduration providers.kubernetesingressnginx.throttleduration
        providers.providersthrottleduration serverstransport.forwardingtimeouts.dialtimeout
        serverstransport.forwardingtimeouts.idleconntimeout
        serverstransport.forwardingtimeouts.responseheadertimeout tcpserverstransport.dialkeepalive
        tcpserverstransport.dialtimeout tcpserverstransport.terminationdelay
        """,
    ),
    **keys(
        ANY,
        """
        accesslog.filepath accesslog.filters.statuscodes api.basepath api.dashboardname
        certificatesresolvers.*.acme.cacertificates certificatesresolvers.*.acme.caserver
        certificatesresolvers.*.acme.caservername certificatesresolvers.*.acme.dnschallenge.provider
        certificatesresolvers.*.acme.dnschallenge.resolvers certificatesresolvers.*.acme.eab.hmacencoded
        certificatesresolvers.*.acme.eab.kid certificatesresolvers.*.acme.email
        certificatesresolvers.*.acme.emailaddresses certificatesresolvers.*.acme.httpchallenge.entrypoint
        certificatesresolvers.*.acme.keytype certificatesresolvers.*.acme.preferredchain
        certificatesresolvers.*.acme.profile certificatesresolvers.*.acme.storage entrypoints.*.address
        entrypoints.*.forwardedheaders.connection entrypoints.*.forwardedheaders.trustedips
        entrypoints.*.http.aliasheadersstrategy entrypoints.*.http.middlewares
        entrypoints.*.http.redirections.entrypoint.scheme entrypoints.*.http.redirections.entrypoint.to
        entrypoints.*.http.tls.certresolver entrypoints.*.http.tls.domains.main
        entrypoints.*.http.tls.domains.sans entrypoints.*.http.tls.options
        entrypoints.*.http.underscoreheadersstrategy entrypoints.*.proxyprotocol.trustedips
        experimental.localplugins.*.modulename experimental.localplugins.*.settings.envs
        experimental.localplugins.*.settings.mounts experimental.plugins.*.hash
        experimental.plugins.*.modulename experimental.plugins.*.settings.envs
        experimental.plugins.*.settings.mounts experimental.plugins.*.version hostresolver.resolvconfig
        log.filepath metrics.datadog.address metrics.datadog.prefix metrics.influxdb2.additionallabels.*
        metrics.influxdb2.address metrics.influxdb2.bucket metrics.influxdb2.org metrics.influxdb2.token
          metrics.prometheus.entrypoint
        metrics.prometheus.headerlabels.* metrics.statsd.address metrics.statsd.prefix ocsp.responderoverrides.*
        ping.entrypoint providers.file.directory providers.file.filename
        providers.kubernetescrd.certauthfilepath providers.kubernetescrd.crossprovidernamespaces
        providers.kubernetescrd.defaulttlsresourcesnamespace providers.kubernetescrd.endpoint
        providers.kubernetescrd.ingressclass providers.kubernetescrd.labelselector
        providers.kubernetescrd.namespaces providers.kubernetescrd.token
        providers.kubernetesingress.certauthfilepath providers.kubernetesingress.crossprovidernamespaces
        providers.kubernetesingress.endpoint providers.kubernetesingress.ingressclass
        providers.kubernetesingress.ingressendpoint.hostname providers.kubernetesingress.ingressendpoint.ip
        providers.kubernetesingress.ingressendpoint.publishedservice providers.kubernetesingress.labelselector
        providers.kubernetesingress.namespaces providers.kubernetesingress.token
        providers.kubernetesingressnginx.certauthfilepath providers.kubernetesingressnginx.controllerclass
        providers.kubernetesingressnginx.customhttperrors providers.kubernetesingressnginx.defaultbackendservice
        providers.kubernetesingressnginx.endpoint providers.kubernetesingressnginx.globalallowedresponseheaders
        providers.kubernetesingressnginx.globalauthurl providers.kubernetesingressnginx.httpentrypoint
        providers.kubernetesingressnginx.httpsentrypoint providers.kubernetesingressnginx.ingressclass
        providers.kubernetesingressnginx.ipallowliststrategy.excludedips
        providers.kubernetesingressnginx.proxynextupstream providers.kubernetesingressnginx.publishservice
        providers.kubernetesingressnginx.publishstatusaddress providers.kubernetesingressnginx.token
        providers.kubernetesingressnginx.watchnamespace providers.kubernetesingressnginx.watchnamespaceselector
        providers.precedence serverstransport.rootcas serverstransport.spiffe.ids
        serverstransport.spiffe.trustdomain spiffe.workloadapiaddr tcpserverstransport.tls.rootcas
        tcpserverstransport.tls.spiffe.ids tcpserverstransport.tls.spiffe.trustdomain
        tracing.capturedrequestheaders tracing.capturedresponseheaders tracing.globalattributes.*
        tracing.resourceattributes.* tracing.safequeryparams tracing.servicename
        """,
    ),
    **keys(_KEPT, "accesslog.fields.defaultmode accesslog.fields.names.*"),
    **keys(
        _REDACTED,
        """
        accesslog.fields.headers.defaultmode accesslog.fields.headers.names.*
        accesslog.fields.queryparameters.defaultmode
        """,
    ),
    "log.level": _LEVEL,
    "log.format": one_of("common", "json"),
    "accesslog.format": one_of("common", "json", "genericCLF"),
    "entrypoints.*.observability.traceverbosity": one_of("minimal", "detailed"),
    "core.defaultrulesyntax": one_of("v2", "v3"),
    "tracing.samplerate": FRACTION,
    **keys(
        listed(FRACTION, allowed="numbers, separated by commas"),
        "metrics.otlp.explicitboundaries metrics.prometheus.buckets",
    ),
    **{key: value for signal in _WITH_TLS for key, value in _otlp(signal).items()},
}
TABLE = ConfigTable(
    VALUES,
    RESERVED,
    strict=True,
    folded=True,
    free=tuple(f"providers.{name}" for name in _ELSEWHERE),
)
