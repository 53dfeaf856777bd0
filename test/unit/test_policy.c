/* Policy: when to renew, to try again, to ask again, to speak.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_policy.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

static const apr_time_t noon = (apr_time_t)1767355200 * APR_USEC_PER_SEC;

static const acme_identifier_t a_test = {ACME_IDENTIFIER_DNS, "a.test", 0};
static const acme_identifier_t b_test = {ACME_IDENTIFIER_DNS, "b.test", 0};

static acme_domain_t *domain_of(apr_pool_t *pool, int names)
{
    acme_domain_t *domain = apr_pcalloc(pool, sizeof(*domain));
    apr_array_header_t *identifiers = apr_array_make(pool, 2, sizeof(void *));
    APR_ARRAY_PUSH(identifiers, const acme_identifier_t *) = &a_test;
    if (names > 1) {
        APR_ARRAY_PUSH(identifiers, const acme_identifier_t *) = &b_test;
    }
    apr_array_header_t *specs = apr_array_make(pool, 2, sizeof(acme_key_spec_t));
    APR_ARRAY_PUSH(specs, acme_key_spec_t) = (acme_key_spec_t){.type = ACME_KEY_P256};
    *domain = (acme_domain_t){.name = "a.test",
                              .identifiers = identifiers,
                              .key_specs = specs,
                              .has_key_specs = 1,
                              .renew_window = {.percent = 33},
                              .has_renew_window = 1,
                              .warn_window = {.percent = 10},
                              .renew_mode = ACME_RENEW_AUTO,
                              .is_used = 1};
    return domain;
}

static acme_generation_facts_t *facts_of(apr_pool_t *pool, apr_time_t from, apr_time_t until)
{
    acme_generation_facts_t *facts = apr_pcalloc(pool, sizeof(*facts));
    apr_array_header_t *identifiers = apr_array_make(pool, 2, sizeof(void *));
    APR_ARRAY_PUSH(identifiers, const acme_identifier_t *) = &a_test;
    apr_array_header_t *certificates = apr_array_make(pool, 1, sizeof(acme_generation_fact_t));
    APR_ARRAY_PUSH(certificates, acme_generation_fact_t) =
        (acme_generation_fact_t){.type = ACME_KEY_P256,
                                 .not_before = from,
                                 .not_after = until,
                                 .identifiers = identifiers,
                                 .sha256 = "000000aa",
                                 .issuer_name = "A CA",
                                 .certid = "aki.serial"};
    facts->number = 1;
    facts->certificates = certificates;
    return facts;
}

static void a_domain_without_certificate_is_due_at_once(void **state)
{
    acme_due_t due;
    acme_policy_due(&due, domain_of(*state, 1), NULL, NULL, NULL);
    assert_int_equal(ACME_DUE_FIRST, due.reason);
    assert_true(due.at == 0);
    assert_int_equal(ACME_KEY_P256, due.spec->type);
}

static void renewal_begins_with_the_window(void **state)
{
    acme_due_t due;
    acme_policy_due(&due, domain_of(*state, 1),
                    facts_of(*state, noon, noon + 100 * ACME_TIME_DAY), NULL, NULL);
    assert_int_equal(ACME_DUE_RENEWAL, due.reason);
    assert_true(due.at == noon + 67 * ACME_TIME_DAY);
    assert_true(due.expires == noon + 100 * ACME_TIME_DAY);
    assert_true(due.warn_at == noon + 90 * ACME_TIME_DAY);
}

static apr_time_t at(const char *text)
{
    apr_time_t when;
    assert_int_equal(0, acme_time_parse_rfc3339(&when, text));
    return when;
}

static void without_a_word_a_third_is_left_or_half_of_a_short_life(void **state)
{
    static const char *const cases[][3] = {
        {"2026-11-01T00:00:00Z", "2027-01-29T23:59:59Z", "2026-12-30T23:59:59Z"},
        {"2027-03-01T00:00:00Z", "2027-05-03T23:59:59Z", "2027-04-12T15:59:59Z"},
        {"2028-03-01T00:00:00Z", "2028-04-14T23:59:59Z", "2028-03-30T23:59:59Z"},
        {"2026-11-01T00:00:00Z", "2026-11-07T15:59:59Z", "2026-11-04T07:59:59Z"},
    };
    acme_domain_t *domain = domain_of(*state, 1);
    domain->has_renew_window = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        acme_due_t due;
        acme_policy_due(&due, domain, facts_of(*state, at(cases[i][0]), at(cases[i][1])), NULL, NULL);
        assert_string_equal(cases[i][2], acme_time_rfc3339(due.at, *state));
    }
}

static void certificates_of_one_moment_have_moments_of_their_own(void **state)
{
    acme_due_t due;
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).sha256 = "800000";
    acme_policy_due(&due, domain_of(*state, 1), facts, NULL, NULL);
    assert_in_range((due.at - noon - 67 * ACME_TIME_DAY) / ACME_TIME_SECOND, 6 * 3600 - 2, 6 * 3600);
    APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).sha256 = "ffffff";
    acme_policy_due(&due, domain_of(*state, 1), facts, NULL, NULL);
    assert_in_range((due.at - noon - 67 * ACME_TIME_DAY) / ACME_TIME_SECOND, 12 * 3600 - 2,
                    12 * 3600);
}

static void a_window_longer_than_the_life_is_none(void **state)
{
    acme_due_t due;
    acme_domain_t *domain = domain_of(*state, 1);
    domain->renew_window = (acme_window_t){.span = 30 * ACME_TIME_DAY};
    acme_policy_due(&due, domain,
                    facts_of(*state, noon, noon + 6 * ACME_TIME_DAY - ACME_TIME_SECOND), NULL, NULL);
    assert_true(due.at == noon + 3 * ACME_TIME_DAY - ACME_TIME_SECOND);
}

static void what_was_just_made_is_not_renewed_for_its_age(void **state)
{
    acme_due_t due;
    acme_generation_facts_t *facts =
        facts_of(*state, noon - 80 * ACME_TIME_DAY, noon + 20 * ACME_TIME_DAY - ACME_TIME_SECOND);
    APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).made = noon;
    acme_policy_due(&due, domain_of(*state, 1), facts, NULL, NULL);
    assert_true(due.at == noon + 10 * ACME_TIME_DAY);
    acme_policy_due(&due, domain_of(*state, 2), facts, NULL, NULL);
    assert_true(due.at == 0); /* a missing name is another matter */
}

