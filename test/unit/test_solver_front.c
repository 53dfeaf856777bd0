/* Tests of acme_solver_front: answers of http-01 by the module, in folders, by programs and by
 * hand. SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include "acme/acme_solver_front.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/fake_env.h"
#include "unit/fake_store.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define ANSWER TOKEN ".thumb"
#define URL_PATH "/.well-known/acme-challenge/" TOKEN
#define RECORD "challenges/http-01/" TOKEN

static const acme_identifier_t example = {ACME_IDENTIFIER_DNS, "example.org", 0};
static const acme_identifier_t address = {ACME_IDENTIFIER_IP, "2001:db8::1", 0};

typedef struct {
    apr_pool_t *pool;    /* of the test */
    apr_pool_t *process; /* of the process */
    fake_env_t *world;
    fake_store_t *disk;
    acme_seal_t *seal;
    acme_store_t *store;
    acme_solver_t *solver;
    acme_http01_t http01;
    acme_dns01_t exec;
    acme_proof_t proof;
    int is_forgotten; /* settings_for knows none */

    /* the program */
    acme_dns_update_t update;
    char *log;    /* what it was asked to do */
    int slowness; /* polls before it is done */
    int polls;
    acme_err_t *err;
    const char *prints;

    /* the world that is looked at */
    acme_transport_t transport;
    acme_exchange_t *exchange; /* what is out */
    int looks;
    int pumps;
    acme_route_t route;
} house_t;

/* ---- the program */

static acme_err_t *note(house_t *house, const char *verb, const acme_txt_t *txt)
{
    house->log = apr_psprintf(house->pool, "%s%s %s %s %s %s%s%s;", house->log, verb, txt->domain,
                              txt->name, txt->value, txt->token, txt->printed != NULL ? " " : "",
                              txt->printed != NULL ? txt->printed : "");
    house->polls = 0;
    return NULL;
}

static acme_err_t *on_add(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    (void)pool;
    return note(baton, "add", txt);
}

static acme_err_t *on_remove(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    (void)pool;
    return note(baton, "remove", txt);
}

static acme_err_t *on_poll(int *is_done, apr_time_t *poll_at, void *baton, const acme_txt_t *txt,
                           apr_pool_t *pool)
{
    house_t *house = baton;
    (void)txt;
    (void)pool;
    *poll_at = 0;
    *is_done = ++house->polls > house->slowness;
    return *is_done ? house->err : NULL;
}

static const char *on_printed(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    const house_t *house = baton;
    (void)txt;
    (void)pool;
    return house->prints;
}

/* ---- what the solver is handed */

static const acme_http01_t *settings_for(void *baton, const acme_identifier_t *identifier)
{
    house_t *house = baton;
    (void)identifier;
    return house->is_forgotten || house->http01.way == ACME_HTTP01_SELF ? NULL : &house->http01;
}

static const acme_route_t *route_for(void *baton, const acme_identifier_t *identifier)
{
    house_t *house = baton;
    (void)identifier;
    return &house->route;
}

static acme_err_t *exec_for(const acme_dns_update_t **update, void *baton,
                            const acme_http01_t *http01, apr_pool_t *pool)
{
    house_t *house = baton;
    (void)pool;
    assert_ptr_equal(&house->http01, http01);
    *update = &house->update;
    return NULL;
}

static void on_begin(void *baton, acme_exchange_t *exchange)
{
    house_t *house = baton;
    assert_null(house->exchange);
    house->exchange = exchange;
    ++house->looks;
}

static void on_pump(void *baton, apr_interval_time_t wait)
{
    house_t *house = baton;
    assert_true(wait == 0);
    assert_non_null(house->exchange); /* only while something is out */
    ++house->pumps;
}

static void on_cancel(void *baton, acme_exchange_t *exchange)
{
    house_t *house = baton;
    assert_ptr_equal(house->exchange, exchange);
    house->exchange = NULL;
}

/* ---- the house */

