"""h2o as Debian has it. It has no split of its own; one request in `every` is sent on inside by a line of mruby."""

from __future__ import annotations

from peers.peer import Flavour, Peer, Setting

CONF = """\
num-threads: 1
max-connections: 4000
error-log: {s.room}/error.log
http1-request-timeout: 300
http2-idle-timeout: 300
proxy.preserve-host: ON
proxy.timeout.keepalive: 300000
listen: {{host: 127.0.0.1, port: {s.plain}}}
listen:
  host: 127.0.0.1
  port: {s.tls}
  ssl:
    certificate-file: {s.certificate}
    key-file: {s.key}
    minimum-version: TLSv1.3
    ocsp-update-interval: 0
hosts:
  default:
    paths:
      "/":
        mruby.handler: |
          n = 0
          Proc.new do |env|
            n += 1
            n % {every} == 0 ? [307, {{"x-reproxy-url" => "/.new" + env["PATH_INFO"]}}, []] : [399, {{}}, []]
          end
        reproxy: ON
        proxy.reverse.url: "http://127.0.0.1:{s.legacy}/"
      "/.new/":
        proxy.reverse.url: "http://127.0.0.1:{s.new}/"
"""


class H2O(Peer):
    name = "h2o"
    command = "h2o"
    guest = True

    def can(self, flavour: Flavour) -> bool:
        return super().can(flavour) and flavour.new_percent > 0

    def prepare(self, setting: Setting) -> list[str]:
        conf = setting.room / "h2o.conf"
        conf.write_text(CONF.format(s=setting, every=100 // setting.flavour.new_percent))
        return [str(self.program), "-c", str(conf)]

    def version_command(self) -> list[str]:
        return [str(self.program), "--version"]