static void a_failed_validation_is_rehearsed_where_nothing_is_urgent(void **state)
{
    (void)state;
    acme_job_t job = {.errors = 1, .rehearse = 1};
    acme_due_t due = {.reason = ACME_DUE_FIRST};
    assert_true(acme_policy_shall_rehearse(&due, &job, noon));
    job.rehearse = 0;
    assert_false(acme_policy_shall_rehearse(&due, &job, noon));
    job.rehearse = 1;
    for (int errors = 1; errors < 20; ++errors) {
        job.errors = errors;
        assert_int_equal(errors % 4 != 0, acme_policy_shall_rehearse(&due, &job, noon));
    }
    due = (acme_due_t){.reason = ACME_DUE_RENEWAL, .warn_at = noon + 1};
    assert_true(acme_policy_shall_rehearse(&due, &job, noon));
    due.warn_at = noon;
    assert_false(acme_policy_shall_rehearse(&due, &job, noon));
    due = (acme_due_t){.reason = ACME_DUE_REVOKED, .warn_at = noon + ACME_TIME_DAY};
    assert_false(acme_policy_shall_rehearse(&due, &job, noon));
}

static void the_next_ca_has_its_turn(void **state)
{
    (void)state;
    const int none[] = {0, 0, 0};
    const int first[] = {1, 0, 0};
    const int all[] = {1, 1, 1};
    assert_int_equal(0, acme_policy_choose_ca(3, 0, 13, none));
    assert_int_equal(0, acme_policy_choose_ca(3, 12, 13, none));
    assert_int_equal(1, acme_policy_choose_ca(3, 13, 13, none));
    assert_int_equal(2, acme_policy_choose_ca(3, 26, 13, none));
    assert_int_equal(0, acme_policy_choose_ca(3, 39, 13, none));
    assert_int_equal(1, acme_policy_choose_ca(3, 0, 13, first));
    assert_int_equal(1, acme_policy_choose_ca(3, 39, 13, first));
    assert_int_equal(0, acme_policy_choose_ca(3, 0, 13, all));
    assert_int_equal(0, acme_policy_choose_ca(1, 99, 13, all));
}

/* ---- what the CA suggests */

static acme_renewal_t *suggestion(apr_pool_t *pool, apr_time_t start, apr_time_t when)
{
    acme_renewal_t *renewal = apr_pcalloc(pool, sizeof(*renewal));
    renewal->certificates = apr_array_make(pool, 1, sizeof(acme_renewal_certificate_t));
    APR_ARRAY_PUSH(renewal->certificates, acme_renewal_certificate_t) =
        (acme_renewal_certificate_t){.certid = "aki.serial",
                                     .start = start,
                                     .end = start + 2 * ACME_TIME_DAY,
                                     .at = when};
    return renewal;
}

static void the_moment_in_the_cas_window_counts(void **state)
{
    acme_due_t due;
    acme_domain_t *domain = domain_of(*state, 1);
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 90 * ACME_TIME_DAY);
    acme_renewal_t *renewal =
        suggestion(*state, noon + 59 * ACME_TIME_DAY, noon + 60 * ACME_TIME_DAY);
    acme_policy_due(&due, domain, facts, renewal, NULL);
    assert_int_equal(ACME_DUE_RENEWAL_INFO, due.reason);
    assert_true(due.at == noon + 60 * ACME_TIME_DAY);
    assert_false(due.is_hastened);
    assert_string_equal("aki.serial", due.certid);
    domain->is_renewal_info_off = 1;
    acme_policy_due(&due, domain, facts, renewal, NULL);
    assert_int_equal(ACME_DUE_RENEWAL, due.reason);
    domain->is_renewal_info_off = 0;
    APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).certid = "another";
    acme_policy_due(&due, domain, facts, renewal, NULL);
    assert_int_equal(ACME_DUE_RENEWAL, due.reason);
}

static void no_window_is_so_late_that_a_certificate_could_expire(void **state)
{
    acme_due_t due;
    acme_generation_facts_t *facts =
        facts_of(*state, noon, noon + 90 * ACME_TIME_DAY - ACME_TIME_SECOND);
    acme_policy_due(&due, domain_of(*state, 1), facts,
                    suggestion(*state, noon + 89 * ACME_TIME_DAY, noon + 90 * ACME_TIME_DAY), NULL);
    assert_true(due.at == noon + 75 * ACME_TIME_DAY - ACME_TIME_SECOND);
}

static void a_ca_that_always_wants_a_new_one_is_braked(void **state)
{
    acme_due_t due;
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 90 * ACME_TIME_DAY);
    acme_renewal_t *renewal = suggestion(*state, noon - ACME_TIME_DAY, noon - ACME_TIME_HOUR);
    APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).made = noon;
    acme_policy_due(&due, domain_of(*state, 1), facts, renewal, NULL);
    assert_true(due.is_hastened);
    assert_true(due.at == noon - ACME_TIME_HOUR); /* the first time at once: an incident */
    static const int hours[] = {1, 2, 4, 8, 16, 32, 48, 48};
    for (int i = 0; i < 8; i++) {
        renewal->hastened = i + 1;
        acme_policy_due(&due, domain_of(*state, 1), facts, renewal, NULL);
        assert_true(due.at == noon + hours[i] * ACME_TIME_HOUR);
    }
}

static void the_moment_is_drawn_once_for_each_window(void **state)
{
    acme_renewal_certificate_t one = {.certid = "aki.serial"};
    acme_renewal_info_t info = {.start = noon, .end = noon + 100 * ACME_TIME_MINUTE};
    assert_true(acme_policy_take_renewal_info(&one, &info, 0.25, *state));
    assert_true(one.at == noon + 25 * ACME_TIME_MINUTE);
    info.explanation_url = "https://ca.test/why";
    assert_false(acme_policy_take_renewal_info(&one, &info, 0.75, *state));
    assert_true(one.at == noon + 25 * ACME_TIME_MINUTE);
    assert_string_equal("https://ca.test/why", one.explanation_url);
    info.start -= ACME_TIME_HOUR;
    assert_true(acme_policy_take_renewal_info(&one, &info, 0, *state));
    assert_true(one.at == noon - ACME_TIME_HOUR);
    info.end = info.start + 1;
    assert_true(acme_policy_take_renewal_info(&one, &info, 1, *state));
    assert_true(one.at >= info.start && one.at <= info.end);
}

