"""nginx as Debian has it."""

from __future__ import annotations

from dataclasses import replace

from peers.peer import Flavour, Peer, Setting, route_prefix

CONF = """\
daemon off;
pid {s.room}/pid;
error_log {s.room}/error.log warn;
worker_processes {s.flavour.workers};
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
    {access_log}
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    client_body_temp_path {s.room}/body;
    proxy_temp_path {s.room}/proxy;
    fastcgi_temp_path {s.room}/fastcgi;
    uwsgi_temp_path {s.room}/uwsgi;
    scgi_temp_path {s.room}/scgi;

    upstream legacy {{
        server 127.0.0.1:{s.legacy};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 300s;
    }}
    upstream new {{
        server 127.0.0.1:{s.new};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 300s;
    }}
    # One request, one throw. $request_id would cost 16 random bytes each time.
    split_clients "$connection-$connection_requests" $side {{
        {split}
    }}

    proxy_http_version 1.1;
    {connection}
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_pass_header Server;
    proxy_pass_header Date;
    proxy_buffer_size 16k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 256k;
    proxy_max_temp_file_size 0;

    server {{
        listen 127.0.0.1:{s.plain} backlog=4096 reuseport;
        listen 127.0.0.1:{s.tls} ssl http2 backlog=4096 reuseport;
        ssl_certificate {s.certificate};
        ssl_certificate_key {s.key};
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_session_cache shared:SSL:10m;
        location / {{
            {mirror}
            proxy_pass http://$side;
        }}
        {locations}
        location = /mirror {{
            internal;
            proxy_set_header X-Mirror 1;
            proxy_read_timeout 2s;
            proxy_pass http://new$request_uri;
        }}
    }}
}}
"""


def _locations(routes: int) -> str:
    """In two levels: ten thousand in one take nginx a minute to sort at its start."""
    groups: dict[str, list[str]] = {}
    for n in range(1, routes):
        prefix = route_prefix(n)
        groups.setdefault(prefix.split("/")[1], []).append(f"location {prefix} {{ proxy_pass http://$side; }}")
    return "\n        ".join(f"location /{first}/ {{ {' '.join(inner)} }}" for first, inner in groups.items())


class Nginx(Peer):
    name = "nginx"
    command = "nginx"

    def can(self, flavour: Flavour) -> bool:
        return super().can(replace(flavour, mirror=False, access_log=False, echo=False, workers=1,
                                   routes=1 if flavour.all_split else flavour.routes, all_split=False))

    def prepare(self, setting: Setting) -> list[str]:
        f = setting.flavour
        log = f"access_log {setting.access_log} combined buffer=64k flush=1s;" if f.access_log else "access_log off;"
        split = f"{f.new_percent}% new; * legacy;" if f.new_percent else "* legacy;"
        # Both sides are called by name, so that no variable in proxy_pass needs a resolver.
        mirror = "mirror /mirror; mirror_request_body off;" if f.mirror else ""
        conf = setting.room / "nginx.conf"
        connection = 'proxy_set_header Connection "";'
        if f.echo:
            connection = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
        conf.write_text(CONF.format(s=setting, access_log=log, split=split, mirror=mirror, connection=connection,
                                    locations=_locations(f.routes)))
        return [str(self.program), "-c", str(conf), "-e", str(setting.room / "error.log")]

    def version_command(self) -> list[str]:
        return [str(self.program), "-v"]
