/* Renewal by what the CA suggests (RFC 9773), from the first question to the certificate replaced.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_policy.h"
#include "acme/acme_renewal.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

#define NAME "a.test"

static engine_world_t *world_with(apr_pool_t *pool)
{
    engine_world_t *w = engine_world_create(pool);
    fake_ca_settings(w->ca)->has_renewal_info = 1;
    fake_ca_settings(w->ca)->reuse_valid_authz = 0;
    engine_world_domain(w, NAME);
    engine_world_start(w);
    return w;
}

static acme_renewal_certificate_t *known(engine_world_t *w)
{
    acme_renewal_t *renewal = acme_renewal_read(w->store, NAME, w->pool);
    assert_int_equal(1, renewal->certificates->nelts);
    return &APR_ARRAY_IDX(renewal->certificates, 0, acme_renewal_certificate_t);
}

static int asked(engine_world_t *w)
{
    return fake_ca_count(w->ca, "renewalInfo", NULL);
}

static apr_time_t now_of(engine_world_t *w)
{
    return acme_env_now(fake_env(w->world));
}

static void pass_until(engine_world_t *w, apr_time_t when)
{
    engine_world_pass(w, when - now_of(w));
}

static void expect_no_violation(engine_world_t *w)
{
    assert_string_equal("", fake_ca_violations(w->ca));
}

/* ---- the record */

static acme_generation_facts_t *facts_with(apr_pool_t *pool, const char *certid, const char *ca_url)
{
    acme_generation_facts_t *facts = apr_pcalloc(pool, sizeof(*facts));
    apr_array_header_t *list = apr_array_make(pool, 1, sizeof(acme_generation_fact_t));
    APR_ARRAY_PUSH(list, acme_generation_fact_t) =
        (acme_generation_fact_t){.certid = certid, .ca_url = ca_url};
    facts->certificates = list;
    return facts;
}

static void what_was_learnt_is_read_back(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, NAME);
    engine_world_start(w);
    acme_renewal_t *renewal = acme_renewal_read(w->store, NAME, *state);
    assert_int_equal(0, renewal->certificates->nelts);
    apr_time_t noon = now_of(w) / ACME_TIME_SECOND * ACME_TIME_SECOND;
    APR_ARRAY_PUSH(renewal->certificates, acme_renewal_certificate_t) =
        (acme_renewal_certificate_t){.certid = "a.b",
                                     .start = noon,
                                     .end = noon + ACME_TIME_DAY,
                                     .at = noon + ACME_TIME_HOUR,
                                     .explanation_url = "https://ca.test/why",
                                     .next_check = noon + ACME_TIME_MINUTE,
                                     .errors = 3,
                                     .is_hastened = 1};
    renewal->hastened = 2;
    assert_well(acme_renewal_write(w->store, NAME, NAME, renewal, *state));
    acme_renewal_t *read = acme_renewal_read(w->store, NAME, *state);
    const acme_renewal_certificate_t *one = acme_renewal_find(read, "a.b");
    assert_int_equal(2, read->hastened);
    assert_true(one->start == noon && one->end == noon + ACME_TIME_DAY);
    assert_true(one->at == noon + ACME_TIME_HOUR);
    assert_true(one->next_check == noon + ACME_TIME_MINUTE);
    assert_string_equal("https://ca.test/why", one->explanation_url);
    assert_int_equal(3, one->errors);
    assert_true(one->is_hastened);
    assert_null(acme_renewal_find(read, "a.c"));
    assert_null(acme_renewal_find(read, NULL));
    assert_null(acme_renewal_find(NULL, "a.b"));
}

static void it_follows_what_is_in_use(void **state)
{
    acme_renewal_t renewal = {.certificates =
                                  apr_array_make(*state, 1, sizeof(acme_renewal_certificate_t))};
    const char *ca = "https://ca.test/directory";
    const acme_ca_t its_ca = {.directory_url = ca};
    const acme_domain_t domain = {.ca = &its_ca};
    assert_true(acme_renewal_follow(&renewal, facts_with(*state, "a.1", ca), &domain, 5, *state));
    assert_true(acme_renewal_find(&renewal, "a.1")->next_check == 5);
    assert_false(acme_renewal_follow(&renewal, facts_with(*state, "a.1", ca), &domain, 9, *state));
    assert_true(acme_renewal_find(&renewal, "a.1")->next_check == 5);
    acme_renewal_find(&renewal, "a.1")->is_hastened = 1;
    assert_true(acme_renewal_follow(&renewal, facts_with(*state, "a.2", ca), &domain, 9, *state));
    assert_null(acme_renewal_find(&renewal, "a.1"));
    assert_int_equal(1, renewal.hastened);
    assert_true(acme_renewal_follow(&renewal, facts_with(*state, "a.3", ca), &domain, 9, *state));
    assert_int_equal(0, renewal.hastened);
    assert_true(
        acme_renewal_follow(&renewal, facts_with(*state, "a.3", "https://o/"), &domain, 9, *state));
    assert_int_equal(0, renewal.certificates->nelts);
    assert_false(acme_renewal_follow(&renewal, facts_with(*state, NULL, ca), &domain, 9, *state));
    assert_false(acme_renewal_follow(&renewal, facts_with(*state, "a.4", NULL), &domain, 9, *state));
}