/* A new process, with the disk as it is. */
static void begin_process(house_t *house)
{
    static int number = 1;
    if (house->process != NULL) {
        apr_pool_destroy(house->process);
    }
    apr_pool_create(&house->process, house->pool);
    house->store =
        fake_store_open(house->disk, ++number, house->seal, fake_env(house->world), house->process);
    const acme_solver_front_config_t config = {
        .env = fake_env(house->world),
        .store = house->store,
        .transport = house->transport.begin != NULL ? &house->transport : NULL,
        .baton = house,
        .settings_for = settings_for,
        .route_for = route_for,
        .exec_for = exec_for};
    house->solver = acme_solver_front_create(&config, house->process);
    house->exchange = NULL;
}

static house_t *open_house(acme_http01_way_t way, apr_pool_t *pool)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = {1};
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    house->pool = pool;
    house->world = fake_env_create(1, pool);
    house->disk = fake_store_create(pool);
    house->seal = acme_seal_create(secret, pool);
    house->http01 = (acme_http01_t){.way = way, .exec = &house->exec};
    house->http01.webroot = way == ACME_HTTP01_WEBROOT ? scratch_create(pool) : NULL;
    house->proof = (acme_proof_t){.type = "http-01",
                                  .identifier = &example,
                                  .token = TOKEN,
                                  .thumbprint = "thumb",
                                  .http01 = way == ACME_HTTP01_SELF ? NULL : &house->http01};
    house->update = (acme_dns_update_t){
        .baton = house, .add = on_add, .remove = on_remove, .poll = on_poll, .printed = on_printed};
    house->log = apr_pstrdup(pool, "");
    house->transport =
        (acme_transport_t){.baton = house, .begin = on_begin, .cancel = on_cancel, .pump = on_pump};
    begin_process(house);
    return house;
}

static acme_err_t *publish(house_t *house)
{
    return house->solver->publish(house->solver->baton, &house->proof, house->pool);
}

static acme_err_t *look(int *is_visible, house_t *house, apr_time_t *poll_at)
{
    return house->solver->visible(is_visible, poll_at, house->solver->baton, &house->proof,
                                  house->pool);
}

/* One look; when it is to be repeated lies ahead. */
static int is_visible(house_t *house)
{
    int result;
    apr_time_t poll_at;
    assert_well(look(&result, house, &poll_at));
    assert_true(result || poll_at > acme_env_now(fake_env(house->world)));
    return result;
}

/* Withdraws until it is gone; the error it ended with. */
static acme_err_t *withdraw(house_t *house)
{
    for (int i = 0; i < 100; i++) {
        int is_gone;
        apr_time_t poll_at;
        acme_err_t *err = house->solver->withdraw(&is_gone, &poll_at, house->solver->baton,
                                                  &house->proof, house->pool);
        if (err != NULL || is_gone) {
            return err;
        }
        assert_true(poll_at > acme_env_now(fake_env(house->world)));
    }
    fail_msg("it does not go");
    return NULL;
}

/* What the sweep of the next engine does: it knows the record alone. */
static acme_err_t *sweep(house_t *house)
{
    apr_array_header_t *proofs;
    assert_well(house->solver->list(&proofs, house->solver->baton, house->pool));
    assert_int_equal(1, proofs->nelts);
    house->proof = *APR_ARRAY_IDX(proofs, 0, acme_proof_t *);
    return withdraw(house);
}

static int records(house_t *house)
{
    return fake_store_count(house->disk, "challenges/");
}

static const char *file(house_t *house)
{
    return scratch_read(house->http01.webroot, URL_PATH + 1, house->pool);
}

/* ---- the module itself */

static void the_module_answers_by_the_record_alone(void **state)
{
    house_t *house = open_house(ACME_HTTP01_SELF, *state);
    assert_string_equal("http-01", house->solver->type);
    assert_well(publish(house));
    assert_true(is_visible(house));
    assert_null(strstr(fake_store_raw(house->disk, RECORD, NULL), "\"name\""));
    assert_well(withdraw(house));
    assert_int_equal(0, records(house));
    assert_string_equal("", house->log);
    assert_int_equal(0, house->looks);
}

static void what_the_module_left_behind_is_swept_whatever_is_configured_now(void **state)
{
    house_t *house = open_house(ACME_HTTP01_SELF, *state);
    assert_well(publish(house));
    house->http01.way = ACME_HTTP01_EXEC;
    begin_process(house);
    assert_well(sweep(house));
    assert_int_equal(0, records(house));
    assert_string_equal("", house->log);
}

