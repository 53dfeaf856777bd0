"""A renewal under load, and what every kind of client sees afterwards.

SPDX-License-Identifier: Apache-2.0
"""

import multiprocessing
import re
import ssl
import subprocess
import time

import pytest

from world import tls
from world.httpd import vhost
from world.processes import wait_for

SHORT = {"profiles": {"default": {"description": "short", "validityPeriod": 24}}}
RENEW = "ACMERenewWindow 50%\nACMEWarnWindow 10%\nACMECheckInterval 1s\n"


def keep_connecting(port, name, root, until, results):
    """Opens one verified connection after the other; reports [(time, serial or error)]."""
    seen = []
    while time.monotonic() < until:
        try:
            found = tls.handshake(port, name, root=root).serial
        except Exception as error:  # each failure of any kind is what this is about
            found = repr(error)
        if not seen or seen[-1][1] != found:
            seen.append((time.monotonic(), found))
    results.put(seen)


def test_a_renewal_under_load(make_ca, make_httpd, need):
    httpd = make_httpd(RENEW + "ACMEDomain example.org\n" + vhost("example.org"),
                       ca=make_ca(**SHORT), children=3).start()
    first = httpd.wait_for_certificate("example.org")
    results = multiprocessing.Queue()
    until = time.monotonic() + 20
    clients = [
        multiprocessing.Process(
            target=keep_connecting, args=(httpd.https_port, "example.org", httpd.root_file(), until, results)
        )
        for _ in range(2)
    ]
    for client in clients:
        client.start()
    load = subprocess.Popen(
        [need("wrk"), "-t1", "-c8", "-d20s", "-H", "Connection: close", "-H", "Host: example.org",
         f"https://127.0.0.1:{httpd.https_port}/"],
        stdout=subprocess.PIPE, text=True,
    )
    seen = [results.get(timeout=40) for _ in clients]
    for client in clients:
        client.join()
    said = load.communicate(timeout=40)[0]
    assert "Socket errors" not in said, said
    changes = []
    for client in seen:
        assert client[0][1] == first.serial
        assert all(isinstance(serial, int) for _, serial in client), client
        serials = [serial for _, serial in client]
        assert len(serials) == len(set(serials)) >= 2, "an older certificate came back"
        changes.append(client[1][0])
    assert max(changes) - min(changes) < 1.0

    # in the access log: one second after the first child served the new one, no child serves the old one
    children, first_time, last_time = {}, {}, {}
    for line in httpd.access_log.read_text().splitlines():
        found = re.match(r"(\d+) ([0-9A-Fa-f]+) (\d+) ", line)
        if found:
            pid, serial, at = found.group(1), found.group(2), int(found.group(3))
            children.setdefault(serial, set()).add(pid)
            first_time[serial] = min(at, first_time.get(serial, at))
            last_time[serial] = max(at, last_time.get(serial, at))
    order = sorted(first_time, key=first_time.get)
    assert len(order) >= 2
    for older, newer in zip(order, order[1:]):
        assert last_time[older] <= first_time[newer] + 1000
    assert max(len(pids) for pids in children.values()) == 3, "all children were asked"


CGI = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' \"$SSL_SERVER_V_END\"\n"


def test_every_kind_of_handshake_shows_the_renewed_one(make_ca, make_httpd):
    config = (
        RENEW
        + '<ACMEDomain rsa.example.org>\n  ACMEPrivateKeys RSA 2048\n</ACMEDomain>\n'
        + '<ACMEDomainSet ec.example.org>\n  ACMEPrivateKeys P-256\n</ACMEDomainSet>\n'
        + vhost("rsa.example.org", body='  ScriptAlias /cgi/ "{folder}/cgi/"\n  SSLOptions +StdEnvVars')
        + vhost("ec.example.org")
    )
    httpd = make_httpd(config, ca=make_ca(**SHORT), modules=["cgi"])
    script = httpd.folder / "cgi" / "end"
    script.write_text(CGI)
    script.chmod(0o755)
    httpd.start()
    first = {name: httpd.wait_for_certificate(name) for name in ("rsa.example.org", "ec.example.org")}
    for name, key_type in (("rsa.example.org", "RSA"), ("ec.example.org", "EllipticCurve")):
        renewed = httpd.wait_for_certificate(name, timeout=30, other_than=first[name].serial)
        assert renewed.key_type == key_type
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert httpd.handshake(name, version=version).serial == renewed.serial
    # without SNI, by address, with an unknown name: the first host of the address answers
    default = httpd.handshake("rsa.example.org").serial
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for name in (None, "127.0.0.1", "unknown.example.net"):
            assert httpd.handshake(name, version=version).serial == default, (name, version)
    answer = httpd.get("rsa.example.org", "/cgi/end")
    shown = httpd.handshake("rsa.example.org").certificate
    assert answer.text.strip() == shown.not_valid_after.strftime("%b %e %H:%M:%S %Y GMT")


def test_nothing_is_ordered_while_nothing_is_due(make_ca, make_httpd):
    httpd = make_httpd("ACMECheckInterval 1s\nACMEDomain example.org\n" + vhost("example.org"),
                       ca=make_ca()).start()
    httpd.wait_for_certificate("example.org")
    time.sleep(3)
    httpd.graceful()
    time.sleep(1)
    assert httpd.ca.orders() == 1


@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_a_renewal_with_other_mpms(make_ca, make_httpd, mpm):
    httpd = make_httpd(RENEW + "ACMEDomain example.org\n" + vhost("example.org"),
                       ca=make_ca(**SHORT), mpm=mpm, children=4).start()
    first = httpd.wait_for_certificate("example.org")
    before = httpd.serving_pids()
    httpd.wait_for_certificate("example.org", timeout=30, other_than=first.serial)
    assert set(before) <= set(httpd.serving_pids())  # prefork may add a spare child
    wait_for(lambda: {httpd.handshake("example.org").serial for _ in range(12)} != {first.serial}, "all", 2)
    assert first.serial not in {httpd.handshake("example.org").serial for _ in range(24)}