static void a_question_that_is_years_ahead_is_asked_soon(void **state)
{
    acme_renewal_t renewal = {.certificates =
                                  apr_array_make(*state, 1, sizeof(acme_renewal_certificate_t))};
    const acme_ca_t its_ca = {.directory_url = "https://ca.test/directory"};
    const acme_domain_t domain = {.ca = &its_ca};
    const acme_generation_facts_t *facts = facts_with(*state, "a.1", its_ca.directory_url);
    apr_time_t later = 30 * ACME_TIME_HOUR;
    assert_true(acme_renewal_follow(&renewal, facts, &domain, later, *state));
    assert_false(acme_renewal_follow(&renewal, facts, &domain, ACME_TIME_HOUR * 3, *state));
    assert_true(acme_renewal_find(&renewal, "a.1")->next_check == later);
    acme_renewal_find(&renewal, "a.1")->next_check = 3650 * ACME_TIME_DAY; /* by a clock ahead */
    assert_true(acme_renewal_follow(&renewal, facts, &domain, 5, *state));
    assert_true(acme_renewal_find(&renewal, "a.1")->next_check == 5);
}

/* ---- the story */

static void it_is_renewed_inside_the_window_of_the_ca(void **state)
{
    engine_world_t *w = world_with(*state);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    assert_int_equal(1, asked(w));
    apr_time_t start = known(w)->start;
    apr_time_t at = known(w)->at;
    assert_true(at >= start && at <= known(w)->end);
    pass_until(w, at - ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    pass_until(w, at + ACME_TIME_MINUTE);
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(1, fake_ca_count(w->ca, "replaced", NULL));
    assert_int_equal(0, fake_env_logged(w->world, ACME_LOG_WARNING, NULL));
    expect_no_violation(w);
}

static void a_restart_asks_nothing_and_keeps_the_moment(void **state)
{
    engine_world_t *w = world_with(*state);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    apr_time_t at = known(w)->at;
    int requests = fake_ca_count(w->ca, "requests", NULL);
    for (int i = 0; i < 20; i++) {
        engine_world_die(w);
        engine_world_start(w);
        engine_world_pass(w, ACME_TIME_MINUTE);
    }
    assert_int_equal(requests, fake_ca_count(w->ca, "requests", NULL));
    engine_world_pass(w, 30 * ACME_TIME_DAY);
    assert_true(asked(w) > 60);
    assert_true(known(w)->at == at);
}

static void it_is_asked_as_often_as_the_ca_says(void **state)
{
    engine_world_t *w = world_with(*state);
    fake_ca_settings(w->ca)->ari_retry_after = 3 * ACME_TIME_HOUR;
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_in_range(asked(w), 72, 80);
    expect_no_violation(w);
}

static void a_window_that_moves_is_obeyed_and_told(void **state)
{
    engine_world_t *w = world_with(*state);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    fake_ca_settings(w->ca)->window_start = now_of(w) + 5 * ACME_TIME_DAY;
    fake_ca_settings(w->ca)->window_end = now_of(w) + 6 * ACME_TIME_DAY;
    engine_world_pass(w, ACME_TIME_DAY / 2);
    assert_true(known(w)->start >= fake_ca_settings(w->ca)->window_start);
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_NOTICE, "suggests to renew"));
    apr_time_t at = known(w)->at;
    engine_world_die(w);
    engine_world_start(w);
    fake_ca_settings(w->ca)->window_start = 0;
    pass_until(w, at - ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
}

