"""What `httpd -t` says of a configuration: only wrong syntax is fatal, the rest is a warning with its place.

SPDX-License-Identifier: Apache-2.0
"""

import time

import pytest

from world.ca import make_server_certificate

AGREED = "ACMECertificateAgreement accepted\n"


@pytest.fixture
def judge(make_httpd):
    """judge(config): (status, warnings, output) of `httpd -t`; warnings as {line number: [text, ...]}."""

    def run(config, **options):
        httpd = make_httpd(config, **options)
        status, output = httpd.run("-t")
        warnings = {}
        for line in output.splitlines():
            for word in ("Warning ", "Error "):
                if line.startswith(word + str(httpd.config_file) + ":"):
                    number, _, text = line[len(word + str(httpd.config_file)) + 1 :].partition(": ")
                    warnings.setdefault(int(number), []).append(text)
        run.httpd = httpd
        return status, warnings, output

    return run


def host(name, aliases="", inside="", port=443):
    alias_line = f"ServerAlias {aliases}\n" if aliases else ""
    return f"<VirtualHost *:{port}>\nServerName {name}\n{alias_line}{inside}\n</VirtualHost>\n"


def only(warnings):
    """The one warning there is."""
    texts = [text for found in warnings.values() for text in found]
    assert len(texts) == 1, texts
    return texts[0]


# ---- all is well


def test_a_plain_configuration_has_nothing_to_say(judge):
    status, warnings, output = judge(
        AGREED + "ACMEDomain example.org www.example.org\n" + host("example.org", "www.example.org")
    )
    assert status == 0 and not warnings, output
    assert "Syntax OK" in output


def test_every_directive_is_taken(judge, folder):
    (folder / "ca.pem").write_text("")
    certificate, key = make_server_certificate(folder, ("a.example.org",))
    key.chmod(0o600)
    status, warnings, output = judge(
        AGREED
        + f"""
ACMECertificateAuthority LetsEncrypt-Test letsencrypt google
ACMERetryFailover 5
ACMEStagingRetry off
ACMERenewViaARI off
ACMEProfile shortlived
ACMEProfileMandatory on
ACMEDropFailing off
ACMEMustStaple off
ACMEPreferredChain "ISRG Root X2"
ACMEContactEmail a@example.org mailto:b@example.org
ACMEContactEmail c@example.org
ACMEExternalAccountBinding kid-1 c2VjcmV0 alg=HS384
ACMEAccountKeyFile none
ACMERateLimits 25% domain=50/7d orders=300/3h set=5/7d
ACMECACertificateFile {folder}/ca.pem
ACMEHttpProxy http://proxy.example.org:3128
ACMEPrivateKeys P-256 RSA 3072
ACMERenewWindow 30d
ACMEWarnWindow 10%
ACMERenewMode always
ACMECAChallenges tls-alpn-01 http-01
ACMEMembers auto
ACMERetryDelay 1mi
ACMECheckInterval 6h
ACMEBaseServer off
ACMEMatchNames all
ACMEStrict off
ACMEHttp01Stateless on
ACMEChallengeHttp01 webroot {folder}
ACMEPlaceholder serve
ACMEActivation graceful interval=2h window=23:00-04:00
ACMEPortMap https:-
<ACMEDomain a.example.org>
    ACMEMember b.example.org
    ACMEMembers c.example.org manual
    ACMEPrivateKeys Default
    ACMEHttpProxy http://proxy.example.org:3128
    ACMECertificateFile {certificate}
    ACMECertificateKeyFile {key}
</ACMEDomain>
<ACMEDomainSet d.example.org auto>
    ACMERenewWindow 50%
    <IfDefine !NOT_DEFINED>
        ACMERenewMode manual
    </IfDefine>
</ACMEDomainSet>
"""
        + host("a.example.org", "b.example.org c.example.org")
        + host("d.example.org")
    )
    assert status == 0 and not warnings, output


