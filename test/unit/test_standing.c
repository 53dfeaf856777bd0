/* Tests of acme_standing, and of runs that use a standing record, wait for it, or do without.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <jansson.h>

#include "acme/acme_persist.h"
#include "acme/acme_solver_persist.h"
#include "acme/acme_standing.h"
#include "acme/acme_status.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"
#include "unit/fake_dns.h"

#define SERVER "192.0.2.1"
#define NAME "_validation-persist.a.test"

typedef struct {
    engine_world_t *w;
    fake_dns_t *dns;
    acme_domain_t *domain;
} house_t;

static house_t *open_house(const char *names, const char *types, const char *offered,
                           apr_pool_t *pool)
{
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    house->w = engine_world_create(pool);
    house->dns = fake_dns_create(pool);
    fake_dns_zone(house->dns, "a.test", "ns.a.test", SERVER);
    house->domain = engine_world_domain(house->w, names);
    house->domain->challenge_types = acme_text_split(types, " ", pool);
    fake_ca_settings(house->w->ca)->challenges = offered;
    house->w->more_solvers =
        acme_solver_persist_create(fake_env(house->w->world), fake_dns(house->dns), pool);
    return house;
}

/* What is known of the first record; NULL: nothing. */
static const acme_standing_t *known(const house_t *house)
{
    const apr_array_header_t *all =
        acme_standing_list(house->w->store, house->domain, house->w->pool);
    return all->nelts > 0 ? &APR_ARRAY_IDX(all, 0, acme_standing_t) : NULL;
}

static int warnings(const house_t *house, const char *text)
{
    return fake_env_logged(house->w->world, ACME_LOG_WARNING, text);
}

static void publish(house_t *house, const char *value, const char *more)
{
    fake_dns_add(house->dns, SERVER, NAME, ACME_DNS_TXT,
                 apr_pstrcat(house->w->pool, value, more, NULL));
}