static void the_ca_is_asked_again_when_it_said_within_reason(void **state)
{
    (void)state;
    assert_true(acme_policy_inquire_first(noon, 0) == noon + ACME_TIME_MINUTE);
    assert_true(acme_policy_inquire_first(noon, 1) == noon + 61 * ACME_TIME_MINUTE);
    assert_true(acme_policy_inquire_again(0, noon, 0) == noon + 6 * ACME_TIME_HOUR);
    assert_true(acme_policy_inquire_again(noon + ACME_TIME_HOUR, noon, 0) == noon + ACME_TIME_HOUR);
    assert_true(acme_policy_inquire_again(noon + 10 * ACME_TIME_HOUR, noon, 1) ==
                noon + 11 * ACME_TIME_HOUR);
    assert_true(acme_policy_inquire_again(noon - ACME_TIME_DAY, noon, 0) ==
                noon + ACME_TIME_MINUTE);
    assert_true(acme_policy_inquire_again(noon + 3650 * ACME_TIME_DAY, noon, 0) ==
                noon + ACME_TIME_DAY);
}

static apr_interval_time_t inquire_delay(acme_err_class_t errclass, int errors, apr_time_t retry_at)
{
    const acme_err_t err = {.errclass = errclass, .text = "", .retry_at = retry_at};
    return acme_policy_inquire_after(&err, errors, noon, 0) - noon;
}

static void failures_to_ask_wait_longer_and_longer(void **state)
{
    (void)state;
    assert_true(inquire_delay(ACME_ERR_NETWORK, 1, 0) == ACME_TIME_MINUTE);
    assert_true(inquire_delay(ACME_ERR_NETWORK, 3, 0) == 4 * ACME_TIME_MINUTE);
    assert_true(inquire_delay(ACME_ERR_NETWORK, 1000, 0) == 6 * ACME_TIME_HOUR);
    assert_true(inquire_delay(ACME_ERR_NETWORK, 1, noon + ACME_TIME_HOUR) == ACME_TIME_HOUR);
    assert_true(inquire_delay(ACME_ERR_NETWORK, 1, noon + 99 * ACME_TIME_DAY) == ACME_TIME_DAY);
    assert_true(inquire_delay(ACME_ERR_INPUT, 1, 0) == 6 * ACME_TIME_HOUR);
    assert_true(inquire_delay(ACME_ERR_GONE, 1, 0) == 6 * ACME_TIME_HOUR);
}

static void a_default_key_type_replaces_nothing_that_works(void **state)
{
    acme_due_t due;
    acme_domain_t *domain = domain_of(*state, 1);
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).type = ACME_KEY_RSA;
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_KEY_TYPE, due.reason);
    domain->has_key_specs = 0;
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_RENEWAL, due.reason);
    assert_int_equal(ACME_KEY_P256, due.spec->type);
    assert_true(due.at == noon + 67 * ACME_TIME_DAY);
}

static void a_revoked_certificate_is_due_at_once(void **state)
{
    acme_due_t due;
    acme_domain_t *domain = domain_of(*state, 1);
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).revoked = noon;
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_REVOKED, due.reason);
    assert_true(due.at == 0);
    assert_string_equal("its certificate was revoked", acme_policy_due_text(due.reason));
    APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t).type = ACME_KEY_RSA;
    domain->has_key_specs = 0; /* one of another type than we would order today is one in use, too */
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_REVOKED, due.reason);
}

static void another_ca_or_profile_that_was_written_replaces_at_once(void **state)
{
    acme_due_t due;
    const acme_ca_t ca = {.directory_url = "https://new.test/dir"};
    acme_domain_t *domain = domain_of(*state, 1);
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    acme_generation_fact_t *fact = &APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t);
    domain->ca = &ca;
    fact->ca_url = "https://old.test/dir";
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_RENEWAL, due.reason); /* a default of ours changed: nobody hurries */
    fact->issuer_name = "(STAGING) Wannabe Watercress R11";
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_CA, due.reason);
    fact->issuer_name = "A CA";
    domain->has_ca = 1;
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_CA, due.reason);
    assert_true(due.at == 0);
    fact->ca_url = NULL; /* nobody knows where it came from */
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_RENEWAL, due.reason);
    fact->ca_url = ca.directory_url;
    fact->made = noon;
    domain->profile = "short";
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_PROFILE, due.reason);
    fact->profile = "Short";
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_RENEWAL, due.reason);
}

static acme_due_reason_t due_for_staple(acme_domain_t *domain, acme_generation_facts_t *facts,
                                        int wanted, int ordered, int has)
{
    acme_due_t due;
    acme_generation_fact_t *fact = &APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t);
    domain->has_must_staple = wanted >= 0;
    domain->must_staple = wanted > 0;
    fact->must_staple = ordered;
    fact->has_must_staple = has;
    acme_policy_due(&due, domain, facts, NULL, NULL);
    return due.reason;
}

static void must_staple_that_was_written_replaces_at_once(void **state)
{
    acme_ca_t ca = {.directory_url = "https://ca.test/dir"};
    acme_domain_t *domain = domain_of(*state, 1);
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    acme_generation_fact_t *fact = &APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t);
    domain->ca = &ca;
    fact->ca_url = ca.directory_url;
    fact->made = noon;
    assert_int_equal(ACME_DUE_RENEWAL, due_for_staple(domain, facts, -1, 0, 1)); /* not written */
    assert_int_equal(ACME_DUE_RENEWAL, due_for_staple(domain, facts, -1, 1, 1));
    assert_int_equal(ACME_DUE_MUST_STAPLE, due_for_staple(domain, facts, 1, 0, 0));
    assert_int_equal(ACME_DUE_RENEWAL, due_for_staple(domain, facts, 1, 1, 1));
    assert_int_equal(ACME_DUE_MUST_STAPLE, due_for_staple(domain, facts, 0, 1, 1));
    assert_int_equal(ACME_DUE_RENEWAL, due_for_staple(domain, facts, 0, 0, 0));
    assert_true(acme_policy_is_change(ACME_DUE_MUST_STAPLE));
    /* a CA that does as it likes is not asked again and again */
    assert_int_equal(ACME_DUE_RENEWAL, due_for_staple(domain, facts, 1, 1, 0));
    assert_int_equal(ACME_DUE_RENEWAL, due_for_staple(domain, facts, 0, 0, 1));
    fact->made = 0; /* it came otherwise */
    assert_int_equal(ACME_DUE_MUST_STAPLE, due_for_staple(domain, facts, 0, 0, 1));
    assert_int_equal(ACME_DUE_MUST_STAPLE, due_for_staple(domain, facts, 1, 0, 0));
    ca.is_without_must_staple = 1;
    assert_int_equal(ACME_DUE_RENEWAL, due_for_staple(domain, facts, 1, 0, 0));
}

