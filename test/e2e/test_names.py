"""Many names, wildcards, and names that no CA could certify.

SPDX-License-Identifier: Apache-2.0
"""

import re

from world.httpd import vhost
from world.processes import wait_for


def test_one_host_serves_many_domains_each_with_its_own(make_ca, make_httpd):
    count = 1000
    names = [f"member{number}.example.org" for number in range(count)]
    config = "".join(f"ACMEDomain {name}\n" for name in names) + vhost("host.example.org", "*.example.org")
    httpd = make_httpd(config, ca=make_ca(), log_level="warn acme:notice", many=True).start()
    wait_for(lambda: httpd.ca.issued() >= count, f"{count} certificates", 180, poll=0.2)
    for name in names:
        seen = httpd.wait_for_certificate(name, timeout=10)
        assert seen.names == [name]


BAD = [
    "under_score{n}.example.org",
    "bad{n}..example.org",
    "-dash{n}.example.org",
    "dash-{n}-.example.org",
    "local{n}.localhost",
    "label{n}-" + "x" * 60 + ".example.org",
    "x{n}." + ".".join(["y" * 60] * 5) + ".org",
    "*.wild{n}.example.org",
    "inner.*.wild{n}.example.org",
    "single{n}",
]


def test_bad_names_stop_nobody(make_ca, make_httpd):
    """950 good domains and 50 bad ones in ten ways: -t warns for each, and all the good are served."""
    good = [f"good{number}.example.org" for number in range(950)]
    bad = [BAD[number % 10].format(n=number) for number in range(50)]
    config = "".join(f"ACMEDomain {name}\n" for name in good)
    config += "".join(f"ACMEDomain {name}\n" for name in bad)
    config += vhost("host.example.org", "*.example.org")
    httpd = make_httpd(config, ca=make_ca(), log_level="warn acme:notice", many=True)
    status, said = httpd.run("-t")
    assert status == 0, said
    warned = {
        int(number)
        for number in re.findall(r"[Ww]arning.*?httpd\.conf:(\d+)", said)
    }
    lines = {httpd.line_of(f"ACMEDomain {name}\n".rstrip()) for name in bad}
    assert warned == lines, said
    assert "Syntax OK" in said
    httpd.start()
    wait_for(lambda: httpd.ca.issued() >= len(good), "all good ones", 180, poll=0.2)
    for name in good:
        httpd.wait_for_certificate(name, timeout=10)


def test_strict_makes_them_errors(make_ca, make_httpd):
    httpd = make_httpd("ACMEStrict on\nACMEDomain under_score.example.org\n" + vhost("a.example.org"),
                       ca=make_ca(start=False))
    status, said = httpd.run("-t")
    assert status != 0
    assert f"httpd.conf:{httpd.line_of('under_score')}" in said or f"line {httpd.line_of('under_score')}" in said


def test_the_first_in_the_file_keeps_a_name(make_ca, make_httpd):
    config = (
        "ACMEDomain first.example.org both.example.org\n"
        "ACMEDomain second.example.org both.example.org\n"
        + vhost("first.example.org", "both.example.org")
        + vhost("second.example.org")
    )
    httpd = make_httpd(config, ca=make_ca())
    status, said = httpd.run("-t")
    assert status == 0
    assert "both.example.org" in said
    httpd.start()
    assert httpd.wait_for_certificate("first.example.org").names == ["both.example.org", "first.example.org"]
    assert httpd.wait_for_certificate("second.example.org").names == ["second.example.org"]


def test_a_directive_applies_in_its_host_or_is_refused(make_ca, make_httpd):
    ca = make_ca(start=False)
    refused = make_httpd(vhost("a.example.org", body="  ACMEDomain\n  ACMEStoreDir /nowhere"), ca=ca)
    status, said = refused.run("-t")
    assert status != 0
    assert "ACMEStoreDir" in said


def test_wrong_syntax_is_fatal(make_ca, make_httpd):
    ca = make_ca(start=False)
    for line in (
        "ACMERenewWindow often",
        "ACMEPrivateKeys RSA 512",
        "ACMEPortMap http:many",
        "ACMERenewMode sometimes",
        "ACMECertificateAuthority http://plain.example.org/dir",
        "ACMEActivation whenever",
        "ACMERetryDelay -1",
    ):
        httpd = make_httpd(line + "\nACMEDomain example.org\n" + vhost("example.org"), ca=None)
        status, said = httpd.run("-t")
        assert status != 0, line
        assert line.split()[0] in said, said
    assert ca