/* A house whose order waits for its record. */
static house_t *waiting_house(const char *names, apr_pool_t *pool)
{
    house_t *house = open_house(names, "dns-persist-01", "http-01,dns-persist-01", pool);
    engine_world_start(house->w);
    engine_world_pass(house->w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(0, engine_world_number(house->w, 0));
    assert_non_null(known(house));
    return house;
}

static void the_missing_record_is_told_and_waited_for(void **state)
{
    house_t *house = waiting_house("a.test", *state);
    const acme_standing_t *standing = known(house);
    assert_string_equal("a.test", standing->identifier);
    assert_string_equal(NAME, standing->name);
    assert_string_equal("there is none", standing->why);
    assert_memory_equal("ca.test; accounturi=https://ca.test/", standing->value, 36);
    assert_int_equal(1, warnings(house, acme_persist_line(NAME, standing->value, *state)));
    publish(house, standing->value, "");
    engine_world_pass(house->w, 70 * ACME_TIME_SECOND);
    assert_int_equal(1, engine_world_number(house->w, 0));
    assert_int_equal(1, fake_ca_count(house->w->ca, "orderCreated", NULL));
    assert_int_equal(1, fake_ca_count(house->w->ca, "validation", "a.test"));
    assert_null(known(house)->why);
    assert_int_equal(1, warnings(house, NULL));
    assert_string_equal("", fake_ca_violations(house->w->ca));
}

static void a_wildcard_waits_for_the_policy(void **state)
{
    house_t *house = waiting_house("*.a.test", *state);
    const acme_standing_t *standing = known(house);
    assert_string_equal("*.a.test", standing->identifier);
    const char *end = strstr(standing->value, "; policy=wildcard");
    assert_non_null(end);
    publish(house, apr_pstrndup(*state, standing->value, (apr_size_t)(end - standing->value)), "");
    engine_world_pass(house->w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(0, engine_world_number(house->w, 0));
    assert_int_equal(1, warnings(house, "it lacks policy=wildcard"));
    assert_non_null(strstr(known(house)->why, "it lacks policy=wildcard"));
    publish(house, standing->value, "");
    engine_world_pass(house->w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(house->w, 0));
    assert_int_equal(0, fake_ca_count(house->w->ca, "validationFailed", NULL));
}

static void a_name_and_its_wildcard_need_one_record(void **state)
{
    house_t *house = waiting_house("a.test *.a.test", *state);
    const apr_array_header_t *all = acme_standing_list(house->w->store, house->domain, *state);
    assert_int_equal(2, all->nelts);
    for (int i = 0; i < 2; ++i) {
        const acme_standing_t *standing = &APR_ARRAY_IDX(all, i, acme_standing_t);
        if (standing->identifier[0] == '*') {
            publish(house, standing->value, "");
        }
    }
    engine_world_pass(house->w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(house->w, 0));
}

static void a_restart_goes_on_with_the_wait_and_says_nothing_twice(void **state)
{
    house_t *house = waiting_house("a.test", *state);
    const char *value = known(house)->value;
    engine_world_die(house->w);
    engine_world_start(house->w);
    engine_world_pass(house->w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(1, warnings(house, "dns-persist-01 can be used"));
    publish(house, value, "");
    engine_world_pass(house->w, 2 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(house->w, 0));
    assert_int_equal(1, fake_ca_count(house->w->ca, "orderCreated", NULL));
}

static void the_wait_ends_after_a_day(void **state)
{
    house_t *house = waiting_house("a.test", *state);
    engine_world_pass(house->w, ACME_TIME_DAY);
    const acme_job_t *job = engine_world_job(house->w, 0);
    assert_int_equal(1, job->errors);
    assert_non_null(strstr(job->detail, "dns-persist-01 needs the DNS record " NAME));
    assert_true(job->next_run >= job->last_run + ACME_TIME_HOUR);
    assert_int_equal(0, fake_ca_count(house->w->ca, "validationFailed", NULL));
}

/* RFC 8555 section 7.1.3: the CA may have proof before we look for any. */
static void what_the_ca_has_proof_of_is_not_looked_for(void **state)
{
    house_t *house = waiting_house("a.test", *state);
    const char *value = known(house)->value;
    publish(house, value, "");
    engine_world_pass(house->w, 2 * ACME_TIME_MINUTE);
    fake_dns_remove(house->dns, SERVER, NAME, ACME_DNS_TXT, value);
    fake_ca_settings(house->w->ca)->valid_authz_lifetime = 100 * ACME_TIME_DAY;
    engine_world_die(house->w);
    fake_store_plant(house->w->disk, "live/a.test/current", NULL, 0); /* it is ordered again */
    engine_world_start(house->w);
    engine_world_pass(house->w, 2 * ACME_TIME_MINUTE);
    assert_int_equal(2, fake_ca_count(house->w->ca, "orderCreated", NULL));
    assert_int_equal(1, fake_ca_count(house->w->ca, "validation", "a.test"));
    assert_true(engine_world_number(house->w, 0) > 0);
}

static void draft_02_wants_a_hash_of_the_account(void **state)
{
    house_t *house = open_house("a.test", "dns-persist-01", "dns-persist-01", *state);
    fake_ca_settings(house->w->ca)->account_hash_prefix = "urn:x:";
    engine_world_start(house->w);
    engine_world_pass(house->w, ACME_TIME_MINUTE);
    const char *begin = "ca.test; accounturi=urn:x:sha-256/";
    assert_memory_equal(begin, known(house)->value, strlen(begin));
    assert_int_equal(strlen(begin) + 43, strlen(known(house)->value));
    publish(house, known(house)->value, "");
    engine_world_pass(house->w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(house->w, 0));
}

static void an_issuer_that_the_directory_does_not_list_is_not_named(void **state)
{
    house_t *house = open_house("a.test", "dns-persist-01", "dns-persist-01", *state);
    fake_ca_settings(house->w->ca)->account_hash_prefix = "urn:x:";
    fake_ca_settings(house->w->ca)->has_issuer_left_out = 1;
    engine_world_start(house->w);
    engine_world_pass(house->w, ACME_TIME_MINUTE);
    assert_null(known(house));
    assert_non_null(strstr(engine_world_job(house->w, 0)->detail, "the CA does not say for whom"));
}

static void another_type_is_used_meanwhile(void **state)
{
    house_t *house =
        open_house("a.test", "dns-persist-01 http-01", "http-01,dns-persist-01", *state);
    engine_world_start(house->w);
    engine_world_pass(house->w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(house->w, 0));
    assert_string_equal("there is none", known(house)->why); /* it would be liked better */
    publish(house, known(house)->value, "");
    fake_ca_expire_authorizations(house->w->ca);
    engine_world_pass(house->w, 62 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(house->w, 0));
}

static void what_is_the_last_hope_is_not_looked_for_first(void **state)
{
    house_t *house =
        open_house("a.test", "http-01 dns-persist-01", "http-01,dns-persist-01", *state);
    engine_world_start(house->w);
    engine_world_pass(house->w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(house->w, 0));
    assert_null(known(house));
    assert_int_equal(0, fake_dns_asked(house->dns, NULL));
}

static void what_was_missing_is_forgotten_when_a_better_type_works(void **state)
{
    house_t *house =
        open_house("a.test", "http-01 dns-persist-01", "http-01,dns-persist-01", *state);
    house->w->fails_http = 1;
    engine_world_start(house->w);
    engine_world_pass(house->w, 15 * ACME_TIME_MINUTE);
    assert_string_equal("there is none",
                        known(house)->why); /* http-01 has failed, so it is tried */
    house->w->fails_http = 0;
    engine_world_pass(house->w, 3 * ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(house->w, 0));
    assert_null(known(house));
}

static void a_ca_without_it_is_told(void **state)
{
    house_t *house = open_house("a.test", "dns-persist-01", "http-01", *state);
    engine_world_start(house->w);
    engine_world_pass(house->w, ACME_TIME_MINUTE);
    assert_non_null(strstr(engine_world_job(house->w, 0)->detail, "the CA offers http-01"));
}

/* A house with a certificate, and a record that ends @a span from its beginning. */
static house_t *ending_house(apr_interval_time_t span, apr_pool_t *pool)
{
    house_t *house = waiting_house("a.test", pool);
    apr_time_t until = acme_env_now(fake_env(house->w->world)) + span;
    publish(house, known(house)->value,
            apr_psprintf(pool, "; persistUntil=%" APR_INT64_T_FMT, apr_time_sec(until)));
    engine_world_pass(house->w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(house->w, 0));
    assert_int_equal(apr_time_sec(until), apr_time_sec(known(house)->until));
    return house;
}

static void the_end_is_told_each_day_before_it_comes(void **state)
{
    house_t *house = ending_house(50 * ACME_TIME_DAY, *state);
    engine_world_pass(house->w, 19 * ACME_TIME_DAY);
    assert_int_equal(0, warnings(house, "give it a later persistUntil"));
    engine_world_pass(house->w, 4 * ACME_TIME_DAY);
    int told = warnings(house, "give it a later persistUntil");
    assert_true(told >= 2 && told <= 4);
}

static void a_record_that_was_prolonged_is_no_news(void **state)
{
    house_t *house = ending_house(50 * ACME_TIME_DAY, *state);
    const char *value = known(house)->value;
    apr_size_t without_end = (apr_size_t)(strstr(value, "; persistUntil") - value);
    publish(house, apr_pstrndup(*state, value, without_end), "");
    engine_world_pass(house->w, 25 * ACME_TIME_DAY);
    assert_int_equal(0, warnings(house, "give it a later persistUntil"));
    assert_int_equal(0, known(house)->until);
}

static void a_record_that_is_gone_by_then_is_told(void **state)
{
    house_t *house = ending_house(50 * ACME_TIME_DAY, *state);
    fake_dns_remove(house->dns, SERVER, NAME, ACME_DNS_TXT, known(house)->value);
    engine_world_pass(house->w, 25 * ACME_TIME_DAY);
    assert_int_equal(2, warnings(house, "as yet there is none"));
}

static void a_certificate_with_a_record_that_soon_ends_is_told_at_once(void **state)
{
    house_t *house = ending_house(10 * ACME_TIME_DAY, *state);
    assert_int_equal(1, warnings(house, "give it a later persistUntil"));
}

/* ---- what the status page shows */

static const json_t *status_of(const house_t *house)
{
    static const acme_status_host_t host = {.version = "1"};
    const char *text = acme_status_json(house->w->domains, house->domain, house->w->store, NULL,
                                        &host, fake_env(house->w->world), house->w->pool);
    return json_loads(text, 0, NULL);
}

static const char *member(const json_t *list, const char *name)
{
    const char *text = json_string_value(json_object_get(json_array_get(list, 0), name));
    return text != NULL ? text : "";
}

static void the_status_shows_what_to_set_and_what_ends(void **state)
{
    house_t *house = waiting_house("a.test", *state);
    const json_t *status = status_of(house);
    const json_t *manual = json_object_get(status, "manual");
    assert_int_equal(1, json_array_size(manual));
    assert_string_equal("dns-persist-01", member(manual, "type"));
    assert_string_equal("a.test", member(manual, "identifier"));
    assert_string_equal(NAME, member(manual, "name"));
    assert_string_equal(known(house)->value, member(manual, "value"));
    assert_string_equal("there is none", member(manual, "reason"));
    assert_null(json_object_get(status, "standing"));
    json_decref((json_t *)status);
    house = ending_house(10 * ACME_TIME_DAY, *state);
    status = status_of(house);
    assert_null(json_object_get(status, "manual"));
    const json_t *standing = json_object_get(status, "standing");
    assert_string_equal(known(house)->value, member(standing, "value"));
    assert_non_null(strstr(member(standing, "warning"), "give it a later persistUntil"));
    json_decref((json_t *)status);
}

static void a_name_that_was_taken_out_is_forgotten(void **state)
{
    house_t *house = waiting_house("a.test *.a.test", *state);
    engine_world_die(house->w);
    apr_array_clear(house->w->domains);
    house->domain = engine_world_domain(house->w, "a.test");
    house->domain->challenge_types = acme_text_split("dns-persist-01", " ", *state);
    engine_world_start(house->w);
    const apr_array_header_t *all = acme_standing_list(house->w->store, house->domain, *state);
    assert_int_equal(1, all->nelts);
    assert_string_equal("a.test", known(house)->identifier);
}

static void a_file_that_makes_no_sense_is_as_none(void **state)
{
    house_t *house = waiting_house("a.test", *state);
    const char *const texts[] = {"{}", "{\"records\":1}", "{\"records\":[1,{\"name\":\"x\"}]}"};
    for (int i = 0; i < 3; ++i) {
        assert_well(acme_store_put(
            house->w->store,
            apr_pstrcat(*state, "staging/", house->domain->folder, "/standing.json", NULL),
            texts[i], strlen(texts[i]), *state));
        assert_null(known(house));
    }
}

static void what_stood_there_makes_a_look_or_none(void **state)
{
    acme_standing_t standing = {
        .identifier = "*.a.test", .name = NAME, .value = "ca.test; accounturi=x; policy=wildcard"};
    const acme_proof_t *proof = acme_standing_proof(&standing, *state);
    assert_string_equal("a.test", proof->identifier->value);
    assert_true(proof->persist->is_wildcard);
    assert_string_equal("x", APR_ARRAY_IDX(proof->persist->accounts, 0, const char *));
    standing.value = "ca.test";
    assert_null(acme_standing_proof(&standing, *state));
    standing.value = "ca.test;";
    assert_null(acme_standing_proof(&standing, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_missing_record_is_told_and_waited_for),
        FIXTURE_TEST(a_wildcard_waits_for_the_policy),
        FIXTURE_TEST(a_name_and_its_wildcard_need_one_record),
        FIXTURE_TEST(a_restart_goes_on_with_the_wait_and_says_nothing_twice),
        FIXTURE_TEST(the_wait_ends_after_a_day),
        FIXTURE_TEST(what_the_ca_has_proof_of_is_not_looked_for),
        FIXTURE_TEST(draft_02_wants_a_hash_of_the_account),
        FIXTURE_TEST(an_issuer_that_the_directory_does_not_list_is_not_named),
        FIXTURE_TEST(another_type_is_used_meanwhile),
        FIXTURE_TEST(what_is_the_last_hope_is_not_looked_for_first),
        FIXTURE_TEST(what_was_missing_is_forgotten_when_a_better_type_works),
        FIXTURE_TEST(a_ca_without_it_is_told),
        FIXTURE_TEST(the_end_is_told_each_day_before_it_comes),
        FIXTURE_TEST(a_record_that_was_prolonged_is_no_news),
        FIXTURE_TEST(a_record_that_is_gone_by_then_is_told),
        FIXTURE_TEST(a_certificate_with_a_record_that_soon_ends_is_told_at_once),
        FIXTURE_TEST(the_status_shows_what_to_set_and_what_ends),
        FIXTURE_TEST(a_name_that_was_taken_out_is_forgotten),
        FIXTURE_TEST(a_file_that_makes_no_sense_is_as_none),
        FIXTURE_TEST(what_stood_there_makes_a_look_or_none),
    };
    return fixture_run(tests);
}
