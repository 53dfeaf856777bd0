/* Tests of acme_err: made, wrapped, copied.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

static void makes_a_sentence(void **state)
{
    acme_err_t *err = acme_err_make(*state, ACME_ERR_CONFIG, "%s: agree to %d things", "a.test", 2);
    assert_int_equal(ACME_ERR_CONFIG, err->errclass);
    assert_string_equal("a.test: agree to 2 things", err->text);
    assert_int_equal(APR_SUCCESS, err->status);
    assert_int_equal(0, err->retry_at);
    assert_null(err->problem);
    assert_null(err->cause);
}

static void adds_the_words_of_the_system(void **state)
{
    acme_err_t *err = acme_err_system(*state, ACME_ERR_STORE, APR_ENOENT, "cannot open %s", "x");
    assert_int_equal(APR_ENOENT, err->status);
    assert_string_equal("cannot open x: No such file or directory", err->text);
}

static void wraps_and_keeps_what_matters(void **state)
{
    apr_pool_t *pool = *state;
    apr_pool_t *scratch;
    apr_pool_create(&scratch, pool);
    acme_err_t *cause = acme_err_make(scratch, ACME_ERR_WAIT, "the CA asks us to wait");
    cause->problem = apr_pstrdup(scratch, "urn:ietf:params:acme:error:rateLimited");
    cause->retry_at = 17;
    cause->status = APR_EGENERAL;
    acme_err_t *err = acme_err_wrap(pool, cause, "while ordering %s", "a.test");
    apr_pool_destroy(scratch);
    assert_string_equal("while ordering a.test: the CA asks us to wait", err->text);
    assert_int_equal(ACME_ERR_WAIT, err->errclass);
    assert_int_equal(17, err->retry_at);
    assert_int_equal(APR_EGENERAL, err->status);
    assert_string_equal("urn:ietf:params:acme:error:rateLimited", err->problem);
    assert_string_equal("the CA asks us to wait", err->cause->text);
}

static void copies_the_whole_chain(void **state)
{
    apr_pool_t *pool = *state;
    apr_pool_t *scratch;
    apr_pool_create(&scratch, pool);
    acme_err_t *err = acme_err_make(scratch, ACME_ERR_GONE, "one");
    err = acme_err_wrap(scratch, err, "two");
    err = acme_err_wrap(scratch, err, "three");
    acme_err_t *copy = acme_err_copy(pool, err);
    apr_pool_destroy(scratch);
    assert_string_equal("three: two: one", copy->text);
    assert_string_equal("two: one", copy->cause->text);
    assert_string_equal("one", copy->cause->cause->text);
    assert_null(copy->cause->cause->cause);
}

static void null_stays_null(void **state)
{
    assert_null(acme_err_wrap(*state, NULL, "while nothing"));
    assert_null(acme_err_copy(*state, NULL));
}

static void names_every_class(void **state)
{
    (void)state;
    const char *names[] = {"internal", "input",  "store", "network", "wait",
                           "refused",  "config", "gone",  "clock"};
    for (int i = ACME_ERR_INTERNAL; i <= ACME_ERR_CLOCK; i++) {
        assert_string_equal(names[i], acme_err_class_name((acme_err_class_t)i));
    }
    assert_string_equal("unknown", acme_err_class_name((acme_err_class_t)99));
}

static acme_err_t *pass_up(acme_err_t *err, int *went_on)
{
    ACME_TRY(err);
    *went_on = 1;
    return NULL;
}

static void try_passes_up(void **state)
{
    int went_on = 0;
    acme_err_t *err = acme_err_make(*state, ACME_ERR_INPUT, "no");
    assert_ptr_equal(err, pass_up(err, &went_on));
    assert_int_equal(0, went_on);
    assert_null(pass_up(NULL, &went_on));
    assert_int_equal(1, went_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(makes_a_sentence),
        FIXTURE_TEST(adds_the_words_of_the_system),
        FIXTURE_TEST(wraps_and_keeps_what_matters),
        FIXTURE_TEST(copies_the_whole_chain),
        FIXTURE_TEST(null_stays_null),
        FIXTURE_TEST(names_every_class),
        FIXTURE_TEST(try_passes_up),
    };
    return fixture_run(tests);
}
