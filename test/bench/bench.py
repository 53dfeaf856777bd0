#!/usr/bin/env python3
"""Measures what an administrator waits for, against Pebble on this machine, and prints it.

SPDX-License-Identifier: Apache-2.0

usage: bench.py [first] [many] [slow] [request] [--runs N] [--count N]

  first  from `httpd -k start` with an empty store to the first verified handshake with the CA's
         certificate; beside it mod_md, restarted at the very moment it says it is ready
  many   300 domains from an empty store: wall time, CPU, requests per certificate
  slow   20 domains and 300 of them when the CA's validation takes 0 to 4 s
  request
         instructions of one ordinary request, without the module, with it, and with the module of
         MOD_ACME_SO_BEFORE if that is set; counted by valgrind, so that nothing else has a say

Uses the module of MOD_ACME_SO, or of _build/gcc, and Pebble as the end-to-end tests do.
"""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test" / "e2e"))

from world.ca import Dns, Pebble  # noqa: E402
from world.httpd import Folder, Httpd, find_modules, vhost  # noqa: E402
from world.processes import accepts_connections, free_port, wait_for  # noqa: E402


class Bench:
    def __init__(self):
        self.folder = Folder()
        fetched = subprocess.run(
            [TOP / "test/lib/fetch-pebble.sh", TOP / "_build/pebble"], stdout=subprocess.PIPE, text=True, check=True
        )
        self.binaries = fetched.stdout.strip()
        self.module = Path(os.environ.get("MOD_ACME_SO") or TOP / "_build/gcc/.libs/mod_acme.so")
        if not self.module.exists():
            sys.exit(f"{self.module} is not there: build it first")
        self.dns = Dns(self.binaries, self.folder.path)
        self.number = 0
        self.running = []

    def fresh(self, config, env=None, **options):
        """A new CA and a new httpd with an empty store."""
        self.number += 1
        ports = {"http_port": free_port(), "https_port": free_port()}
        ca = Pebble(self.binaries, self.folder.path / f"ca{self.number}", self.dns, *ports.values(), env=env).start()
        self.running.append(ca)
        httpd = Httpd(self.folder.path / f"httpd{self.number}", self.module, ca=ca, log_level="notice", **ports, **options)
        self.running.append(httpd)
        ca.write_root()
        return httpd.configure(config(httpd) if callable(config) else config)

    def end_run(self):
        for what in reversed(self.running):
            what.stop()
        self.running = []

    def close(self):
        self.end_run()
        self.dns.stop()
        self.folder.remove()


SITE = vhost("example.org")


def first_of_mod_acme(bench):
    httpd = bench.fresh("ACMEDomain example.org\n" + SITE)
    began = time.monotonic()
    httpd.run("-k", "start")
    httpd.wait_for_certificate("example.org", timeout=30)
    return time.monotonic() - began


def md_config(httpd):
    return (
        f"LoadModule md_module {find_modules()}/mod_md.so\n"
        f"MDStoreDir {httpd.folder}/md\n"
        f"MDCertificateAuthority {httpd.ca.directory_url}\n"
        f"MDCACertificateFile {httpd.ca.certificate_file}\n"
        "MDCertificateAgreement accepted\nMDContactEmail admin@example.org\nMDPrivateKeys P-256\n"
        f"MDCAChallenges http-01\nMDPortMap http:{httpd.http_port} https:{httpd.https_port}\n"
        "MDomain example.org\n" + SITE
    )


def first_of_mod_md(bench):
    """mod_md activates by a restart: it comes the moment its log says that it is ready."""
    httpd = bench.fresh(md_config, acme=False)
    began = time.monotonic()
    httpd.run("-k", "start")
    httpd.wait_for_log(r"AH10059", timeout=60)
    httpd.graceful(wait=False)
    httpd.wait_for_certificate("example.org", timeout=30)
    return time.monotonic() - began


def bench_first(bench, options):
    print("First verified handshake after `httpd -k start`, empty store, one domain:")
    rivals = [("mod_acme, live", first_of_mod_acme)]
    if (find_modules() / "mod_md.so").exists():
        rivals.append(("mod_md, restarted at once", first_of_mod_md))
    medians = []
    for name, run in rivals:
        times = []
        for _ in range(options.runs):
            times.append(run(bench))
            bench.end_run()
        medians.append(statistics.median(times))
        every = " ".join(f"{t:.2f}" for t in times)
        print(f"  {name:28} median {medians[-1]:.2f} s   ({every})")
    return len(medians) < 2 or medians[0] <= medians[1]


