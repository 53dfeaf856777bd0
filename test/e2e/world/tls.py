"""What a client sees: handshakes of every kind, and requests over them.

SPDX-License-Identifier: Apache-2.0
"""

import http.client
import socket
import ssl
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization


@dataclass
class Handshake:
    certificate: x509.Certificate
    version: str
    cipher: str

    @property
    def serial(self):
        return self.certificate.serial_number

    @property
    def names(self):
        found = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return sorted(found.value.get_values_for_type(x509.DNSName))

    @property
    def issuer(self):
        return self.certificate.issuer.rfc4514_string()

    @property
    def is_from_pebble(self):
        return "Pebble Intermediate" in self.issuer

    @property
    def key_type(self):
        return type(self.certificate.public_key()).__name__.strip("_").replace("PublicKey", "")


def make_context(root=None, version=None, signature_algorithms=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if root is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cafile=str(root))
    if version:
        context.minimum_version = context.maximum_version = version
    if signature_algorithms == "RSA":
        context.set_ciphers("aRSA")
    elif signature_algorithms == "EC":
        context.set_ciphers("aECDSA")
    return context


def handshake(port, name=None, root=None, version=None, only=None, address="127.0.0.1", timeout=5):
    """One new TLS connection. name=None sends no SNI. With root (a file) the chain and, if there is a
    name, the name are verified; ssl.SSLError otherwise. only="RSA"|"EC" needs version TLSv1_2."""
    context = make_context(root, version, only)
    if name is None:
        context.check_hostname = False
    with socket.create_connection((address, port), timeout=timeout) as plain:
        with context.wrap_socket(plain, server_hostname=name) as tls:
            der = tls.getpeercert(binary_form=True)
            return Handshake(x509.load_der_x509_certificate(der), tls.version(), tls.cipher()[0])


class _Connection(http.client.HTTPSConnection):
    """Connects to the loopback address, whatever the name."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode(errors="replace")


def _ask(connection, method, path, headers):
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    connection.close()
    return answer


def get(port, name, path="/", root=None, method="GET", headers=None, timeout=5):
    """A request over TLS, verified if root is given."""
    return _ask(_Connection(name, port, context=make_context(root), timeout=timeout), method, path, headers)


def get_plain(port, name, path="/", method="GET", headers=None, timeout=5):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    return _ask(connection, method, path, {"Host": name, **(headers or {})})


def load_certificates(file):
    """All certificates of a PEM file, the first is the server's own."""
    blocks = file.read_bytes().split(b"-----END CERTIFICATE-----\n")
    return [x509.load_pem_x509_certificate(b + b"-----END CERTIFICATE-----\n") for b in blocks if b.strip()]


def public_bytes(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
