/* Tests of acme_solver_dns: records set, waited for and removed, also across a crash.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <errno.h>

#include "acme/acme_solver_dns.h"
#include "acme/acme_time.h"
#include "unit/fake_dns.h"
#include "unit/fake_env.h"
#include "unit/fake_store.h"

#define TOKEN "1uYOuW_wbhXCII2uXnyqCRb69eSLZ8fXAiLPWhjjGbc"
#define THUMB "MZaA6-J0vMO5OmCYxdAhKPF5jLmKhUpb7ajMQJnf64w"
#define VALUE "0D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs" /* test/data/vectors.json */
#define NAME "_acme-challenge.example.org"
#define PLACE "challenges/dns-01/" VALUE
#define ONE "192.0.2.1"
#define TWO "192.0.2.2"

static const acme_identifier_t example = {ACME_IDENTIFIER_DNS, "example.org", 0};
static const acme_identifier_t address = {ACME_IDENTIFIER_IP, "192.0.2.7", 0};

/* A way to set records that keeps what it was told: each verb takes one poll. */
typedef struct {
    char log[2000];
    int polls;
    int slowness; /* polls before it is done */
    acme_err_t *err;
    const char *prints; /* when it has added a record */
    char heard[100];    /* what it is told of that at the removal */
} way_t;

typedef struct {
    apr_pool_t *pool;    /* of the test */
    apr_pool_t *process; /* of the process */
    fake_env_t *world;
    fake_store_t *disk;
    acme_seal_t *seal;
    fake_dns_t *dns;
    acme_solver_t *solver;
    acme_dns01_t dns01;
    acme_proof_t proof;
    acme_dns_update_t update;
    way_t way;
    int is_refused;   /* update_for fails */
    int is_forgotten; /* settings_for knows none */
    int generation;
} house_t;

static acme_err_t *note(way_t *way, const char *verb, const acme_txt_t *txt)
{
    size_t len = strlen(way->log);
    snprintf(way->log + len, sizeof(way->log) - len, "%s %s %s %s;", verb, txt->domain, txt->name,
             txt->value);
    way->polls = 0;
    return NULL;
}

static acme_err_t *way_add(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    (void)pool;
    return note(baton, "add", txt);
}

static acme_err_t *way_remove(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    (void)pool;
    way_t *way = baton;
    snprintf(way->heard, sizeof(way->heard), "%s", txt->printed != NULL ? txt->printed : "nothing");
    return note(baton, "remove", txt);
}

static const char *way_printed(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    const way_t *way = baton;
    (void)txt;
    return way->prints != NULL ? apr_pstrdup(pool, way->prints) : NULL;
}

static acme_err_t *way_poll(int *is_done, apr_time_t *poll_at, void *baton, const acme_txt_t *txt,
                            apr_pool_t *pool)
{
    way_t *way = baton;
    (void)txt;
    (void)pool;
    *is_done = way->polls++ >= way->slowness;
    *poll_at = *is_done ? 0 : FAKE_ENV_START + ACME_TIME_SECOND;
    return way->err;
}

static acme_err_t *update_for(const acme_dns_update_t **update, void *baton,
                              const acme_dns01_t *dns01, apr_pool_t *pool)
{
    house_t *house = baton;
    assert_ptr_equal(&house->dns01, dns01);
    *update = &house->update;
    return house->is_refused ? acme_err_make(pool, ACME_ERR_CONFIG, "no program") : NULL;
}

static const acme_dns01_t *settings_for(void *baton, const acme_identifier_t *identifier)
{
    house_t *house = baton;
    assert_string_equal("example.org", identifier->value);
    return house->is_forgotten ? NULL : &house->dns01;
}

static void start(house_t *house, int has_dns)
{
    apr_pool_create(&house->process, house->pool);
    acme_solver_dns_config_t config = {.env = fake_env(house->world),
                                       .store = fake_store_open(house->disk, ++house->generation,
                                                                house->seal, fake_env(house->world),
                                                                house->process),
                                       .dns = has_dns ? fake_dns(house->dns) : NULL,
                                       .baton = house,
                                       .settings_for = settings_for,
                                       .update_for = update_for};
    house->solver = acme_solver_dns_create(&config, house->process);
}

static void crash(house_t *house)
{
    apr_pool_destroy(house->process);
    start(house, 1);
}

