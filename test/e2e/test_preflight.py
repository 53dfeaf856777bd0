"""The preflight says who answers and what the DNS forbids, beside the order and never in its way.

SPDX-License-Identifier: Apache-2.0
"""

import http.server
import json
import ssl
import threading
import urllib.request

import pytest

from world import tls
from world.ca import make_server_certificate
from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for
from world.store import Store

ELSEWHERE = "127.0.0.2"
NOBODY = "127.0.0.3"
SHORT = {"profiles": {"default": {"description": "short", "validityPeriod": 24}}}
SLOWLY = {"retry_after": 3}  # seconds: time to see it before the run is over


def site(name):
    return f"ACMEDomain {name}\n" + vhost(name)


@pytest.fixture
def lead(dns):
    """lead(name, *addresses): where the DNS leads a name for the length of a test."""
    led = []

    def lead_to(name, *addresses):
        led.append(name)
        dns.ensure().tell("add-a", host=f"{name}.", addresses=list(addresses))

    yield lead_to
    for name in led:
        dns.tell("clear-a", host=f"{name}.")


@pytest.fixture
def allow(dns):
    """allow(name, tag, value): a CAA record for the length of a test."""
    made = []

    def add(name, tag, value):
        made.append(name)
        dns.ensure().tell("add-caa", host=f"{name}.", policies=[{"tag": tag, "value": value}])

    yield add
    for name in made:
        dns.tell("clear-caa", host=f"{name}.")


