"""http-01 behind whatever a host may have in front of its files, and requests for what is nobody's.

SPDX-License-Identifier: Apache-2.0
"""

import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from world.httpd import vhost
from world.processes import NotInTime, wait_for
from world.store import Store

PREFIX = "/.well-known/acme-challenge/"
SITE = "ACMEDomain example.org\n" + vhost("example.org")
OF_NOBODY = "of-nobody-and-long-enough-to-be-a-token-0123"


def plain(body, name="example.org"):
    return f"<VirtualHost 127.0.0.1:{{http}}>\n  ServerName {name}\n{body}\n</VirtualHost>\n"


# What stands in the host on port 80: (modules, configuration, what an ordinary request is answered).
FRONTS = {
    "nothing": ("", "", 200),
    "ProxyPass": ("proxy proxy_http", "ProxyPass / http://127.0.0.1:1/", 503),
    "ProxyPass in Location": ("proxy proxy_http", '<Location "/">\nProxyPass http://127.0.0.1:1/\n</Location>', 503),
    "ProxyPassMatch": ("proxy proxy_http", "ProxyPassMatch ^/(.*)$ http://127.0.0.1:1/$1", 503),
    "FallbackResource": ("", '<Directory "{folder}/htdocs">\nFallbackResource /index.html\n</Directory>', 200),
    "mod_rewrite in the host": ("rewrite", "RewriteEngine on\nRewriteRule ^ /index.html [L]", 200),
    "mod_rewrite in the folder": (
        "rewrite",
        '<Directory "{folder}/htdocs">\nRewriteEngine on\nRewriteCond %{REQUEST_FILENAME} !-f\n'
        "RewriteRule ^ index.html [L]\n</Directory>",
        200,
    ),
    "mod_rewrite to a proxy": (
        "rewrite proxy proxy_http",
        "RewriteEngine on\nRewriteRule ^/(.*) http://127.0.0.1:1/$1 [P]",
        503,
    ),
    "Require all denied": ("", '<Location "/">\nRequire all denied\n</Location>', 403),
    "basic authentication": (
        "authn_core authn_file auth_basic authz_user",
        '<Location "/">\nAuthType Basic\nAuthName x\nAuthUserFile {folder}/users\nRequire valid-user\n</Location>',
        401,
    ),
    "output filters": (
        "filter substitute ext_filter deflate",
        "ExtFilterDefine upper mode=output cmd=\"/usr/bin/tr a-z A-Z\"\nSetOutputFilter upper;SUBSTITUTE;DEFLATE\n"
        '<Location "/">\nSubstitute s/[A-Za-z]/x/\n</Location>',
        200,
    ),
    "redirect to https": ("", "Redirect permanent / https://example.org/", 301),
    "redirect to https by mod_rewrite": (
        "rewrite",
        "RewriteEngine on\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L,NE]",
        301,
    ),
    "alias of another client": ("", f'Alias {PREFIX} {{folder}}/elsewhere/', 200),
    "maintenance": ("rewrite", "RewriteEngine on\nRewriteRule ^ - [R=503,L]", 503),
    "ErrorDocument": ("", 'ErrorDocument 404 /index.html', 200),
}


def answers_of(httpd, name, path, **options):
    return [httpd.get_plain(name, path, **options) for _ in range(3)]


def pending_token(httpd, name="example.org"):
    """The token of a proof for the name that is published now."""
    folder = httpd.store / "challenges" / "http-01"

    def look():
        tokens = [file.name for file in folder.iterdir() if file.name[0] != "."]
        return [token for token in tokens if f'"value":"{name}"' in record_of(httpd, token)]

    return wait_for(look, "a published proof")[0]


@pytest.fixture
def waiting(make_ca, make_httpd, ports):
    """waiting(config, …): an httpd with a proof that stays published, since the CA does not get at it:
    who listens on its port 80 never answers. Returns (httpd, token, what must be the answer).
    """
    silent = socket.create_server(("127.0.0.1", ports["http_port"]), backlog=64)

    def make(config, **options):
        common = "ACMECAChallenges http-01"
        httpd = make_httpd(config, ca=make_ca(), common=common, http_port=None, **options).start()
        token = pending_token(httpd)
        thumbprint = re.search(r'"thumbprint": ?"([\w-]{43})"', record_of(httpd, token)).group(1)
        return httpd, token, f"{token}.{thumbprint}".encode()

    yield make
    silent.close()


def record_of(httpd, token):
    return (httpd.store / "challenges" / "http-01" / token).read_text()


