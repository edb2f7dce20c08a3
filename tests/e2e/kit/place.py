"""The place a scenario happens in: a directory of its own, free ports, and the processes it started.

Processes are ended by the ids they were started with, and end by themselves when the runner dies. Ports are
taken from below the range the kernel gives to outgoing connections, so that a server can be stopped and come
back on its port without a stranger sitting there.
"""

import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile

from kit.failure import Failure, until

LOWEST_PORT, HIGHEST_PORT = 12000, 32000
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None)


def _die_with_runner():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    for _ in range(1000):
        port = random.randint(LOWEST_PORT, HIGHEST_PORT)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failure("no free port found")


class Process:
    """A program that runs beside the scenario; its output goes to files."""

    def __init__(self, place, name, command, env=None, cwd=None):
        self.name = name
        self.out_path = place.path(f"{name}.out")
        self.err_path = place.path(f"{name}.err")
        self.awaited = 0  # the exit status that is no failure
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd or place.dir,
                env={**os.environ, **(env or {})}, preexec_fn=_die_with_runner, start_new_session=True)
        self.pid = self.popen.pid
        place.processes.append(self)

    def is_running(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.is_running():
            self.popen.send_signal(number)

    def wait(self, patience):
        """The exit status; a Failure when it does not end."""
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} (pid {self.pid}) did not end within {patience:g} s") from None

    def kill(self):
        """Also what it has started: a weir that is being upgraded."""
        if self.is_running():
            os.killpg(self.pid, signal.SIGCONT)
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()

    def stderr(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stdout(self):
        with open(self.out_path, encoding="utf-8", errors="replace") as f:
            return f.read()


def in_memory():
    """A folder for files whose fsync and rename do not wait for a disk that others keep busy, which can be seconds; None:
    there is none with room."""
    try:
        space = os.statvfs("/dev/shm")
    except OSError:
        return None
    return "/dev/shm" if space.f_bavail * space.f_frsize >= 2 << 30 and os.access("/dev/shm", os.W_OK) else None


def whole_lines(path):
    """Of a write that is under way its beginning may be seen."""
    with open(path, "rb") as f:
        return [line.decode() for line in f.read().split(b"\n")[:-1] if line]


def adopt_orphans():
    """What a process of ours started and left behind when it ended becomes our child."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def children_of(pid):
    """Processes whose parent it is, and that have not ended."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(name))
    return found


class Adopted:
    """A process that one of ours started (an upgrade), and that is ours when that one has ended."""

    def __init__(self, name, pid, parent):
        self.name, self.pid, self.parent = name, pid, parent
        self.awaited = 0
        self.code = None

    def is_running(self):
        if self.code is None:
            self._look()
        return self.code is None

    def _look(self):
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # its parent lives
            if not os.path.exists(f"/proc/{self.pid}"):
                self.code = -signal.SIGKILL
            return
        if pid:
            self.code = os.waitstatus_to_exitcode(status)

    def signal(self, number):
        if self.is_running():
            os.kill(self.pid, number)

    def wait(self, patience):
        until(lambda: not self.is_running(), f"{self.name} (pid {self.pid}) ends", patience=patience)
        return self.code

    def stderr(self):
        return self.parent.stderr()  # they share the file


class Place:
    """`host`: the address its servers listen on."""

    def __init__(self, name, host="127.0.0.1"):
        self.host = host
        self.dir = tempfile.mkdtemp(prefix=f"weir-e2e-{name[:40]}-", dir=in_memory())
        self.processes = []

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return path

    def program(self, name, text):
        path = self.write(name, text)
        os.chmod(path, 0o700)
        return path

    def start(self, name, command, **more):
        return Process(self, name, command, **more)

    def end_all(self):
        for process in reversed(self.processes):
            process.kill()
        for pid in children_of(os.getpid()):  # orphans that became ours
            os.kill(pid, signal.SIGKILL)

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def listens(port, host="127.0.0.1"):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex((host, port)) == 0


def wait_listening(process, port, host="127.0.0.1"):
    def check():
        if not process.is_running():
            raise RuntimeError(f"{process.name} ended at once: {process.stderr()[-600:]}")
        return listens(port, host)

    until(check, f"{process.name} listens on port {port}")
