"""Who offers acme-tls/1 while nothing is pending gets, byte for byte, what a server without the module says.

SPDX-License-Identifier: Apache-2.0
"""

import itertools
import shutil
import socket
import ssl
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

from world.httpd import vhost
from world.processes import wait_for
from world.store import Store

OFFERS = [["acme-tls/1"], ["acme-tls/1", "http/1.1"], ["h2", "acme-tls/1"], ["acme-tls/1", "unknown"], []]
NAMES = ["example.org", "unknown.example.net", "1.0.0.127.in-addr.arpa", None]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

KINDS = list(itertools.product(NAMES, OFFERS, VERSIONS))

KEY_SHARE = 51
HANDSHAKE = 22
SERVER_HELLO = 2


def client_hello(name, offers, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if offers:
        context.set_alpn_protocols(offers)
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def answer(port, hello):
    """All that the server says to it, until it sees that no more comes."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(hello)
        connection.shutdown(socket.SHUT_WR)
        while True:
            data = connection.recv(65536)
            if not data:
                return said
            said += data


def records(said):
    found = []
    while said:
        kind, version, length = struct.unpack("!BHH", said[:5])
        found.append((kind, version, said[5 : 5 + length]))
        said = said[5 + length :]
    return found


def without_chance(message):
    """A ServerHello without what is drawn anew each time: random bytes, session, key share."""
    at = 4 + 2 + 32
    session = message[at]
    at += 1 + session
    fixed, at = message[at : at + 3], at + 3
    (length,) = struct.unpack("!H", message[at : at + 2])
    extensions, end = [], at + 2 + length
    at += 2
    while at < end:
        kind, size = struct.unpack("!HH", message[at : at + 4])
        body = message[at + 4 : at + 4 + size]
        extensions.append((kind, size if kind == KEY_SHARE else body))
        at += 4 + size
    return message[4:6], session, fixed, extensions, message[end:]


def comparable(said):
    """Alerts and the like as they are; of what is encrypted or signed the length."""
    found = []
    for kind, version, body in records(said):
        if kind == HANDSHAKE and body[0] == SERVER_HELLO:
            found.append((kind, version, without_chance(body)))
        elif kind == HANDSHAKE or kind == 23:
            found.append((kind, version, len(body)))
        else:
            found.append((kind, version, body))
    return found


@pytest.mark.parametrize("protocols", ["", "Protocols h2 http/1.1\n"], ids=["none", "h2"])
def test_a_stranger_sees_no_difference(make_ca, make_httpd, protocols):
    config = protocols + "ACMEPrivateKeys RSA 2048\nACMEDomain example.org\n" + vhost("example.org")
    httpd = make_httpd(config, ca=make_ca(), modules=["http2"]).start()
    httpd.wait_for_certificate("example.org")
    store = Store(httpd.store)
    wait_for(lambda: not store.record("example.org"), "the end of the order")
    httpd.graceful()
    wait_for(lambda: store.certificate_file("example.org"), "root's copy", 15)
    wait_for(lambda: not store.names("challenges/http-01") + store.names("challenges/tls-alpn-01"), "no challenges")

    own = "  SSLCertificateFile own.pem\n  SSLCertificateKeyFile own.key\n"
    bare = make_httpd(
        protocols + vhost("example.org", body=own), name="bare", acme=False, modules=["http2"],
        http_port=None, https_port=None,
    )
    certificate = store.certificate_file("example.org")
    shutil.copy(certificate, bare.folder / "own.pem")
    shutil.copy(certificate.with_name(certificate.name.replace("pubcert", "privkey")), bare.folder / "own.key")
    bare.start()
    hellos = [client_hello(*kind) for kind in KINDS]
    with ThreadPoolExecutor(8) as pool:
        seen, wanted = (
            [comparable(said) for said in pool.map(answer, itertools.repeat(server.https_port), hellos)]
            for server in (httpd, bare)
        )
    for kind, ours, theirs in zip(KINDS, seen, wanted):
        assert ours and ours == theirs, kind