def test_the_test_environment_of_ones_own_ca(judge):
    ca = AGREED + "ACMECertificateAuthority https://ca.example.org/dir\n"
    site = "ACMEDomain example.org\n" + host("example.org")
    status, warnings, output = judge(ca + "ACMEStagingRetry https://test.example.org/dir\n" + site)
    assert status == 0 and not warnings, output
    status, warnings, output = judge(ca + "ACMEStagingRetry https://ca.example.org/dir\n" + site)
    assert status == 0 and "that is the CA itself" in only(warnings), output
    status, _, output = judge(ca + "ACMEStagingRetry perhaps\n" + site)
    assert status != 0 and "'perhaps' is not possible: on, off or the URL" in output


def test_names_are_taken_from_the_host_wherever_they_stand(judge):
    status, warnings, output = judge(
        AGREED
        + "<VirtualHost *:443>\nACMEDomain\nServerName a.example.org\nServerAlias b.example.org\n"
        + "ACMEPrivateKeys RSA\nServerAlias c.local\n</VirtualHost>\n"
    )
    assert status == 0, output
    assert "c.local" in only(warnings)


def test_a_name_from_the_environment(judge):
    status, warnings, output = judge(
        AGREED + "ACMEDomain ${SITE}\n" + host("a.example.org", "b.example.org"),
        env={"SITE": "a.example.org b.example.org"},
    )
    assert status == 0 and not warnings, output


def test_more_than_64_names_on_a_line(judge):
    names = [f"h{i}.example.org" for i in range(90)]
    status, warnings, output = judge(
        AGREED + f"ACMEDomain {' '.join(names)} bad_one.example.org manual\n" + host(names[89])
    )
    assert status == 0, output
    assert "bad_one.example.org" in only(warnings)


def test_one_host_serves_a_thousand_domains(judge):
    domains = "".join(f"ACMEDomain h{i}.example.org\n" for i in range(1000))
    status, warnings, output = judge(AGREED + domains + host("h0.example.org", "*.example.org"))
    assert status == 0 and not warnings, output


# ---- names


@pytest.mark.parametrize(
    "name, why",
    [
        ("a_b.example.org", "underscore"),
        ("localhost", "reserved"),
        ("intranet", "single label"),
        ("x.local", "reserved"),
        ("host.lan", "reserved"),
        ("10.0.0.1", "not public"),
        ("www.*.example.org", "in front"),
        ("*.example.org", "dns-01"),
        ("a" * 64 + ".example.org", "63 characters"),
        ("https://example.org/", "without scheme"),
        ("a..example.org", "between two dots"),
        ("-a.example.org", "begins or ends"),
    ],
)
def test_a_name_that_cannot_be_is_left_out(judge, name, why):
    status, warnings, output = judge(
        AGREED + f"ACMEDomain good.example.org {name}\n" + host("good.example.org")
    )
    assert status == 0, output
    assert why in only(warnings)
    assert list(warnings) == [judge.httpd.line_of("ACMEDomain good")]


def test_dns_01_is_taken_back_in_a_section(judge):
    status, warnings, output = judge(
        AGREED
        + "ACMEChallengeDns01 manual\n<ACMEDomain good.example.org *.example.org>\nACMEChallengeDns01 none\n</ACMEDomain>\n"
        + "ACMEDomain other.example.net *.example.net\n"
        + host("good.example.org")
        + host("other.example.net")
    )
    assert status == 0, output
    assert "*.example.org: a wildcard is proved by DNS only" in only(warnings)


def test_a_wildcard_by_a_standing_record_is_no_news(judge):
    status, warnings, output = judge(
        AGREED
        + "ACMECAChallenges dns-persist-01\nACMEDomain *.example.org\n"
        + host("www.example.org", "*.example.org")
    )
    assert status == 0, output
    assert not warnings


def test_a_private_ca_may_certify_private_names(judge):
    status, warnings, output = judge(
        "ACMECertificateAuthority https://ca.local:14000/dir\nACMEDomain x.local intranet\n" + host("x.local")
    )
    assert status == 0 and not warnings, output


