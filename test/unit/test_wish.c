/* Tests of wishes: what root wants of the running engine, and what becomes of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_generation.h"
#include "acme/acme_status.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

#define FILE_NAME "requests/1"

/* As root's program writes it: sealed. */
static void put_at(engine_world_t *w, const char *path, const char *members, apr_time_t asked)
{
    const acme_store_t *store =
        fake_store_open(w->disk, 1 << 29, w->seal, fake_env(w->world), w->pool);
    const char *text = apr_psprintf(w->pool, "{\"version\":1,\"asked\":\"%s\",%s}",
                                    acme_time_rfc3339(asked, w->pool), members);
    assert_well(acme_store_put(store, path, text, strlen(text), w->pool));
}

static void put(engine_world_t *w, const char *members)
{
    put_at(w, FILE_NAME, members, acme_env_now(fake_env(w->world)));
}

static int is_there(engine_world_t *w)
{
    return fake_store_raw(w->disk, FILE_NAME, NULL) != NULL;
}

static int logged(engine_world_t *w, acme_log_level_t level, const char *text)
{
    return fake_env_logged(w->world, level, text);
}

static int count(engine_world_t *w, const char *what)
{
    return fake_ca_count(w->ca, what, NULL);
}

/* With a certificate for each name, and a second gone by since. */
static engine_world_t *create(const char *names, apr_pool_t *pool)
{
    engine_world_t *w = engine_world_create(pool);
    engine_world_domain(w, names);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    return w;
}

static void pass(engine_world_t *w)
{
    engine_world_pass(w, ACME_TIME_MINUTE);
}

/* ---- accounts ---- */

static void an_account_gets_a_new_key(void **state)
{
    const char *const cas[] = {"https://ca.test/directory", "ca.test", NULL};
    for (int i = 0; i < 3; ++i) {
        engine_world_t *w = create("a.test", *state);
        const char *ca = cas[i] != NULL ? cas[i] : w->ca_config.folder;
        put(w, apr_psprintf(*state, "\"wish\":\"account-rollover\",\"ca\":\"%s\"", ca));
        pass(w);
        assert_int_equal(1, count(w, "keyChange"));
        assert_false(is_there(w));
        assert_int_equal(1, logged(w, ACME_LOG_NOTICE, "account-rollover is fulfilled"));
        engine_world_pass(w, 61 * ACME_TIME_DAY);
        assert_int_equal(2, engine_world_number(w, 0));
        assert_int_equal(1, count(w, "accountCreated"));
        assert_string_equal("", fake_ca_violations(w->ca));
    }
}

/* Proofs for the old key would be worth nothing. */
static void a_new_key_waits_for_what_is_being_proved(void **state)
{
    for (int i = 0; i < 20; ++i) {
        engine_world_t *w = engine_world_create(*state);
        w->max_in_flight = 2;
        fake_ca_settings(w->ca)->latency = 50 * 1000;
        fake_ca_settings(w->ca)->latency_jitter = 50 * 1000;
        for (int j = 0; j < 20; ++j) {
            engine_world_domain(w, apr_psprintf(*state, "n%d.test", j));
        }
        engine_world_start(w);
        engine_world_pass(w, i * 100 * 1000); /* of about six seconds that it takes */
        put(w, "\"wish\":\"account-rollover\",\"ca\":\"ca.test\"");
        for (int j = 0; j < 30; ++j) { /* an idle engine is ticked each second */
            engine_world_pass(w, ACME_TIME_SECOND + 1);
        }
        assert_int_equal(1, count(w, "keyChange"));
        assert_int_equal(0, count(w, "validationFailed"));
        assert_int_equal(20, count(w, "issued"));
        assert_string_equal("", fake_ca_violations(w->ca));
        engine_world_die(w);
    }
}

static void an_account_is_closed(void **state)
{
    engine_world_t *w = create("a.test", *state);
    put(w, "\"wish\":\"account-deactivate\",\"ca\":\"ca.test\"");
    pass(w);
    assert_false(is_there(w));
    assert_string_equal("deactivated", fake_ca_account_status(w->ca));
    engine_world_pass(w, 61 * ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, count(w, "accountCreated"));
    assert_true(logged(w, ACME_LOG_ERROR, "was closed by your wish") > 0);
}

