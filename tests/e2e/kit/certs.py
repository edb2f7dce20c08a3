"""A certificate authority and certificates for one scenario, made with the openssl program.

Kinds: good (localhost, 127.0.0.1), other (its names, another certificate), rsa (its names, an RSA key), wild
(*.wild.test), wrong-name, expired, client (for a client), stranger (signed by nobody known).
"""

import os
import subprocess

from kit.failure import Failure

CA_CONF = """
[ca]
default_ca = the
[the]
dir = .
new_certs_dir = .
database = index.txt
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""

NAMES = {
    "good": "DNS:localhost,DNS:backend.test,IP:127.0.0.1",
    "other": "DNS:localhost,IP:127.0.0.1",
    "rsa": "DNS:localhost,DNS:backend.test,IP:127.0.0.1",
    "wild": "DNS:*.wild.test",
    "client": "email:client@wild.test",
    "wrong-name": "DNS:elsewhere.test",
    "expired": "DNS:localhost,DNS:backend.test,IP:127.0.0.1",
    "stranger": "DNS:localhost,DNS:backend.test,IP:127.0.0.1",
}


class Certs:
    def __init__(self, place):
        self.dir = place.path("certs")
        os.makedirs(self.dir)
        self.made = set()
        for name, text in (("ca.conf", CA_CONF), ("index.txt", "")):
            place.write(f"certs/{name}", text)
        self._authority("ca")

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.dir, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"openssl {' '.join(args)}: {done.stderr}")

    def _authority(self, name):
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", f"/CN=e2e {name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")

    def ca(self):
        return os.path.join(self.dir, "ca.pem")

    def pair(self, kind):
        """Paths of certificate and key."""
        if kind not in self.made:
            self._make(kind)
        return os.path.join(self.dir, f"{kind}.pem"), os.path.join(self.dir, f"{kind}.key")

    def _make(self, kind):
        if kind not in NAMES:
            raise Failure(f"there is no certificate \"{kind}\"; there are {', '.join(NAMES)}")
        signer = "ca"
        if kind == "stranger":
            signer = "nobody"
            self._authority(signer)
        key = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self._openssl("req", "-newkey", *key, "-nodes", "-subj", f"/CN={kind}",
                      "-addext", f"subjectAltName={NAMES[kind]}", "-keyout", f"{kind}.key", "-out", f"{kind}.csr")
        time = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] if kind == "expired" else ["-days", "20"]
        self._openssl("ca", "-batch", "-config", "ca.conf", "-cert", f"{signer}.pem", "-keyfile", f"{signer}.key",
                      "-in", f"{kind}.csr", "-out", f"{kind}.pem", "-notext", *time)
        self.made.add(kind)
