/* Tests of mod_acme_http01: what may be written about http-01, and what may not.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_dns_update_exec.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "mod_acme_http01.h"

static acme_err_t *parse(acme_http01_t **http01, const char *line, apr_pool_t *pool)
{
    return mod_acme_http01_parse(http01, acme_text_split(line, " ", pool), pool);
}

static void self_stands_alone(void **state)
{
    acme_http01_t *http01;
    assert_well(parse(&http01, "self", *state));
    assert_int_equal(ACME_HTTP01_SELF, http01->way);
    assert_refused(ACME_ERR_INPUT, parse(&http01, "self /srv", *state));
}

static void webroot_has_a_folder(void **state)
{
    acme_http01_t *http01;
    assert_well(parse(&http01, "webroot /srv/www", *state));
    assert_int_equal(ACME_HTTP01_WEBROOT, http01->way);
    assert_string_equal("/srv/www", http01->webroot);
    assert_null(http01->exec);
    assert_well(parse(&http01, "WebRoot srv/www//", *state));
    assert_string_equal("srv/www", http01->webroot); /* whoever knows ServerRoot goes on */
    assert_well(parse(&http01, "webroot /", *state));
    assert_string_equal("/", http01->webroot);
    assert_refused(ACME_ERR_INPUT, parse(&http01, "webroot", *state));
    assert_refused(ACME_ERR_INPUT, parse(&http01, "webroot /srv/a /srv/b", *state));
}

static void exec_has_options_before_the_program(void **state)
{
    acme_http01_t *http01;
    assert_well(parse(&http01, "exec /bin/hook a --b=c", *state));
    assert_int_equal(ACME_HTTP01_EXEC, http01->way);
    assert_int_equal(ACME_DNS_STYLE_DEHYDRATED, http01->exec->style);
    assert_string_equal("/bin/hook a --b=c", acme_text_join(http01->exec->command, " ", *state));
    assert_null(http01->webroot);
    assert_well(parse(
        &http01, "exec style=certbot credentials=/etc/c cleanup=/bin/b limit=20s /bin/a", *state));
    assert_int_equal(ACME_DNS_STYLE_CERTBOT, http01->exec->style);
    assert_string_equal("/etc/c", http01->exec->secret_file);
    assert_string_equal("/bin/b", APR_ARRAY_IDX(http01->exec->cleanup, 0, const char *));
    assert_true(http01->exec->limit == 20 * ACME_TIME_SECOND);
    assert_well(parse(&http01, "exec style=uacme /bin/a", *state));
    assert_int_equal(ACME_DNS_STYLE_UACME, http01->exec->style);
}

static void manual_may_have_a_wait(void **state)
{
    acme_http01_t *http01;
    assert_well(parse(&http01, "manual", *state));
    assert_int_equal(ACME_HTTP01_MANUAL, http01->way);
    assert_true(http01->wait == 0);
    assert_well(parse(&http01, "manual wait=2h", *state));
    assert_true(http01->wait == 2 * ACME_TIME_HOUR);
}

static void everything_else_is_refused(void **state)
{
    static const char *const lines[] = {"none",
                                        "/bin/hook",
                                        "rfc2136",
                                        "exec",
                                        "exec style=certbot",
                                        "exec style=mod_md /bin/a",
                                        "exec style=lego /bin/a",
                                        "exec style=acme.sh /bin/dns_a.sh",
                                        "exec style=getssl /bin/a",
                                        "exec webroot=/srv /bin/a",
                                        "manual now",
                                        "manual wait=",
                                        "manual wait=0",
                                        "manual wait=31d",
                                        "manual wait=1h wait=2h",
                                        "manual settle=1h"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        acme_http01_t *http01;
        assert_refused(ACME_ERR_INPUT, parse(&http01, lines[i], *state));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(self_stands_alone),
        FIXTURE_TEST(webroot_has_a_folder),
        FIXTURE_TEST(exec_has_options_before_the_program),
        FIXTURE_TEST(manual_may_have_a_wait),
        FIXTURE_TEST(everything_else_is_refused),
    };
    return fixture_run(tests);
}
