"""Programs that set DNS records: written for other tools, alone with their secrets, ended when they hang.

SPDX-License-Identifier: Apache-2.0
"""

import base64
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from world.bind import PRIMARY, SECONDARY, find_program
from world.httpd import RUN_USER, STATUS_HANDLER, vhost
from world.processes import is_alive, pids_with_argument, send, wait_for

HOOKS = Path(__file__).parent / "hooks"

# what stands behind "exec style=", in files of {folder}/hooks
STYLES = {
    "mod_md": "{hooks}/mod_md.sh",
    "certbot": "cleanup={hooks}/certbot-cleanup.sh {hooks}/certbot-auth.sh",
    "dehydrated": "{hooks}/dehydrated.sh",
    "lego": "{hooks}/lego.sh",
    "acme.sh": "{hooks}/dns_testbed.sh",
    "uacme": "{hooks}/uacme.sh",
}


@pytest.fixture
def hooks(folder):
    """The programs where the run user can run them."""
    return Path(shutil.copytree(HOOKS, folder / "hooks"))


@pytest.fixture
def reports(folder):
    """Where programs of the run user may write."""
    made = folder / "reports"
    made.mkdir()
    made.chmod(0o777)
    return made


def write_credentials(file, **variables):
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    file.chmod(0o600)
    return file


def section(name, more, lines):
    return f"<ACMEDomainSet {name} {more}>\n  {lines}\n</ACMEDomainSet>\n"


def challenge(name):
    return f"_acme-challenge.{name}"


def test_programs_of_other_tools_run_unchanged(make_bind, make_ca, make_httpd, folder, hooks):
    """A name and its wildcard at once by each convention; the one that is told where CNAMEs lead follows one."""
    bind = make_bind(("zone.example", "acme.example"), lag=1)
    credentials = write_credentials(
        folder / "credentials", NSUPDATE_SERVER=PRIMARY, NSUPDATE_PORT=bind.port, NSUPDATE_KEY=bind.nsupdate_key()
    )
    bind.update(f"update add {challenge('lego.zone.example')} 1 CNAME lego.acme.example")
    wait_for(lambda: bind.ask(challenge("lego.zone.example"), "CNAME", SECONDARY), "CNAME at the secondary", 15)
    names = {style: f"{re.sub('[._]', '-', style)}.zone.example" for style in STYLES}
    records = {style: "lego.acme.example" if style == "lego" else challenge(name) for style, name in names.items()}
    config = ""
    for style, program in STYLES.items():
        way = f"style={style} credentials={credentials} {program.format(hooks=hooks)}"
        config += section(names[style], f"*.{names[style]}", f"ACMEChallengeDns01 exec {way}")
        config += vhost(names[style], f"*.{names[style]}")
    common = f"ACMEDnsResolver {PRIMARY}:{bind.port}\nACMEDnsPort {bind.port}\nACMECAChallenges dns-01\n"
    httpd = make_httpd(config, ca=make_ca(dns=bind), common=common).start()
    for style, name in names.items():
        seen = httpd.wait_for_certificate(name, f"any.{name}", timeout=30)
        assert seen.names == sorted([name, f"*.{name}"]), style
        assert bind.added(records[style]) == 2, style
    assert httpd.ca.orders() == len(STYLES)
    wait_for(lambda: bind.is_clean(*records.values()), "clean zones", 15)
    assert not httpd.log_lines(r"could not be (set|removed)")


# ---- a program that hangs


def test_a_program_that_hangs_is_ended_and_nobody_waits_for_it(make_ca, make_httpd, dns, hooks, reports):
    names = [f"busy{number}.example.org" for number in range(50)]
    config = "".join(f"ACMEDomain {name}\n{vhost(name)}" for name in names)
    way = f"ACMEChallengeDns01 exec limit=8 {hooks}/hang.sh {reports}"
    config += section("stuck.example.org", "", f"ACMECAChallenges dns-01\n  {way}")
    config += vhost("stuck.example.org") + STATUS_HANDLER
    common = f"ACMEDnsResolver {dns.host}:{dns.port}\nACMEDnsPort {dns.port}\n"
    httpd = make_httpd(config, ca=make_ca(), common=common, log_level="warn acme:info").start()
    pids = [int(pid) for pid in wait_for((reports / "pids").read_text, "the program").split()]
    try:
        wait_for(lambda: httpd.ca.issued() >= 50, "the other certificates", 30)
        assert all(is_alive(pid) for pid in pids)
        httpd.wait_for_certificate(*names, timeout=10)
        line = httpd.wait_for_log(r"stuck\.example\.org: .*was killed", timeout=20)
        assert "hang.sh was not done within 8 seconds and was killed with its children" in line
        wait_for(lambda: not any(is_alive(pid) for pid in pids), "end of the program and its child", 2)
    finally:
        for pid in pids:
            send(pid, signal.SIGKILL)
    renewal = wait_for(lambda: history(httpd, "stuck.example.org"), "the history of the domain")
    told = [entry["detail"] for entry in renewal["log"]["entries"] if entry["type"] == "error"]
    assert told and "was not done within 8 seconds and was killed with its children" in told[0]
    assert 'it said: "asking a server that does not answer"' in told[0]
    assert renewal["errors"] == 1 and "killed" in renewal["last"]["detail"]
    assert not httpd.ca.authorizations_made_invalid()