static void a_token_that_is_none_is_refused(void **state)
{
    house_t *house = open_house(ACME_HTTP01_WEBROOT, *state);
    house->proof.token = "../../../etc/passwd";
    assert_refused(ACME_ERR_INPUT, publish(house));
    assert_well(withdraw(house));
    assert_int_equal(0, scratch_count(house->http01.webroot, ".", *state));
    assert_int_equal(0, fake_store_writes(house->disk));
}

/* ---- folders */

static void a_file_is_there_and_goes(void **state)
{
    house_t *house = open_house(ACME_HTTP01_WEBROOT, *state);
    assert_well(publish(house));
    assert_true(is_visible(house));
    assert_string_equal(ANSWER, file(house));
    assert_non_null(strstr(fake_store_raw(house->disk, RECORD, NULL), "\"way\":\"webroot\""));
    assert_well(withdraw(house));
    assert_null(file(house));
    assert_int_equal(0, records(house));
}

static void a_file_is_swept_after_a_crash_whatever_is_configured_now(void **state)
{
    house_t *house = open_house(ACME_HTTP01_WEBROOT, *state);
    assert_well(publish(house));
    const char *dir = house->http01.webroot;
    house->http01 = (acme_http01_t){.way = ACME_HTTP01_SELF};
    begin_process(house);
    assert_non_null(scratch_read(dir, URL_PATH + 1, *state));
    assert_well(sweep(house));
    assert_null(scratch_read(dir, URL_PATH + 1, *state));
    assert_int_equal(0, records(house));
}

static void a_folder_that_is_gone_is_told(void **state)
{
    house_t *house = open_house(ACME_HTTP01_WEBROOT, *state);
    house->http01.webroot = "/nonexistent/webroot";
    acme_err_t *err = publish(house);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "/nonexistent/webroot"));
    assert_well(withdraw(house));
    assert_int_equal(0, records(house));
}

/* ---- programs */

static void a_program_is_polled_until_it_is_done(void **state)
{
    house_t *house = open_house(ACME_HTTP01_EXEC, *state);
    house->slowness = 2;
    assert_well(publish(house));
    assert_well(publish(house));
    assert_string_equal("add example.org " URL_PATH " " ANSWER " " TOKEN ";", house->log);
    assert_false(is_visible(house));
    assert_false(is_visible(house));
    assert_true(is_visible(house));
    assert_true(is_visible(house));
    house->log[0] = '\0';
    assert_well(withdraw(house));
    assert_string_equal("remove example.org " URL_PATH " " ANSWER " " TOKEN ";", house->log);
    assert_int_equal(0, records(house));
    assert_int_equal(0, house->looks);
}

static void a_program_that_fails_is_told(void **state)
{
    house_t *house = open_house(ACME_HTTP01_EXEC, *state);
    house->err = acme_err_make(*state, ACME_ERR_INTERNAL, "it said no");
    assert_well(publish(house));
    int result;
    apr_time_t poll_at;
    acme_err_t *err = look(&result, house, &poll_at);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_non_null(strstr(err->text, "it said no"));
    err = withdraw(house);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_non_null(strstr(err->text, "could not be removed"));
    assert_int_equal(0, records(house)); /* it is not tried for ever */
}

static void a_restart_runs_no_program_twice_and_forgets_nothing(void **state)
{
    house_t *house = open_house(ACME_HTTP01_EXEC, *state);
    house->prints = "what it printed";
    assert_well(publish(house));
    assert_true(is_visible(house));
    house->log[0] = '\0';
    begin_process(house);
    assert_well(publish(house));
    assert_true(is_visible(house));
    assert_string_equal("", house->log);
    assert_well(withdraw(house));
    assert_non_null(strstr(house->log, "remove example.org"));
    assert_non_null(strstr(house->log, "what it printed"));
}

static void what_a_program_did_not_end_is_done_again(void **state)
{
    house_t *house = open_house(ACME_HTTP01_EXEC, *state);
    house->slowness = 100;
    assert_well(publish(house));
    assert_false(is_visible(house));
    house->log[0] = '\0';
    begin_process(house);
    assert_well(publish(house));
    assert_non_null(strstr(house->log, "add example.org"));
}