@pytest.mark.parametrize("front", FRONTS)
def test_the_answer_is_the_same_behind(waiting, front):
    """200 and byte for byte, on port 80 and on a TLS host that has but the placeholder."""
    modules, body, ordinary = FRONTS[front]
    (httpd, token, wanted) = waiting(
        SITE.replace("SSLEngine on", "SSLEngine on\n" + body) + plain(body), modules=modules.split()
    )
    assert httpd.get_plain("example.org", "/").status == ordinary
    everything = answers_of(httpd, "example.org", PREFIX + token)
    everything += answers_of(httpd, "EXAMPLE.org.", PREFIX + token)
    everything += answers_of(httpd, f"example.org:{httpd.http_port}", PREFIX + token)
    everything.append(httpd.get("example.org", PREFIX + token))
    everything += answers_of(httpd, "example.org", PREFIX + token, headers={"Range": "bytes=0-3"})
    everything += answers_of(httpd, "example.org", PREFIX + token, headers={"Accept-Encoding": "gzip"})
    for answer in everything:
        assert (answer.status, answer.body) == (200, wanted), answer
        assert int(answer.headers["content-length"]) == len(wanted)
        assert "content-encoding" not in answer.headers
    head = httpd.get_plain("example.org", PREFIX + token, method="HEAD")
    assert (head.status, head.body, int(head.headers["content-length"])) == (200, b"", len(wanted))


def test_a_host_with_nothing_but_the_placeholder_redirects_to_itself(make_ca, make_httpd):
    """The CA that follows the redirect of a front finds the answer over TLS, too."""
    body = "RewriteEngine on\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L,NE]"
    httpd = make_httpd(SITE + plain(body), ca=make_ca(), modules=["rewrite"], common="ACMECAChallenges http-01").start()
    httpd.wait_for_certificate("example.org")


def test_what_is_not_ours_is_served_by_whoever_has_it(waiting):
    httpd, token, wanted = waiting(
        SITE
        + "ACMEDomain other.example.org\n"
        + vhost("other.example.org")
        + plain("")
        + plain("", "other.example.org")
        + plain("", "front.example.org")
    )
    place = httpd.folder / "htdocs" / ".well-known" / "acme-challenge"
    place.mkdir(parents=True)
    (place / token).write_text("a file of this name")
    (place / OF_NOBODY).write_text("another client's answer")
    assert httpd.get_plain("example.org", PREFIX + OF_NOBODY).text == "another client's answer"
    # a token of another domain
    assert httpd.get_plain("other.example.org", PREFIX + token).text == "a file of this name"
    # a front that changed the Host names nobody of ours
    assert httpd.get_plain("front.example.org", PREFIX + token).body == wanted
    assert httpd.get_plain("example.org", PREFIX + token).body == wanted
    for path in ("", "nobodys-token", token + "x", token + "/", token + "/..", f"x/{token}", token[:-1]):
        assert httpd.get_plain("example.org", PREFIX + path).status in (403, 404), path
    for path in ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "..%2F..%2F..%2Fetc/passwd", "%2e%2e/%2e%2e/etc/passwd"):
        answer = httpd.get_plain("example.org", PREFIX + path)
        assert answer.status in (400, 403, 404) and b"root:" not in answer.body, path
    assert httpd.get_plain("example.org", PREFIX + token, method="POST").body != wanted


# ---- nothing is looked for while nothing is pending


def strace(httpd, folder, seconds, work):
    """The lines of opens by all children while work() runs in a thread; skips where it cannot attach."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    log = folder / "strace.log"
    command = ["strace", "-f", "-q", "-e", "trace=open,openat,openat2,stat,lstat,newfstatat,access", "-o", str(log)]
    for pid in httpd.children_pids():
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for(lambda: is_traced(httpd.children_pids()), "strace attached", 5)
    except NotInTime:
        tracer.kill()
        said = tracer.communicate()[0]
        pytest.skip(f"strace cannot attach: {said[:200]}")
    try:
        work(seconds)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
    return log.read_text(errors="replace").splitlines()


def is_traced(pids):
    for pid in pids:
        text = open(f"/proc/{pid}/status").read()
        if re.search(r"^TracerPid:\t0$", text, re.M):
            return False
    return bool(pids)


def hammer(httpd, paths, name="example.org", threads=4):
    """Asks for the paths as fast as it goes for the seconds it is called with; returns how often."""
    counts = []

    def work(seconds):
        end = time.monotonic() + seconds

        def run():
            count = 0
            while time.monotonic() < end:
                httpd.get_plain(name, next(paths))
                count += 1
            counts.append(count)

        all_of_them = [threading.Thread(target=run) for _ in range(threads)]
        for thread in all_of_them:
            thread.start()
        for thread in all_of_them:
            thread.join()

    work.counts = counts
    return work


class Tokens:
    """Well-formed tokens that nobody knows, for any number of threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            self.number += 1
            return f"{PREFIX}token-of-nobody-{self.number:027}"


