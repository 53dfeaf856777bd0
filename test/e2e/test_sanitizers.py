"""The module under AddressSanitizer and UndefinedBehaviorSanitizer, and what a restart leaves behind.

SPDX-License-Identifier: Apache-2.0
"""

import os
from pathlib import Path

import pytest

from world.ca import make_server_certificate
from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for

SITES = (
    "ACMEDomain example.org www.example.org\n"
    + vhost("example.org", "www.example.org")
    + vhost("shop.example.org", body="  ACMEDomain")
    + STATUS_HANDLER
)


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_an_issuance_and_restarts(make_ca, make_httpd, mpm):
    httpd = make_httpd(SITES, ca=make_ca(), mpm=mpm, sanitize=True).start()
    httpd.wait_for_certificate("example.org", "shop.example.org", timeout=30)
    for path in ("/acme-status", "/", "/.well-known/acme-challenge/nothing"):
        httpd.get_plain("example.org", path)
    for _ in range(3):
        httpd.graceful()
    httpd.wait_for_certificate("example.org")


def resources(httpd):
    """What the parent holds: (bytes of its own memory, descriptors, maps).

    Pages that are private now are shared as soon as a child is forked: only their sum means something.
    """
    pid = httpd.parent_pid
    memory = sum(
        int(line.split()[1]) * 1024
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Anonymous:")
    )
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    maps = len(Path(f"/proc/{pid}/maps").read_text().splitlines())
    return memory, descriptors, maps


def shared_segments():
    return len(Path("/proc/sysvipc/shm").read_text().splitlines())


def restart_growth(httpd, restarts):
    """Bytes per restart, and what else has grown, after a warm-up."""
    for _ in range(10):
        httpd.graceful()
    before, segments = resources(httpd), shared_segments()
    for _ in range(restarts):
        httpd.graceful()
    wait_for(lambda: len(httpd.children_pids()) <= 4, "old children end", 30)
    after = resources(httpd)
    return (after[0] - before[0]) / restarts, after[1] - before[1], after[2] - before[2], shared_segments() - segments


def test_a_restart_leaves_nothing_behind(make_ca, make_httpd, folder):
    """At most 1 KB per graceful restart more than the same httpd, TLS and all, without the module."""
    restarts = 1000
    own, key = make_server_certificate(folder, ("example.org", "shop.example.org"))
    files = f"  SSLCertificateFile {own}\n  SSLCertificateKeyFile {key}\n"
    plain = "".join(vhost(name, body=files) for name in ("example.org", "shop.example.org"))
    bare = make_httpd(plain, name="bare", acme=False, children=2, log_level="notice").start()
    bare_growth = restart_growth(bare, restarts)
    bare.stop()
    httpd = make_httpd(SITES, ca=make_ca(), children=2, log_level="notice").start()
    httpd.wait_for_certificate("example.org", "shop.example.org")
    growth = restart_growth(httpd, restarts)
    print(f"bytes per restart: {growth[0]:.0f} with the module, {bare_growth[0]:.0f} without")
    assert growth[0] <= max(0, bare_growth[0]) + 1024, (growth, bare_growth)
    assert growth[1] <= max(0, bare_growth[1])
    assert growth[2] <= max(4, bare_growth[2])
    assert growth[3] <= max(0, bare_growth[3])