static void must_staple_of_a_second_ca_that_has_none_can_wait(void **state)
{
    const acme_ca_t ca = {.directory_url = "https://ca.test/dir"};
    const acme_ca_t second = {.directory_url = "https://second.test/dir",
                              .is_without_must_staple = 1};
    acme_domain_t *domain = domain_of(*state, 1);
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    acme_generation_fact_t *fact = &APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t);
    apr_array_header_t *others = apr_array_make(*state, 1, sizeof(const acme_ca_t *));
    APR_ARRAY_PUSH(others, const acme_ca_t *) = &second;
    domain->ca = &ca;
    domain->other_cas = others;
    fact->ca_url = second.directory_url;
    fact->made = noon;
    assert_int_equal(ACME_DUE_RENEWAL, due_for_staple(domain, facts, 1, 0, 0));
}

static void many_changes_are_spread(void **state)
{
    (void)state;
    assert_true(acme_policy_change_pause(1) == 0);
    assert_true(acme_policy_change_pause(19) == 0);
    assert_true(acme_policy_change_pause(20) == 40 * ACME_TIME_SECOND);
    assert_true(acme_policy_change_pause(1019) == 40 * ACME_TIME_SECOND);
}

static void first_things_come_first(void **state)
{
    (void)state;
    static const struct {
        acme_rank_t rank;
        acme_due_t due;
        int is_new;
        int errors;
    } cases[] = {
        {ACME_RANK_WARN, {.reason = ACME_DUE_RENEWAL, .expires = 100, .warn_at = 50}, 0, 3},
        {ACME_RANK_WARN, {.reason = ACME_DUE_PROFILE, .expires = 100, .warn_at = 60}, 0, 0},
        {ACME_RANK_WARN, {.reason = ACME_DUE_NAMES, .expires = 50, .warn_at = 40}, 1, 0},
        {ACME_RANK_RENEWAL, {.reason = ACME_DUE_RENEWAL_INFO, .expires = 100, .warn_at = 61}, 1, 1},
        {ACME_RANK_RENEWAL, {.reason = ACME_DUE_REVOKED, .expires = 100, .warn_at = 90}, 0, 0},
        {ACME_RANK_NEW, {.reason = ACME_DUE_FIRST}, 1, 0},
        {ACME_RANK_NEW, {.reason = ACME_DUE_NAMES, .expires = 100, .warn_at = 90}, 0, 0},
        {ACME_RANK_BACKLOG, {.reason = ACME_DUE_FIRST}, 0, 0},
        {ACME_RANK_BACKLOG, {.reason = ACME_DUE_FIRST}, 1, 1},
        {ACME_RANK_BACKLOG, {.reason = ACME_DUE_NAMES, .expires = 100, .warn_at = 90}, 1, 1},
        {ACME_RANK_CHANGE, {.reason = ACME_DUE_CA, .expires = 100, .warn_at = 90}, 1, 0},
        {ACME_RANK_CHANGE, {.reason = ACME_DUE_KEY_TYPE, .expires = 100, .warn_at = 90}, 0, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(cases[i].rank,
                         acme_policy_rank(&cases[i].due, cases[i].is_new, cases[i].errors, 60));
    }
}

static void renewals_count_for_less(void **state)
{
    acme_ca_t ca = {.directory_url = "https://ca.test/dir", .limits = {.is_renewal_exempt = 1}};
    acme_domain_t *domain = domain_of(*state, 1);
    const acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    acme_generation_fact_t *fact = &APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t);
    acme_renewal_certificate_t window = {.start = noon, .end = noon + ACME_TIME_HOUR};
    const apr_array_header_t *names = domain->identifiers;
    assert_int_equal(ACME_CLAIM_FULL, acme_policy_claim(&ca, names, NULL, NULL, noon));
    fact->ca_url = NULL;
    assert_int_equal(ACME_CLAIM_FULL, acme_policy_claim(&ca, names, fact, NULL, noon));
    fact->ca_url = "https://other.test/dir";
    assert_int_equal(ACME_CLAIM_FULL, acme_policy_claim(&ca, names, fact, &window, noon));
    fact->ca_url = ca.directory_url;
    assert_int_equal(ACME_CLAIM_RENEWAL, acme_policy_claim(&ca, names, fact, NULL, noon));
    assert_int_equal(ACME_CLAIM_RENEWAL, acme_policy_claim(&ca, names, fact, &window, noon));
    fact->account_url = "https://ca.test/account/1";
    assert_int_equal(ACME_CLAIM_NONE, acme_policy_claim(&ca, names, fact, &window, noon));
    assert_int_equal(ACME_CLAIM_NONE,
                     acme_policy_claim(&ca, names, fact, &window, noon + ACME_TIME_HOUR));
    assert_int_equal(ACME_CLAIM_RENEWAL,
                     acme_policy_claim(&ca, names, fact, &window, noon + 2 * ACME_TIME_HOUR));
    assert_int_equal(ACME_CLAIM_RENEWAL, acme_policy_claim(&ca, names, fact, &window, noon - 1));
    fact->identifiers = apr_array_make(*state, 1, sizeof(const acme_identifier_t *));
    assert_int_equal(ACME_CLAIM_FULL, acme_policy_claim(&ca, names, fact, NULL, noon));
    ca.limits.is_renewal_exempt = 0;
    assert_int_equal(ACME_CLAIM_FULL, acme_policy_claim(&ca, names, fact, &window, noon));
}

static void a_missing_name_or_key_type_is_due_at_once(void **state)
{
    acme_due_t due;
    acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    acme_policy_due(&due, domain_of(*state, 2), facts, NULL, NULL);
    assert_int_equal(ACME_DUE_NAMES, due.reason);
    acme_domain_t *domain = domain_of(*state, 1);
    APR_ARRAY_PUSH((apr_array_header_t *)domain->key_specs, acme_key_spec_t) =
        (acme_key_spec_t){.type = ACME_KEY_RSA, .bits = 2048};
    acme_policy_due(&due, domain, facts, NULL, NULL);
    assert_int_equal(ACME_DUE_KEY_TYPE, due.reason);
    assert_int_equal(ACME_KEY_RSA, due.spec->type);
}