static house_t *open_house(apr_pool_t *pool)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = {1};
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    house->pool = pool;
    house->world = fake_env_create(1, pool);
    house->disk = fake_store_create(pool);
    house->seal = acme_seal_create(secret, pool);
    house->dns = fake_dns_create(pool);
    fake_dns_zone(house->dns, "example.org", "ns1.example.org", ONE);
    fake_dns_zone(house->dns, "example.org", "ns2.example.org", TWO);
    house->update = (acme_dns_update_t){
        .baton = &house->way, .add = way_add, .remove = way_remove, .poll = way_poll, .printed = way_printed};
    house->proof = (acme_proof_t){.type = "dns-01",
                                  .identifier = &example,
                                  .token = TOKEN,
                                  .thumbprint = THUMB,
                                  .dns01 = &house->dns01};
    start(house, 1);
    return house;
}

static acme_err_t *publish(house_t *house)
{
    return house->solver->publish(house->solver->baton, &house->proof, house->pool);
}

static acme_err_t *ask(int *is_visible, house_t *house)
{
    apr_time_t poll_at = 0;
    ACME_TRY(house->solver->visible(is_visible, &poll_at, house->solver->baton, &house->proof,
                                    house->pool));
    assert_true(*is_visible || poll_at > 0);
    return NULL;
}

/* Polls for @a span; whether it became visible. */
static int wait_for(house_t *house, apr_interval_time_t span)
{
    apr_time_t end = acme_env_now(fake_env(house->world)) + span;
    int is_visible = 0;
    while (!is_visible && acme_env_now(fake_env(house->world)) < end) {
        apr_time_t poll_at = 0;
        assert_well(house->solver->visible(&is_visible, &poll_at, house->solver->baton,
                                           &house->proof, house->pool));
        apr_time_t now = acme_env_now(fake_env(house->world));
        if (!is_visible) {
            assert_true(poll_at > now);
            fake_env_move_to(house->world, poll_at < end ? poll_at : end);
        }
    }
    return is_visible;
}

static acme_err_t *withdraw(house_t *house)
{
    int is_gone = 0;
    apr_time_t poll_at;
    for (int i = 0; i < 5 && !is_gone; ++i) {
        ACME_TRY(house->solver->withdraw(&is_gone, &poll_at, house->solver->baton, &house->proof,
                                         house->pool));
    }
    assert_true(is_gone);
    return NULL;
}

static void show(house_t *house, const char *server)
{
    fake_dns_add(house->dns, server, NAME, ACME_DNS_TXT, VALUE);
}

static int log_count(const house_t *house, const char *verb)
{
    int count = 0;
    for (const char *at = house->way.log; (at = strstr(at, verb)) != NULL; ++at) {
        ++count;
    }
    return count;
}

static void waits_until_every_server_shows_it(void **state)
{
    house_t *house = open_house(*state);
    assert_string_equal("dns-01", house->solver->type);
    assert_well(publish(house));
    assert_false(wait_for(house, ACME_TIME_MINUTE));
    assert_string_equal("add example.org " NAME " " VALUE ";", house->way.log);
    show(house, ONE);
    assert_false(wait_for(house, ACME_TIME_MINUTE));
    assert_int_equal(1,
                     fake_env_logged(house->world, ACME_LOG_INFO, "ns1.example.org (192.0.2.1)"));
    show(house, TWO);
    assert_true(wait_for(house, 6 * ACME_TIME_SECOND));
    assert_well(withdraw(house));
    assert_int_equal(1, log_count(house, "remove example.org " NAME " " VALUE));
    assert_int_equal(0, fake_store_count(house->disk, "challenges/"));
}

static void what_was_printed_is_told_at_the_removal_also_after_a_crash(void **state)
{
    house_t *house = open_house(*state);
    house->way.prints = "id 7\n";
    assert_well(publish(house));
    show(house, ONE);
    show(house, TWO);
    assert_true(wait_for(house, ACME_TIME_MINUTE));
    crash(house);
    house->way.prints = NULL;
    assert_well(withdraw(house));
    assert_string_equal("id 7\n", house->way.heard);
    assert_well(publish(house));
    assert_true(wait_for(house, ACME_TIME_MINUTE));
    assert_well(withdraw(house));
    assert_string_equal("nothing", house->way.heard);
}