def test_the_first_in_the_file_keeps_a_name(judge):
    status, warnings, output = judge(
        AGREED
        + "ACMEDomain a.example.org\nACMEDomain b.example.org A.Example.org.\n"
        + host("a.example.org")
        + host("b.example.org")
    )
    assert status == 0, output
    assert f"httpd.conf:{judge.httpd.line_of('ACMEDomain a')} already" in only(warnings)
    assert list(warnings) == [judge.httpd.line_of("ACMEDomain b")]


def test_a_domain_that_nobody_uses_is_not_ordered(judge):
    config = AGREED + "ACMEDomain a.example.org\n" + host("b.example.org")
    status, warnings, output = judge(config)
    assert status == 0, output
    assert "nothing is ordered" in only(warnings)
    status, warnings, output = judge("ACMERenewMode always\n" + config)
    assert status == 0 and not warnings, output


def test_the_base_server_counts_where_it_is_told_to(judge):
    config = AGREED + "ServerName base.example.org\nACMEDomain base.example.org\n"
    status, warnings, output = judge(config)
    assert "nothing is ordered" in only(warnings)
    status, warnings, output = judge("ACMEBaseServer on\n" + config)
    assert status == 0 and not warnings, output


def test_too_many_names(judge):
    names = " ".join(f"h{i}.example.org" for i in range(150))
    status, warnings, output = judge(AGREED + f"ACMEDomain {names}\n" + host("h0.example.org"))
    assert status == 0 and not warnings, output
    status, warnings, output = judge(AGREED + f"ACMEDomain {names} manual\n" + host("h0.example.org"))
    assert status == 0, output
    assert "at most 100 names" in only(warnings) and "50 too many" in only(warnings)


def test_without_agreement_nothing_is_ordered_and_it_is_said_once(judge):
    status, warnings, output = judge(
        "ACMEDomain a.example.org\nACMEDomain b.example.org\n" + host("a.example.org") + host("b.example.org")
    )
    assert status == 0, output
    assert "ACMECertificateAgreement accepted" in only(warnings)


@pytest.mark.parametrize("port", ["http:1", "http:-"])
def test_a_closed_port_is_said_once(judge, port):
    config = "ACMEDomain a.example.org\nACMEDomain b.example.org\n" + host("a.example.org") + host("b.example.org")
    closed = AGREED + f"ACMEPortMap {port} https:-\n"
    status, warnings, output = judge(closed + config)
    assert status == 0, output
    assert "ACMEPortMap" in only(warnings) and "http-01" in only(warnings)
    status, warnings, output = judge(AGREED + f"ACMEPortMap {port}\nACMECAChallenges http-01\n" + config)
    assert status == 0 and "ACMEPortMap" in only(warnings), output
    status, warnings, output = judge(AGREED + f"ACMEPortMap {port}\n" + config)
    assert status == 0 and not warnings, output
    status, warnings, output = judge(closed + "ACMERenewMode manual\n" + config)
    assert status == 0 and not warnings, output
    status, warnings, output = judge(closed + "ACMEChallengeHttp01 manual\n" + config)  # others answer
    assert status == 0 and not warnings, output
    status, warnings, output = judge(closed + "ACMEChallengeHttp01 self\n" + config)
    assert status == 0 and "ACMEPortMap" in only(warnings), output


# ---- hosts


def test_aliases_that_cannot_be_covered(judge):
    status, warnings, output = judge(
        AGREED
        + "ACMEDomain a.example.org\n"
        + host("a.example.org", "w?w.example.org www*.example.org *.a.example.org fine.example.org")
        + host("a.example.org", "w?w.example.org", port=8443)
    )
    assert status == 0, output
    texts = warnings[judge.httpd.line_of("<VirtualHost *:443>")]
    assert len(texts) == 3 and len(warnings) == 1, output
    assert all(any(name in text for text in texts) for name in ("w?w.", "www*.", "*.a."))