static void manual_and_unused_domains_are_left_alone_but_their_end_is_known(void **state)
{
    acme_due_t due;
    acme_domain_t *domain = domain_of(*state, 1);
    domain->is_used = 0;
    acme_policy_due(&due, domain, NULL, NULL, NULL);
    assert_int_equal(ACME_DUE_NEVER, due.reason);
    domain->renew_mode = ACME_RENEW_ALWAYS;
    acme_policy_due(&due, domain, NULL, NULL, NULL);
    assert_int_equal(ACME_DUE_FIRST, due.reason);
    domain->is_used = 1;
    domain->renew_mode = ACME_RENEW_MANUAL;
    acme_policy_due(&due, domain, facts_of(*state, noon, noon + 100 * ACME_TIME_DAY), NULL, NULL);
    assert_int_equal(ACME_DUE_NEVER, due.reason);
    assert_true(due.expires == noon + 100 * ACME_TIME_DAY);
}

static apr_interval_time_t delay(acme_err_class_t errclass, int errors, double uniform)
{
    acme_err_t err = {.errclass = errclass, .text = ""};
    return acme_policy_retry_at(&err, errors, 30 * ACME_TIME_SECOND, noon, uniform) - noon;
}

static void what_the_ca_has_not_counted_is_tried_again_soon(void **state)
{
    (void)state;
    assert_true(delay(ACME_ERR_NETWORK, 1, 0) == 30 * ACME_TIME_SECOND);
    assert_true(delay(ACME_ERR_NETWORK, 2, 0) == 60 * ACME_TIME_SECOND);
    assert_true(delay(ACME_ERR_STORE, 4, 0) == 240 * ACME_TIME_SECOND);
    assert_true(delay(ACME_ERR_NETWORK, 1, 1) == 36 * ACME_TIME_SECOND);
}

static void a_failed_validation_is_never_repeated_within_ten_minutes(void **state)
{
    (void)state;
    for (int errors = 1; errors < 100; ++errors) {
        assert_true(delay(ACME_ERR_REFUSED, errors, 0) >= 10 * ACME_TIME_MINUTE);
    }
    assert_true(delay(ACME_ERR_REFUSED, 2, 0) == 20 * ACME_TIME_MINUTE);
}

static void no_count_of_errors_overflows_a_back_off(void **state)
{
    (void)state;
    const int many[] = {32, 63, 64, 65, 1000, 2147483647};
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); ++i) {
        assert_true(delay(ACME_ERR_NETWORK, many[i], 0) == ACME_TIME_DAY);
        assert_true(delay(ACME_ERR_CONFIG, many[i], 1) <= 2 * ACME_TIME_DAY);
    }
}

static void retry_after_is_always_honoured(void **state)
{
    (void)state;
    acme_err_t err = {.errclass = ACME_ERR_WAIT, .text = "", .retry_at = noon + 3 * ACME_TIME_DAY};
    assert_true(acme_policy_retry_at(&err, 1, ACME_TIME_SECOND, noon, 0) >= err.retry_at);
    err.retry_at = 0;
    assert_true(acme_policy_retry_at(&err, 1, ACME_TIME_SECOND, noon, 0) >=
                noon + ACME_TIME_MINUTE);
    err = (acme_err_t){.errclass = ACME_ERR_NETWORK, .text = "", .retry_at = noon + ACME_TIME_HOUR};
    assert_true(acme_policy_probe_at(&err, 1, ACME_TIME_SECOND, noon, 0) >= err.retry_at);
}

static void retry_after_in_ten_years_is_honoured_for_a_week(void **state)
{
    (void)state;
    acme_err_t err = {
        .errclass = ACME_ERR_WAIT, .text = "", .retry_at = noon + 3650 * ACME_TIME_DAY};
    assert_true(acme_policy_retry_at(&err, 1, ACME_TIME_SECOND, noon, 0) ==
                noon + ACME_POLICY_WAIT_MAX);
    assert_true(acme_policy_probe_at(&err, 1, ACME_TIME_SECOND, noon, 0) ==
                noon + ACME_POLICY_WAIT_MAX);
}

static void a_moment_that_nobody_can_have_meant_is_none(void **state)
{
    (void)state;
    assert_true(acme_policy_believable(0, noon) == 0);
    assert_true(acme_policy_believable(noon - ACME_TIME_DAY, noon) == noon - ACME_TIME_DAY);
    apr_time_t last = noon + ACME_POLICY_WAIT_MAX;
    assert_true(acme_policy_believable(last, noon) == last);
    assert_true(acme_policy_believable(last + ACME_TIME_MINUTE, noon) == 0);
}

static void a_ca_in_trouble_is_probed_at_least_hourly(void **state)
{
    (void)state;
    acme_err_t err = {.errclass = ACME_ERR_NETWORK, .text = ""};
    assert_true(acme_policy_probe_at(&err, 50, 30 * ACME_TIME_SECOND, noon, 0) ==
                noon + ACME_TIME_HOUR);
}

static void polling_is_quick_then_patient_and_obeys(void **state)
{
    (void)state;
    assert_true(acme_policy_poll_at(0, 0, 0, noon) - noon == 60 * 1000);
    assert_true(acme_policy_poll_at(0, 0, ACME_TIME_DAY, noon) - noon == 3 * ACME_TIME_SECOND);
    apr_interval_time_t before = 0;
    for (int polls = 1; polls < 30; ++polls) {
        apr_interval_time_t pause = acme_policy_poll_at(polls, 0, 0, noon) - noon;
        assert_true(pause >= before && pause <= ACME_TIME_MINUTE);
        before = pause;
    }
    assert_true(acme_policy_poll_at(1, noon + 7 * ACME_TIME_SECOND, 0, noon) ==
                noon + 7 * ACME_TIME_SECOND);
    for (int polls = 0; polls < 2; ++polls) { /* the answer to the CSR may say it, too */
        assert_true(acme_policy_poll_at(polls, noon + ACME_TIME_DAY, 0, noon) ==
                    noon + 5 * ACME_TIME_MINUTE);
    }
    assert_false(acme_policy_poll_is_over(noon, 0, noon + ACME_TIME_MINUTE));
    assert_true(acme_policy_poll_is_over(noon, 0, noon + 2 * ACME_TIME_HOUR));
    assert_false(acme_policy_poll_is_over(noon, 1, noon + 2 * ACME_TIME_HOUR));
}

static void the_estimate_follows_what_was_seen(void **state)
{
    (void)state;
    apr_interval_time_t estimate = 0;
    for (int i = 0; i < 30; ++i) {
        estimate = acme_policy_poll_estimate(estimate, 2 * ACME_TIME_SECOND, 3);
    }
    assert_true(estimate > ACME_TIME_SECOND && estimate <= 2 * ACME_TIME_SECOND);
    for (int i = 0; i < 30; ++i) {
        estimate = acme_policy_poll_estimate(estimate, 0, 0);
    }
    assert_true(estimate < 100 * 1000);
    assert_true(acme_policy_poll_in_vain(0, ACME_TIME_SECOND, 3) == ACME_TIME_SECOND);
    assert_true(acme_policy_poll_in_vain(2 * ACME_TIME_SECOND, ACME_TIME_SECOND, 1) ==
                2 * ACME_TIME_SECOND);
    assert_true(acme_policy_poll_in_vain(0, 2 * ACME_TIME_SECOND, 5) == 0);
    assert_true(acme_policy_poll_in_vain(0, ACME_TIME_HOUR, 1) == 0);
}

