"""What can be wrong outside: each gives one clear sentence, and httpd serves everything else on.

SPDX-License-Identifier: Apache-2.0
"""

import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading

import pytest

from world.ca import make_server_certificate
from world.httpd import vhost
from world.processes import free_port, wait_for
from world.store import Store

SITE = "ACMEDomain example.org\n" + vhost("example.org")
PLAIN = "<VirtualHost 127.0.0.1:{http}>\n  ServerName plain.example.org\n</VirtualHost>\n"


def serves_on(httpd):
    """Everything that needs no certificate of the CA is served."""
    assert httpd.get_plain("plain.example.org").status == 200
    assert httpd.get("example.org").status == 503
    assert httpd.children_pids()


def one_error(httpd, pattern, timeout=15):
    """There is exactly one line of that kind, with all that an administrator needs."""
    line = httpd.wait_for_log(pattern, timeout=timeout)
    assert len(httpd.log_lines(pattern)) == 1, httpd.log_tail()
    return line


def test_without_agreement(make_ca, make_httpd):
    ca = make_ca()
    httpd = make_httpd("", ca=ca)
    httpd.configure("ACMECertificateAgreement none\n" + SITE + PLAIN)
    text = httpd.config_file.read_text()
    text = text.replace("ACMECertificateAgreement accepted\n", "").replace("ACMECertificateAgreement none\n", "")
    httpd.config_file.write_text(text)
    httpd.start()
    line = one_error(httpd, r"ACMECertificateAgreement")
    assert "accepted" in line
    serves_on(httpd)
    assert ca.orders() == 0


def test_an_unreachable_ca(make_ca, make_httpd):
    ca = make_ca(start=False)
    httpd = make_httpd(SITE + PLAIN, ca=ca).start()
    line = httpd.wait_for_log(rf"acme:(error|warn).*localhost:{ca.port}")
    assert "onnect" in line
    serves_on(httpd)
    job = Store(httpd.store).job("example.org")
    assert not job or job.get("errors", 0) == 0, "trouble in reaching the CA is not the name's"


def test_it_goes_on_when_the_ca_is_back(make_ca, make_httpd):
    ca = make_ca(start=False)
    httpd = make_httpd("ACMERetryDelay 1s\n" + SITE + PLAIN, ca=ca).start()
    httpd.wait_for_log(rf"localhost:{ca.port}")
    ca.start()
    httpd.wait_for_certificate("example.org", timeout=30)


def test_a_ca_with_an_untrusted_certificate(make_ca, make_httpd, folder):
    ca = make_ca()
    (folder / "other").mkdir()
    other, _ = make_server_certificate(folder / "other")
    folder.joinpath("other").chmod(0o755)
    right = ca.certificate_file
    ca.certificate_file = other
    httpd = make_httpd(SITE + PLAIN, ca=ca).start()
    ca.certificate_file = right
    line = httpd.wait_for_log(rf"acme:(error|warn).*localhost:{ca.port}")
    assert "ACMECACertificateFile" in line
    serves_on(httpd)
    assert ca.requests() <= 1  # the test's own


