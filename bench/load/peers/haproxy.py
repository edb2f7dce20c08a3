"""HAProxy as Debian has it."""

from __future__ import annotations

from dataclasses import replace

from peers.peer import Flavour, Peer, Setting

CONF = """\
global
    nbthread {s.flavour.workers}
    maxconn 9920
    maxpipes 40
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
    tune.bufsize {bufsize}
    # By default connections to servers are no longer kept when a quarter of the descriptors are in use.
    tune.pool-low-fd-ratio 99
    tune.pool-high-fd-ratio 100

defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout tunnel 300s
    timeout http-keep-alive 300s
    http-reuse always
    option forwardfor
    option splice-auto

frontend clients
    bind 127.0.0.1:{s.plain} backlog 4096
    bind 127.0.0.1:{s.tls} backlog 4096 ssl crt {bundle} alpn h2,http/1.1
    default_backend sides

backend sides
    balance roundrobin
    default-server pool-purge-delay 300s
    server legacy 127.0.0.1:{s.legacy} weight {legacy}{proto}
    server new 127.0.0.1:{s.new} weight {new}{proto}
"""
BUFSIZE = 16384  # its default


class HAProxy(Peer):
    name = "haproxy"
    command = "haproxy"

    def can(self, flavour: Flavour) -> bool:
        return super().can(replace(flavour, h2_backends=False, echo=False, workers=1))

    def prepare(self, setting: Setting) -> list[str]:
        bundle = setting.room / "bundle.pem"
        bundle.write_text(setting.certificate.read_text() + setting.key.read_text())
        conf = setting.room / "haproxy.cfg"
        conf.write_text(CONF.format(s=setting, bundle=bundle, bufsize=BUFSIZE, new=setting.flavour.new_percent,
                                    legacy=100 - setting.flavour.new_percent,
                                    proto=" proto h2" if setting.flavour.h2_backends else ""))
        return [str(self.program), "-db", "-f", str(conf)]

    def version_command(self) -> list[str]:
        return [str(self.program), "-v"]