static void a_revoked_certificate_is_replaced_at_the_next_question(void **state)
{
    engine_world_t *w = world_with(*state);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    fake_ca_revoke(w->ca, NAME);
    engine_world_pass(w, 7 * ACME_TIME_HOUR);
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_NOTICE, "https://ca.test/incident"));
    const acme_job_t *job = engine_world_job(w, 0);
    int noted = 0;
    for (int i = 0; i < job->log->nelts; i++) {
        const acme_job_entry_t *entry = &APR_ARRAY_IDX(job->log, i, acme_job_entry_t);
        noted += strstr(entry->detail, "https://ca.test/incident") != NULL;
    }
    assert_int_equal(1, noted);
    expect_no_violation(w);
}

static void a_ca_that_wants_every_certificate_replaced_makes_no_storm(void **state)
{
    engine_world_t *w = world_with(*state);
    fake_ca_settings(w->ca)->window_start = now_of(w) - 2 * ACME_TIME_DAY;
    fake_ca_settings(w->ca)->window_end = now_of(w) - ACME_TIME_DAY;
    engine_world_pass(w, 30 * ACME_TIME_DAY);
    assert_in_range(engine_world_number(w, 0), 10, 22);
    fake_ca_settings(w->ca)->window_start = 0;
    engine_world_pass(w, 50 * ACME_TIME_DAY);
    apr_uint64_t number = engine_world_number(w, 0);
    engine_world_pass(w, 50 * ACME_TIME_DAY);
    assert_true(engine_world_number(w, 0) - number <= 2);
}

static void without_an_answer_the_window_of_ours_counts(void **state)
{
    static const fake_ca_trouble_t troubles[] = {FAKE_CA_REFUSED, FAKE_CA_ERROR, FAKE_CA_HTML,
                                                 FAKE_CA_EMPTY, FAKE_CA_NOT_FOUND};
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        engine_world_t *w = world_with(*state);
        fake_ca_fault_always(w->ca, FAKE_CA_RENEWAL_INFO, troubles[i]);
        engine_world_pass(w, 58 * ACME_TIME_DAY);
        assert_int_equal(1, engine_world_number(w, 0));
        assert_in_range(asked(w) + fake_ca_count(w->ca, "fault", NULL), 58 * 4 - 24,
                        2 * (58 * 4 + 24));
        engine_world_pass(w, 5 * ACME_TIME_DAY);
        assert_int_equal(2, engine_world_number(w, 0));
        assert_int_equal(0, engine_world_job(w, 0)->errors);
        assert_in_range(fake_env_logged(w->world, ACME_LOG_WARNING, NULL), 1, 2);
        assert_int_equal(0, fake_env_logged(w->world, ACME_LOG_ERROR, NULL));
    }
}

/* After a long absence, or while the CA is away, all want to ask: most wait without a question in hand. */
static void of_many_questions_some_are_asked_and_the_others_spread(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    fake_ca_settings(w->ca)->has_renewal_info = 1;
    for (int i = 0; i < 400; i++) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    engine_world_start(w);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    engine_world_die(w);
    assert_int_equal(400, asked(w));
    fake_env_move(w->world, 2 * ACME_TIME_DAY);
    fake_ca_settings(w->ca)->latency = ACME_TIME_SECOND;
    engine_world_start(w);
    engine_world_pass(w, 100 * ACME_TIME_SECOND);
    assert_in_range(asked(w) - 400, 250, 300);
    engine_world_pass(w, 70 * ACME_TIME_MINUTE);
    assert_in_range(asked(w) - 400, 400, 410);
}

