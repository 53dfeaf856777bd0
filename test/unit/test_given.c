/* Tests of mod_acme_given: which pairs of files are used, and what is said of the others.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include "acme/acme_certificate.h"
#include "acme/acme_key.h"
#include "acme/acme_time.h"

#include "mod_acme_given.h"

#define NOW apr_time_from_sec(1800000000)

typedef struct {
    apr_pool_t *pool;
    const char *folder;
    apr_array_header_t *certificate_files;
    apr_array_header_t *key_files;
    mod_acme_findings_t *findings;
} world_t;

static world_t begin(void **state)
{
    apr_pool_t *pool = *state;
    const world_t world = {
        .pool = pool,
        .folder = scratch_create(pool),
        .certificate_files = apr_array_make(pool, 2, sizeof(mod_acme_given_file_t)),
        .key_files = apr_array_make(pool, 2, sizeof(mod_acme_given_file_t)),
        .findings = mod_acme_findings_create(pool),
    };
    return world;
}

static const char *path(const world_t *world, const char *name)
{
    return apr_pstrcat(world->pool, world->folder, "/", name, NULL);
}

static void name_file(const world_t *world, apr_array_header_t *files, const char *name, int line)
{
    APR_ARRAY_PUSH(files, mod_acme_given_file_t) =
        (mod_acme_given_file_t){path(world, name), "test.conf", line};
}

/* Files NAME.pem and NAME.key; the key is root's alone. */
static void write_pair(const world_t *world, const char *name, acme_key_type_t type)
{
    const acme_key_spec_t spec = {type, 2048};
    acme_key_t *key = NULL;
    char *certificate = NULL;
    char *pem = NULL;
    const char *key_name = apr_pstrcat(world->pool, name, ".key", NULL);
    assert_well(acme_key_generate(&key, &spec, world->pool));
    assert_well(acme_certificate_self_signed(&certificate, key, "example.org", NOW, ACME_TIME_DAY,
                                             world->pool));
    assert_well(acme_key_pem(&pem, key, world->pool));
    scratch_write(world->folder, apr_pstrcat(world->pool, name, ".pem", NULL),
                  apr_pstrcat(world->pool, "for people\n", certificate, NULL), world->pool);
    scratch_write(world->folder, key_name, pem, world->pool);
    assert_int_equal(0, chmod(path(world, key_name), 0600));
}

static void name_pair(const world_t *world, const char *certificate, const char *key)
{
    name_file(world, world->certificate_files, certificate, 10);
    name_file(world, world->key_files, key, 20);
}

static const apr_array_header_t *pairs(const world_t *world)
{
    return mod_acme_given_pairs(world->certificate_files, world->key_files, world->findings,
                                world->pool);
}

static void assert_said(const world_t *world, int i, int line, const char *text)
{
    const apr_array_header_t *all = mod_acme_findings_all(world->findings);
    assert_true(i < all->nelts);
    const mod_acme_finding_t *finding = APR_ARRAY_IDX(all, i, const mod_acme_finding_t *);
    assert_int_equal(line, finding->line);
    if (strstr(finding->text, text) == NULL) {
        fail_msg("'%s' is not in: %s", text, finding->text);
    }
}

static void assert_silent(const world_t *world)
{
    assert_int_equal(0, mod_acme_findings_all(world->findings)->nelts);
}

static void nothing_written_is_nothing_given(void **state)
{
    world_t world = begin(state);
    assert_int_equal(0, mod_acme_given_pairs(NULL, NULL, world.findings, world.pool)->nelts);
    assert_silent(&world);
}

static void takes_an_rsa_and_an_ec_pair(void **state)
{
    world_t world = begin(state);
    write_pair(&world, "ec", ACME_KEY_P256);
    write_pair(&world, "rsa", ACME_KEY_RSA);
    name_pair(&world, "ec.pem", "ec.key");
    name_pair(&world, "rsa.pem", "rsa.key");
    const apr_array_header_t *taken = pairs(&world);
    assert_int_equal(2, taken->nelts);
    const mod_acme_given_pair_t *second = &APR_ARRAY_IDX(taken, 1, mod_acme_given_pair_t);
    assert_string_equal(path(&world, "rsa.pem"), second->certificate_file);
    assert_string_equal(path(&world, "rsa.key"), second->key_file);
    assert_silent(&world);
}

