/* Tests of acme_seal: what was closed opens, and nothing else does.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <openssl/err.h>

#include "acme/acme_seal.h"

static acme_err_t *draw(void *baton, unsigned char *bytes, apr_size_t len, apr_pool_t *pool)
{
    int *draws = baton;
    if (*draws < 0) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "no randomness");
    }
    memset(bytes, ++*draws, len);
    return NULL;
}

static int draws;
static const acme_env_t env = {.baton = &draws, .random = draw};

static acme_seal_t *make_seal(int byte, apr_pool_t *pool)
{
    unsigned char secret[ACME_SEAL_SECRET_LEN];
    memset(secret, byte, sizeof(secret));
    return acme_seal_create(secret, pool);
}

static void secrets_come_back(void **state)
{
    apr_pool_t *pool = *state;
    acme_seal_t *seal = make_seal(1, pool);
    char *plain = apr_pcalloc(pool, 5000);
    for (apr_size_t len = 0; len <= 5000; len += 1250) {
        char *sealed;
        apr_size_t sealed_len;
        assert_well(acme_seal_close_secret(&sealed, &sealed_len, seal, "live", "a.test/3", plain,
                                           len, &env, pool));
        assert_int_equal(9 + 12 + len + 16, sealed_len);
        assert_memory_equal("ACMESEAL1", sealed, 9);
        char *opened;
        apr_size_t opened_len;
        assert_well(acme_seal_open_secret(&opened, &opened_len, make_seal(1, pool), "live",
                                          "a.test/3", sealed, sealed_len, pool));
        assert_int_equal(len, opened_len);
        assert_memory_equal(plain, opened, len);
        assert_int_equal(0, opened[len]);
    }
}

static void two_closings_differ(void **state)
{
    acme_seal_t *seal = make_seal(1, *state);
    char *a;
    char *b;
    apr_size_t len;
    assert_well(acme_seal_close_secret(&a, &len, seal, "live", "x", "key", 3, &env, *state));
    assert_well(acme_seal_close_secret(&b, &len, seal, "live", "x", "key", 3, &env, *state));
    assert_memory_not_equal(a + 9, b + 9, 12);
    assert_memory_not_equal(a + 21, b + 21, len - 21);
    draws = -1;
    assert_refused(ACME_ERR_INTERNAL,
                   acme_seal_close_secret(&a, &len, seal, "live", "x", "key", 3, &env, *state));
    draws = 0;
}

static void a_secret_opens_only_where_it_was_closed(void **state)
{
    apr_pool_t *pool = *state;
    acme_seal_t *seal = make_seal(1, pool);
    char *sealed;
    apr_size_t len;
    assert_well(
        acme_seal_close_secret(&sealed, &len, seal, "live", "a.test/3", "key", 3, &env, pool));
    char *plain;
    apr_size_t plain_len;
    assert_refused(ACME_ERR_INPUT, acme_seal_open_secret(&plain, &plain_len, make_seal(2, pool),
                                                         "live", "a.test/3", sealed, len, pool));
    assert_refused(ACME_ERR_INPUT, acme_seal_open_secret(&plain, &plain_len, seal, "staging",
                                                         "a.test/3", sealed, len, pool));
    assert_refused(ACME_ERR_INPUT, acme_seal_open_secret(&plain, &plain_len, seal, "live",
                                                         "a.test/4", sealed, len, pool));
    assert_refused(ACME_ERR_INPUT, acme_seal_open_secret(&plain, &plain_len, seal, "live",
                                                         "a.test/3 ", sealed, len, pool));
    assert_int_equal(0, ERR_peek_error());
}

static void a_changed_secret_does_not_open(void **state)
{
    apr_pool_t *pool = *state;
    acme_seal_t *seal = make_seal(1, pool);
    char *sealed;
    apr_size_t len;
    assert_well(acme_seal_close_secret(&sealed, &len, seal, "live", "a", "key", 3, &env, pool));
    char *plain;
    apr_size_t plain_len;
    for (apr_size_t i = 0; i < len; i++) {
        char *changed = apr_pmemdup(pool, sealed, len);
        changed[i] ^= 1;
        assert_refused(ACME_ERR_INPUT, acme_seal_open_secret(&plain, &plain_len, seal, "live", "a",
                                                             changed, len, pool));
        assert_refused(ACME_ERR_INPUT, acme_seal_open_secret(&plain, &plain_len, seal, "live", "a",
                                                             sealed, i, pool));
    }
    assert_refused(ACME_ERR_INPUT,
                   acme_seal_open_secret(&plain, &plain_len, seal, "live", "a",
                                         apr_pstrcat(pool, sealed, "x", NULL), len + 1, pool));
}

static char *close_record(const char *json, apr_pool_t *pool)
{
    char *sealed;
    apr_size_t len;
    assert_well(acme_seal_close_record(&sealed, &len, make_seal(1, pool), "staging", "a/order.json",
                                       json, strlen(json), pool));
    assert_int_equal(strlen(sealed), len);
    return sealed;
}

static acme_err_t *open_record(char **json, const char *sealed, apr_pool_t *pool)
{
    apr_size_t len;
    ACME_TRY(acme_seal_open_record(json, &len, make_seal(1, pool), "staging", "a/order.json",
                                   sealed, strlen(sealed), pool));
    assert_int_equal(strlen(*json), len);
    return NULL;
}

static void records_come_back_byte_for_byte(void **state)
{
    const char *same[] = {"{}",
                          "{ }",
                          "{\n}",
                          " {}",
                          "{\"a\":1}",
                          "{\"a\":1 \n}",
                          "{\n  \"a\": \"}\"\n}",
                          "{\"seal\":\"x\"}",
                          "{\"a\":{}}",
                          "{\"a\":\"{\"}"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        char *json = NULL;
        assert_well(open_record(&json, close_record(same[i], *state), *state));
        assert_string_equal(same[i], json);
    }
    char *json = NULL;
    assert_well(open_record(&json, close_record("{\"a\":1} \r\n\t", *state), *state));
    assert_string_equal("{\"a\":1}", json);
    assert_well(open_record(
        &json, apr_pstrcat((apr_pool_t *)*state, close_record("{}", *state), "\n", NULL), *state));
    assert_string_equal("{}", json);
}

static void a_sealed_record_is_readable(void **state)
{
    char *sealed = close_record("{\"version\":1}\n", *state);
    assert_memory_equal("{\"version\":1,\n\"seal\":\"", sealed, 22);
    assert_int_equal(22 + 43 + 2, strlen(sealed));
    assert_string_equal("\"}", sealed + strlen(sealed) - 2);
    assert_memory_equal("{\n\"seal\":\"", close_record("{}", *state), 10);
}

/* Computed with another program: HKDF and HMAC of the format's description. Stores live longer than
 * versions of this module. */