static void a_program_that_is_no_longer_known_is_told(void **state)
{
    house_t *house = open_house(ACME_HTTP01_EXEC, *state);
    assert_well(publish(house));
    house->is_forgotten = 1;
    begin_process(house);
    acme_err_t *err = sweep(house);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "may be left behind"));
    assert_non_null(strstr(err->text, TOKEN));
    assert_int_equal(0, records(house));
}

static void bad_credentials_are_told(void **state)
{
    house_t *house = open_house(ACME_HTTP01_EXEC, *state);
    house->exec.trouble = "in /etc/c: line 3";
    acme_err_t *err = publish(house);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "in /etc/c: line 3"));
}

/* ---- by hand */

/* What the world answers to the look that is out. */
static void answer(house_t *house, int status, const char *text)
{
    acme_exchange_t *exchange = house->exchange;
    assert_non_null(exchange);
    house->exchange = NULL;
    exchange->status = status;
    exchange->answer = text;
    exchange->answer_len = strlen(text);
    if (status == 0) {
        exchange->err = acme_err_make(exchange->pool, ACME_ERR_NETWORK, "refused");
    }
    exchange->done(exchange);
}

static void a_hand_is_waited_for(void **state)
{
    house_t *house = open_house(ACME_HTTP01_MANUAL, *state);
    house->route.proxy = "http://proxy.example:3128";
    assert_well(publish(house));
    assert_int_equal(1, fake_env_logged(house->world, ACME_LOG_WARNING,
                                        "http://example.org" URL_PATH " with \"" ANSWER "\""));
    assert_non_null(strstr(fake_store_raw(house->disk, RECORD, NULL), "\"way\":\"manual\""));
    assert_false(is_visible(house));
    assert_string_equal("http://example.org" URL_PATH, house->exchange->url);
    assert_int_equal(ACME_METHOD_GET, house->exchange->method);
    assert_true(house->exchange->is_plain);
    assert_ptr_equal(&house->route, house->exchange->route);
    assert_int_equal(0, house->pumps);
    assert_false(is_visible(house)); /* the look is still out */
    assert_int_equal(1, house->pumps);
    answer(house, 404, "no such file");
    assert_false(is_visible(house));
    assert_int_equal(1, house->looks); /* not at once again */
    fake_env_move(house->world, ACME_TIME_MINUTE);
    assert_false(is_visible(house));
    answer(house, 200, ANSWER "x");
    fake_env_move(house->world, ACME_TIME_MINUTE);
    assert_false(is_visible(house));
    answer(house, 200, ANSWER "\r\n");
    assert_true(is_visible(house));
    assert_true(is_visible(house));
    assert_int_equal(3, house->looks);
    assert_int_equal(0, fake_env_logged(house->world, ACME_LOG_WARNING, "all the same"));
    assert_well(withdraw(house));
    assert_int_equal(1, fake_env_logged(house->world, ACME_LOG_NOTICE, "no longer needed"));
    assert_int_equal(0, records(house));
}

static void an_address_is_bracketed(void **state)
{
    house_t *house = open_house(ACME_HTTP01_MANUAL, *state);
    house->proof.identifier = &address;
    assert_well(publish(house));
    assert_false(is_visible(house));
    assert_string_equal("http://[2001:db8::1]" URL_PATH, house->exchange->url);
    assert_well(withdraw(house)); /* with the look still out */
    assert_int_equal(0, records(house));
}

static void the_wrong_answer_at_the_end_fails_the_run(void **state)
{
    house_t *house = open_house(ACME_HTTP01_MANUAL, *state);
    house->http01.wait = ACME_TIME_HOUR;
    assert_well(publish(house));
    assert_false(is_visible(house));
    answer(house, 403, "");
    fake_env_move(house->world, ACME_TIME_HOUR);
    int result;
    apr_time_t poll_at;
    acme_err_t *err = look(&result, house, &poll_at);
    assert_refused(ACME_ERR_INPUT, err);
    assert_non_null(strstr(err->text, "http://example.org" URL_PATH));
    assert_non_null(strstr(err->text, "403"));
}