static void the_same_reason_is_logged_once_a_day(void **state)
{
    (void)state;
    assert_true(acme_policy_shall_log(0, 0, 5, noon));
    assert_false(acme_policy_shall_log(noon, 5, 5, noon + ACME_TIME_HOUR));
    assert_true(acme_policy_shall_log(noon, 5, 6, noon + ACME_TIME_HOUR));
    assert_true(acme_policy_shall_log(noon, 5, 5, noon + ACME_TIME_DAY));
    assert_true(acme_policy_shall_log(noon, 5, 5, noon - ACME_TIME_HOUR));
}

static void a_reason_is_the_same_with_another_token_or_address(void **state)
{
    (void)state;
    assert_true(acme_policy_reason("refused at 192.0.2.1/xO2MhbWfAYso8ZpjVr3FUQlCnCzR: timeout") ==
                acme_policy_reason("refused at 192.0.2.77/yoZgF27toapsfd5r_IaHKvX6MFZ: timeout"));
    assert_true(acme_policy_reason("connection: timeout") != acme_policy_reason("dns: timeout"));
    assert_true(acme_policy_reason("") != acme_policy_reason("a"));
}

static apr_array_header_t *words(apr_pool_t *pool, const char *text)
{
    return acme_text_split(text, " ", pool);
}

static acme_job_t *new_job(apr_pool_t *pool)
{
    acme_job_t *job = apr_pcalloc(pool, sizeof(*job));
    job->worked = apr_array_make(pool, 2, sizeof(acme_job_proof_t));
    job->failures = apr_array_make(pool, 2, sizeof(acme_job_proof_t));
    return job;
}

static const char *order_for(apr_pool_t *pool, const char *types, const char *name,
                             const acme_job_t *job)
{
    return acme_text_join(acme_policy_challenge_types(words(pool, types), name, job, noon, pool),
                          " ", pool);
}

static const char *order_of(apr_pool_t *pool, const char *types, const acme_job_t *job)
{
    return order_for(pool, types, "x.test", job);
}

static void add_failure(acme_job_t *job, const char *name, const char *type,
                        apr_interval_time_t ago)
{
    APR_ARRAY_PUSH(job->failures, acme_job_proof_t) = (acme_job_proof_t){name, type, noon - ago};
}

static void add_worked(acme_job_t *job, const char *name, const char *type)
{
    APR_ARRAY_PUSH(job->worked, acme_job_proof_t) = (acme_job_proof_t){name, type, noon};
}

static void what_worked_comes_first_and_what_failed_last(void **state)
{
    acme_job_t *job = new_job(*state);
    assert_string_equal("a b c", order_of(*state, "a b c", job));
    add_failure(job, "x.test", "a", 10 * ACME_TIME_MINUTE);
    assert_string_equal("b c a", order_of(*state, "a b c", job));
    add_worked(job, "x.test", "a");
    assert_string_equal("b c a", order_of(*state, "a b c", job));
    assert_string_equal("a", order_of(*state, "a", job));
    job = new_job(*state);
    add_worked(job, "x.test", "c");
    assert_string_equal("c a b", order_of(*state, "a b c", job));
    assert_string_equal("a b", order_of(*state, "a b", job));
}

static void names_do_not_pay_for_each_other(void **state)
{
    acme_job_t *job = new_job(*state);
    add_failure(job, "*.x.test", "a", 10 * ACME_TIME_MINUTE);
    add_failure(job, "*.x.test", "b", 20 * ACME_TIME_MINUTE);
    assert_string_equal("a b c", order_of(*state, "a b c", job));
    assert_string_equal("b a", order_for(*state, "a b c", "*.x.test", job));
    add_worked(job, "*.x.test", "c");
    add_worked(job, "x.test", "b");
    assert_string_equal("b a c", order_of(*state, "a b c", job));
}

static void a_new_name_is_tried_by_what_worked_for_another(void **state)
{
    acme_job_t *job = new_job(*state);
    add_worked(job, "y.test", "b");
    add_worked(job, "z.test", "c");
    assert_string_equal("c a b", order_of(*state, "a b c", job));
    add_failure(job, "x.test", "c", 10 * ACME_TIME_MINUTE);
    assert_string_equal("a b c", order_of(*state, "a b c", job));
}

static void at_most_two_types_are_tried_within_an_hour(void **state)
{
    acme_job_t *job = new_job(*state);
    add_failure(job, "x.test", "b", 10 * ACME_TIME_MINUTE);
    add_failure(job, "x.test", "a", 50 * ACME_TIME_MINUTE);
    assert_string_equal("a b", order_of(*state, "a b c", job));
    APR_ARRAY_IDX(job->failures, 1, acme_job_proof_t).when = noon - 61 * ACME_TIME_MINUTE;
    assert_string_equal("c a b", order_of(*state, "a b c", job));
}

static apr_time_t remake_at(const apr_time_t *times, int count, apr_time_t now, apr_pool_t *pool)
{
    apr_array_header_t *remade = apr_array_make(pool, 4, sizeof(apr_time_t));
    for (int i = 0; i < count; ++i) {
        APR_ARRAY_PUSH(remade, apr_time_t) = times[i];
    }
    return acme_policy_remake_at(remade, now);
}

static void an_account_is_made_anew_within_limits(void **state)
{
    apr_time_t now = apr_time_from_sec(1700000000);
    apr_time_t hour = ACME_TIME_HOUR;
    assert_true(acme_policy_remake_at(NULL, now) == 0);
    assert_true(remake_at(NULL, 0, now, *state) == 0);
    const apr_time_t lately[] = {now - hour / 2};
    assert_true(remake_at(lately, 1, now, *state) == now + hour / 2);
    const apr_time_t long_ago[] = {now - 50 * hour, now - 40 * hour, now - 2 * hour};
    assert_true(remake_at(long_ago, 3, now, *state) == 0);
    const apr_time_t often[] = {now - 30 * hour, now - 10 * hour, now - 6 * hour, now - 2 * hour};
    assert_true(remake_at(often, 4, now, *state) == now + 14 * hour);
    const apr_time_t future[] = {now + 10 * hour}; /* written under a clock that was wrong */
    assert_true(remake_at(future, 1, now, *state) == 0);
}

