"""Pebble, the test CA, and the DNS server that leads every name to this machine.

SPDX-License-Identifier: Apache-2.0
"""

import datetime
import ipaddress
import json
import re
import ssl
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .processes import Daemon, free_port, wait_for


def is_recent(folder):
    """True for 2.10 or newer, which is the first that insists on a User-Agent."""
    return b"All requests MUST include a User-Agent" in (Path(folder) / "pebble").read_bytes()


def make_server_certificate(folder, names=("localhost",), days=3650):
    """A self-signed certificate for a server on this machine; returns (certificate, key) files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.timezone.utc)
    alternatives = [x509.DNSName(n) for n in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = Path(folder) / "server.pem", Path(folder) / "server.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    certificate_file.chmod(0o644)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


class Dns:
    """pebble-challtestsrv as a DNS server: every name is 127.0.0.1 until told otherwise."""

    def __init__(self, binaries, folder):
        self.binaries = binaries
        self.folder = Path(folder)
        self.host = "127.0.0.1"
        self.port = free_port()
        self.management_port = free_port()
        self.start()

    def start(self):
        recent = is_recent(self.binaries)
        arguments = [Path(self.binaries) / "pebble-challtestsrv"]
        arguments += ["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]
        arguments += ["-http01", "", "-https01", "", "-tlsalpn01", ""]
        arguments += ["-doh", ""] if recent else []
        arguments += ["-dnsserver" if recent else "-dns01", f"127.0.0.1:{self.port}"]
        arguments += ["-management", f"127.0.0.1:{self.management_port}"]
        self.daemon = Daemon(arguments, self.folder / "dns.log")
        self.daemon.wait_for_port(self.management_port)

    def ensure(self):
        """One server lasts for all tests; should it have died, the next test gets a new one."""
        if not self.daemon.is_running():
            print(f"the DNS server had ended with {self.daemon.process.returncode}: {self.daemon.text()[-2000:]}")
            self.start()
        return self

    def tell(self, command, **what):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.management_port}/{command}", data=json.dumps(what).encode()
        )
        urllib.request.urlopen(request, timeout=5).read()

    def stop(self):
        self.daemon.stop()


class Pebble:
    """One Pebble. It validates on the given ports, and asks `dns` for addresses.

    `retry_after` is left out of the configuration unless given: Pebble then sends no Retry-After.
    `env` are Pebble's own switches, such as PEBBLE_WFE_NONCEREJECT; validation does not sleep
    unless PEBBLE_VA_NOSLEEP is "" there.

    It runs on one processor: Pebble 2.10 makes an authorization's challenges while it holds the
    authorization's lock and wants the one of its database, and looks for one to use again while it
    holds them the other way round, so with more processors two new orders at the same time can
    make it hang for ever (14 of 60 runs of 300 domains; none of 60 on one processor).
    """

    def __init__(self, binaries, folder, dns, http_port, tls_port, retry_after=None, env=None, **config):
        self.binaries = Path(binaries)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.dns = dns
        self.port = free_port()
        self.management_port = free_port()
        self.certificate_file, key_file = make_server_certificate(self.folder)
        self.env = {
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": "0",
            "PEBBLE_AUTHZREUSE": "0",
            "GOMAXPROCS": "1",
        }
        self.env.update(env or {})
        self.env = {key: value for key, value in self.env.items() if value != ""}
        pebble = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management_port}",
            "certificate": str(self.certificate_file),
            "privateKey": str(key_file),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            **config,
        }
        if retry_after is not None:
            pebble["retryAfter"] = {"authz": retry_after, "order": retry_after}
        self.config_file = self.folder / "pebble.json"
        self.config_file.write_text(json.dumps({"pebble": pebble}, indent=1))
        self.log = self.folder / "pebble.log"
        self.daemon = None

    def start(self):
        self.daemon = Daemon(
            [self.binaries / "pebble", "-config", self.config_file, "-dnsserver", f"{self.dns.host}:{self.dns.port}"],
            self.log,
            env=self.env,
        )
        self.daemon.wait_for_port(self.port)
        self.daemon.wait_for_port(self.management_port)
        return self

    def stop(self):
        if self.daemon:
            self.daemon.stop()
            self.daemon = None

    @property
    def directory_url(self):
        return f"https://localhost:{self.port}/dir"

    def management(self, path):
        context = ssl.create_default_context(cafile=str(self.certificate_file))
        url = f"https://localhost:{self.management_port}{path}"
        return urllib.request.urlopen(url, context=context, timeout=5).read().decode()

    def directory(self):
        context = ssl.create_default_context(cafile=str(self.certificate_file))
        request = urllib.request.Request(self.directory_url, headers={"User-Agent": "mod_acme-test"})
        return json.load(urllib.request.urlopen(request, context=context, timeout=5))

    def root_pem(self):
        return self.management("/roots/0")

    def write_root(self):
        file = self.folder / "root.pem"
        file.write_text(self.root_pem())
        file.chmod(0o644)
        return file

    # ---- what the log tells

    def text(self):
        return self.log.read_text(errors="replace")

    def requests(self, path=""):
        """How many requests came in whose path starts so."""
        return len(re.findall(rf"(?:GET|HEAD|POST) {re.escape(path)}\S* -> calling handler", self.text()))

    def orders(self):
        return len(re.findall(r'Added order "', self.text()))

    def issued(self):
        return len(re.findall(r"Issued certificate serial ", self.text()))

    def validations(self):
        """{(name, token): how often the CA began to validate it} for http-01."""
        counts = {}
        for name, token in re.findall(
            r"Attempting to validate w/ HTTP: http://([^/:]+)[^/]*/\.well-known/acme-challenge/(\S+)", self.text()
        ):
            counts[name, token] = counts.get((name, token), 0) + 1
        return counts

    def validations_begun(self):
        return len(re.findall(r"Pulled a task from the Tasks queue", self.text()))

    def authorizations_made_valid(self):
        return re.findall(r"authz (\S+) set VALID", self.text())

    def authorizations_made_invalid(self):
        return re.findall(r"authz (\S+) set INVALID", self.text())

    def wait_for_log(self, pattern, timeout=10.0):
        return wait_for(lambda: re.search(pattern, self.text()), f"{pattern!r} in Pebble's log", timeout)
