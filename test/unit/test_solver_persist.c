/* Tests of acme_solver_persist: the standing record is found, wherever it is, or what is wrong with
 * it. SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_persist.h"
#include "acme/acme_solver_persist.h"
#include "acme/acme_time.h"
#include "unit/fake_dns.h"
#include "unit/fake_env.h"

#define ACCOUNT "https://ca.example/acme/acct/1"
#define NAME "_validation-persist.example.org"
#define PLAIN "ca.example; accounturi=" ACCOUNT
#define WILD PLAIN "; policy=wildcard"
#define ONE "192.0.2.1"
#define TWO "192.0.2.2"

typedef struct {
    apr_pool_t *pool;
    fake_env_t *world;
    fake_dns_t *dns;
    acme_solver_t *solver;
    acme_identifier_t identifier;
    acme_persist_demand_t demand;
    acme_proof_t proof;
} house_t;

static apr_array_header_t *one(const char *word, apr_pool_t *pool)
{
    apr_array_header_t *words = apr_array_make(pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(words, const char *) = word;
    return words;
}

static house_t *open_house(apr_pool_t *pool)
{
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    house->pool = pool;
    house->world = fake_env_create(1, pool);
    house->dns = fake_dns_create(pool);
    fake_dns_zone(house->dns, "example.org", "ns1.example.org", ONE);
    fake_dns_zone(house->dns, "example.org", "ns2.example.org", TWO);
    house->solver = acme_solver_persist_create(fake_env(house->world), fake_dns(house->dns), pool);
    house->identifier = (acme_identifier_t){ACME_IDENTIFIER_DNS, "example.org", 0};
    house->demand = (acme_persist_demand_t){one("ca.example", pool), one(ACCOUNT, pool), 0};
    house->proof = (acme_proof_t){
        .type = "dns-persist-01", .identifier = &house->identifier, .persist = &house->demand};
    return house;
}

static void show(house_t *house, const char *text)
{
    fake_dns_add(house->dns, ONE, NAME, ACME_DNS_TXT, text);
    fake_dns_add(house->dns, TWO, NAME, ACME_DNS_TXT, text);
}

static const acme_prospect_t *look(house_t *house)
{
    for (int i = 0; i < 50; ++i) {
        acme_prospect_t *prospect;
        apr_time_t poll_at;
        assert_well(house->solver->foresee(&prospect, &poll_at, house->solver->baton, &house->proof,
                                           house->pool));
        if (prospect != NULL) {
            return prospect;
        }
        assert_true(poll_at > acme_env_now(fake_env(house->world)));
        fake_env_move_to(house->world, poll_at);
    }
    fail_msg("the look never ends");
    return NULL;
}

static void expect_met(house_t *house, const char *value)
{
    const acme_prospect_t *prospect = look(house);
    if (!prospect->is_met) {
        fail_msg("not met: %s", prospect->why);
    }
    assert_string_equal(NAME, prospect->name);
    assert_string_equal(value, prospect->value);
}

static void expect_missing(house_t *house, const char *why)
{
    const acme_prospect_t *prospect = look(house);
    assert_false(prospect->is_met);
    assert_string_equal(NAME, prospect->name);
    assert_string_equal(house->demand.is_wildcard ? WILD : PLAIN, prospect->value);
    if (strstr(prospect->why, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", prospect->why, why);
    }
}

static void a_record_at_every_server_is_met(void **state)
{
    house_t *house = open_house(*state);
    show(house, "v=spf1 -all");
    show(house, PLAIN);
    expect_met(house, PLAIN);
    assert_int_equal(0, look(house)->until);
    assert_int_equal(2, fake_dns_asked(house->dns, ONE)); /* each look looks anew */
}

static void a_missing_record_is_proposed_and_found_later(void **state)
{
    house_t *house = open_house(*state);
    expect_missing(house, "there is none");
    show(house, PLAIN);
    expect_met(house, PLAIN);
}

static void a_wildcard_needs_the_policy(void **state)
{
    house_t *house = open_house(*state);
    house->identifier.is_wildcard = 1;
    house->demand.is_wildcard = 1;
    show(house, PLAIN);
    expect_missing(house, "\"" PLAIN "\", is not right: it lacks policy=wildcard");
    show(house, WILD);
    expect_met(house, WILD);
}

static void what_is_wrong_with_the_nearest_is_told(void **state)
{
    house_t *house = open_house(*state);
    show(house, "other.example; accounturi=" ACCOUNT);
    expect_missing(house, "for the CA \"other.example\"");
    show(house, PLAIN ";");
    expect_missing(house, "a ';' stands at the end");
}

static void the_record_that_ends_last_counts(void **state)
{
    house_t *house = open_house(*state);
    show(house, PLAIN "; persistUntil=4000000000");
    show(house, PLAIN "; persistUntil=4100000000");
    show(house, PLAIN "; persistUntil=4050000000");
    show(house, PLAIN "; persistUntil=1000000000");
    expect_met(house, PLAIN "; persistUntil=4100000000");
    assert_int_equal(apr_time_from_sec(4100000000), look(house)->until);
    show(house, PLAIN);
    assert_int_equal(0, look(house)->until);
}