/* ---- names that fail */

static acme_job_t *job_with(const char *name, int count, apr_time_t since, apr_time_t last,
                            apr_pool_t *pool)
{
    acme_job_t *job = apr_pcalloc(pool, sizeof(*job));
    job->refusals = apr_array_make(pool, 2, sizeof(acme_job_refusal_t));
    job->last_run = last;
    APR_ARRAY_PUSH(job->refusals, acme_job_refusal_t) =
        (acme_job_refusal_t){.name = name, .count = count, .since = since, .last = last};
    return job;
}

/* The domain is a.test and b.test; its certificate, where it has one, is of a.test alone and ends in a
 * hundred days from noon; it is warned of after ninety. */
static void a_name_is_dropped_for_what_it_did_and_no_sooner(void **state)
{
    enum { NOTHING, IN_USE };
    const apr_time_t minute = ACME_TIME_MINUTE;
    const apr_time_t day = ACME_TIME_DAY;
    const struct {
        const char *name;
        int count, serves;
        apr_time_t span, now;
        int is_dropped;
    } cases[] = {
        {"b.test", 3, NOTHING, 15 * minute, 15 * minute, 1},
        {"b.test", 2, NOTHING, 15 * minute, 15 * minute, 0},
        {"b.test", 3, NOTHING, 15 * minute - 1, 15 * minute, 0},
        {"b.test", 9, NOTHING, -15 * minute, 15 * minute, 0},
        {"b.test", 3, NOTHING, day, 40 * day, 1},
        {"c.test", 9, NOTHING, day, 40 * day, 0},
        {"b.test", 3, IN_USE, 15 * minute, 80 * day, 1}, /* it lacks the name: nothing to lose */
        {"a.test", 3, IN_USE, 15 * minute, 80 * day, 0},
        {"a.test", 9, IN_USE, day, 89 * day, 0},
        {"a.test", 3, IN_USE, day, 90 * day, 1},
        {"a.test", 3, IN_USE, day - 1, 90 * day, 0},
        {"a.test", 2, IN_USE, day, 90 * day, 0},
        {"a.test", 3, IN_USE, day, 101 * day, 1}, /* it has expired */
    };
    const acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * day);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const acme_job_t *job = job_with(cases[i].name, cases[i].count, noon, noon + cases[i].span, *state);
        const apr_array_header_t *dropped =
            acme_policy_dropped(domain_of(*state, 2), cases[i].serves == IN_USE ? facts : NULL, job,
                                noon + cases[i].now, *state);
        if (dropped->nelts != cases[i].is_dropped) {
            fail_msg("case %d: %d names are dropped", (int)i, dropped->nelts);
        }
        for (int k = 0; k < dropped->nelts; k++) {
            const acme_dropped_t *one = &APR_ARRAY_IDX(dropped, k, acme_dropped_t);
            assert_string_equal(cases[i].name, one->identifier->value);
            assert_true(one->again == noon + cases[i].span + day);
        }
    }
}

static void neither_all_names_nor_any_with_the_switch_off_are_dropped(void **state)
{
    acme_job_t *job = job_with("a.test", 3, noon, noon + ACME_TIME_DAY, *state);
    APR_ARRAY_PUSH(job->refusals, acme_job_refusal_t) =
        (acme_job_refusal_t){.name = "b.test", .count = 3, .since = noon, .last = noon + ACME_TIME_DAY};
    apr_time_t now = noon + 2 * ACME_TIME_DAY;
    acme_domain_t *domain = domain_of(*state, 2);
    assert_int_equal(0, acme_policy_dropped(domain, NULL, job, now, *state)->nelts);
    assert_int_equal(0, acme_policy_dropped(domain_of(*state, 1), NULL, job, now, *state)->nelts);
    APR_ARRAY_IDX(job->refusals, 1, acme_job_refusal_t).count = 2;
    assert_int_equal(1, acme_policy_dropped(domain, NULL, job, now, *state)->nelts);
    domain->keeps_failing = 1;
    assert_int_equal(0, acme_policy_dropped(domain, NULL, job, now, *state)->nelts);
}

static void what_was_refused_in_the_future_is_tried_now(void **state)
{
    const acme_job_t *job = job_with("a.test", 3, noon, noon + ACME_TIME_DAY, *state);
    const apr_array_header_t *dropped =
        acme_policy_dropped(domain_of(*state, 2), NULL, job, noon, *state);
    assert_int_equal(1, dropped->nelts);
    assert_true(APR_ARRAY_IDX(dropped, 0, acme_dropped_t).again == noon);
}

static void a_certificate_that_lacks_dropped_names_alone_waits_for_them(void **state)
{
    acme_due_t due;
    apr_time_t now = noon + 50 * ACME_TIME_DAY;
    const acme_domain_t *domain = domain_of(*state, 2);
    const acme_generation_facts_t *facts = facts_of(*state, noon, noon + 100 * ACME_TIME_DAY);
    const acme_job_t *job = job_with("b.test", 3, now - ACME_TIME_HOUR, now, *state);
    const apr_array_header_t *dropped = acme_policy_dropped(domain, facts, job, now, *state);
    acme_policy_due(&due, domain, facts, NULL, dropped);
    assert_int_equal(ACME_DUE_NAMES, due.reason);
    assert_true(due.at == now + ACME_TIME_DAY);

    now = noon + 67 * ACME_TIME_DAY - ACME_TIME_HOUR; /* its age counts as ever */
    job = job_with("b.test", 3, now - ACME_TIME_HOUR, now, *state);
    dropped = acme_policy_dropped(domain, facts, job, now, *state);
    acme_policy_due(&due, domain, facts, NULL, dropped);
    assert_int_equal(ACME_DUE_RENEWAL, due.reason);
    assert_true(due.at == noon + 67 * ACME_TIME_DAY);

    job = job_with("c.test", 3, now - ACME_TIME_HOUR, now, *state);
    dropped = acme_policy_dropped(domain, facts, job, now, *state);
    acme_policy_due(&due, domain, facts, NULL, dropped);
    assert_int_equal(ACME_DUE_NAMES, due.reason);
    assert_true(due.at == 0);
}

