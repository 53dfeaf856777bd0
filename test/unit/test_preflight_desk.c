/* The preflight beside orders: when it looks, what it is told, and what becomes of the findings.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_preflight_desk.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

/* A preflight that finds what it is told to find. */
struct acme_preflight_look_t {
    apr_time_t over_at;
    int is_told;
};

typedef struct {
    acme_preflight_t preflight;
    engine_world_t *w;
    apr_pool_t *pool;
    const char *finding;       /* NULL: none */
    apr_interval_time_t takes; /* until it is found */
    int waits;                 /* looks never have their turn */
    int begun;
    int out;
    acme_preflight_request_t last; /* of the last begin, copied */
} scout_t;

static apr_status_t drop(void *data)
{
    --((scout_t *)data)->out;
    return APR_SUCCESS;
}

static acme_preflight_look_t *begin(void *baton, const acme_preflight_request_t *request,
                                    apr_pool_t *pool)
{
    scout_t *scout = baton;
    acme_preflight_look_t *look = apr_pcalloc(pool, sizeof(*look));
    look->over_at = acme_env_now(fake_env(scout->w->world)) + scout->takes;
    scout->last = *request;
    scout->last.identifiers = apr_array_copy(scout->pool, request->identifiers);
    scout->last.account = apr_pstrdup(scout->pool, request->account);
    ++scout->begun;
    ++scout->out;
    apr_pool_cleanup_register(pool, scout, drop, apr_pool_cleanup_null);
    return look;
}

static int is_waiting(void *baton, const acme_preflight_look_t *look)
{
    (void)look;
    return ((scout_t *)baton)->waits;
}

static void tick(void *baton)
{
    (void)baton;
}

static int poll_look(const apr_array_header_t **findings, void *baton, acme_preflight_look_t *look)
{
    scout_t *scout = baton;
    int is_over = !scout->waits && acme_env_now(fake_env(scout->w->world)) >= look->over_at;
    apr_array_header_t *found = apr_array_make(scout->pool, 1, sizeof(const char *));
    if (is_over && scout->finding != NULL && !look->is_told) {
        look->is_told = 1;
        APR_ARRAY_PUSH(found, const char *) = scout->finding;
    }
    *findings = found;
    return is_over;
}

static scout_t *open_world(apr_pool_t *pool)
{
    scout_t *scout = apr_pcalloc(pool, sizeof(*scout));
    scout->pool = pool;
    scout->w = engine_world_create(pool);
    scout->preflight = (acme_preflight_t){
        .baton = scout, .begin = begin, .is_waiting = is_waiting, .tick = tick, .poll = poll_look};
    scout->w->preflight = &scout->preflight;
    return scout;
}

/* How often the history of domain 0 has the finding. */
static int noted(scout_t *scout)
{
    int count = 0;
    const acme_job_t *job = engine_world_job(scout->w, 0);
    for (int i = 0; i < job->log->nelts; ++i) {
        const acme_job_entry_t *entry = &APR_ARRAY_IDX(job->log, i, acme_job_entry_t);
        count += strcmp(entry->type, ACME_PREFLIGHT_NOTE) == 0 &&
                 strcmp(entry->detail, scout->finding) == 0;
    }
    return count;
}

static int has_type(scout_t *scout, const char *type)
{
    const acme_job_t *job = engine_world_job(scout->w, 0);
    for (int i = 0; i < job->log->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(job->log, i, acme_job_entry_t).type, type) == 0) {
            return 1;
        }
    }
    return 0;
}

static void a_first_order_is_looked_at_and_made_all_the_same(void **state)
{
    scout_t *scout = open_world(*state);
    engine_world_t *w = scout->w;
    scout->finding = "it looks bad";
    engine_world_domain(w, "a.test www.a.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, scout->begun);
    assert_int_equal(0, scout->out);
    assert_int_equal(2, scout->last.identifiers->nelts);
    assert_false(scout->last.is_thorough);
    assert_non_null(strstr(scout->last.account, "http"));
    assert_non_null(scout->last.caa_identities);
    assert_int_equal(1, noted(scout));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_WARNING,
                                        "a.test: the CA may not come "
                                        "through: it looks bad"));
    assert_int_equal(0, engine_world_job(w, 0)->errors);
    assert_int_equal(0, atomic_load(&w->bell->challenges));
}

static void an_ordinary_renewal_is_not_looked_at(void **state)
{
    scout_t *scout = open_world(*state);
    engine_world_domain(scout->w, "a.test");
    engine_world_start(scout->w);
    engine_world_pass(scout->w, 70 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(scout->w, 0));
    assert_int_equal(1, scout->begun);
}