static void an_absurd_retry_after_is_bounded(void **state)
{
    engine_world_t *w = world_with(*state);
    fake_ca_settings(w->ca)->ari_retry_after = 3650 * ACME_TIME_DAY;
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_in_range(asked(w), 8, 11);
    fake_ca_settings(w->ca)->ari_retry_after = -5 * ACME_TIME_HOUR;
    engine_world_pass(w, 2 * ACME_TIME_DAY);
    int before = asked(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_true(asked(w) - before <= 60);
}

static void with_renewal_info_off_nobody_asks_and_nothing_is_replaced(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    fake_ca_settings(w->ca)->has_renewal_info = 1;
    engine_world_domain(w, NAME)->is_renewal_info_off = 1;
    engine_world_start(w);
    engine_world_pass(w, 65 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(0, asked(w));
    assert_int_equal(0, fake_ca_count(w->ca, "replaced", NULL));
}

/* ---- replaces */

static void a_refused_replacement_is_ordered_without_the_word(void **state)
{
    static const char *const problems[] = {"alreadyReplaced", "malformed", "unauthorized",
                                           "serverInternal"};
    static const int status[] = {409, 404, 403, 500};
    for (size_t i = 0; i < 4; i++) {
        engine_world_t *w = world_with(*state);
        engine_world_pass(w, ACME_TIME_DAY);
        fake_ca_fault_t fault = {.kind = FAKE_CA_NEW_ORDER,
                                 .trouble = FAKE_CA_ERROR,
                                 .times = status[i] == 403 ? 2 : 1, /* is it the account? no */
                                 .status = status[i],
                                 .problem = problems[i]};
        fake_ca_fault_add(w->ca, &fault);
        pass_until(w, known(w)->at + ACME_TIME_HOUR);
        assert_int_equal(2, engine_world_number(w, 0));
        assert_int_equal(0, fake_ca_count(w->ca, "replaced", NULL));
        assert_int_equal(0, engine_world_job(w, 0)->errors);
        assert_int_equal(0, fake_env_logged(w->world, ACME_LOG_ERROR, NULL));
    }
}

static void the_limits_of_the_ca_are_no_matter_of_replacing(void **state)
{
    engine_world_t *w = world_with(*state);
    engine_world_pass(w, ACME_TIME_DAY);
    fake_ca_fault_t fault = {.kind = FAKE_CA_NEW_ORDER,
                             .trouble = FAKE_CA_RATE_LIMITED,
                             .retry_after = 2 * ACME_TIME_HOUR};
    fake_ca_fault_add(w->ca, &fault);
    apr_time_t at = known(w)->at;
    pass_until(w, at + ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
    pass_until(w, at + 12 * ACME_TIME_HOUR);
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(1, fake_ca_count(w->ca, "replaced", NULL));
    expect_no_violation(w);
}

static void another_account_replaces_nothing(void **state)
{
    engine_world_t *w = world_with(*state);
    engine_world_pass(w, ACME_TIME_DAY);
    fake_ca_forget_accounts(w->ca);
    pass_until(w, known(w)->at + ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
    expect_no_violation(w);
}

/* ---- chains */

static const char *top_issuer(engine_world_t *w)
{
    acme_generation_t *generation;
    assert_well(acme_generation_read(&generation, w->store, NAME, engine_world_number(w, 0), w->pool));
    return APR_ARRAY_IDX(generation->certificates, 0, acme_generation_certificate_t)
        .chain->top_issuer_name;
}

static engine_world_t *world_with_chains(apr_pool_t *pool, const char *preferred)
{
    engine_world_t *w = engine_world_create(pool);
    fake_ca_settings(w->ca)->has_alternate = 1;
    engine_world_domain(w, NAME)->preferred_chain = preferred;
    engine_world_start(w);
    return w;
}

static void the_preferred_chain_is_chosen(void **state)
{
    engine_world_t *w = world_with_chains(*state, NULL);
    engine_world_pass(w, ACME_TIME_HOUR);
    const char *first = top_issuer(w);
    assert_int_equal(1, fake_ca_count(w->ca, "certificate", NULL));

    w = world_with_chains(*state, first);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_string_equal(first, top_issuer(w));
    assert_int_equal(1, fake_ca_count(w->ca, "certificate", NULL));

    w = world_with_chains(*state, FAKE_CA_OTHER_ROOT);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_string_equal(FAKE_CA_OTHER_ROOT, top_issuer(w));
    assert_int_equal(2, fake_ca_count(w->ca, "certificate", NULL));
    assert_int_equal(0, fake_env_logged(w->world, ACME_LOG_WARNING, NULL));
    expect_no_violation(w);
}

static void without_the_preferred_chain_the_first_is_used_and_told(void **state)
{
    engine_world_t *w = world_with_chains(*state, "No Such Root");
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_string_not_equal(FAKE_CA_OTHER_ROOT, top_issuer(w));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_WARNING, "no chain up to \"No Such Root\""));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_WARNING, "\"" FAKE_CA_OTHER_ROOT "\""));
}

static void an_alternate_that_fails_costs_no_certificate(void **state)
{
    static const fake_ca_trouble_t troubles[] = {FAKE_CA_REFUSED, FAKE_CA_ERROR, FAKE_CA_HTML,
                                                 FAKE_CA_NOT_FOUND, FAKE_CA_CERT_WRONG_KEY,
                                                 FAKE_CA_TIMEOUT_AFTER};
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        engine_world_t *w = world_with_chains(*state, FAKE_CA_OTHER_ROOT);
        const fake_ca_fault_t fault = {
            .kind = FAKE_CA_CERTIFICATE, .trouble = troubles[i], .nth = 2, .times = FAKE_CA_ALWAYS};
        fake_ca_fault_add(w->ca, &fault);
        engine_world_pass(w, ACME_TIME_MINUTE);
        assert_int_equal(1, engine_world_number(w, 0));
        assert_int_equal(0, fake_env_logged(w->world, ACME_LOG_ERROR, NULL));
        assert_int_equal(0, engine_world_job(w, 0)->errors);
    }
}

