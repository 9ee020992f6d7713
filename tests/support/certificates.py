"""Certificates for tests, made by `openssl` once a session: a CA, and who it vouches for."""

import os
import subprocess

HOSTS = "DNS:localhost,IP:127.0.0.1,IP:::1"
# Name: issuer, subjectAltName, from and to when, which purpose.
LEAVES = {
    "server": ("ca", HOSTS, None, "serverAuth"),
    "server2": ("ca", HOSTS, None, "serverAuth"),
    "other_host": ("ca", "DNS:elsewhere.example", None, "serverAuth"),
    "expired": ("ca", HOSTS, ("20200101000000Z", "20210101000000Z"), "serverAuth,clientAuth"),
    "not_yet": ("ca", HOSTS, ("20900101000000Z", "20910101000000Z"), "serverAuth,clientAuth"),
    "unknown": ("other_ca", HOSTS, None, "serverAuth,clientAuth"),
    "revoked": ("ca", HOSTS, None, "serverAuth,clientAuth"),
    "client": ("ca", "DNS:client.example,DNS:second.example", None, "clientAuth"),
    "client_cn": ("ca", None, None, "clientAuth"),
}
NEVER = ("20200101000000Z", "20990101000000Z")

CONFIG = """
[ ca ]
default_ca = here
[ here ]
new_certs_dir = {folder}
database = {folder}/{ca}.index
serial = {folder}/{ca}.serial
certificate = {folder}/{ca}.pem
private_key = {folder}/{ca}.key
default_md = sha256
default_crl_days = 3650
policy = any
unique_subject = no
[ any ]
commonName = supplied
[ req ]
distinguished_name = name
[ name ]
[ authority ]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


class Certificates:
    """Paths of PEM files in `folder`: NAME.pem, NAME.key; crl.pem, the list of the CA."""

    def __init__(self, folder):
        self.folder = str(folder)
        for ca in ("ca", "other_ca"):
            self._authority(ca)
        for name, (ca, hosts, times, purpose) in LEAVES.items():
            self.leaf(name, ca, hosts, times or NEVER, purpose)
        self._openssl("ca", "-config", self.at("ca.conf"), "-revoke", self.cert("revoked"))
        self._openssl("ca", "-config", self.at("ca.conf"), "-gencrl", "-out", self.crl)
        self._openssl("ca", "-config", self.at("ca.conf"), "-gencrl", "-out",
                      self.at("crl_expired.pem"), "-crl_lastupdate", "20200101000000Z",
                      "-crl_nextupdate", "20210101000000Z")
        self._openssl("ec", "-in", self.key("server"), "-out", self.at("locked.key"),
                      "-aes128", "-passout", "pass:secret")
        os.chmod(self.at("locked.key"), 0o600)

    def at(self, name):
        return os.path.join(self.folder, name)

    def cert(self, name):
        return self.at(name + ".pem")

    def key(self, name):
        return self.at(name + ".key")

    @property
    def ca(self):
        return self.cert("ca")

    @property
    def crl(self):
        return self.at("crl.pem")

    def server(self, name="server", **more):
        """What stands under `tls` of a server's configuration."""
        return {"cert": self.cert(name), "key": self.key(name), **more}

    def client_of(self, name, hosts):
        """One more of a client, of these names (as openssl has them; None: of none)."""
        self.leaf(name, "ca", hosts, NEVER, "clientAuth")

    def _openssl(self, command, *arguments):
        batch = ["-batch"] if command == "ca" else []
        subprocess.run(["openssl", command, *batch, *arguments], check=True, timeout=60,
                       stdin=subprocess.DEVNULL, capture_output=True)

    def _key(self, name):
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                      self.key(name))
        os.chmod(self.key(name), 0o600)

    def _authority(self, ca):
        with open(self.at(ca + ".conf"), "w", encoding="ascii") as file:
            file.write(CONFIG.format(folder=self.folder, ca=ca))
        open(self.at(ca + ".index"), "w", encoding="ascii").close()
        with open(self.at(ca + ".serial"), "w", encoding="ascii") as file:
            file.write("01\n" if ca == "ca" else "1001\n")
        self._key(ca)
        self._openssl("req", "-x509", "-new", "-key", self.key(ca), "-out", self.cert(ca),
                      "-subj", "/CN=Dora tests " + ca, "-days", "3650",
                      "-config", self.at(ca + ".conf"), "-extensions", "authority")

    def leaf(self, name, ca, hosts, times, purpose):
        """One more: NAME.pem and NAME.key, of a CA, good from and to."""
        self._key(name)
        self._openssl("req", "-new", "-key", self.key(name), "-out", self.at(name + ".csr"),
                      "-subj", "/CN=" + name, "-config", self.at(ca + ".conf"))
        with open(self.at(name + ".ext"), "w", encoding="ascii") as file:
            file.write("extendedKeyUsage = %s\n" % purpose)
            file.write("subjectAltName = %s\n" % hosts if hosts else "")
        self._openssl("ca", "-config", self.at(ca + ".conf"), "-in", self.at(name + ".csr"),
                      "-out", self.cert(name), "-notext", "-extfile", self.at(name + ".ext"),
                      "-startdate", times[0], "-enddate", times[1])
