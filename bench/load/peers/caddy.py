"""Caddy as Debian has it. It has no weights yet; a backend is named as often as its share is large."""

from __future__ import annotations

from math import gcd

from peers.peer import Peer, Setting

CONF = """\
{{
    admin off
    auto_https off
    log {{
        level ERROR
    }}
    servers {{
        protocols h1 h2
    }}
}}
(sides) {{
    reverse_proxy {sides} {{
        lb_policy random
        transport http {{
            keepalive_idle_conns_per_host 1024
            keepalive 300s
            compression off
        }}
    }}
}}
http://127.0.0.1:{s.plain}, http://localhost:{s.plain} {{
    bind 127.0.0.1
    import sides
}}
https://127.0.0.1:{s.tls}, https://localhost:{s.tls} {{
    bind 127.0.0.1
    tls {s.certificate} {s.key} {{
        protocols tls1.3
    }}
    import sides
}}
"""


class Caddy(Peer):
    name = "caddy"
    command = "caddy"
    guest = True

    def prepare(self, setting: Setting) -> list[str]:
        new = setting.flavour.new_percent
        step = gcd(new, 100)
        sides = [f"127.0.0.1:{setting.legacy}"] * ((100 - new) // step) + [f"127.0.0.1:{setting.new}"] * (new // step)
        conf = setting.room / "Caddyfile"
        conf.write_text(CONF.format(s=setting, sides=" ".join(sides)))
        return ["env", f"XDG_CONFIG_HOME={setting.room}", f"XDG_DATA_HOME={setting.room}", str(self.program), "run",
                "--config", str(conf), "--adapter", "caddyfile"]

    def version_command(self) -> list[str]:
        return [str(self.program), "version"]

    def version(self) -> str:
        return f"caddy {super().version()}"
