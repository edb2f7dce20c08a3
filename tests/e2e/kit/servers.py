"""nginx and redis-server, as Debian has them, each in the scenario's directory."""

import os
import pwd
import signal
import subprocess

from kit.failure import Failure, expect, until
from kit.place import free_port, listens, wait_listening

NGINX_CONF = """
daemon off;
master_process off;
{user}
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    {http}
    access_log {dir}/access.log;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    keepalive_requests 100000000;
    default_type text/plain;
    gzip off;
    client_max_body_size 0;
    server {{
        listen {at}{ssl}{listen};
        {certificate}
        {extra}
        location /files/ {{ root {root}; }}
        location / {{ return {status} "{body}"; }}
    }}
}}
"""


class Nginx:
    """A backend that answers every path with `body` (default: NAME and the path), and /files/ from files/. `listen`:
    more words for its listen line."""

    def __init__(self, place, name, spec, tls=None):
        self.place, self.name, self.spec, self.tls = place, name, spec, tls
        self.process = None
        self.starts = 0
        self.port = free_port()
        self.address = f"{place.host}:{self.port}"

    def start(self):
        if self.process and self.process.is_running():
            return
        for attempt in range(5):
            try:
                self._start_once()
                return
            except RuntimeError as failure:
                if self.starts > 1 or attempt == 4:
                    raise Failure(f"nginx {self.name}: {failure}") from None
                self.port = free_port()
                self.address = f"{self.place.host}:{self.port}"

    def _start_once(self):
        folder = self.place.path(f"nginx-{self.name}")
        os.makedirs(folder, exist_ok=True)
        certificate = ""
        if self.tls:
            certificate = f"ssl_certificate {self.tls[0]}; ssl_certificate_key {self.tls[1]};"
        conf = self.place.write(f"nginx-{self.name}/nginx.conf", NGINX_CONF.format(
            dir=folder, root=self.place.dir, at=self.address, ssl=" ssl" if self.tls else "",
            listen=" " + self.spec["listen"] if "listen" in self.spec else "", certificate=certificate,
            user=f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else "",
            http=self.spec.get("http", ""), extra=self.spec.get("extra", ""), status=self.spec.get("status", 200),
            body=self.spec.get("body", f"{self.name} $request_uri\\n")))
        self.process = self.place.start(f"nginx-{self.name}-{self.starts}",
                                        ["nginx", "-p", folder, "-c", conf, "-e", f"{folder}/error.log"])
        self.starts += 1
        wait_listening(self.process, self.port, self.place.host)

    def stop(self, how="kill"):
        if self.process:
            if how == "quit":
                self.process.signal(signal.SIGQUIT)
                self.process.wait(30)
            self.process.kill()

    def pause(self):
        self.process.signal(signal.SIGSTOP)

    def go_on(self):
        self.process.signal(signal.SIGCONT)

    def requests(self):
        """How many requests its access log has; it is written at once."""
        try:
            with open(self.place.path(f"nginx-{self.name}", "access.log"), "rb") as f:
                return sum(1 for _ in f)
        except FileNotFoundError:
            return 0


class Haproxy:
    """A TCP proxy in front of weir; `words` stand behind its server line: send-proxy, send-proxy-v2."""

    CONF = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen front
    bind 127.0.0.1:{port}
    server weir {to} {words}
