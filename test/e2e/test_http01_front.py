"""http-01 where another server answers the CA: a folder it serves, a program, a hand.

SPDX-License-Identifier: Apache-2.0
"""

import http.client
import http.server
import os
import re
import select
import signal
import socket
import socketserver
import threading

import pytest

from world.httpd import STATUS_HANDLER, vhost
from world.processes import send, wait_for

PREFIX = "/.well-known/acme-challenge/"
SITE = STATUS_HANDLER + "ACMEDomain example.org\n" + vhost("example.org")


class Front:
    """What the CA reaches on port 80: serves the files of a folder, and counts what is asked for."""

    def __init__(self, port, folder):
        self.folder = folder
        self.asked = []
        self.status = None  # another answer than files

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(handler):
                self.asked.append(handler.path)
                if self.status:
                    handler.send_response(self.status)
                    handler.send_header("Location", "https://elsewhere.example.org/")
                    handler.end_headers()
                else:
                    super().do_GET()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", port), lambda *arguments: Handler(*arguments, directory=str(folder))
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def front(folder, ports):
    """A front server with a folder that httpd's user may write to."""
    place = folder / "front"
    place.mkdir()
    place.chmod(0o777)
    server = Front(ports["http_port"], place)
    yield server
    server.stop()


@pytest.fixture
def make_site(make_ca, make_httpd):
    """make_site(way): an httpd that is not what the CA reaches on port 80."""

    def make(way, config=SITE, common="", **options):
        common = f"ACMECAChallenges http-01\nACMEChallengeHttp01 {way}\n{common}"
        return make_httpd(config, ca=make_ca(), common=common, http_port=None, **options)

    return make


def tokens(folder):
    place = folder / PREFIX.strip("/")
    return sorted(file.name for file in place.iterdir()) if place.exists() else []


def records(httpd):
    place = httpd.store / "challenges" / "http-01"
    return [file for file in place.glob("*")] if place.exists() else []


def is_clean(httpd, front):
    return not tokens(front.folder) and not records(httpd)


# ---- webroot


def test_a_folder_that_another_server_serves(make_site, front):
    httpd = make_site(f"webroot {front.folder}").start()
    httpd.wait_for_certificate("example.org")
    assert [path for path in front.asked if path.startswith(PREFIX)]
    wait_for(lambda: is_clean(httpd, front), "no file left")
    assert front.folder.joinpath(".well-known").stat().st_mode & 0o777 == 0o755
    assert not httpd.log_lines(r"challenge for .* answered")
    assert not httpd.log_lines(r"acme:(warn|error)")


@pytest.mark.parametrize("moment", ["AUTHORIZE -> PUBLISH", "PUBLISH -> RESPOND", "RESPOND -> POLL"])
def test_killed_anywhere_the_folder_is_clean_in_the_end(make_site, front, moment):
    httpd = make_site(f"webroot {front.folder}").start()
    httpd.wait_for_log(moment, timeout=20)
    for pid in httpd.pids():
        send(pid, signal.SIGKILL)
    wait_for(lambda: not httpd.pids(), "end of httpd")
    httpd.start()
    httpd.wait_for_certificate("example.org", timeout=30)
    wait_for(lambda: is_clean(httpd, front), "no file left", 15)
    assert httpd.ca.orders() == 1


def test_what_was_left_is_removed_after_the_configuration_has_changed(make_site, front):
    front.status = 404
    httpd = make_site(f"webroot {front.folder}", common="ACMERetryDelay 1h").start()
    wait_for(lambda: tokens(front.folder), "a file", 20)
    for pid in httpd.pids():
        send(pid, signal.SIGKILL)
    wait_for(lambda: not httpd.pids(), "end of httpd")
    text = httpd.config_file.read_text()
    httpd.config_file.write_text(text.replace(f"webroot {front.folder}", "self"))
    httpd.start()
    wait_for(lambda: is_clean(httpd, front), "no file left", 20)


def test_a_missing_folder_is_said_at_once(make_site, folder):
    missing = folder / "missing"
    httpd = make_site(f"webroot {missing}")
    status, said = httpd.run("-t")
    assert status == 0
    assert f"there is no folder {missing}" in said
    assert f"httpd.conf:{httpd.line_of('ACMEChallengeHttp01')}" in said
    httpd.start()
    line = httpd.wait_for_log(rf"acme:error.*{missing} cannot be opened")
    assert "make it" in line
    assert httpd.get_plain("example.org").status == 200