@pytest.fixture
def other_server(ports):
    """A web server that is not ours, at another address with the port that the CA goes to."""

    class Handler(http.server.BaseHTTPRequestHandler):
        server_version = "somebody/1.0"
        sys_version = ""
        target = None

        def do_GET(self):
            if Handler.target:
                self.send_response(302)
                self.send_header("Location", Handler.target + self.path)
            else:
                self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((ELSEWHERE, ports["http_port"]), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tls_front(ports, folder):
    """A reverse proxy at another address that ends TLS and hands every request on to our port 80."""
    (folder / "front").mkdir()
    certificate, key = make_server_certificate(folder / "front", names=("front",))

    class Handler(http.server.BaseHTTPRequestHandler):
        server_version = "front/2"
        sys_version = ""

        def do_GET(self):
            answer = tls.get_plain(ports["http_port"], self.headers["Host"], self.path)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((ELSEWHERE, ports["https_port"]), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def notes(httpd, name):
    job = Store(httpd.store).job(name) or {}
    return [(entry["type"], entry["detail"]) for entry in job.get("log", {}).get("entries", [])]


def found(httpd, name):
    return [detail for kind, detail in notes(httpd, name) if kind == "preflight"]


def asked_for_caa(dns, name):
    """How often the DNS was asked for CAA records; Pebble does not ask for them."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{dns.management_port}/dns-request-history", data=json.dumps({"host": name}).encode()
    )
    history = json.load(urllib.request.urlopen(request, timeout=5)) or []
    return sum(entry["Question"]["Qtype"] == 257 for entry in history)


def test_another_server_answers(make_ca, make_httpd, lead, other_server):
    name = "elsewhere.example.org"
    lead(name, ELSEWHERE)
    httpd = make_httpd(STATUS_HANDLER + site(name), ca=make_ca(), preflight=True).start()
    line = httpd.wait_for_log(rf"acme:warn.*{name}.* leads to {ELSEWHERE}, where on port 80 not this server")
    assert '"somebody/1.0"' in line and "status 404" in line
    both = {"preflight", "error"}
    wait_for(lambda: both <= set(dict(notes(httpd, name))), "what was found beside the CA's own words", 20)
    shown = httpd.status(f"/acme-status/{name}")["renewal"]["log"]["entries"]
    assert both <= {entry["type"] for entry in shown}


def test_each_finding_is_warned_of_once(make_ca, make_httpd, lead, other_server):
    name = "again.example.org"
    lead(name, ELSEWHERE)
    httpd = make_httpd("ACMERetryDelay 1s\n" + site(name), ca=make_ca(), preflight=True).start()
    httpd.wait_for_log(rf"acme:warn.*{name}.*not this server")
    wait_for(lambda: (Store(httpd.store).job(name) or {}).get("errors"), "failure", 20)
    httpd.stop()
    job = httpd.store / "staging" / name / "job.json"
    assert len(found(httpd, name)) == len(set(found(httpd, name)))
    assert job.exists()
    assert len(httpd.log_lines(r"acme:warn.*where on port 80 not this server")) == 1


def test_nobody_answers(make_ca, make_httpd, lead):
    name = "nobody.example.org"
    lead(name, NOBODY)
    httpd = make_httpd(site(name), ca=make_ca(), preflight=True).start()
    line = httpd.wait_for_log(rf"acme:warn.*{name} leads to {NOBODY}, port 80, where nobody listens")
    assert "connection refused" in line


def test_of_two_addresses_the_wrong_one_is_named(make_ca, make_httpd, lead):
    name = "two.example.org"
    lead(name, "127.0.0.1", NOBODY)
    httpd = make_httpd(site(name), ca=make_ca(**SLOWLY), preflight=True).start()
    httpd.wait_for_log(rf"acme:warn.*{name} leads to {NOBODY}")
    assert not httpd.log_lines(rf"acme:warn.*{name} leads to 127\.0\.0\.1,")


def test_tls_alpn_behind_a_front_that_ends_tls(make_ca, make_httpd, lead, tls_front):
    name = "ended.example.org"
    lead(name, ELSEWHERE)
    config = "ACMECAChallenges tls-alpn-01\n" + site(name)
    httpd = make_httpd(config, ca=make_ca(), preflight=True).start()
    line = httpd.wait_for_log(rf"acme:warn.*{name} leads to {ELSEWHERE}.*TLS does not end at this server")
    assert '"front/2"' in line and "tls-alpn-01 cannot work" in line and "http-01" in line


def test_a_redirect_that_no_ca_follows(make_ca, make_httpd, lead, other_server):
    name = "redirect.example.org"
    lead(name, ELSEWHERE)
    other_server.target = "https://redirect.example.org:8443"
    httpd = make_httpd(site(name), ca=make_ca(), preflight=True).start()
    line = httpd.wait_for_log(rf"acme:warn.*{name}.*redirects to https://redirect.example.org:8443/")
    assert "ports 80 (http) and 443 (https) only" in line


def test_a_redirect_back_to_us_is_well(make_ca, make_httpd, lead, other_server, dns):
    name, here = "front.example.org", "back.example.org"
    lead(name, ELSEWHERE)
    other_server.target = f"http://{here}"
    httpd = make_httpd(site(name), ca=make_ca(), preflight=True).start()
    httpd.wait_for_log(rf"challenge for {here} answered")
    wait_for(lambda: asked_for_caa(dns, name), "CAA look")
    assert not httpd.log_lines(rf"acme:warn.*{name}.*port 80")


def test_caa_forbids_and_the_order_is_made_all_the_same(make_ca, make_httpd, allow):
    name = "caa.example.org"
    allow("example.org", "issue", ";")
    httpd = make_httpd(site(name), ca=make_ca(**SLOWLY), preflight=True).start()
    line = httpd.wait_for_log(rf"acme:warn.*{name}.*the CAA records of example.org, which count for {name}, forbid")
    assert "add the record" in line
    httpd.wait_for_certificate(name, timeout=30)
    assert len(found(httpd, name)) == 1


def test_caa_names_another_account(make_ca, make_httpd, allow):
    name = "account.example.org"
    allow(name, "issue", "pebble.letsencrypt.org; accounturi=https://localhost/other")
    httpd = make_httpd(site(name), ca=make_ca(**SLOWLY), preflight=True).start()
    line = httpd.wait_for_log(rf"acme:warn.*the CAA records of {name} allow .* only the account")
    assert "https://localhost/other" in line and f"localhost:{httpd.ca.port}" in line


def test_all_is_well(make_ca, make_httpd, dns):
    name = "well.example.org"
    ca = make_ca(**SLOWLY)
    httpd = make_httpd(site(name), ca=ca, preflight=True).start()
    wait_for(lambda: asked_for_caa(dns, name), "CAA look")
    httpd.wait_for_certificate(name, timeout=30)
    assert not httpd.log_lines(r"acme:warn.*may not come through")
    assert not found(httpd, name)
    # the look is over, and so are its tokens
    wait_for(lambda: not list((httpd.store / "challenges" / "http-01").glob("*")), "no tokens")


def test_off_looks_at_nothing(make_ca, make_httpd, allow, dns):
    name = "unseen.example.org"
    allow(name, "issue", ";")
    httpd = make_httpd(site(name), ca=make_ca()).start()
    httpd.wait_for_certificate(name, timeout=30)
    assert asked_for_caa(dns, name) == 0
    assert not found(httpd, name)


def test_a_renewal_looks_at_nothing(make_ca, make_httpd, dns):
    name = "renewed.example.org"
    config = "ACMERenewWindow 50%\nACMECheckInterval 1s\n" + site(name)
    httpd = make_httpd(config, ca=make_ca(**SLOWLY, **SHORT), preflight=True).start()
    first = httpd.wait_for_certificate(name, timeout=30)
    wait_for(lambda: asked_for_caa(dns, name), "CAA look")
    asked = asked_for_caa(dns, name)
    assert asked == 1
    httpd.wait_for_certificate(name, timeout=120, other_than=first.serial)
    assert asked_for_caa(dns, name) == asked
