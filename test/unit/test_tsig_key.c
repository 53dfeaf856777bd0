/* Tests of acme_tsig_key: the forms administrators have a key in, and what is none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_tsig_key.h"

#define SECRET "vkhU4bH08+t6/rTMxjwrPb+q7LTcRxx95QRRKBKnq3w="

static acme_err_t *parse(acme_tsig_key_t **key, const char *text, apr_pool_t *pool)
{
    return acme_tsig_key_parse(key, text, strlen(text), pool);
}

static void assert_key(const char *text, const char *algorithm, apr_pool_t *pool)
{
    acme_tsig_key_t *key;
    assert_well(parse(&key, text, pool));
    assert_string_equal("acme-key", key->name);
    assert_string_equal(algorithm, key->algorithm);
    assert_string_equal(SECRET, key->secret);
}

static void reads_key_files(void **state)
{
    apr_pool_t *pool = *state;
    assert_key("key \"acme-key\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET "\";\n};\n",
               "hmac-sha256", pool);
    assert_key("# c { \n// c\n/* key */ key acme-key. { secret " SECRET
               "; algorithm \"HMAC-SHA512.\"; /* x */ }",
               "hmac-sha512", pool);
    assert_key("key acme-key{secret " SECRET ";};", "hmac-sha256", pool);
}

static void reads_lines(void **state)
{
    apr_pool_t *pool = *state;
    assert_key("hmac-sha384:acme-key:" SECRET "\n", "hmac-sha384", pool);
    assert_key(" acme-key.:" SECRET "\r\n", "hmac-sha256", pool);
}

static void refuses_the_rest(void **state)
{
    apr_pool_t *pool = *state;
    const char *const wrong[] = {
        "",
        "acme-key",
        SECRET,
        "a:b:c:" SECRET,
        "one two:" SECRET,
        "hmac-md5:acme-key:" SECRET,
        "hmac-sha3:acme-key:" SECRET,
        "acme-key:no/base64!",
        "acme-key:abc",
        "acme-key:====",
        "a/b:" SECRET,
        "..:" SECRET,
        "a..b:" SECRET,
        ".a:" SECRET,
        "key",
        "key acme-key {",
        "zone acme-key { secret " SECRET "; };",
        "key acme-key { secret " SECRET " };",
        "key acme-key { algorithm hmac-sha256; };",
        "key \"\" { secret " SECRET "; };",
        "key \"a\nquit\" { secret " SECRET "; };",
        "key a { secret \"" SECRET "\nquit\"; };",
        "key a { secret " SECRET "; }; key b { secret " SECRET "; };",
        "key a { algorithm hmac-md5.sig-alg.reg.int; secret " SECRET "; };",
        "/* { ",
    };
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        acme_tsig_key_t *key;
        acme_err_t *err = parse(&key, wrong[i], pool);
        assert_refused(ACME_ERR_INPUT, err);
        assert_null(strstr(err->text, "vkhU"));
    }
    acme_tsig_key_t *key;
    assert_refused(ACME_ERR_INPUT,
                   acme_tsig_key_parse(&key, "k:" SECRET "\0", strlen(SECRET) + 3, pool));
    char *large = apr_pcalloc(pool, ACME_TSIG_KEY_MAX + 2);
    memset(large, ' ', ACME_TSIG_KEY_MAX + 1);
    assert_refused(ACME_ERR_INPUT, parse(&key, large, pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_key_files),
        FIXTURE_TEST(reads_lines),
        FIXTURE_TEST(refuses_the_rest),
    };
    return fixture_run(tests);
}
