"""tls-alpn-01: certificates over port 443 alone, with nothing configured, and nobody else notices.

SPDX-License-Identifier: Apache-2.0
"""

import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509

from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for
from world.store import Store
from world.tls import make_context

ALPN_ONLY = "ACMECAChallenges tls-alpn-01\n"
HOSTS = vhost("example.org", "www.example.org") + vhost("shop.example.org")
ONE = "ACMEDomain example.org\n" + vhost("example.org")
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")



def pending(httpd):
    return Store(httpd.store).names("challenges/tls-alpn-01")


PROTOCOLS = {
    "none": "",
    "h2 http/1.1": "Protocols h2 http/1.1\n",
    "h2": "Protocols h2\n",
    "http/1.1": "Protocols http/1.1\n",
    "with acme-tls/1": "Protocols h2 http/1.1 acme-tls/1\n",
}


@pytest.fixture
def nobody(ports):
    """A port where connections are taken and nothing is ever said: a CA that looks there waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("mpm", ["event", "prefork"])
@pytest.mark.parametrize("protocols", sorted(PROTOCOLS))
def test_certificates_without_port_80(make_ca, make_httpd, protocols, mpm):
    if mpm == "prefork" and protocols != "none":
        pytest.skip("mod_http2 and prefork do not go together")
    config = ALPN_ONLY + PROTOCOLS[protocols] + "ACMEDomain example.org www.example.org\nACMEDomain shop.example.org\n"
    modules = ["http2"] if mpm == "event" else []
    httpd = make_httpd(config + HOSTS + STATUS_HANDLER, ca=make_ca(), mpm=mpm, modules=modules).start()
    assert httpd.wait_for_certificate("example.org", "www.example.org").names == ["example.org", "www.example.org"]
    httpd.wait_for_certificate("shop.example.org")
    assert "Attempting to validate w/ HTTP" not in httpd.ca.text()
    wait_for(lambda: not pending(httpd), "the end of the challenges")  # a moment after the certificate


@pytest.mark.parametrize("protocols", sorted(PROTOCOLS))
def test_clients_get_the_protocol_they_got_before(make_ca, make_httpd, ports, nobody, protocols):
    """What is negotiated, and every header, is as without the module: during an order and after it."""
    own = PROTOCOLS[protocols] + vhost("plain.example.org", body=SELF_SIGNED)
    httpd = make_httpd(modules=["http2"])
    ports["https_port"] = nobody
    httpd.ca = make_ca()
    httpd.configure(ALPN_ONLY + own + ONE)
    bare = make_httpd(own, name="bare", acme=False, modules=["http2"], http_port=None, https_port=None)
    for server in (httpd, bare):
        write_self_signed(server.folder)
        server.start()
    wait_for(lambda: pending(httpd), "a pending challenge")
    compare(httpd, bare, protocols)
    if protocols == "none":  # the CA takes its time to give up
        wait_for(lambda: not pending(httpd), "the end of the order", 40)
        compare(httpd, bare, protocols)


OFFERS = [["h2", "http/1.1"], ["http/1.1"], ["http/1.1", "h2"], ["h2"], ["acme-tls/1", "http/1.1"], ["acme-tls/1"], []]


def compare(httpd, bare, protocols):
    for offers in OFFERS:
        if protocols == "with acme-tls/1" and offers[:1] == ["acme-tls/1"]:
            continue
        seen, wanted = (negotiated(server, "plain.example.org", offers) for server in (httpd, bare))
        assert seen == wanted, offers
    answers = [server.get("plain.example.org") for server in (httpd, bare)]
    assert names_and_upgrade(answers[0]) == names_and_upgrade(answers[1])
    plain = [server.get_plain("plain.example.org") for server in (httpd, bare)]
    assert names_and_upgrade(plain[0]) == names_and_upgrade(plain[1])


def names_and_upgrade(answer):
    return answer.status, sorted(answer.headers), answer.headers.get("upgrade"), answer.headers.get("connection")


def negotiated(server, name, offers, version=None):
    """(protocol, DER of the certificate's issuer) or the name of the failure."""
    context = make_context(version=version)
    if offers:
        context.set_alpn_protocols(offers)
    try:
        with socket.create_connection(("127.0.0.1", server.https_port), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
                return tls.selected_alpn_protocol(), shown.issuer.rfc4514_string()
    except ssl.SSLError as error:
        return error.reason


SELF_SIGNED = "  SSLCertificateFile own.pem\n  SSLCertificateKeyFile own.key\n"


def write_self_signed(folder, key=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
    command = ["openssl", "req", "-x509", *key, "-nodes", "-days", "9", "-subj", "/CN=own"]
    command += ["-keyout", str(folder / "own.key"), "-out", str(folder / "own.pem")]
    subprocess.run(command, check=True, capture_output=True)


def challenged(port, name, version, signature_algorithms=None):
    """The certificate that a CA sees, and the protocol; None if the handshake fails."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-alpn", "acme-tls/1", version]
    command += ["-sigalgs", signature_algorithms] if signature_algorithms else []
    done = subprocess.run(command, input=b"", capture_output=True, timeout=20)
    text = done.stdout.decode(errors="replace")
    begin = text.find("-----BEGIN CERTIFICATE")
    if begin < 0:
        return None, text
    end = text.find("-----END CERTIFICATE-----", begin) + len("-----END CERTIFICATE-----\n")
    return x509.load_pem_x509_certificate(text[begin:end].encode()), text


GO_ORDER = "RSA-PSS+SHA256:ECDSA+SHA256:RSA+SHA256"


@pytest.mark.parametrize("activation", ["live", "manual"])
@pytest.mark.parametrize("keys", ["RSA 2048", "P-256", "P-384", "RSA 2048 P-256", "P-256 RSA 2048"])
def test_every_kind_of_host_shows_the_challenge(make_ca, make_httpd, ports, nobody, keys, activation):
    """A host that has certificates already: OpenSSL must not show one of those instead."""
    config = ALPN_ONLY + f"ACMEPrivateKeys {keys}\nACMEActivation {activation}\n"
    ca = make_ca()
    httpd = make_httpd(config + ONE, ca=ca).start()
    count = keys.count("RSA") + keys.count("P-")
    wait_for(lambda: len(httpd.log_lines("new certificate")) == count, "all certificates", 30)
    if activation == "manual":
        wait_for(lambda: len(certificates(httpd)) == count, "root's copies", 30)
        httpd.graceful()
    httpd.wait_for_certificate("example.org")

    ports["https_port"] = nobody
    httpd.ca = make_ca("slow")
    more = config + "ACMEDomain example.org more.example.org\n" + vhost("example.org", "more.example.org")
    httpd.configure(more)
    httpd.graceful()
    wait_for(lambda: pending(httpd) == ["example.org", "more.example.org"], "pending challenges")
    for name in pending(httpd):
        for version in ("-tls1_2", "-tls1_3"):
            for algorithms in (None, GO_ORDER):
                assert_shown(httpd, name, version, algorithms)
    httpd.ca = ca
    assert httpd.verified("example.org")


def certificates(httpd):
    return list((httpd.store / "domains" / "example.org").glob("pubcert*.pem"))


def assert_shown(httpd, name, version, algorithms):
    certificate, text = challenged(httpd.https_port, name, version, algorithms)
    assert certificate, (version, algorithms, text)
    assert "ALPN protocol: acme-tls/1" in text
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName(name)], (version, algorithms)
    assert any(e.oid == ACME_IDENTIFIER for e in certificate.extensions), (version, algorithms, certificate.issuer, text)
    extension = certificate.extensions.get_extension_for_oid(ACME_IDENTIFIER)
    assert extension.critical and len(extension.value.value) == 34
    assert certificate.issuer == certificate.subject
    certificate.public_key()


@pytest.mark.parametrize("host", ["RSA 2048", "P-256"])
def test_a_host_with_a_certificate_of_its_own(make_ca, make_httpd, host):
    """The challenge is answered all the same, whatever its key is."""
    httpd = make_httpd(ALPN_ONLY + "ACMEDomain example.org\n" + vhost("example.org", body=SELF_SIGNED), ca=make_ca())
    write_self_signed(httpd.folder, key_arguments(host))
    httpd.start()
    httpd.ca.wait_for_log("Issued certificate serial", 20)


def key_arguments(keys):
    if keys.startswith("RSA"):
        return ("-newkey", "rsa:2048")
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + keys.split()[0])


def test_a_host_whose_tls_1_2_can_do_rsa_only(make_ca, make_httpd, ports, nobody):
    """Two certificates, but ciphers for one: OpenSSL has chosen before it asks for the protocol."""
    config = ALPN_ONLY + "ACMEPrivateKeys RSA 2048 P-256\n"
    httpd = make_httpd(config + ONE, ca=make_ca()).start()
    wait_for(lambda: len(httpd.log_lines("new certificate")) == 2, "both certificates", 30)
    ports["https_port"] = nobody
    httpd.ca = make_ca("slow")
    ciphers = "SSLProtocol TLSv1.2\nSSLCipherSuite aRSA\n"
    httpd.configure(config + ciphers + "ACMEDomain example.org more.example.org\n" + vhost("example.org", "more.example.org"))
    httpd.graceful()
    wait_for(lambda: "example.org" in pending(httpd), "a pending challenge")
    assert_shown(httpd, "example.org", "-tls1_2", None)


def test_a_name_without_a_host_of_its_own(make_ca, make_httpd):
    """The port answers for it by its first host."""
    config = ALPN_ONLY + "ACMERenewMode always\nACMEDomain elsewhere.example.org\n"
    other = vhost("other.example.org", body=SELF_SIGNED)
    httpd = make_httpd(config + other, ca=make_ca())
    write_self_signed(httpd.folder)
    httpd.start()
    httpd.wait_for_certificate("elsewhere.example.org")


def test_port_80_is_not_needed_where_nothing_is_configured(make_ca, make_httpd):
    """Nothing listens for http, so the type that can work comes first."""
    httpd = make_httpd("ACMEPortMap http:- https:{https}\n" + ONE, ca=make_ca()).start()
    httpd.wait_for_certificate("example.org")
    assert "Attempting to validate w/ HTTP" not in httpd.ca.text()


def test_other_traffic_flows_meanwhile(make_ca, make_httpd):
    """Requests all the while to a host of the administrator: none fails, none sees the protocol."""
    names = [f"n{i}.example.org" for i in range(20)]
    domains = "".join(f"ACMEDomain {name}\n" + vhost(name) for name in names)
    httpd = make_httpd(ALPN_ONLY + vhost("plain.example.org", body=SELF_SIGNED) + domains, ca=make_ca())
    write_self_signed(httpd.folder)
    httpd.start()
    seen, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            seen.append((httpd.get("plain.example.org").status, negotiated(httpd, "plain.example.org", ["acme-tls/1"])))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        httpd.wait_for_certificate(*names, timeout=60)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(seen) > 20
    assert set(seen) == {seen[0]} and seen[0][0] == 200


def test_nothing_is_looked_up_while_nothing_is_pending(make_ca, make_httpd, need, folder):
    """A stranger who offers the protocol: no file is opened, the handshake is an ordinary one."""
    need("strace")
    httpd = make_httpd(ALPN_ONLY + ONE, ca=make_ca(), children=1).start()
    httpd.wait_for_certificate("example.org")
    wait_for(lambda: not pending(httpd), "the end of the order")
    trace = folder / "trace"
    (child,) = httpd.serving_pids()
    tracer = subprocess.Popen(["strace", "-f", "-e", "trace=%file", "-o", trace, "-p", str(child)], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: b"attached" in tracer.stderr.readline(), "strace")
        for _ in range(20):
            negotiated(httpd, "example.org", ["acme-tls/1"])
        assert negotiated(httpd, "example.org", ["http/1.1"])[0] == "http/1.1"
    finally:
        tracer.terminate()
        tracer.wait()
    assert "challenges" not in trace.read_text()