/* The CA is not there for two hours, and the server restarts in between. */
static void trouble_is_waited_out(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_fault_always(w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    put(w, "\"wish\":\"account-rollover\",\"ca\":\"ca.test\"");
    engine_world_pass(w, ACME_TIME_HOUR);
    engine_world_die(w);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_true(is_there(w));
    fake_ca_faults_clear(w->ca);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    assert_false(is_there(w));
    assert_int_equal(1, count(w, "keyChange"));
    assert_string_equal("", fake_ca_violations(w->ca));
}

static void what_the_ca_puts_off_is_tried_again(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_fault_add(w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_KEY_CHANGE,
                                                .trouble = FAKE_CA_RATE_LIMITED,
                                                .retry_after = ACME_TIME_HOUR});
    put(w, "\"wish\":\"account-rollover\",\"ca\":\"ca.test\"");
    engine_world_pass(w, 30 * ACME_TIME_MINUTE);
    assert_true(is_there(w));
    assert_int_equal(1, count(w, "keyChange"));
    assert_int_equal(1, logged(w, ACME_LOG_WARNING, "account-rollover is tried again at"));
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    assert_false(is_there(w));
    assert_int_equal(2, count(w, "keyChange"));
}

static void what_the_ca_refuses_is_said_and_over(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_fault_add(w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_KEY_CHANGE,
                                                .trouble = FAKE_CA_ERROR,
                                                .status = 400,
                                                .problem = "malformed",
                                                .detail = "not today"});
    put(w, "\"wish\":\"account-rollover\",\"ca\":\"ca.test\"");
    pass(w);
    assert_false(is_there(w));
    assert_int_equal(1, logged(w, ACME_LOG_ERROR, "not today"));
}

/* ---- wishes that are none ---- */

static void bad_wishes_are_said_and_removed(void **state)
{
    static const char *const wishes[][2] = {
        {"\"wish\":\"make-coffee\"", "knows no wish 'make-coffee'"},
        {"\"no\":1", "knows no wish ''"},
        {"\"wish\":7", "knows no wish ''"},
        {"\"wish\":\"account-rollover\"", "from the CA ''"},
        {"\"wish\":\"account-rollover\",\"ca\":\"other.test\"", "from the CA 'other.test'"},
        {"\"wish\":\"revoke\"", "no domain ''"},
        {"\"wish\":\"revoke\",\"domain\":\"b.test\"", "no domain 'b.test'"},
        {"\"wish\":\"revoke\",\"domain\":\"a.test\",\"reason\":\"boredom\"", "boredom"},
        {"\"wish\":\"revoke\",\"domain\":\"a.test\",\"key\":\"mine\"", "neither account nor"},
        {"\"wish\":\"revoke\",\"domain\":\"a.test\",\"certificates\":[\"ab\"]", "fingerprint ab"},
    };
    engine_world_t *w = create("a.test", *state);
    int requests = count(w, "requests");
    for (int i = 0; i < 10; ++i) {
        put(w, wishes[i][0]);
        pass(w);
        assert_false(is_there(w));
        assert_true(logged(w, ACME_LOG_ERROR, wishes[i][1]) > 0);
    }
    assert_int_equal(10, logged(w, ACME_LOG_ERROR, NULL));
    assert_int_equal(requests, count(w, "requests"));
}

static void old_wishes_are_not_meant_any_more(void **state)
{
    static const char wish[] = "\"wish\":\"account-deactivate\",\"ca\":\"ca.test\"";
    engine_world_t *w = create("a.test", *state);
    apr_time_t now = acme_env_now(fake_env(w->world));
    const apr_time_t times[] = {now - 2 * ACME_TIME_DAY, now + 2 * ACME_TIME_HOUR, 0};
    for (int i = 0; i < 3; ++i) {
        put_at(w, FILE_NAME, wish, times[i]);
        pass(w);
        assert_false(is_there(w));
        assert_int_equal(i + 1, logged(w, ACME_LOG_ERROR, "within the last day"));
    }
    assert_string_equal("valid", fake_ca_account_status(w->ca));
}

static void only_who_has_the_seal_can_wish(void **state)
{
    engine_world_t *w = create("a.test", *state);
    const char *text = apr_psprintf(
        *state, "{\"asked\":\"%s\",\"wish\":\"account-deactivate\",\"ca\":\"ca.test\"}",
        acme_time_rfc3339(acme_env_now(fake_env(w->world)), *state));
    fake_store_plant(w->disk, FILE_NAME, text, strlen(text));
    pass(w);
    assert_string_equal("valid", fake_ca_account_status(w->ca));
    assert_int_equal(1, logged(w, ACME_LOG_WARNING, "was not written by this server"));
    assert_false(is_there(w)); /* set aside */
}

static void a_disk_that_refuses_fulfils_no_wish_twice(void **state)
{
    engine_world_t *w = create("a.test", *state);
    put(w, "\"wish\":\"account-rollover\",\"ca\":\"ca.test\"");
    pass(w);
    for (int i = 0; i < 3; ++i) {
        put(w, "\"wish\":\"account-rollover\",\"ca\":\"other.test\"");
        pass(w);
    }
    assert_int_equal(1, count(w, "keyChange"));
    assert_false(is_there(w));
}