static void an_alternate_that_is_put_off_is_fetched_later(void **state)
{
    engine_world_t *w = world_with_chains(*state, FAKE_CA_OTHER_ROOT);
    const fake_ca_fault_t fault = {.kind = FAKE_CA_CERTIFICATE,
                                   .trouble = FAKE_CA_ERROR,
                                   .status = 503,
                                   .nth = 2,
                                   .retry_after = 10 * ACME_TIME_MINUTE};
    fake_ca_fault_add(w->ca, &fault);
    engine_world_pass(w, 9 * ACME_TIME_MINUTE);
    assert_int_equal(0, engine_world_number(w, 0));
    engine_world_pass(w, 2 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_string_equal(FAKE_CA_OTHER_ROOT, top_issuer(w));
    assert_int_equal(0, fake_env_logged(w->world, ACME_LOG_ERROR, NULL));
    expect_no_violation(w);
}

/* ---- profiles */

static void a_profile_is_ordered_as_the_ca_spells_it(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    fake_ca_settings(w->ca)->profiles = "classic,shortlived";
    engine_world_domain(w, NAME)->profile = "ShortLived";
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, fake_ca_count(w->ca, "profile shortlived", NULL));
    const acme_generation_fact_t *fact =
        &APR_ARRAY_IDX(engine_world_facts(w, 0)->certificates, 0, acme_generation_fact_t);
    assert_string_equal("ShortLived", fact->profile);
    expect_no_violation(w);
}

static void a_profile_that_is_not_offered_is_left_out_with_a_warning(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    fake_ca_settings(w->ca)->profiles = "classic,shortlived";
    engine_world_domain(w, NAME)->profile = "tiny";
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_WARNING,
                                        "no profile tiny (it offers classic, shortlived)"));
    expect_no_violation(w);
}

static void a_mandatory_profile_that_is_not_offered_stops_the_order(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    acme_domain_t *domain = engine_world_domain(w, NAME);
    domain->profile = "tiny";
    domain->is_profile_mandatory = 1;
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_DAY);
    assert_int_equal(0, engine_world_number(w, 0));
    assert_int_equal(0, fake_ca_count(w->ca, "newOrder", NULL));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_ERROR,
                                        "no profile tiny (it offers none), and ACMEProfileMandatory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_was_learnt_is_read_back),
        FIXTURE_TEST(it_follows_what_is_in_use),
        FIXTURE_TEST(a_question_that_is_years_ahead_is_asked_soon),
        FIXTURE_TEST(it_is_renewed_inside_the_window_of_the_ca),
        FIXTURE_TEST(a_restart_asks_nothing_and_keeps_the_moment),
        FIXTURE_TEST(it_is_asked_as_often_as_the_ca_says),
        FIXTURE_TEST(a_window_that_moves_is_obeyed_and_told),
        FIXTURE_TEST(a_revoked_certificate_is_replaced_at_the_next_question),
        FIXTURE_TEST(a_ca_that_wants_every_certificate_replaced_makes_no_storm),
        FIXTURE_TEST(without_an_answer_the_window_of_ours_counts),
        FIXTURE_TEST(of_many_questions_some_are_asked_and_the_others_spread),
        FIXTURE_TEST(an_absurd_retry_after_is_bounded),
        FIXTURE_TEST(with_renewal_info_off_nobody_asks_and_nothing_is_replaced),
        FIXTURE_TEST(a_refused_replacement_is_ordered_without_the_word),
        FIXTURE_TEST(the_limits_of_the_ca_are_no_matter_of_replacing),
        FIXTURE_TEST(another_account_replaces_nothing),
        FIXTURE_TEST(the_preferred_chain_is_chosen),
        FIXTURE_TEST(without_the_preferred_chain_the_first_is_used_and_told),
        FIXTURE_TEST(an_alternate_that_fails_costs_no_certificate),
        FIXTURE_TEST(an_alternate_that_is_put_off_is_fetched_later),
        FIXTURE_TEST(a_profile_is_ordered_as_the_ca_spells_it),
        FIXTURE_TEST(a_profile_that_is_not_offered_is_left_out_with_a_warning),
        FIXTURE_TEST(a_mandatory_profile_that_is_not_offered_stops_the_order),
    };
    return fixture_run(tests);
}