/* What is to be cleaned up must be known whatever happens from then on. */
static void a_power_loss_leaves_nothing_behind(void **state)
{
    house_t *house = open_house(*state);
    house->way.slowness = 100; /* the way is at it when the power goes */
    assert_well(publish(house));
    int is_visible;
    while (log_count(house, "add ") == 0) {
        assert_well(ask(&is_visible, house));
    }
    fake_store_lose_power(house->disk);
    crash(house);
    house->way.slowness = 0;
    apr_array_header_t *proofs;
    assert_well(house->solver->list(&proofs, house->solver->baton, house->pool));
    assert_int_equal(1, proofs->nelts);
    assert_well(withdraw(house));
    assert_int_equal(1, log_count(house, "remove example.org " NAME " " VALUE));
}

static void follows_a_cname(void **state)
{
    house_t *house = open_house(*state);
    fake_dns_zone(house->dns, "acme.example", "ns.acme.example", "192.0.2.9");
    fake_dns_add(house->dns, NULL, NAME, ACME_DNS_CNAME, "x.acme.example");
    fake_dns_add(house->dns, "192.0.2.9", "x.acme.example", ACME_DNS_TXT, VALUE);
    assert_well(publish(house));
    assert_true(wait_for(house, ACME_TIME_MINUTE));
    assert_string_equal("add example.org x.acme.example " VALUE ";", house->way.log);
    fake_dns_remove(house->dns, NULL, NAME, ACME_DNS_CNAME, "x.acme.example");
    crash(house);
    assert_well(withdraw(house));
    assert_int_equal(1, log_count(house, "remove example.org x.acme.example"));
}

static void who_lacks_it_at_the_limit_ends_the_wait(void **state)
{
    house_t *house = open_house(*state);
    show(house, ONE);
    assert_well(publish(house));
    assert_false(wait_for(house, 5 * ACME_TIME_MINUTE - ACME_TIME_SECOND));
    fake_env_move(house->world, ACME_TIME_MINUTE);
    acme_err_t *err = NULL;
    int is_visible = 0;
    for (int i = 0; i < 5 && err == NULL && !is_visible; ++i) {
        err = ask(&is_visible, house);
    }
    assert_refused(ACME_ERR_INPUT, err);
    assert_non_null(strstr(err->text, "ns2.example.org (192.0.2.2) lacks it"));
    assert_well(withdraw(house));
}

static void who_is_silent_at_the_limit_is_a_warning(void **state)
{
    house_t *house = open_house(*state);
    show(house, ONE);
    fake_dns_silence(house->dns, TWO, 1);
    assert_well(publish(house));
    assert_false(wait_for(house, 5 * ACME_TIME_MINUTE - ACME_TIME_SECOND));
    assert_true(wait_for(house, ACME_TIME_MINUTE));
    assert_int_equal(1, fake_env_logged(house->world, ACME_LOG_WARNING, "ns2.example.org"));
}

static void without_any_server_the_resolver_is_asked(void **state)
{
    house_t *house = open_house(*state);
    fake_dns_silence(house->dns, ONE, 1);
    fake_dns_silence(house->dns, TWO, 1);
    assert_well(publish(house));
    assert_false(wait_for(house, ACME_TIME_MINUTE));
    assert_int_equal(1, fake_env_logged(house->world, ACME_LOG_WARNING, "firewall"));
    show(house, NULL);
    assert_true(wait_for(house, 10 * ACME_TIME_SECOND));
}

static void without_a_zone_the_resolver_is_asked(void **state)
{
    house_t *house = open_house(*state);
    fake_dns_silence(house->dns, NULL, 1);
    assert_well(publish(house));
    assert_false(wait_for(house, ACME_TIME_MINUTE));
    assert_int_equal(1, fake_env_logged(house->world, ACME_LOG_WARNING, "ACMEDnsResolver"));
    assert_int_equal(1, log_count(house, "add example.org " NAME));
    assert_true(wait_for(house, 6 * ACME_TIME_MINUTE));
}

static void settles_after_all_show_it(void **state)
{
    house_t *house = open_house(*state);
    house->dns01.wait.settle = 10 * ACME_TIME_MINUTE;
    show(house, ONE);
    show(house, TWO);
    assert_well(publish(house));
    assert_false(wait_for(house, 9 * ACME_TIME_MINUTE));
    crash(house); /* what has been waited for is not waited for again */
    assert_well(publish(house));
    assert_true(wait_for(house, 90 * ACME_TIME_SECOND));
    assert_int_equal(1, log_count(house, "add"));
}

static void settles_no_longer_than_the_authorization_lives(void **state)
{
    house_t *house = open_house(*state);
    house->dns01.wait.settle = ACME_TIME_HOUR;
    house->proof.expires = FAKE_ENV_START + 10 * ACME_TIME_MINUTE;
    show(house, ONE);
    show(house, TWO);
    assert_well(publish(house));
    assert_true(wait_for(house, 9 * ACME_TIME_MINUTE));
}