static void a_failure_is_excused_if_all_that_failed_are_dropped(void **state)
{
    acme_job_t *job = job_with("a.test", 3, noon, noon + ACME_TIME_DAY, *state);
    apr_time_t now = noon + ACME_TIME_DAY;
    const acme_domain_t *domain = domain_of(*state, 2);
    const apr_array_header_t *dropped = acme_policy_dropped(domain, NULL, job, now, *state);
    assert_true(acme_policy_is_excused(job, dropped));
    APR_ARRAY_PUSH(job->refusals, acme_job_refusal_t) =
        (acme_job_refusal_t){.name = "b.test", .count = 1, .since = now, .last = now};
    assert_false(acme_policy_is_excused(job, dropped)); /* another name failed, too */
    APR_ARRAY_IDX(job->refusals, 1, acme_job_refusal_t).last = noon;
    assert_true(acme_policy_is_excused(job, dropped));
    job->last_run = now + ACME_TIME_MINUTE;
    assert_false(acme_policy_is_excused(job, dropped)); /* the last run failed otherwise */
}

static void after_thirty_days_a_week_and_a_pause_is_a_day(void **state)
{
    (void)state;
    const apr_time_t day = ACME_TIME_DAY;
    const struct {
        acme_err_class_t errclass;
        const char *link;
        apr_time_t failing_for, least, most;
    } cases[] = {
        {ACME_ERR_REFUSED, NULL, 29 * day, 10 * ACME_TIME_MINUTE, 12 * ACME_TIME_MINUTE},
        {ACME_ERR_REFUSED, NULL, 30 * day, 7 * day, 8 * day},
        {ACME_ERR_CONFIG, NULL, 90 * day, 7 * day, 8 * day},
        {ACME_ERR_NETWORK, NULL, 90 * day, 30 * ACME_TIME_SECOND, 36 * ACME_TIME_SECOND},
        {ACME_ERR_CLOCK, NULL, 90 * day, 30 * ACME_TIME_SECOND, 36 * ACME_TIME_SECOND},
        {ACME_ERR_WAIT, NULL, 90 * day, ACME_TIME_MINUTE, 72 * ACME_TIME_SECOND},
        {ACME_ERR_WAIT, "https://ca.test/", 0, day, day + day / 5},
        {ACME_ERR_CONFIG, "https://ca.test/", 0, ACME_TIME_HOUR, 72 * ACME_TIME_MINUTE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        acme_err_t err = {.errclass = cases[i].errclass, .text = "", .link = cases[i].link};
        apr_time_t since = cases[i].failing_for != 0 ? noon - cases[i].failing_for : 0;
        apr_time_t first = acme_policy_next_run(&err, 1, since, 30 * ACME_TIME_SECOND, noon, 0);
        apr_time_t last = acme_policy_next_run(&err, 1, since, 30 * ACME_TIME_SECOND, noon, 1);
        assert_true(first - noon == cases[i].least);
        assert_true(last - noon == cases[i].most);
        assert_true(acme_policy_believable(last, noon) == last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_domain_without_certificate_is_due_at_once),
        FIXTURE_TEST(a_name_is_dropped_for_what_it_did_and_no_sooner),
        FIXTURE_TEST(neither_all_names_nor_any_with_the_switch_off_are_dropped),
        FIXTURE_TEST(what_was_refused_in_the_future_is_tried_now),
        FIXTURE_TEST(a_certificate_that_lacks_dropped_names_alone_waits_for_them),
        FIXTURE_TEST(a_failure_is_excused_if_all_that_failed_are_dropped),
        FIXTURE_TEST(after_thirty_days_a_week_and_a_pause_is_a_day),
        FIXTURE_TEST(renewal_begins_with_the_window),
        FIXTURE_TEST(without_a_word_a_third_is_left_or_half_of_a_short_life),
        FIXTURE_TEST(certificates_of_one_moment_have_moments_of_their_own),
        FIXTURE_TEST(a_window_longer_than_the_life_is_none),
        FIXTURE_TEST(what_was_just_made_is_not_renewed_for_its_age),
        FIXTURE_TEST(the_next_ca_has_its_turn),
        FIXTURE_TEST(the_moment_in_the_cas_window_counts),
        FIXTURE_TEST(no_window_is_so_late_that_a_certificate_could_expire),
        FIXTURE_TEST(a_ca_that_always_wants_a_new_one_is_braked),
        FIXTURE_TEST(the_moment_is_drawn_once_for_each_window),
        FIXTURE_TEST(the_ca_is_asked_again_when_it_said_within_reason),
        FIXTURE_TEST(failures_to_ask_wait_longer_and_longer),
        FIXTURE_TEST(a_default_key_type_replaces_nothing_that_works),
        FIXTURE_TEST(another_ca_or_profile_that_was_written_replaces_at_once),
        FIXTURE_TEST(must_staple_that_was_written_replaces_at_once),
        FIXTURE_TEST(must_staple_of_a_second_ca_that_has_none_can_wait),
        FIXTURE_TEST(many_changes_are_spread),
        FIXTURE_TEST(first_things_come_first),
        FIXTURE_TEST(renewals_count_for_less),
        FIXTURE_TEST(a_missing_name_or_key_type_is_due_at_once),
        FIXTURE_TEST(manual_and_unused_domains_are_left_alone_but_their_end_is_known),
        FIXTURE_TEST(what_the_ca_has_not_counted_is_tried_again_soon),
        FIXTURE_TEST(a_failed_validation_is_never_repeated_within_ten_minutes),
        FIXTURE_TEST(no_count_of_errors_overflows_a_back_off),
        FIXTURE_TEST(retry_after_is_always_honoured),
        FIXTURE_TEST(retry_after_in_ten_years_is_honoured_for_a_week),
        FIXTURE_TEST(a_moment_that_nobody_can_have_meant_is_none),
        FIXTURE_TEST(a_ca_in_trouble_is_probed_at_least_hourly),
        FIXTURE_TEST(polling_is_quick_then_patient_and_obeys),
        FIXTURE_TEST(the_estimate_follows_what_was_seen),
        FIXTURE_TEST(what_worked_comes_first_and_what_failed_last),
        FIXTURE_TEST(names_do_not_pay_for_each_other),
        FIXTURE_TEST(a_new_name_is_tried_by_what_worked_for_another),
        FIXTURE_TEST(at_most_two_types_are_tried_within_an_hour),
        FIXTURE_TEST(the_same_reason_is_logged_once_a_day),
        FIXTURE_TEST(a_reason_is_the_same_with_another_token_or_address),
        FIXTURE_TEST(an_account_is_made_anew_within_limits),
        FIXTURE_TEST(a_failed_validation_is_rehearsed_where_nothing_is_urgent),
        FIXTURE_TEST(a_revoked_certificate_is_due_at_once),
    };
    return fixture_run(tests);
}