@pytest.mark.parametrize("common", ["", "ACMEHttp01Stateless on"])
def test_unknown_tokens_open_nothing_below_the_store(make_ca, make_httpd, folder, common):
    name = "example.org" if not common else "unmanaged.example.org"
    httpd = make_httpd(SITE + plain("", name), ca=make_ca(), common=common, children=2).start()
    httpd.wait_for_certificate("example.org")
    wait_for(lambda: Store(httpd.store).certificate_file("example.org"), "root's copy", 30)
    wait_for(lambda: not Store(httpd.store).record("example.org"), "end of the run")
    httpd.get_plain(name, PREFIX + OF_NOBODY)
    work = hammer(httpd, Tokens(), name)
    lines = strace(httpd, folder, 5, work)
    assert sum(work.counts) > 100
    assert any(".well-known" in line for line in lines), "strace has seen the requests"
    # the engine looks after its own affairs once in a while, and not for tokens
    store = [line for line in lines if str(httpd.store) in line]
    assert not [line for line in store if "challenges" in line or "accounts" in line], store[:10]
    assert len(store) < sum(work.counts) / 10, store[:10]


# ---- ACMEHttp01Stateless


def thumbprint_in(httpd, name="example.org"):
    answer = httpd.get_plain(name, PREFIX + OF_NOBODY)
    return answer.text.partition(".")[2] if answer.status == 200 else None


def test_stateless_answers_any_token_for_managed_names(make_ca, make_httpd):
    httpd = make_httpd(
        SITE
        + "<ACMEDomain 127.0.0.1 ::1>\n  ACMERenewMode manual\n</ACMEDomain>\n"
        + plain("", "unmanaged.example.org")
        + plain(FRONTS["Require all denied"][1]),
        ca=make_ca(),
        common="ACMEHttp01Stateless on",
        children=3,
    ).start()
    wait_for(lambda: len(httpd.children_pids()) == 3, "all children")
    httpd.wait_for_certificate("example.org")
    thumbprint = wait_for(lambda: thumbprint_in(httpd), "an answer")
    assert re.fullmatch(r"[\w-]{43}", thumbprint)
    for answer in (
        *answers_of(httpd, "example.org", PREFIX + OF_NOBODY),
        *answers_of(httpd, f"Example.ORG.:{httpd.http_port}", PREFIX + OF_NOBODY),
        httpd.get("example.org", PREFIX + OF_NOBODY),
        httpd.get_plain("127.0.0.1", PREFIX + OF_NOBODY),
        httpd.get_plain(f"127.0.0.1:{httpd.http_port}", PREFIX + OF_NOBODY),
        httpd.get_plain("[::1]", PREFIX + OF_NOBODY),
        httpd.get_plain(f"[0:0::1]:{httpd.http_port}", PREFIX + OF_NOBODY),
    ):
        assert (answer.status, answer.text) == (200, f"{OF_NOBODY}.{thumbprint}")
    head = httpd.get_plain("example.org", PREFIX + OF_NOBODY, method="HEAD")
    assert (head.status, int(head.headers["content-length"])) == (200, len(OF_NOBODY) + 44)
    assert httpd.get_plain("unmanaged.example.org", PREFIX + OF_NOBODY).status == 404
    assert httpd.get_plain("127.0.0.9", PREFIX + OF_NOBODY).status == 404
    assert httpd.get_plain("[::2]", PREFIX + OF_NOBODY).status == 404
    for token in ("short", "a" * 21, "a" * 129, OF_NOBODY + "=", OF_NOBODY + "/x", "..%2f" + OF_NOBODY):
        assert httpd.get_plain("example.org", PREFIX + token).status in (403, 404), token
    # also after a restart, without a run
    httpd.graceful()
    assert wait_for(lambda: thumbprint_in(httpd), "an answer") == thumbprint


def test_off_is_the_default(make_ca, make_httpd):
    httpd = make_httpd(SITE, ca=make_ca()).start()
    httpd.wait_for_certificate("example.org")
    assert httpd.get_plain("example.org", PREFIX + OF_NOBODY).status == 404


def test_another_node_answers_for_all(make_ca, make_httpd, folder):
    """The CA reaches a node that knows nothing of the order, but has the account."""
    ca = make_ca()
    common = "ACMEHttp01Stateless on\nACMECAChallenges http-01"
    first = make_httpd(SITE, ca=ca, common=common, name="first").start()
    first.wait_for_certificate("example.org")
    wait_for(lambda: Store(first.store).certificate_file("example.org"), "root's copy", 30)
    first.stop()
    shutil.copytree(first.store, folder / "copy", symlinks=True)
    subprocess.run(["cp", "-a", f"{first.store}/.", f"{folder}/copy/"], check=True)
    second = make_httpd(
        SITE + "ACMEDomain new.example.org\n" + vhost("new.example.org"),
        ca=ca,
        common=common + "\nACMERenewMode manual",
        name="second",
        store=folder / "copy",
    ).start()
    # the node that orders is not the one that the CA asks
    orders = make_httpd(
        SITE + "ACMEDomain new.example.org\n" + vhost("new.example.org"),
        ca=ca,
        common=common,
        name="orders",
        store=first.store,
        http_port=None,
        https_port=None,
    ).start()
    orders.wait_for_certificate("new.example.org")
    assert second.log_lines(r"challenge for new\.example\.org answered")
    assert not orders.log_lines(r"challenge for new\.example\.org answered")
