/* Tests of acme_credentials: lines NAME=VALUE, and what is none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_credentials.h"
#include "acme/acme_text.h"

static char *read_all(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *variables;
    assert_well(acme_credentials_parse(&variables, text, strlen(text), pool));
    return acme_text_join(variables, "|", pool);
}

static void reads_variables(void **state)
{
    apr_pool_t *pool = *state;
    assert_string_equal("", read_all("", pool));
    assert_string_equal("A=1", read_all("A=1", pool));
    assert_string_equal("A=1|_b2=x=y #z", read_all("A=1\r\n\n# no=1\n \t_b2=x=y #z \n", pool));
    assert_string_equal("A=|B=a b|C= 'd'|D=$x`y`",
                        read_all("A=\nexport B=\"a b\"\nexport\tC=\" 'd'\"\nD='$x`y`'\n", pool));
    assert_string_equal("A=3|AB=2", read_all("A=1\nAB=2\nA=3\n", pool));
    assert_string_equal("exported=1|export=2", read_all("exported=1\nexport=2", pool));
}

static void refuses_other_lines(void **state)
{
    apr_pool_t *pool = *state;
    const char *const wrong[] = {"A",          "=secret", "1A=secret", "A B=secret",    "A =secret",
                                 "A=\"secret", "A='",     "export",    "dns-key=secret"};
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        apr_array_header_t *variables;
        const char *text = apr_pstrcat(pool, "# first\n", wrong[i], "\n", NULL);
        acme_err_t *err = acme_credentials_parse(&variables, text, strlen(text), pool);
        assert_refused(ACME_ERR_INPUT, err);
        assert_non_null(strstr(err->text, "line 2 "));
        assert_null(strstr(err->text, "secret"));
    }
    apr_array_header_t *variables;
    assert_refused(ACME_ERR_INPUT, acme_credentials_parse(&variables, "A=1\0b", 5, pool));
    char *large = apr_pcalloc(pool, ACME_CREDENTIALS_MAX + 1);
    memset(large, '\n', ACME_CREDENTIALS_MAX + 1);
    assert_well(acme_credentials_parse(&variables, large, ACME_CREDENTIALS_MAX, pool));
    assert_refused(ACME_ERR_INPUT,
                   acme_credentials_parse(&variables, large, ACME_CREDENTIALS_MAX + 1, pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_variables),
        FIXTURE_TEST(refuses_other_lines),
    };
    return fixture_run(tests);
}
