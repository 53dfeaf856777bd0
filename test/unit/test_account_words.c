/* Tests of the words and files of the directives about accounts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include "acme/acme_text.h"

#include "mod_acme_account.h"

static mod_acme_account_binding_t parse(const char *words, apr_pool_t *pool)
{
    mod_acme_account_binding_t binding;
    assert_well(mod_acme_account_parse_binding(&binding, acme_text_split(words, " ", pool), pool));
    assert_non_null(binding.eab);
    return binding;
}

static void assert_bad(const char *words, apr_pool_t *pool)
{
    mod_acme_account_binding_t binding;
    acme_err_t *err =
        mod_acme_account_parse_binding(&binding, acme_text_split(words, " ", pool), pool);
    assert_refused(ACME_ERR_INPUT, err);
    assert_null(strstr(err->text, "c2VjcmV0"));
}

static void reads_key_id_and_key(void **state)
{
    mod_acme_account_binding_t binding = parse("kid-1 c2VjcmV0", *state);
    assert_null(binding.file);
    assert_string_equal("kid-1", binding.eab->kid);
    assert_int_equal(6, binding.eab->key_len);
    assert_memory_equal("secret", binding.eab->key, 6);
    assert_int_equal(ACME_JWS_HS256, binding.eab->alg);
    assert_int_equal(ACME_JWS_HS384, parse("kid-1 c2VjcmV0 alg=hs384", *state).eab->alg);
}

static void reads_none(void **state)
{
    mod_acme_account_binding_t binding = parse("None", *state);
    assert_null(binding.file);
    assert_null(binding.eab->kid);
    assert_null(binding.eab->trouble);
}

static void refuses_other_words(void **state)
{
    assert_bad("kid c2VjcmV0 more", *state);
    assert_bad("kid c2VjcmV0 alg=HS1", *state);
    assert_bad("kid c2VjcmV0 alg=", *state);
    assert_bad("alg=HS256", *state);
    assert_bad("kid c2VjcmV0.", *state);
    assert_bad("alg=HS256 kid c2VjcmV0", *state);
}

/* What is said of a file with @a text. */
static const char *read_file(mod_acme_account_binding_t *binding, const char *words,
                             const char *text, mode_t mode, apr_pool_t *pool)
{
    const char *folder = scratch_create(pool);
    const char *path = apr_pstrcat(pool, folder, "/eab.json", NULL);
    *binding = parse(words, pool);
    assert_non_null(binding->file);
    if (text != NULL) {
        scratch_write(folder, "eab.json", text, pool);
        assert_int_equal(0, chmod(path, mode));
    }
    return mod_acme_account_read_binding(binding, path, pool);
}

#define GOOD "{\"kid\":\"kid-1\",\"hmac\":\"c2VjcmV0\"}"

static void reads_a_file(void **state)
{
    mod_acme_account_binding_t binding;
    assert_null(read_file(&binding, "eab.json", GOOD, 0600, *state));
    assert_string_equal("eab.json", binding.file);
    assert_string_equal("kid-1", binding.eab->kid);
    assert_null(binding.eab->trouble);
    assert_null(read_file(&binding, "eab.json alg=HS512", GOOD, 0600, *state));
    assert_int_equal(ACME_JWS_HS512, binding.eab->alg);
}

static void warns_of_a_file_that_others_can_read(void **state)
{
    mod_acme_account_binding_t binding;
    const char *warning = read_file(&binding, "eab.json", GOOD, 0644, *state);
    assert_non_null(warning);
    assert_non_null(strstr(warning, "chmod 600"));
    assert_string_equal("kid-1", binding.eab->kid);
    assert_null(binding.eab->trouble);
}

static void says_what_is_wrong_with_a_file(void **state)
{
    static const char *const bad[] = {NULL, "", "c2VjcmV0", "{\"kid\":\"k\"}"};
    for (int i = 0; i < 4; i++) {
        mod_acme_account_binding_t binding;
        const char *warning = read_file(&binding, "eab.json", bad[i], 0600, *state);
        assert_non_null(warning);
        assert_non_null(strstr(warning, "/eab.json"));
        assert_null(strstr(warning, "c2VjcmV0"));
        assert_null(binding.eab->kid);
        assert_non_null(strstr(warning, binding.eab->trouble));
    }
}

/* ---- ACMEAccountKeyFile */

static const char *read_key(acme_account_key_t **key, const char *text, mode_t mode,
                            apr_pool_t *pool)
{
    const char *folder = scratch_create(pool);
    const char *path = apr_pstrcat(pool, folder, "/account.pem", NULL);
    if (text != NULL) {
        scratch_write(folder, "account.pem", text, pool);
        assert_int_equal(0, chmod(path, mode));
    }
    const char *warning = mod_acme_account_read_key(key, path, pool);
    assert_string_equal(path, (*key)->file);
    return warning;
}

static void reads_every_kind_of_account_key(void **state)
{
    static const char *const files[] = {"key-p256.pem", "key-p384.pem", "key-rsa2048.pem"};
    for (int i = 0; i < 3; i++) {
        acme_account_key_t *key;
        assert_null(read_key(&key, fixture_read(files[i], NULL, *state), 0600, *state));
        assert_null(key->trouble);
        acme_key_spec_t spec;
        acme_key_spec(&spec, key->key);
        assert_int_equal(i, spec.type);
        assert_int_equal(43, strlen(key->thumbprint));
    }
}

static void warns_of_an_account_key_that_others_can_read(void **state)
{
    acme_account_key_t *key;
    const char *warning =
        read_key(&key, fixture_read("key-p256.pem", NULL, *state), 0640 | 0004, *state);
    assert_non_null(warning);
    assert_non_null(strstr(warning, "chmod 600"));
    assert_non_null(key->key);
}

static void says_what_is_wrong_with_an_account_key(void **state)
{
    const char *const bad[] = {
        NULL,
        "",
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        fixture_read("key-ed25519.pem", NULL, *state),
        fixture_read("cert.pem", NULL, *state),
    };
    for (int i = 0; i < 5; i++) {
        acme_account_key_t *key;
        const char *warning = read_key(&key, bad[i], 0600, *state);
        assert_non_null(warning);
        assert_non_null(strstr(warning, "/account.pem"));
        assert_null(strstr(warning, "c2VjcmV0"));
        assert_null(key->key);
        assert_non_null(strstr(warning, key->trouble));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_key_id_and_key),
        FIXTURE_TEST(reads_none),
        FIXTURE_TEST(refuses_other_words),
        FIXTURE_TEST(reads_a_file),
        FIXTURE_TEST(warns_of_a_file_that_others_can_read),
        FIXTURE_TEST(says_what_is_wrong_with_a_file),
        FIXTURE_TEST(reads_every_kind_of_account_key),
        FIXTURE_TEST(warns_of_an_account_key_that_others_can_read),
        FIXTURE_TEST(says_what_is_wrong_with_an_account_key),
    };
    return fixture_run(tests);
}