def test_manual_members_are_missed(judge):
    status, warnings, output = judge(
        AGREED + "ACMEDomain a.example.org manual\n" + host("a.example.org", "b.example.org")
    )
    assert status == 0, output
    assert "b.example.org" in only(warnings) and "manual" in only(warnings)


def test_server_names_alone_may_count(judge):
    config = AGREED + "ACMEDomain b.example.org\n" + host("a.example.org", "b.example.org")
    status, warnings, output = judge("ACMEMatchNames servernames\n" + config)
    assert "nothing is ordered" in only(warnings)
    status, warnings, output = judge(config)
    assert status == 0 and not warnings, output


def test_aliases_of_a_host_of_plain_http_are_not_ordered(judge):
    status, warnings, output = judge(
        AGREED
        + "ACMEDomain a.example.org manual\n"
        + host("a.example.org")
        + host("a.example.org", "other.example.org", port="{http}")
    )
    assert status == 0 and not warnings, output


def test_a_host_without_name_has_none_to_give(judge):
    status, warnings, output = judge(AGREED + "<VirtualHost *:443>\nACMEDomain\n</VirtualHost>\n")
    assert status == 0, output
    assert "no ServerName" in only(warnings)


def test_the_same_host_twice_is_said_once(judge):
    status, warnings, output = judge(
        AGREED
        + host("a.example.org", "b.example.org c.example.org", "ACMEDomain")
        + host("a.example.org", "b.example.org c.example.org", "ACMEDomain", port=8443)
    )
    assert status == 0, output
    assert "a.example.org belongs to" in only(warnings)


# ---- what is fatal


@pytest.mark.parametrize(
    "line, why",
    [
        ("ACMEDomain", "write the names"),
        ("ACMEMembers a.example.org", "outside of <ACMEDomain>"),
        ("ACMEMembers", "something is missing"),
        ("ACMECertificateAuthority nobody", "letsencrypt"),
        ("ACMECertificateAuthority http://ca.example.org/", "https://"),
        ("ACMECertificateAuthority https://acme-v01.api.letsencrypt.org/directory", "acme-v02"),
        ("ACMECertificateAuthority Buypass", "ended"),
        ("ACMECertificateAgreement yes", "accepted"),
        ("ACMEContactEmail nobody", "mail address"),
        ("ACMEHttpProxy proxy:3128", "http://host:port"),
        ("ACMEPrivateKeys RSA 1024", "ACMEPrivateKeys"),
        ("ACMEPrivateKeys ed25519", "ACMEPrivateKeys"),
        ("ACMERenewWindow 100%", "ACMERenewWindow"),
        ("ACMEWarnWindow soon", "ACMEWarnWindow"),
        ("ACMERenewMode sometimes", "auto, always or manual"),
        ("ACMEPortMap http:0", "http:<port>"),
        ("ACMEHttp01Stateless maybe", "on or off"),
        ("ACMEChallengeHttp01", "something is missing"),
        ("ACMEChallengeHttp01 none", "write self"),
        ("ACMEChallengeHttp01 webroot", "one folder"),
        ("ACMEChallengeHttp01 exec style=acme.sh /bin/dns_a.sh", "certbot, dehydrated and uacme"),
        ("ACMEChallengeHttp01 manual wait=1y", "is not a duration"),
        ("ACMEPortMap", "something is missing"),
        ("ACMECAChallenges tls-sni-01", "tls-alpn-01 took its place"),
        ("ACMECAChallenges TLS-SNI-02", "tls-alpn-01 took its place"),
        ("ACMECAChallenges proofOfPossession-01", "use http-01, tls-alpn-01 or dns-01"),
        (
            "ACMECertificateAuthority https://acme-v01.api.letsencrypt.org/directory",
            "its successor is https://acme-v02.api.letsencrypt.org/directory",
        ),
        ("ACMERateLimits", "something is missing"),
        ("ACMERateLimits few", "write off, or a share"),
        ("ACMERateLimits 0%", "from 1% to 100%"),
        ("ACMERateLimits 101%", "from 1% to 100%"),
        ("ACMERateLimits orders=0/3h", "the count must be"),
        ("ACMERateLimits orders=300/7", "needs a unit"),
        ("ACMERateLimits off 25%", "off stands alone"),
        ("ACMECAChallenges smtp-01", "http-01, tls-alpn-01, dns-01 and dns-persist-01"),
        ("ACMERetryDelay 0", "at least 1s"),
        ("ACMERetryFailover 0", "a number from 1 to 1000000"),
        ("ACMERetryFailover 99999999999", "a number from 1 to 1000000"),
        ("ACMECheckInterval 500ms", "at least 1s"),
        ("ACMEBaseServer perhaps", "on or off"),
        ("ACMEMatchNames some", "all or servernames"),
        ("ACMEStrict", "exactly one word"),
        ("ACMEPlaceholder none", "unavailable or serve"),
        ("ACMEActivation graceful window=25:00-26:00", "times of day"),
        ("<ACMEDomain a.example.org>\nSSLEngine on\n</ACMEDomain>", "does not belong"),
        ("<ACMEDomain a.example.org>\nACMEDomain b.example.org\n</ACMEDomain>", "inside of <ACMEDomain>"),
        ("<ACMEDomain a.example.org>\nACMEStoreDir x\n</ACMEDomain>", "outside of <ACMEDomain>"),
        ("<ACMEDomain a.example.org", "was not closed"),
        ("<ACMEDomain>\n</ACMEDomain>", "write the names"),
        ("<Directory />\nACMEDomain a.example.org\n</Directory>", "not allowed in"),
        ("<Location />\nACMERenewMode auto\n</Location>", "not allowed in"),
    ],
)
def test_wrong_syntax_is_fatal_and_says_where(judge, line, why):
    status, _, output = judge(line + "\n")
    assert status != 0
    assert why in output
    assert "httpd.conf" in output and "ine " in output