@pytest.mark.root
def test_a_folder_that_the_run_user_cannot_write_to_is_said_at_once(make_site, folder):
    (folder / "front").mkdir(mode=0o755)
    httpd = make_site(f"webroot {folder / 'front'}").start()
    line = httpd.wait_for_log(rf"acme:error.*{folder / 'front'} cannot be written to")
    assert re.search(r"let user \d+", line)
    assert not tokens(folder / "front")


def test_a_section_says_otherwise(make_site, front, folder):
    """The server's way holds unless a section has its own; `self` there is the module."""
    config = (
        "<ACMEDomain other.example.org>\n  ACMEChallengeHttp01 self\n  ACMECAChallenges tls-alpn-01\n</ACMEDomain>\n"
        + SITE
        + vhost("other.example.org")
    )
    httpd = make_site(f"webroot {front.folder}", config=config).start()
    httpd.wait_for_certificate("example.org", "other.example.org")
    assert len({path for path in front.asked if path.startswith(PREFIX)}) == 1


# ---- exec

CERTBOT = """#!/bin/sh
# as certbot's own manual says
[ -n "$CERTBOT_TOKEN" ] || exit 1
place={folder}/.well-known/acme-challenge
if [ -n "${{CERTBOT_AUTH_OUTPUT+x}}" ]; then
    rm -f "$place/$CERTBOT_TOKEN"
else
    mkdir -p "$place"
    echo "$CERTBOT_VALIDATION" >"$place/$CERTBOT_TOKEN"
fi
"""
DEHYDRATED = """#!/bin/sh
deploy_challenge() {{
    local DOMAIN="${{1}}" TOKEN_FILENAME="${{2}}" TOKEN_VALUE="${{3}}"
    mkdir -p {folder}/.well-known/acme-challenge
    printf '%s' "$TOKEN_VALUE" >"{folder}/.well-known/acme-challenge/$TOKEN_FILENAME"
}}
clean_challenge() {{
    rm -f "{folder}/.well-known/acme-challenge/$2"
}}
HANDLER="$1"; shift
case "$HANDLER" in deploy_challenge|clean_challenge) "$HANDLER" "$@" ;; esac
"""
UACME = """#!/bin/sh
[ "$2" = http-01 ] || exit 1
case "$1" in
begin) mkdir -p {folder}/.well-known/acme-challenge
       printf %s "$5" >"{folder}/.well-known/acme-challenge/$4" ;;
done|failed) rm -f "{folder}/.well-known/acme-challenge/$4" ;;
esac
"""


@pytest.mark.parametrize("style, script", [("certbot", CERTBOT), ("dehydrated", DEHYDRATED), ("uacme", UACME)])
def test_a_program_of_another_tool(make_site, front, folder, style, script):
    hook = folder / "hook"
    hook.write_text(script.format(folder=front.folder))
    hook.chmod(0o755)
    httpd = make_site(f"exec style={style} {hook}").start()
    httpd.wait_for_certificate("example.org")
    assert [path for path in front.asked if path.startswith(PREFIX)]
    wait_for(lambda: is_clean(httpd, front), "no file left")
    assert httpd.log_lines(rf"{hook} is adding the answer {PREFIX}")


def test_a_program_that_fails_is_in_the_history(make_site, front, folder):
    hook = folder / "hook"
    hook.write_text("#!/bin/sh\necho the disk is on fire\nexit 7\n")
    hook.chmod(0o755)
    httpd = make_site(f"exec {hook}").start()
    line = httpd.wait_for_log(r"acme:error.*the disk is on fire", timeout=20)
    assert str(hook) in line and "7" in line
    assert not httpd.ca.authorizations_made_invalid()
    wait_for(lambda: "on fire" in str(httpd.domain_status("example.org")["renewal"]), "the status page")


def test_a_program_that_hangs_is_killed_at_its_limit(make_site, front, folder):
    hook = folder / "hook"
    hook.write_text(f"#!/bin/sh\nsleep 600 & echo $! >{front.folder}/pid\nwait\n")
    hook.chmod(0o755)
    httpd = make_site(f"exec limit=1s {hook}").start()
    httpd.wait_for_log(r"acme:error.*hook", timeout=30)
    pid = int((front.folder / "pid").read_text())
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "end of what it had started", 15)