static void the_format_stays(void **state)
{
    const char *wanted =
        "{\"version\":1,\n\"seal\":\"qyPnBRbUVz2WqNt-F0DFOiYTGX_pTY9ZnpdZG2ss7XM\"}";
    char *sealed;
    apr_size_t len;
    assert_well(acme_seal_close_record(&sealed, &len, make_seal(0, *state), "staging",
                                       "a.test/order.json", "{\"version\":1}", 13, *state));
    assert_string_equal(wanted, sealed);
}

static void a_record_opens_only_where_it_was_closed(void **state)
{
    apr_pool_t *pool = *state;
    char *sealed = close_record("{\"a\":1}", pool);
    apr_size_t len = strlen(sealed);
    char *json;
    apr_size_t json_len;
    acme_seal_t *seal = make_seal(1, pool);
    assert_refused(ACME_ERR_INPUT,
                   acme_seal_open_record(&json, &json_len, make_seal(2, pool), "staging",
                                         "a/order.json", sealed, len, pool));
    assert_refused(ACME_ERR_INPUT, acme_seal_open_record(&json, &json_len, seal, "live",
                                                         "a/order.json", sealed, len, pool));
    assert_refused(ACME_ERR_INPUT, acme_seal_open_record(&json, &json_len, seal, "staging",
                                                         "b/order.json", sealed, len, pool));
    /* label and place are told apart, not just strung together */
    assert_refused(ACME_ERR_INPUT, acme_seal_open_record(&json, &json_len, seal, "staginga",
                                                         "/order.json", sealed, len, pool));
}

static void a_changed_record_does_not_open(void **state)
{
    apr_pool_t *pool = *state;
    char *sealed = close_record("{\"a\":1}", pool);
    char *json;
    for (apr_size_t i = 0; sealed[i] != '\0'; i++) {
        char *changed = apr_pstrdup(pool, sealed);
        changed[i] ^= 1;
        assert_refused(ACME_ERR_INPUT, open_record(&json, changed, pool));
        assert_refused(ACME_ERR_INPUT, open_record(&json, apr_pstrmemdup(pool, sealed, i), pool));
    }
    const char *tail = strstr(sealed, "\n\"seal\"");
    const char *without_comma = apr_pstrcat(pool, "{\"a\":1", tail, NULL);
    assert_refused(ACME_ERR_INPUT, open_record(&json, without_comma, pool));
    const char *with_comma =
        apr_pstrcat(pool, "{,", strstr(close_record("{}", pool), "\n\"seal\""), NULL);
    assert_refused(ACME_ERR_INPUT, open_record(&json, with_comma, pool));
    assert_refused(ACME_ERR_INPUT, open_record(&json, tail, pool));
    assert_refused(ACME_ERR_INPUT, open_record(&json, "{\"a\":1}", pool));
    assert_refused(ACME_ERR_INPUT, open_record(&json, "", pool));
}

static void only_objects_are_closed(void **state)
{
    const char *wrong[] = {"", "}", " ", "[]", "1", "{\"a\":1", "null"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char *sealed;
        apr_size_t len;
        assert_refused(ACME_ERR_INTERNAL,
                       acme_seal_close_record(&sealed, &len, make_seal(1, *state), "l", "p",
                                              wrong[i], strlen(wrong[i]), *state));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(secrets_come_back),
        FIXTURE_TEST(two_closings_differ),
        FIXTURE_TEST(a_secret_opens_only_where_it_was_closed),
        FIXTURE_TEST(a_changed_secret_does_not_open),
        FIXTURE_TEST(records_come_back_byte_for_byte),
        FIXTURE_TEST(a_sealed_record_is_readable),
        FIXTURE_TEST(the_format_stays),
        FIXTURE_TEST(a_record_opens_only_where_it_was_closed),
        FIXTURE_TEST(a_changed_record_does_not_open),
        FIXTURE_TEST(only_objects_are_closed),
    };
    return fixture_run(tests);
}