static void one_server_that_lacks_it_is_named(void **state)
{
    house_t *house = open_house(*state);
    fake_dns_add(house->dns, ONE, NAME, ACME_DNS_TXT, PLAIN);
    expect_missing(house, "not all name servers show it (ns2.example.org (192.0.2.2) lacks it)");
    fake_dns_silence(house->dns, TWO, 1);
    expect_met(house, PLAIN);
}

static void a_cname_is_followed(void **state)
{
    house_t *house = open_house(*state);
    fake_dns_zone(house->dns, "acme.example", "ns.acme.example", "192.0.2.9");
    fake_dns_add(house->dns, NULL, NAME, ACME_DNS_CNAME, "x.acme.example");
    fake_dns_add(house->dns, "192.0.2.9", "x.acme.example", ACME_DNS_TXT, PLAIN);
    expect_met(house, PLAIN);
}

static void the_resolver_is_asked_where_no_server_answers(void **state)
{
    house_t *house = open_house(*state);
    fake_dns_silence(house->dns, ONE, 1);
    fake_dns_silence(house->dns, TWO, 1);
    expect_missing(house, "there is none");
    fake_dns_add(house->dns, NULL, NAME, ACME_DNS_TXT, PLAIN);
    expect_met(house, PLAIN);
}

static void silence_is_told(void **state)
{
    house_t *house = open_house(*state);
    fake_dns_silence(house->dns, NULL, 1);
    expect_missing(house, "nobody can be asked");
}

static void looks_at_several_names_go_on_side_by_side(void **state)
{
    house_t *house = open_house(*state);
    house_t *other = open_house(*state);
    acme_prospect_t *prospect;
    apr_time_t poll_at;
    show(house, PLAIN);
    other->solver = house->solver;
    other->world = house->world;
    other->demand.is_wildcard = 1; /* the same name, asked for more */
    assert_well(house->solver->foresee(&prospect, &poll_at, house->solver->baton, &other->proof,
                                       house->pool));
    assert_null(prospect);
    expect_met(house, PLAIN);
    expect_missing(other, "policy=wildcard");
}

static void what_the_ca_does_not_say_is_refused(void **state)
{
    house_t *house = open_house(*state);
    acme_prospect_t *prospect;
    apr_time_t poll_at;
    house->proof.persist = NULL;
    assert_refused(ACME_ERR_INPUT, house->solver->foresee(&prospect, &poll_at, house->solver->baton,
                                                          &house->proof, house->pool));
    house->proof.persist = &house->demand;
    house->identifier.type = ACME_IDENTIFIER_IP;
    assert_refused(ACME_ERR_INPUT, house->solver->foresee(&prospect, &poll_at, house->solver->baton,
                                                          &house->proof, house->pool));
}

static void nothing_is_published_or_taken_away(void **state)
{
    house_t *house = open_house(*state);
    const acme_solver_t *solver = house->solver;
    int is_done = 0;
    apr_time_t poll_at;
    assert_string_equal("dns-persist-01", solver->type);
    assert_well(solver->publish(solver->baton, &house->proof, house->pool));
    assert_well(solver->visible(&is_done, &poll_at, solver->baton, &house->proof, house->pool));
    assert_true(is_done);
    is_done = 0;
    assert_well(solver->withdraw(&is_done, &poll_at, solver->baton, &house->proof, house->pool));
    assert_true(is_done);
    assert_null(solver->list);
}

/* Its run was given up between two polls. */
static void a_look_that_nobody_waited_for_is_forgotten(void **state)
{
    house_t *house = open_house(*state);
    acme_prospect_t *prospect = NULL;
    apr_time_t poll_at;
    show(house, PLAIN);
    while (fake_dns_asked(house->dns, ONE) == 0) {
        assert_well(house->solver->foresee(&prospect, &poll_at, house->solver->baton, &house->proof,
                                           house->pool));
        assert_null(prospect);
    }
    fake_env_move_to(house->world, acme_env_now(fake_env(house->world)) + ACME_TIME_HOUR);
    expect_met(house, PLAIN);
    assert_int_equal(2, fake_dns_asked(house->dns, ONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_record_at_every_server_is_met),
        FIXTURE_TEST(a_missing_record_is_proposed_and_found_later),
        FIXTURE_TEST(a_wildcard_needs_the_policy),
        FIXTURE_TEST(what_is_wrong_with_the_nearest_is_told),
        FIXTURE_TEST(the_record_that_ends_last_counts),
        FIXTURE_TEST(one_server_that_lacks_it_is_named),
        FIXTURE_TEST(a_cname_is_followed),
        FIXTURE_TEST(the_resolver_is_asked_where_no_server_answers),
        FIXTURE_TEST(silence_is_told),
        FIXTURE_TEST(looks_at_several_names_go_on_side_by_side),
        FIXTURE_TEST(a_look_that_nobody_waited_for_is_forgotten),
        FIXTURE_TEST(what_the_ca_does_not_say_is_refused),
        FIXTURE_TEST(nothing_is_published_or_taken_away),
    };
    return fixture_run(tests);
}