@pytest.mark.parametrize(
    "line",
    [
        "ACMEStoreDir x",
        "ACMEPortMap http:8080",
        "ACMERetryDelay 1mi",
        "ACMECheckInterval 1h",
        "ACMEBaseServer on",
        "ACMEMatchNames all",
        "ACMEStrict on",
        "ACMEHttp01Stateless on",
        "ACMEPlaceholder serve",
        "ACMEActivation live",
    ],
)
def test_what_is_for_the_whole_server_is_refused_in_a_host(judge, line):
    status, _, output = judge(host("a.example.org", inside="ACMEDomain\n" + line))
    assert status != 0
    assert "outside of <VirtualHost>" in output


def test_a_setting_without_domain_in_a_host_is_refused(judge):
    status, warnings, output = judge(
        AGREED + "ACMEDomain a.example.org\n" + host("a.example.org", inside="ACMEPrivateKeys RSA")
    )
    assert status != 0
    assert "there is none" in warnings[judge.httpd.line_of("ACMEPrivateKeys")][0]


def test_strict_makes_errors_of_warnings(judge):
    status, warnings, output = judge(
        AGREED + "ACMEStrict on\nACMEDomain a.example.org a_b.example.org\n" + host("a.example.org")
    )
    assert status != 0
    assert "underscore" in only(warnings)
    assert f"Error {judge.httpd.config_file}" in output


def test_chroot_is_refused(judge, folder):
    config = f"ChrootDir {folder}\n"
    status, _, output = judge(config)
    assert status == 0, output
    status, _, output = judge(config + AGREED + "ACMEDomain a.example.org\n" + host("a.example.org"))
    assert status != 0
    assert "ChrootDir" in output


# ---- what is only said