def test_a_restart_ends_programs_and_the_order_goes_on(make_ca, make_httpd, dns, hooks, reports):
    way = f"ACMECAChallenges dns-01\n  ACMEChallengeDns01 exec {hooks}/hang.sh {reports}"
    config = section("stuck.example.org", "", way) + vhost("stuck.example.org")
    common = f"ACMEDnsResolver {dns.host}:{dns.port}\nACMEDnsPort {dns.port}\n"
    httpd = make_httpd(config, ca=make_ca(), common=common).start()
    first = [int(pid) for pid in wait_for((reports / "pids").read_text, "the program", 15).split()]
    (reports / "pids").unlink()
    httpd.graceful()
    wait_for(lambda: not any(is_alive(pid) for pid in first), "end of the program and its child", 5)
    second = [int(pid) for pid in wait_for((reports / "pids").read_text, "the next program", 15).split()]
    httpd.stop()
    wait_for(lambda: not any(is_alive(pid) for pid in second), "end of that too", 5)
    assert httpd.ca.orders() == 1
    assert not httpd.log_lines("could not be set")


def history(httpd, name):
    """The renewal in the domain's own status, once the run that failed has ended."""
    renewal = httpd.status(f"/acme-status/{name}").get("renewal", {})
    return renewal if renewal.get("errors") else None


# ---- a program alone


def seen_by(needle):
    """The processes that have something in their environment or arguments."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        for kind in ("environ", "cmdline"):
            try:
                if needle.encode() in (entry / kind).read_bytes():
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


def readable_files_with(needle, marker, *folders):
    """The files of these folders, and those made anywhere for temporary files since, in which the run user finds it."""
    user = ["setpriv", f"--reuid={RUN_USER}", f"--regid={RUN_USER}", "--clear-groups"]
    search = ["-type", "f", "-readable", "-exec", "grep", "-lF", needle, "{}", "+"]
    found = ""
    for command in (
        ["find", *folders, *search],
        ["find", "/tmp", "/var/tmp", "/dev/shm", "-user", RUN_USER, "-newer", marker, *search],
    ):
        done = subprocess.run([*user, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found += done.stdout
    return found.split()


def environment_of(pid):
    text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(variable.split("=", 1) for variable in text.split("\0") if variable)


@pytest.mark.root
def test_a_program_gets_nothing_of_ours_and_nobody_else_its_secret(make_ca, make_httpd, dns, folder, hooks, reports):
    secret = secrets.token_hex(16)
    marker = write_credentials(folder / "credentials", DNS_SECRET=secret)
    config = section(
        "shown.example.org", "",
        f"ACMECAChallenges dns-01\n  ACMEChallengeDns01 exec credentials={marker} {hooks}/show-yourself.sh {reports}",
    )
    temporary = folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    common = f"ACMEDnsResolver {dns.host}:{dns.port}\nACMEDnsPort {dns.port}\nACMEDns01Wait servers=none\n"
    httpd = make_httpd(
        config + vhost("shown.example.org"), ca=make_ca(), common=common,
        env={"OURS": "of httpd alone", "TMPDIR": str(temporary)},
    ).start()
    pid = int(wait_for((reports / "pid").read_text, "the program", 15))

    born = dict(re.findall(r"^(\w+):\t(.*)$", (reports / "status").read_text(), re.M))
    assert int(born["SigBlk"], 16) == 0 and int(born["SigIgn"], 16) == 0
    assert set(born["Uid"].split()) == {str(httpd.store.joinpath("lock").stat().st_uid)}
    descriptors = dict(re.findall(r" (\d+) -> (\S+)", (reports / "descriptors").read_text()))
    assert descriptors.pop("1") == str(reports / "descriptors")
    assert descriptors.pop("3").startswith("/proc/")  # what ls looks at
    assert descriptors.pop("0") == "/dev/null"
    assert descriptors.pop("2").startswith("pipe:")
    assert not descriptors
    environment = environment_of(pid)
    assert set(environment) == {"PATH", "LANG", "DNS_SECRET"}
    assert environment["DNS_SECRET"] == secret

    group = os.getpgid(pid)
    assert all(os.getpgid(other) == group for other in seen_by(secret) if is_alive(other)) and group == pid
    assert not readable_files_with(secret, marker, httpd.folder, temporary)
    (reports / "go").touch()
    httpd.wait_for_log(r"is done adding .*my secret is \*\*\*", timeout=15)
    httpd.wait_for_log(r"shown\.example\.org: .*could not validate", timeout=15)  # the program set nothing
    assert not seen_by(secret)
    assert not readable_files_with(secret, marker, httpd.folder, temporary)


@pytest.mark.root
def test_a_tsig_key_is_shown_to_nobody(make_ca, make_httpd, dns, folder, need):
    """nsupdate has it from its standard input, so not even its own arguments tell it."""
    need("nsupdate")
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    key = folder / "tsig.key"
    key.write_text(f'key "acme-key" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n')
    key.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(15)
        way = f"rfc2136 server=127.0.0.1:{silent.getsockname()[1]} key={key} zone=example.org"
        common = f"ACMEDnsResolver {dns.host}:{dns.port}\nACMEDnsPort {dns.port}\nACMEChallengeDns01 {way}\n"
        config = "ACMECAChallenges dns-01\nACMEDomain tsig.example.org\n" + vhost("tsig.example.org")
        httpd = make_httpd(config, ca=make_ca(), common=common).start()
        with silent.accept()[0]:  # nsupdate is at work and gets no answer
            assert pids_with_argument(find_program("nsupdate"))
            assert not seen_by(secret)
            assert not readable_files_with(secret, key, httpd.folder)
            httpd.stop()