static void several_wishes_are_fulfilled(void **state)
{
    engine_world_t *w = create("a.test", *state);
    apr_time_t now = acme_env_now(fake_env(w->world));
    put_at(w, "requests/1", "\"wish\":\"account-rollover\",\"ca\":\"ca.test\"", now);
    put_at(w, "requests/2", "\"wish\":\"account-rollover\",\"ca\":\"ca.test\"", now);
    put_at(w, "requests/3", "\"wish\":\"revoke\",\"domain\":\"a.test\"", now);
    pass(w);
    assert_int_equal(2, count(w, "keyChange"));
    assert_int_equal(1, count(w, "revoked"));
    assert_int_equal(0, fake_store_count(w->disk, "requests/"));
    assert_string_equal("", fake_ca_violations(w->ca));
}

/* ---- revocation ---- */

static void what_is_revoked_is_replaced_at_once(void **state)
{
    static const char *const members[] = {
        "\"wish\":\"revoke\",\"domain\":\"a.test\"",
        "\"wish\":\"revoke\",\"domain\":\"a.test\",\"reason\":\"superseded\",\"key\":\"account\"",
        "\"wish\":\"revoke\",\"domain\":\"a.test\",\"reason\":\"keyCompromise\",\"key\":"
        "\"certificate\"",
    };
    for (int i = 0; i < 3; ++i) {
        engine_world_t *w = create("a.test www.a.test", *state);
        put(w, members[i]);
        pass(w);
        assert_false(is_there(w));
        assert_int_equal(1, fake_ca_count(w->ca, "revoked", "a.test,www.a.test"));
        assert_int_equal(2, engine_world_number(w, 0));
        assert_int_equal(1, logged(w, ACME_LOG_NOTICE, "is revoked; it is replaced at once"));
        engine_world_pass(w, 30 * ACME_TIME_DAY);
        assert_int_equal(2, engine_world_number(w, 0));
        assert_string_equal("", fake_ca_violations(w->ca));
    }
}

