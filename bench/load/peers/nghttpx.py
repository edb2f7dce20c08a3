"""nghttpx as Debian has it (package nghttp2-proxy)."""

from __future__ import annotations

from peers.peer import Peer, Setting

CONF = """\
workers=1
frontend=127.0.0.1,{s.plain};no-tls
frontend=127.0.0.1,{s.tls}
backend=127.0.0.1,{s.legacy};/;weight={legacy}
backend=127.0.0.1,{s.new};/;weight={new}
private-key-file={s.key}
certificate-file={s.certificate}
tls-min-proto-version=TLSv1.3
tls13-ciphers=TLS_AES_128_GCM_SHA256
backlog=4096
add-x-forwarded-for=yes
no-via=yes
no-server-rewrite=yes
no-location-rewrite=yes
frontend-keep-alive-timeout=5m
backend-keep-alive-timeout=5m
frontend-http2-max-concurrent-streams=128
errorlog-file={s.room}/error.log
accesslog-file=
no-ocsp=yes
"""


class Nghttpx(Peer):
    name = "nghttpx"
    command = "nghttpx"
    guest = True

    def prepare(self, setting: Setting) -> list[str]:
        conf = setting.room / "nghttpx.conf"
        conf.write_text(CONF.format(s=setting, new=setting.flavour.new_percent,
                                    legacy=100 - setting.flavour.new_percent))
        return [str(self.program), "--conf", str(conf)]

    def version_command(self) -> list[str]:
        return [str(self.program), "--version"]