static void of_a_domain_with_a_new_name_that_name_is_looked_at(void **state)
{
    scout_t *scout = open_world(*state);
    engine_world_t *w = scout->w;
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    apr_array_clear(w->domains);
    engine_world_domain(w, "a.test b.a.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(2, scout->begun);
    assert_int_equal(1, scout->last.identifiers->nelts);
    assert_string_equal(
        "b.a.test", APR_ARRAY_IDX(scout->last.identifiers, 0, const acme_identifier_t *)->value);
}

static void after_a_failure_it_is_looked_at_again_and_told_once_a_day(void **state)
{
    scout_t *scout = open_world(*state);
    engine_world_t *w = scout->w;
    w->fails_http = 1;
    scout->finding = "nobody is there";
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, 6 * ACME_TIME_HOUR);
    assert_true(scout->begun >= 3);
    assert_true(scout->last.is_thorough);
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_WARNING, "nobody is there"));
    assert_int_equal(1, noted(scout));
    assert_true(has_type(scout, "preflight"));
    assert_non_null(engine_world_job(w, 0)->detail); /* and the CA's own words */
    engine_world_pass(w, 3 * ACME_TIME_DAY);
    assert_in_range(fake_env_logged(w->world, ACME_LOG_WARNING, "nobody is there"), 3, 4);
}

static void what_is_found_after_the_failure_stands_beside_it(void **state)
{
    scout_t *scout = open_world(*state);
    engine_world_t *w = scout->w;
    w->fails_http = 1;
    scout->finding = "a firewall";
    scout->takes = 5 * ACME_TIME_MINUTE;
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_job(w, 0)->errors);
    assert_int_equal(0, noted(scout));
    assert_int_equal(1, scout->out);
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(1, noted(scout));
    assert_int_equal(1, engine_world_job(w, 0)->errors);
    assert_int_equal(0, scout->out);
    assert_int_equal(0, atomic_load(&w->bell->challenges));
}

static void what_would_come_after_success_is_forgotten(void **state)
{
    scout_t *scout = open_world(*state);
    scout->finding = "too late";
    scout->takes = ACME_TIME_HOUR;
    engine_world_domain(scout->w, "a.test");
    engine_world_start(scout->w);
    engine_world_pass(scout->w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(scout->w, 0));
    assert_int_equal(1, scout->begun);
    assert_int_equal(0, scout->out);
    assert_int_equal(0, atomic_load(&scout->w->bell->challenges));
    engine_world_pass(scout->w, 2 * ACME_TIME_HOUR);
    assert_int_equal(0, noted(scout));
}

static void who_has_no_turn_is_forgotten_with_the_run(void **state)
{
    scout_t *scout = open_world(*state);
    scout->waits = 1;
    scout->w->fails_http = 1;
    engine_world_domain(scout->w, "a.test");
    engine_world_start(scout->w);
    engine_world_pass(scout->w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_job(scout->w, 0)->errors);
    assert_int_equal(1, scout->begun);
    assert_int_equal(0, scout->out);
    assert_int_equal(0, atomic_load(&scout->w->bell->challenges));
}

static void many_new_domains_all_get_their_certificates(void **state)
{
    scout_t *scout = open_world(*state);
    scout->takes = ACME_TIME_SECOND;
    for (int i = 0; i < 60; ++i) {
        engine_world_domain(scout->w, apr_psprintf(*state, "n%d.test", i));
    }
    engine_world_start(scout->w);
    engine_world_pass(scout->w, 5 * ACME_TIME_MINUTE);
    for (int i = 0; i < 60; ++i) {
        assert_int_equal(1, engine_world_number(scout->w, i));
    }
    assert_int_equal(0, scout->out);
    assert_int_equal(0, atomic_load(&scout->w->bell->challenges));
}

static void an_engine_that_stops_drops_what_is_out(void **state)
{
    scout_t *scout = open_world(*state);
    scout->takes = ACME_TIME_HOUR;
    scout->w->fails_http = 1;
    engine_world_domain(scout->w, "a.test");
    engine_world_start(scout->w);
    engine_world_pass(scout->w, ACME_TIME_MINUTE);
    assert_int_equal(1, scout->out);
    acme_engine_stop(scout->w->engine);
    assert_int_equal(0, scout->out);
}

static void a_ca_that_does_not_answer_is_no_reason_to_look(void **state)
{
    scout_t *scout = open_world(*state);
    fake_ca_fault_always(scout->w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    engine_world_domain(scout->w, "a.test");
    engine_world_start(scout->w);
    engine_world_pass(scout->w, ACME_TIME_HOUR);
    assert_int_equal(0, scout->begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_first_order_is_looked_at_and_made_all_the_same),
        FIXTURE_TEST(an_ordinary_renewal_is_not_looked_at),
        FIXTURE_TEST(of_a_domain_with_a_new_name_that_name_is_looked_at),
        FIXTURE_TEST(after_a_failure_it_is_looked_at_again_and_told_once_a_day),
        FIXTURE_TEST(what_is_found_after_the_failure_stands_beside_it),
        FIXTURE_TEST(what_would_come_after_success_is_forgotten),
        FIXTURE_TEST(who_has_no_turn_is_forgotten_with_the_run),
        FIXTURE_TEST(many_new_domains_all_get_their_certificates),
        FIXTURE_TEST(an_engine_that_stops_drops_what_is_out),
        FIXTURE_TEST(a_ca_that_does_not_answer_is_no_reason_to_look),
    };
    return fixture_run(tests);
}