static void a_revoked_one_is_shown_as_such(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_fault_always(w->ca, FAKE_CA_NEW_ORDER, FAKE_CA_ERROR);
    put(w, "\"wish\":\"revoke\",\"domain\":\"a.test\"");
    engine_world_pass(w, 2 * ACME_TIME_SECOND);
    const acme_status_host_t host = {.version = "1"};
    assert_non_null(strstr(
        acme_status_json(w->domains, NULL, w->store, w->bell, &host, fake_env(w->world), *state),
        "\"revoked\""));
    engine_world_die(w);
    engine_world_start(w); /* it is remembered */
    fake_ca_faults_clear(w->ca);
    engine_world_pass(w, ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
}

static engine_world_t *create_with_two(apr_pool_t *pool)
{
    engine_world_t *w = engine_world_create(pool);
    acme_domain_t *domain = engine_world_domain(w, "a.test");
    apr_array_header_t *specs = apr_array_make(pool, 2, sizeof(acme_key_spec_t));
    APR_ARRAY_PUSH(specs, acme_key_spec_t) = (acme_key_spec_t){.type = ACME_KEY_P256};
    APR_ARRAY_PUSH(specs, acme_key_spec_t) = (acme_key_spec_t){.type = ACME_KEY_RSA, .bits = 2048};
    domain->key_specs = specs;
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(2, engine_world_number(w, 0));
    return w;
}

static void all_of_a_domain_are_revoked_and_replaced(void **state)
{
    engine_world_t *w = create_with_two(*state);
    put(w, "\"wish\":\"revoke\",\"domain\":\"a.test\"");
    pass(w);
    assert_int_equal(2, count(w, "revoked"));
    assert_int_equal(4, engine_world_number(w, 0)); /* each in a generation of its own */
    assert_false(is_there(w));
}

static void one_of_several_is_revoked_by_its_fingerprint(void **state)
{
    engine_world_t *w = create_with_two(*state);
    const acme_generation_fact_t *fact =
        acme_generation_fact(engine_world_facts(w, 0), ACME_KEY_RSA);
    put(w,
        apr_psprintf(*state, "\"wish\":\"revoke\",\"domain\":\"a.test\",\"certificates\":[\"%s\"]",
                     fact->sha256));
    pass(w);
    assert_int_equal(1, count(w, "revoked"));
    assert_int_equal(3, engine_world_number(w, 0));
    const acme_generation_facts_t *after = engine_world_facts(w, 0);
    assert_string_not_equal(fact->sha256, acme_generation_fact(after, ACME_KEY_RSA)->sha256);
    assert_false(is_there(w));
}

static void a_domain_without_certificate_has_nothing_to_revoke(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    fake_ca_reject_identifier(w->ca, "a.test", "no");
    engine_world_start(w);
    put(w, "\"wish\":\"revoke\",\"domain\":\"a.test\"");
    pass(w);
    assert_false(is_there(w));
    assert_int_equal(1, logged(w, ACME_LOG_ERROR, "it has no certificate"));
}

static void a_refused_revocation_changes_nothing(void **state)
{
    engine_world_t *w = create("a.test", *state);
    put(w, "\"wish\":\"revoke\",\"domain\":\"a.test\",\"reason\":\"affiliationChanged\"");
    pass(w);
    assert_false(is_there(w));
    assert_int_equal(1, logged(w, ACME_LOG_ERROR, "badRevocationReason"));
    assert_int_equal(1, engine_world_number(w, 0));
    assert_true(engine_world_facts(w, 0)->certificates->nelts == 1);
}

static void what_is_revoked_already_is_revoked(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_fault(w->ca, FAKE_CA_REVOKE_CERT, FAKE_CA_TIMEOUT_AFTER);
    put(w, "\"wish\":\"revoke\",\"domain\":\"a.test\"");
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_false(is_there(w));
    assert_int_equal(1, count(w, "revoked"));
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(0, logged(w, ACME_LOG_ERROR, "alreadyRevoked"));
}

/* ---- death at every write ---- */

static jmp_buf here;

static void die_now(void *baton)
{
    (void)baton;
    longjmp(here, 1);
}

static void a_death_at_any_write_fulfils_it_all_the_same(void **state)
{
    volatile int deaths = 0;
    for (volatile int n = 0; n < 60; ++n) {
        apr_pool_t *pool;
        apr_pool_create(&pool, *state);
        engine_world_t *const w = create("a.test", pool);
        put(w, "\"wish\":\"revoke\",\"domain\":\"a.test\"");
        fake_store_die(w->disk, n / 2 + 1, n % 2 ? FAKE_STORE_AFTER : FAKE_STORE_BEFORE, die_now,
                       NULL);
        if (setjmp(here) == 0) {
            pass(w);
        }
        else {
            ++deaths;
            fake_store_die(w->disk, 0, FAKE_STORE_BEFORE, NULL, NULL);
            engine_world_die(w);
            engine_world_start(w);
        }
        fake_store_die(w->disk, 0, FAKE_STORE_BEFORE, NULL, NULL);
        engine_world_pass(w, ACME_TIME_HOUR);
        assert_false(is_there(w));
        assert_int_equal(1, count(w, "revoked")); /* and not its successor */
        const acme_generation_facts_t *facts = engine_world_facts(w, 0);
        assert_true(facts->number >= 2);
        assert_true(APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).revoked == 0);
        assert_string_equal("", fake_ca_violations(w->ca));
        engine_world_die(w);
        apr_pool_destroy(pool);
    }
    assert_true(deaths > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(an_account_gets_a_new_key),
        FIXTURE_TEST(a_new_key_waits_for_what_is_being_proved),
        FIXTURE_TEST(an_account_is_closed),
        FIXTURE_TEST(trouble_is_waited_out),
        FIXTURE_TEST(what_the_ca_puts_off_is_tried_again),
        FIXTURE_TEST(what_the_ca_refuses_is_said_and_over),
        FIXTURE_TEST(bad_wishes_are_said_and_removed),
        FIXTURE_TEST(old_wishes_are_not_meant_any_more),
        FIXTURE_TEST(only_who_has_the_seal_can_wish),
        FIXTURE_TEST(a_disk_that_refuses_fulfils_no_wish_twice),
        FIXTURE_TEST(several_wishes_are_fulfilled),
        FIXTURE_TEST(what_is_revoked_is_replaced_at_once),
        FIXTURE_TEST(a_revoked_one_is_shown_as_such),
        FIXTURE_TEST(all_of_a_domain_are_revoked_and_replaced),
        FIXTURE_TEST(one_of_several_is_revoked_by_its_fingerprint),
        FIXTURE_TEST(a_domain_without_certificate_has_nothing_to_revoke),
        FIXTURE_TEST(a_refused_revocation_changes_nothing),
        FIXTURE_TEST(what_is_revoked_already_is_revoked),
        FIXTURE_TEST(a_death_at_any_write_fulfils_it_all_the_same),
    };
    return fixture_run(tests);
}