def many(count, stem="site"):
    names = [f"{stem}{number}.example.org" for number in range(count)]
    return names, "".join(f"ACMEDomain {name}\n{vhost(name)}" for name in names)


def issue_all(bench, count, env=None):
    """(seconds until all are in use, httpd, names)"""
    names, config = many(count)
    httpd = bench.fresh(config, env=env)
    began = time.monotonic()
    httpd.run("-k", "start")
    wait_for(lambda: httpd.ca.issued() >= count, "all certificates", 300, poll=0.05)
    for name in names:
        httpd.wait_for_certificate(name, timeout=20)
    return time.monotonic() - began, httpd, names


def bench_many(bench, options):
    took, httpd, names = issue_all(bench, options.count)
    requests = httpd.ca.requests() / len(names)
    cpu = httpd.cpu_seconds()
    print(f"{len(names)} domains from an empty store, validation does not sleep:")
    print(f"  all in use after {took:.2f} s, httpd's CPU {cpu:.2f} s, {requests:.2f} requests per certificate")
    bench.end_run()
    return requests <= 8


def bench_slow(bench, options):
    env = {"PEBBLE_VA_NOSLEEP": "", "PEBBLE_VA_SLEEPTIME": "5"}
    took = {}
    for count in (20, options.count):
        took[count] = issue_all(bench, count, env)[0]
        bench.end_run()
    print("Validation takes 0 to 4 s:")
    for count, seconds in took.items():
        print(f"  {count:4} domains in use after {seconds:.2f} s")
    return took[options.count] <= 3 * took[20]


# What a request may cost more than without the module: a few hooks that look and decline.
REQUEST_MAX = 500


def instructions(bench, module, count, name):
    """How many instructions httpd spends on so many requests; start and end are not counted."""
    plain = SITE.replace("SSLEngine on", "")
    ours = "ACMEStoreDir {folder}/store\nACMERenewMode manual\nACMEDomain example.org\n"
    httpd = Httpd(
        bench.folder.path / name,
        module,
        acme=bool(module),
        directives=False,  # an older module need not know all that the tests write
        mpm="prefork",
        as_root=False,
        log_level="warn",
        http_port=free_port(),
        https_port=free_port(),
    ).configure(ours + plain if module else plain)
    bench.running.append(httpd)
    output = httpd.folder / "logs" / "callgrind"
    command = httpd._command("-X")
    at = command.index(httpd.binary)
    command[at:at] = [
        "valgrind",
        "--tool=callgrind",
        "--toggle-collect=ap_process_request",
        f"--callgrind-out-file={output}",
    ]
    with open(httpd.folder / "valgrind.log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(lambda: accepts_connections(httpd.http_port), "httpd listening", 120)
    for _ in range(count):
        assert httpd.get_plain("localhost", "/index.html", timeout=30).status == 200
    os.kill(httpd.parent_pid, signal.SIGTERM)
    process.wait(60)
    return int(re.search(r"^(?:totals|summary): (\d+)", output.read_text(), re.M).group(1))


def per_request(bench, name, module, few=100, many=400):
    """What all of the few cost as well (the first that loads a library, say) is taken off."""
    more = instructions(bench, module, many, f"{name}-many") - instructions(bench, module, few, f"{name}-few")
    bench.end_run()
    return more / (many - few)


def bench_request(bench, _):
    if not shutil.which("valgrind"):
        print("An ordinary request: valgrind is not installed")
        return True
    without = per_request(bench, "without", None)
    cost = {"with this module": per_request(bench, "with", bench.module) - without}
    if os.environ.get("MOD_ACME_SO_BEFORE"):
        cost["with the one before"] = per_request(bench, "before", Path(os.environ["MOD_ACME_SO_BEFORE"])) - without
    print(f"Instructions of an ordinary request: {without:.0f} without the module")
    for name, more in cost.items():
        print(f"  {name:28} {more:+.0f}   ({100 * more / without:+.2f} %)")
    return cost["with this module"] <= REQUEST_MAX


BENCHES = {"first": bench_first, "many": bench_many, "slow": bench_slow, "request": bench_request}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("which", nargs="*", choices=[*BENCHES, []], default=[])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args()
    bench = Bench()
    try:
        kept = [BENCHES[name](bench, options) for name in options.which or BENCHES]
    finally:
        bench.close()
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