class Html(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<html><body>Welcome to the hotel's network</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_POST = do_GET

    def log_message(self, *arguments):
        pass


class HtmlCa:
    """Looks like a CA to the configuration, and is a hotel's login page."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.certificate_file, key = make_server_certificate(folder)
        self.port = free_port()
        self.directory_url = f"https://localhost:{self.port}/dir"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Html)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate_file, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def test_a_ca_that_answers_html(make_httpd, folder):
    ca = HtmlCa(folder / "html")
    try:
        httpd = make_httpd(SITE + PLAIN, ca=ca).start()
        line = httpd.wait_for_log(rf"acme:(error|warn).*localhost:{ca.port}")
        assert "directory" in line
        assert "<html" not in line
        serves_on(httpd)
    finally:
        ca.stop()


@pytest.mark.root
def test_an_unwritable_store(make_ca, make_httpd, folder):
    """A file stands where the folder should be: it cannot be made, whoever asks."""
    (folder / "occupied").write_text("")
    httpd = make_httpd(SITE + PLAIN, ca=make_ca(), store=folder / "occupied" / "store").start()
    line = httpd.wait_for_log(r"occupied/store")
    assert "remove" in line
    assert httpd.get_plain("plain.example.org").status == 200


@pytest.fixture
def small_disk(folder):
    """A tmpfs of one megabyte; needs the right to mount."""
    place = folder / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "none", place]).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.root
def test_a_full_disk(make_ca, make_httpd, small_disk):
    httpd = make_httpd(SITE + PLAIN, ca=make_ca(), store=small_disk / "store").start()
    httpd.wait_for_certificate("example.org")
    first = httpd.handshake("example.org").serial
    httpd.stop()
    filler = os.open(small_disk / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(filler, b"\0" * 4096):
            pass
    except OSError:
        pass
    os.close(filler)
    since = httpd.log_size()
    httpd.configure("ACMEDomain new.example.org\n" + SITE + PLAIN + vhost("new.example.org"))
    httpd.start()
    assert httpd.get_plain("plain.example.org").status == 200
    assert httpd.wait_for_certificate("example.org").serial == first
    line = httpd.wait_for_log(r"[Nn]o space left", since=since)
    assert "disk" in line
    os.unlink(small_disk / "filler")
    httpd.stop()
    httpd.start()
    httpd.wait_for_certificate("new.example.org", timeout=30)


@pytest.mark.root
def test_a_store_on_tmpfs_warns(make_ca, make_httpd, small_disk):
    httpd = make_httpd(SITE, ca=make_ca(start=False), store=small_disk / "store").start()
    assert "tmpfs" in httpd.wait_for_log(r"tmpfs")


def served_once(make_ca, make_httpd):
    httpd = make_httpd(SITE + PLAIN, ca=make_ca()).start()
    serial = httpd.wait_for_certificate("example.org").serial
    wait_for(lambda: Store(httpd.store).certificate_file("example.org"), "root's copy", 30)
    httpd.stop()
    return httpd, serial


def test_a_newer_store_is_served(make_ca, make_httpd):
    httpd, serial = served_once(make_ca, make_httpd)
    file = httpd.store / "store.json"
    content = json.loads(file.read_text())
    content["version"] = 99
    file.write_text(json.dumps(content))
    since = httpd.log_size()
    httpd.start()
    assert httpd.wait_for_certificate("example.org").serial == serial
    assert "newer" in httpd.wait_for_log(r"store\.json|version", since=since)
    assert httpd.ca.orders() == 1


@pytest.mark.parametrize("damage", ["store.json", "live", "staging", "accounts", "placeholder"])
def test_a_damaged_store_is_served(make_ca, make_httpd, damage):
    httpd, serial = served_once(make_ca, make_httpd)
    target = httpd.store / damage
    if damage == "store.json":
        target.write_text("{ this is no JSON")
    else:
        for file in target.rglob("*"):
            if file.is_file() and not file.is_symlink():
                file.write_bytes(b"\0\1damaged")
    httpd.start()
    assert httpd.wait_for_certificate("example.org").serial == serial
    assert httpd.ca.orders() == 1


def test_a_lost_secret_orders_nothing(make_ca, make_httpd):
    httpd, serial = served_once(make_ca, make_httpd)
    (httpd.store / "store.json").unlink()
    shutil.rmtree(httpd.store / "live")
    httpd.start()
    assert httpd.wait_for_certificate("example.org").serial == serial
    assert httpd.ca.orders() == 1


def test_what_is_put_into_domains_is_served(make_ca, make_httpd, folder):
    """A restored backup: domains/ and archive/ only."""
    httpd, serial = served_once(make_ca, make_httpd)
    backup = folder / "backup"
    shutil.copytree(httpd.store, backup, symlinks=True)
    shutil.rmtree(httpd.store)
    httpd.store.mkdir()
    for name in ("domains", "archive"):
        shutil.copytree(backup / name, httpd.store / name, symlinks=True)
    httpd.start()
    assert httpd.wait_for_certificate("example.org").serial == serial
    assert httpd.ca.orders() == 1