def test_other_styles_are_refused(make_site, folder):
    httpd = make_site("exec style=lego /bin/true")
    status, said = httpd.run("-t")
    assert status != 0
    assert "certbot, dehydrated and uacme" in said


# ---- by hand


class Proxy(socketserver.ThreadingTCPServer):
    """An HTTP proxy: CONNECT as it is asked, and every plain request to the front server."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, front_port):
        self.front_port = front_port
        self.looked = []
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class ProxyHandler(socketserver.StreamRequestHandler):
    def handle(self):
        method, target, _ = self.rfile.readline().decode().split(" ", 2)
        while self.rfile.readline().strip():
            pass
        if method == "CONNECT":
            self.tunnel(int(target.rpartition(":")[2]))
        else:
            self.forward(target)

    def tunnel(self, port):
        with socket.create_connection(("127.0.0.1", port)) as other:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            pair = {self.connection: other, other: self.connection}
            while True:
                for ready in select.select(list(pair), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    pair[ready].sendall(data)

    def forward(self, url):
        self.server.looked.append(url)
        path = "/" + url.split("/", 3)[3]
        connection = http.client.HTTPConnection("127.0.0.1", self.server.front_port, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        head = f"HTTP/1.1 {answer.status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        if answer.getheader("Location"):
            head += f"Location: {answer.getheader('Location')}\r\n"
        self.wfile.write(head.encode() + b"\r\n" + body)


@pytest.fixture
def proxy(ports):
    server = Proxy(ports["http_port"])
    yield server
    server.shutdown()
    server.server_close()


def wanted(httpd):
    """What the status page wants a hand to set for example.org, or None."""
    for one in (httpd.domain_status("example.org") or {}).get("manual", []):
        if one["type"] == "http-01":
            return one
    return None


def test_by_hand(make_site, front, proxy):
    httpd = make_site("manual", common=f"ACMEHttpProxy http://127.0.0.1:{proxy.port}").start()
    one = wait_for(lambda: wanted(httpd), "what to set", 20)
    assert one["identifier"] == "example.org" and one["path"].startswith(PREFIX)
    line = httpd.wait_for_log(r"let the server that the CA reaches answer")
    assert one["value"] in line and f"http://example.org{one['path']}" in line
    httpd.wait_for_log(r"waiting for the answer at http://example\.org.*status 404", timeout=20)
    assert not httpd.ca.validations_begun()
    # a restart does not lose it
    httpd.graceful()
    assert wait_for(lambda: wanted(httpd), "what to set", 20) == one
    file = front.folder / one["path"].lstrip("/")
    file.parent.mkdir(parents=True)
    file.write_text(one["value"] + "\n")
    httpd.wait_for_certificate("example.org", timeout=40)
    assert proxy.looked and set(proxy.looked) == {f"http://example.org{one['path']}"}
    assert httpd.ca.orders() == 1 and not httpd.ca.authorizations_made_invalid()
    httpd.wait_for_log(r"this answer is no longer needed")
    wait_for(lambda: not wanted(httpd), "that nothing is wanted")


def test_what_is_answered_wrongly_is_not_told_to_the_ca(make_site, front, proxy):
    httpd = make_site("manual wait=3s", common=f"ACMEHttpProxy http://127.0.0.1:{proxy.port}").start()
    httpd.wait_for_log(r"acme:error.*was not seen at http://example\.org.*status 404", timeout=30)
    assert not httpd.ca.validations_begun()


def test_what_cannot_be_seen_from_here_is_told_all_the_same(make_site, front, proxy):
    httpd = make_site("manual wait=4s", common=f"ACMEHttpProxy http://127.0.0.1:{proxy.port}")
    front.status = 301
    httpd.start()
    httpd.wait_for_log(r"waiting for the answer at .*a redirect \(301\) leads elsewhere", timeout=20)
    assert not httpd.ca.validations_begun()
    httpd.wait_for_log(r"the CA is told all the same", timeout=30)
    wait_for(lambda: httpd.ca.validations_begun(), "the CA's own look", 10)