"""

    def __init__(self, place, name, to, words):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        conf = place.write(f"haproxy-{name}.cfg", self.CONF.format(port=self.port, to=to, words=words))
        self.process = place.start(f"haproxy-{name}", ["haproxy", "-db", "-f", conf])
        try:
            wait_listening(self.process, self.port)
        except RuntimeError as failure:
            raise Failure(str(failure)) from None


class Redis:
    def __init__(self, place, spec):
        self.place, self.spec = place, spec
        self.port = free_port()
        self.process = None
        self.starts = 0

    def start(self, more=()):
        """Empty: it keeps nothing on disk."""
        command = ["redis-server", "--port", str(self.port), "--bind", self.place.host, "--protected-mode", "no",
                   "--save", "", "--appendonly", "no",
                   "--dir", self.place.dir, "--daemonize", "no", *more]
        if "password" in self.spec:
            command += ["--requirepass", self.spec["password"]]
        self.process = self.place.start(f"redis-{self.port}-{self.starts}", command)
        self.starts += 1
        try:
            wait_listening(self.process, self.port, self.place.host)
        except RuntimeError as failure:
            raise Failure(str(failure)) from None

    def kill(self):
        self.process.kill()

    def pause(self):
        self.process.signal(signal.SIGSTOP)

    def go_on(self):
        self.process.signal(signal.SIGCONT)

    def is_up(self):
        return bool(self.process) and self.process.is_running() and listens(self.port, self.place.host)

    def cli(self, args, last=b""):
        """What redis-cli prints; `last` are the bytes of one more argument, when there is one."""
        command = ["redis-cli", "-h", self.place.host, "-p", str(self.port)]
        if "password" in self.spec:
            command += ["-a", self.spec["password"], "--no-auth-warning"]
        command += ["-x"] if last else []
        done = subprocess.run(command + args, input=last, capture_output=True, timeout=30)
        out = done.stdout.decode("utf-8", "replace")
        expect(done.returncode == 0, f"redis-cli {' '.join(args)}", out + done.stderr.decode("utf-8", "replace"))
        return out.rstrip("\n")


class RedisSet:
    """A master with replicas and sentinels, each a process on loopback. What is asked or written goes to the master."""

    CONF = """port {port}
bind {host}
protected-mode no
dir {dir}
sentinel monitor shop {host} {master} {quorum}
sentinel down-after-milliseconds shop 500
sentinel failover-timeout shop 3000
{login}"""
    LOGIN = """requirepass {password}
sentinel sentinel-pass {password}
"""

    def __init__(self, place, spec):
        self.place, self.spec = place, spec
        self.nodes = [Redis(place, {}) for _ in range(1 + spec.get("replicas", 1))]
        self.sentinels = [free_port() for _ in range(spec["sentinels"])]
        self.watchers = []
        self.password = spec.get("sentinel_password")

    @property
    def addresses(self):
        return ",".join(f"{self.place.host}:{port}" for port in self.sentinels)

    def start(self):
        for node in self.nodes:
            node.start([] if node is self.nodes[0] else ["--replicaof", self.place.host, str(self.nodes[0].port),
                                                         "--repl-diskless-sync-delay", "0"])
        until(lambda: f"connected_slaves:{len(self.nodes) - 1}" in self.nodes[0].cli(["INFO", "replication"]) and
              all("master_link_status:up" in n.cli(["INFO", "replication"]) for n in self.nodes[1:]), "the replicas follow")
        for port in self.sentinels:
            conf = self.place.write(f"sentinel-{port}.conf", self.CONF.format(
                login=self.LOGIN.format(password=self.password) if self.password else "", port=port, host=self.place.host, dir=self.place.dir, master=self.nodes[0].port, quorum=len(self.sentinels) // 2 + 1))
            process = self.place.start(f"sentinel-{port}", ["redis-server", conf, "--sentinel"])
            wait_listening(process, port, self.place.host)
            self.watchers.append(process)
        until(self._ready, "the sentinels know each other and the replicas", patience=15)

    def _ready(self):
        for port in self.sentinels:
            words = self._ask(port, ["SENTINEL", "master", "shop"]).split("\n")
            facts = dict(zip(words[::2], words[1::2]))
            if int(facts["num-slaves"]) < len(self.nodes) - 1 or int(facts["num-other-sentinels"]) < len(self.sentinels) - 1:
                return False
        return True

    def _ask(self, port, args):
        login = ["-a", self.password, "--no-auth-warning"] if self.password else []
        return subprocess.run(["redis-cli", "-h", self.place.host, "-p", str(port), *login, *args],
                              capture_output=True, text=True, timeout=30).stdout

    def master(self):
        port = int(self._ask(self.sentinels[0], ["SENTINEL", "get-master-addr-by-name", "shop"]).split("\n")[1])
        return next(node for node in self.nodes if node.port == port)

    def replicas(self):
        master = self.master()
        return [node for node in self.nodes if node is not master]

    def kill_master(self, stopped=()):
        """Lets replicas that were stopped go on; returns when the sentinels have made another one the master."""
        dead = self.master()
        dead.kill()
        for node in stopped:
            node.go_on()
        until(lambda: self.master() is not dead, "the sentinels choose another master", patience=20)
        return dead

    def cli(self, args, last=b""):
        return self.master().cli(args, last)

    def is_up(self):
        return self.master().is_up()