static void leaves_out_one_that_would_displace_another(void **state)
{
    world_t world = begin(state);
    write_pair(&world, "a", ACME_KEY_P256);
    write_pair(&world, "b", ACME_KEY_P384);
    name_pair(&world, "a.pem", "a.key");
    name_pair(&world, "b.pem", "b.key");
    assert_int_equal(1, pairs(&world)->nelts);
    assert_said(&world, 0, 10, "b.pem is one more, so it is not used; remove one of them");
}

static void says_which_one_of_a_pair_is_missing(void **state)
{
    world_t world = begin(state);
    write_pair(&world, "a", ACME_KEY_P256);
    name_file(&world, world.certificate_files, "a.pem", 10);
    assert_int_equal(
        0, mod_acme_given_pairs(world.certificate_files, NULL, world.findings, world.pool)->nelts);
    assert_said(&world, 0, 10, "a.pem, so it is not used; write ACMECertificateKeyFile");
    name_file(&world, world.key_files, "a.key", 20);
    name_file(&world, world.key_files, "b.key", 21);
    assert_int_equal(1, pairs(&world)->nelts);
    assert_said(&world, 1, 21, "no ACMECertificateFile is written for");
}

static void says_what_cannot_be_read(void **state)
{
    world_t world = begin(state);
    write_pair(&world, "a", ACME_KEY_P256);
    name_pair(&world, "none.pem", "a.key");
    name_pair(&world, "a.key", "a.key");
    name_pair(&world, "a.pem", "none.key");
    name_pair(&world, "a.pem", "a.pem");
    assert_int_equal(0, pairs(&world)->nelts);
    assert_said(&world, 0, 10, "there is no file");
    assert_said(&world, 1, 10, "a.key: ");
    assert_said(&world, 2, 20, "none.key cannot be read");
    assert_said(&world, 3, 20, "a.pem has no key that can be used");
}

static void says_that_a_key_is_of_another_certificate(void **state)
{
    world_t world = begin(state);
    write_pair(&world, "a", ACME_KEY_P256);
    write_pair(&world, "b", ACME_KEY_P256);
    name_pair(&world, "a.pem", "b.key");
    assert_int_equal(0, pairs(&world)->nelts);
    assert_said(&world, 0, 20, "is not that of the certificate in");
}

static void warns_of_a_key_that_all_can_read_and_uses_it(void **state)
{
    world_t world = begin(state);
    write_pair(&world, "a", ACME_KEY_P256);
    assert_int_equal(0, chmod(path(&world, "a.key"), 0644));
    name_pair(&world, "a.pem", "a.key");
    assert_int_equal(1, pairs(&world)->nelts);
    assert_said(&world, 0, 20, "can be read by others than root");
}

/* Opening it would wait for somebody who writes into it, and httpd with it. */
static void waits_for_no_pipe(void **state)
{
    world_t world = begin(state);
    assert_int_equal(0, mkfifo(path(&world, "pipe"), 0600));
    name_pair(&world, "pipe", "pipe");
    alarm(10);
    assert_int_equal(0, pairs(&world)->nelts);
    alarm(0);
    assert_said(&world, 0, 10, "pipe is not a file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(nothing_written_is_nothing_given),
        FIXTURE_TEST(takes_an_rsa_and_an_ec_pair),
        FIXTURE_TEST(leaves_out_one_that_would_displace_another),
        FIXTURE_TEST(says_which_one_of_a_pair_is_missing),
        FIXTURE_TEST(says_what_cannot_be_read),
        FIXTURE_TEST(says_that_a_key_is_of_another_certificate),
        FIXTURE_TEST(warns_of_a_key_that_all_can_read_and_uses_it),
        FIXTURE_TEST(waits_for_no_pipe),
    };
    return fixture_run(tests);
}