static void without_questions_only_time_passes(void **state)
{
    house_t *house = open_house(*state);
    house->dns01.wait.servers = ACME_DNS01_NONE;
    house->dns01.wait.settle = ACME_TIME_MINUTE;
    assert_well(publish(house));
    assert_false(wait_for(house, 59 * ACME_TIME_SECOND));
    assert_int_equal(0, fake_dns_asked(house->dns, ONE));
    assert_true(wait_for(house, 5 * ACME_TIME_SECOND));
}

static void without_c_ares_only_time_passes(void **state)
{
    house_t *house = open_house(*state);
    apr_pool_destroy(house->process);
    start(house, 0);
    assert_well(publish(house));
    assert_true(wait_for(house, ACME_TIME_SECOND));
    assert_string_equal("add example.org " NAME " " VALUE ";", house->way.log);
    assert_well(withdraw(house));
}

static void a_restart_goes_on_with_the_wait(void **state)
{
    house_t *house = open_house(*state);
    assert_well(publish(house));
    assert_false(wait_for(house, 4 * ACME_TIME_MINUTE));
    crash(house);
    assert_well(publish(house));
    fake_env_move(house->world, 2 * ACME_TIME_MINUTE);
    acme_err_t *err = NULL;
    int is_visible = 0;
    for (int i = 0; i < 20 && err == NULL; ++i) {
        err = ask(&is_visible, house);
    }
    assert_refused(ACME_ERR_INPUT, err); /* five minutes after the first process set it */
    assert_int_equal(1, log_count(house, "add"));
}

static void a_crash_while_it_is_set_sets_it_again(void **state)
{
    house_t *house = open_house(*state);
    house->way.slowness = 1000;
    assert_well(publish(house));
    assert_false(wait_for(house, ACME_TIME_SECOND / 2));
    assert_int_equal(1, log_count(house, "add"));
    crash(house);
    house->way.slowness = 1;
    show(house, ONE);
    show(house, TWO);
    assert_well(publish(house));
    assert_true(wait_for(house, ACME_TIME_MINUTE));
    assert_int_equal(2, log_count(house, "add"));
}

static void a_crash_leaves_nothing_behind(void **state)
{
    house_t *house = open_house(*state);
    house->way.slowness = 1000;
    assert_well(publish(house));
    assert_false(wait_for(house, ACME_TIME_SECOND / 2));
    crash(house);
    house->way.slowness = 2;
    assert_well(withdraw(house));
    assert_int_equal(1, log_count(house, "remove"));
    assert_int_equal(0, fake_store_count(house->disk, "challenges/"));
    assert_well(withdraw(house)); /* nothing is there any more */
    assert_int_equal(1, log_count(house, "remove"));
}

static void what_was_left_behind_is_listed_and_withdrawn(void **state)
{
    house_t *house = open_house(*state);
    apr_array_header_t *proofs;
    assert_well(publish(house));
    assert_false(wait_for(house, ACME_TIME_MINUTE));
    crash(house);
    assert_well(house->solver->list(&proofs, house->solver->baton, *state));
    assert_int_equal(1, proofs->nelts);
    const acme_proof_t *left = APR_ARRAY_IDX(proofs, 0, acme_proof_t *);
    assert_true(acme_proof_equal(&house->proof, left));
    house->proof = *left; /* which knows no settings */
    assert_well(withdraw(house));
    assert_int_equal(1, log_count(house, "remove example.org " NAME));
    assert_well(house->solver->list(&proofs, house->solver->baton, *state));
    assert_int_equal(0, proofs->nelts);
}

static void what_was_not_set_is_not_removed(void **state)
{
    house_t *house = open_house(*state);
    assert_well(publish(house));
    assert_well(withdraw(house));
    assert_string_equal("", house->way.log);
    crash(house);
    assert_well(withdraw(house));
    assert_string_equal("", house->way.log);
}

static void a_way_that_fails_is_told(void **state)
{
    house_t *house = open_house(*state);
    int is_visible;
    assert_well(publish(house));
    house->way.err = acme_err_make(house->pool, ACME_ERR_CONFIG, "exit status 1");
    acme_err_t *err = NULL;
    for (int i = 0; i < 20 && err == NULL; ++i) {
        err = ask(&is_visible, house);
    }
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, NAME));
    assert_non_null(strstr(err->text, "exit status 1"));
    err = withdraw(house);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, VALUE));
    assert_int_equal(0, fake_store_count(house->disk, "challenges/"));
}