@pytest.mark.parametrize(
    "line, why",
    [
        ("ACMEPrivateKeys P-256 P-384", "P-384 is left out"),
        ("ACMECACertificateFile nowhere.pem", "there is no file"),
    ],
)
def test_settings_that_cannot_work_as_written(judge, line, why):
    status, warnings, output = judge(AGREED + line + "\n")
    assert status == 0, output
    assert why in only(warnings)
    assert list(warnings) == [judge.httpd.line_of(line)]


def test_domains_of_one_ca_share_its_account(judge):
    status, warnings, output = judge(
        AGREED
        + "ACMEDomain a.example.org\n"
        + "<ACMEDomain b.example.org>\nACMEHttpProxy http://proxy:3128\n</ACMEDomain>\n"
        + host("a.example.org")
        + host("b.example.org")
    )
    assert status == 0, output
    assert "share one account" in only(warnings)


def test_a_share_of_limits_that_are_not_known_is_told(judge):
    status, warnings, output = judge(
        AGREED
        + "ACMERateLimits 25%\nACMECertificateAuthority https://ca.example.org/dir\nACMEDomain a.example.org\n"
        + host("a.example.org")
    )
    assert status == 0, output
    assert "25% has no effect" in only(warnings)
    assert list(warnings) == [judge.httpd.line_of("ACMERateLimits")]


def test_log_level_does_not_hide_what_was_asked_for(judge):
    status, warnings, output = judge(AGREED + "ACMEDomain a_b.example.org\n", log_level="crit")
    assert status == 0 and only(warnings), output


def test_a_finding_is_said_once_each_time_the_configuration_is_read(make_httpd):
    httpd = make_httpd(
        "ACMECertificateAuthority https://localhost:1/dir\nACMEDomain a_b.example.org\nACMEDomain a.local\n"
        + host("a.local")
    )
    httpd.start()
    httpd.wait_for_log("resuming normal operations")
    assert httpd.output.count("Warning ") == 1, httpd.output
    assert not httpd.log_lines("underscore")
    httpd.graceful()
    assert len(httpd.log_lines(r"acme:warn.*Warning .*httpd\.conf:[0-9]+: .*underscore")) == 1
    assert len(httpd.log_lines(r"Warning .*httpd\.conf:[0-9]+: ")) == 1
    status, output = httpd.run("-k", "graceful")
    assert status == 0 and output.count("Warning ") == 1, output


# ---- many


TEN_WAYS = [
    "bad_{}.example.org",
    "{}.local",
    "label{}",
    "10.1.0.{}",
    "w.*.x{}.example.org",
    "*.x{}.example.org",
    "a" * 64 + "{}.example.org",
    "https://x{}.example.org/",
    "good{}.example.org",
    "unused{}.example.com",
]


def test_fifty_of_a_thousand_are_bad(judge):
    good = [f"good{i}.example.org" for i in range(950)]
    bad = [way.format(i) for i in range(5) for way in TEN_WAYS]
    status, warnings, output = judge(
        AGREED
        + "".join(f"ACMEDomain {name}\n" for name in good + bad)
        + host("good0.example.org", "*.example.org")
    )
    assert status == 0, output
    assert output.count("Warning ") == 50
    assert len(warnings) == 50
    first_bad = judge.httpd.line_of(f"ACMEDomain {bad[0]}")
    assert sorted(warnings) == list(range(first_bad, first_bad + 50))


def test_time_is_linear_in_the_number_of_names(judge, request):
    if not request.config.getoption("--all-of-it"):
        pytest.skip("a matter of time: --all-of-it")

    def seconds(hosts):
        config = AGREED + "".join(
            f"ACMEDomain {names}\n" + host(f"h{i}-0.example.org", names)
            for i in range(hosts)
            for names in [" ".join(f"h{i}-{j}.example.org" for j in range(10))]
        )
        begin = time.monotonic()
        status, warnings, output = judge(config, name=f"httpd{hosts}")
        assert status == 0 and not warnings, output[:1000]
        return time.monotonic() - begin

    assert seconds(10000) < 30 * seconds(1000) + 1