/* What cannot be seen from here may be there all the same: @a status 0 is no answer at all. */
static void check_not_seen(int status, apr_pool_t *pool)
{
    house_t *house = open_house(ACME_HTTP01_MANUAL, pool);
    assert_well(publish(house));
    assert_false(is_visible(house));
    answer(house, status, "");
    fake_env_move(house->world, ACME_HTTP01_WAIT - ACME_TIME_MINUTE);
    assert_false(is_visible(house));
    answer(house, status, "");
    fake_env_move(house->world, ACME_TIME_MINUTE);
    assert_true(is_visible(house));
    assert_int_equal(1, fake_env_logged(house->world, ACME_LOG_WARNING, "all the same"));
}

static void what_cannot_be_seen_from_here_is_told_to_the_ca_at_the_end(void **state)
{
    check_not_seen(0, *state);
    check_not_seen(301, *state);
    check_not_seen(308, *state);
}

static void without_a_way_to_look_the_wait_is_all(void **state)
{
    house_t *house = open_house(ACME_HTTP01_MANUAL, *state);
    house->transport.begin = NULL;
    begin_process(house);
    assert_well(publish(house));
    assert_false(is_visible(house));
    fake_env_move(house->world, ACME_HTTP01_WAIT);
    assert_true(is_visible(house));
}

static void the_wait_ends_before_the_authorization_does(void **state)
{
    house_t *house = open_house(ACME_HTTP01_MANUAL, *state);
    house->transport.begin = NULL;
    house->proof.expires = FAKE_ENV_START + ACME_TIME_HOUR;
    begin_process(house);
    assert_well(publish(house));
    fake_env_move(house->world, ACME_TIME_HOUR - 3 * ACME_TIME_MINUTE);
    assert_false(is_visible(house));
    fake_env_move(house->world, ACME_TIME_MINUTE);
    assert_true(is_visible(house));
}

static void a_restart_does_not_begin_the_wait_anew(void **state)
{
    house_t *house = open_house(ACME_HTTP01_MANUAL, *state);
    house->transport.begin = NULL;
    begin_process(house);
    assert_well(publish(house));
    assert_false(is_visible(house));
    fake_env_move(house->world, ACME_HTTP01_WAIT / 2);
    begin_process(house);
    assert_well(publish(house));
    assert_false(is_visible(house));
    assert_int_equal(2, fake_env_logged(house->world, ACME_LOG_WARNING, URL_PATH " with"));
    fake_env_move(house->world, ACME_HTTP01_WAIT / 2);
    assert_true(is_visible(house));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_module_answers_by_the_record_alone),
        FIXTURE_TEST(what_the_module_left_behind_is_swept_whatever_is_configured_now),
        FIXTURE_TEST(a_token_that_is_none_is_refused),
        FIXTURE_TEST(a_file_is_there_and_goes),
        FIXTURE_TEST(a_file_is_swept_after_a_crash_whatever_is_configured_now),
        FIXTURE_TEST(a_folder_that_is_gone_is_told),
        FIXTURE_TEST(a_program_is_polled_until_it_is_done),
        FIXTURE_TEST(a_program_that_fails_is_told),
        FIXTURE_TEST(a_restart_runs_no_program_twice_and_forgets_nothing),
        FIXTURE_TEST(what_a_program_did_not_end_is_done_again),
        FIXTURE_TEST(a_program_that_is_no_longer_known_is_told),
        FIXTURE_TEST(bad_credentials_are_told),
        FIXTURE_TEST(a_hand_is_waited_for),
        FIXTURE_TEST(an_address_is_bracketed),
        FIXTURE_TEST(the_wrong_answer_at_the_end_fails_the_run),
        FIXTURE_TEST(what_cannot_be_seen_from_here_is_told_to_the_ca_at_the_end),
        FIXTURE_TEST(without_a_way_to_look_the_wait_is_all),
        FIXTURE_TEST(the_wait_ends_before_the_authorization_does),
        FIXTURE_TEST(a_restart_does_not_begin_the_wait_anew),
    };
    return fixture_run(tests);
}