static void a_way_that_is_no_longer_configured_is_told(void **state)
{
    house_t *house = open_house(*state);
    show(house, ONE);
    assert_well(publish(house));
    assert_false(wait_for(house, ACME_TIME_MINUTE));
    crash(house);
    house->proof.dns01 = NULL;
    house->is_forgotten = 1;
    acme_err_t *err = withdraw(house);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, VALUE));
    assert_refused(ACME_ERR_CONFIG, publish(house));
    house->proof.dns01 = &house->dns01;
    house->is_refused = 1;
    assert_refused(ACME_ERR_CONFIG, publish(house));
}

static void many_foreign_values_are_a_warning(void **state)
{
    house_t *house = open_house(*state);
    show(house, ONE);
    for (int i = 0; i < 11; ++i) {
        fake_dns_add(house->dns, ONE, NAME, ACME_DNS_TXT, apr_psprintf(*state, "old %d", i));
    }
    assert_well(publish(house));
    assert_false(wait_for(house, ACME_TIME_MINUTE));
    assert_int_equal(1, fake_env_logged(house->world, ACME_LOG_WARNING, "11 other TXT records"));
}

static void a_hand_has_a_day(void **state)
{
    house_t *house = open_house(*state);
    house->dns01.way = ACME_DNS01_MANUAL;
    assert_well(publish(house));
    assert_false(wait_for(house, 23 * ACME_TIME_HOUR));
    show(house, ONE);
    show(house, TWO);
    assert_true(wait_for(house, ACME_TIME_MINUTE));
}

static void refuses_what_cannot_be_proved(void **state)
{
    house_t *house = open_house(*state);
    house->proof.identifier = &address;
    assert_refused(ACME_ERR_CONFIG, publish(house));
    house->proof.identifier = &example;
    house->proof.token = "../../x";
    assert_refused(ACME_ERR_INPUT, publish(house));
    assert_well(withdraw(house));
    int is_visible;
    house->proof.token = TOKEN;
    assert_refused(ACME_ERR_INTERNAL, ask(&is_visible, house));
}

static void a_full_disk_sets_nothing(void **state)
{
    house_t *house = open_house(*state);
    int is_visible;
    fake_store_fail_put(house->disk, 1, 1, ENOSPC);
    assert_well(publish(house));
    acme_err_t *err = NULL;
    for (int i = 0; i < 20 && err == NULL; ++i) {
        err = ask(&is_visible, house);
    }
    assert_refused(ACME_ERR_STORE, err);
    assert_string_equal("", house->way.log);
    show(house, ONE);
    show(house, TWO);
    assert_true(wait_for(house, ACME_TIME_MINUTE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(waits_until_every_server_shows_it),
        FIXTURE_TEST(what_was_printed_is_told_at_the_removal_also_after_a_crash),
        FIXTURE_TEST(a_power_loss_leaves_nothing_behind),
        FIXTURE_TEST(follows_a_cname),
        FIXTURE_TEST(who_lacks_it_at_the_limit_ends_the_wait),
        FIXTURE_TEST(who_is_silent_at_the_limit_is_a_warning),
        FIXTURE_TEST(without_any_server_the_resolver_is_asked),
        FIXTURE_TEST(without_a_zone_the_resolver_is_asked),
        FIXTURE_TEST(settles_after_all_show_it),
        FIXTURE_TEST(settles_no_longer_than_the_authorization_lives),
        FIXTURE_TEST(without_questions_only_time_passes),
        FIXTURE_TEST(without_c_ares_only_time_passes),
        FIXTURE_TEST(a_restart_goes_on_with_the_wait),
        FIXTURE_TEST(a_crash_while_it_is_set_sets_it_again),
        FIXTURE_TEST(a_crash_leaves_nothing_behind),
        FIXTURE_TEST(what_was_left_behind_is_listed_and_withdrawn),
        FIXTURE_TEST(what_was_not_set_is_not_removed),
        FIXTURE_TEST(a_way_that_fails_is_told),
        FIXTURE_TEST(a_way_that_is_no_longer_configured_is_told),
        FIXTURE_TEST(many_foreign_values_are_a_warning),
        FIXTURE_TEST(a_hand_has_a_day),
        FIXTURE_TEST(refuses_what_cannot_be_proved),
        FIXTURE_TEST(a_full_disk_sets_nothing),
    };
    return fixture_run(tests);
}
