/* Tests of acme_session: one CA, its account, its nonces, and patience with it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_session.h"
#include "unit/engine_world.h"

#define MAX_IN_FLIGHT 8

typedef struct {
    engine_world_t *w;
    acme_session_config_t config;
    acme_session_t *session;
    int is_asking;
    int heard; /* answers, of whatever kind */
    int well;
    acme_err_class_t errclass; /* of the last bad one */
    char *words;               /* its sentence */
    char *sequence;            /* the labels of what was heard */
    char *url;                 /* Location of the last newOrder */
} relation_t;

typedef struct {
    relation_t *relation;
    const char *label;
} listener_t;

static void hear(void *baton, const acme_answer_t *answer)
{
    listener_t *listener = baton;
    relation_t *r = listener->relation;
    assert_false(r->is_asking); /* never from inside acme_session_ask */
    ++r->heard;
    r->well += answer->err == NULL;
    r->sequence = apr_pstrcat(r->w->pool, r->sequence, listener->label, NULL);
    if (answer->err != NULL) {
        r->errclass = answer->err->errclass;
        r->words = apr_pstrdup(r->w->pool, answer->err->text);
        return;
    }
    assert_non_null(answer->exchange);
    const char *location = acme_exchange_header(answer->exchange, "Location");
    r->url = location != NULL ? apr_pstrdup(r->w->pool, location) : r->url;
}

/* A new process of the server, with the disk and the CA as they are. */
static void begin(relation_t *r)
{
    static int processes = 1000;
    r->config.store =
        fake_store_open(r->w->disk, ++processes, r->w->seal, fake_env(r->w->world), r->w->pool);
    r->session = acme_session_create(&r->config, &r->w->ca_config, r->w->pool);
}

static relation_t *create(apr_pool_t *pool)
{
    relation_t *r = apr_pcalloc(pool, sizeof(*r));
    r->w = engine_world_create(pool);
    r->sequence = "";
    r->config = (acme_session_config_t){.env = fake_env(r->w->world),
                                        .transport = fake_ca_transport(r->w->ca),
                                        .generate_key = acme_key_generate,
                                        .retry_delay = 30 * ACME_TIME_SECOND,
                                        .max_in_flight = MAX_IN_FLIGHT};
    begin(r);
    return r;
}

static acme_ask_t *ask(relation_t *r, const char *label, const char *url, const char *payload)
{
    listener_t *listener = apr_pcalloc(r->w->pool, sizeof(*listener));
    *listener = (listener_t){r, label};
    acme_request_t request = {
        .kind = url == NULL ? ACME_REQUEST_NEW_ORDER : ACME_REQUEST_POST,
        .doing = "testing",
        .url = url,
        .payload = payload,
        .hear = hear,
        .baton = listener};
    r->is_asking = 1;
    acme_ask_t *made = acme_session_ask(r->session, &request);
    r->is_asking = 0;
    return made;
}

static acme_ask_t *order(relation_t *r, const char *name)
{
    return ask(
        r, apr_pstrndup(r->w->pool, name, strcspn(name, ".")), NULL,
        apr_psprintf(r->w->pool, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]}", name));
}

static void order_many(relation_t *r, int count)
{
    for (int i = 0; i < count; ++i) {
        order(r, apr_psprintf(r->w->pool, "n%d.test", i));
    }
}

static void turn(relation_t *r)
{
    acme_session_tick(r->session);
    acme_transport_pump(r->config.transport, 0);
    acme_session_tick(r->session);
}

/* As an engine does: from event to event. */
static void pass(relation_t *r, apr_interval_time_t span)
{
    const acme_env_t *env = fake_env(r->w->world);
    apr_time_t end = acme_env_now(env) + span;
    while (acme_env_now(env) <= end) {
        turn(r);
        apr_time_t next = acme_session_next(r->session);
        apr_time_t event = fake_ca_next_event(r->w->ca);
        next = next == 0 || (event != 0 && event < next) ? event : next;
        if (next == 0 || next > end) {
            break;
        }
        apr_time_t now = acme_env_now(env);
        fake_env_move_to(r->w->world, next > now ? next : now + 1000);
    }
    fake_env_move_to(r->w->world, end);
}

static int count(const relation_t *r, const char *what)
{
    return fake_ca_count(r->w->ca, what, NULL);
}

static int logged(const relation_t *r, acme_log_level_t level, const char *text)
{
    return fake_env_logged(r->w->world, level, text);
}

static apr_time_t now_of(const relation_t *r)
{
    return acme_env_now(fake_env(r->w->world));
}

/* One order, so that directory and account are there; its URL is r->url. */
static relation_t *create_ready(apr_pool_t *pool)
{
    relation_t *r = create(pool);
    order(r, "first.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    assert_non_null(r->url);
    r->heard = r->well = 0;
    r->sequence = "";
    return r;
}

static void expect_a_good_client(const relation_t *r)
{
    assert_string_equal("", fake_ca_violations(r->w->ca));
    assert_int_equal(0, count(r, "early"));
    assert_int_equal(0, acme_session_in_flight(r->session));
    assert_int_equal(0, fake_ca_in_flight(r->w->ca));
}

/* ---- the way to READY ---- */

static void nothing_is_asked_before_the_first_request(void **state)
{
    relation_t *r = create(*state);
    pass(r, ACME_TIME_DAY);
    assert_int_equal(0, count(r, "requests"));
    assert_int_equal(0, fake_store_writes(r->w->disk));
    assert_true(acme_session_next(r->session) == 0);
    assert_null(acme_session_thumbprint(r->session));
    assert_null(acme_session_trouble(r->session));
}

static void the_first_request_finds_directory_and_account(void **state)
{
    relation_t *r = create(*state);
    order(r, "a.test");
    assert_int_equal(0, r->heard);
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    assert_int_equal(4, count(r, "requests"));
    assert_int_equal(1, count(r, "directory"));
    assert_int_equal(1, count(r, "newNonce"));
    assert_int_equal(1, count(r, "newAccount"));
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "was made"));
    assert_int_equal(43, strlen(acme_session_thumbprint(r->session)));
    expect_a_good_client(r);
}

static void an_account_survives_a_restart(void **state)
{
    relation_t *r = create_ready(*state);
    const char *thumbprint = acme_session_thumbprint(r->session);
    begin(r);
    assert_null(acme_session_thumbprint(r->session));
    ask(r, "u", r->url, "");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well); /* another account would not see the order */
    assert_int_equal(1, count(r, "newAccount"));
    assert_string_equal(thumbprint, acme_session_thumbprint(r->session));
    expect_a_good_client(r);
}

static void the_bell_tells_of_the_key(void **state)
{
    relation_t *r = create(*state);
    acme_bell_t *bell = apr_pcalloc(*state, acme_bell_size(1));
    r->config.bell = bell;
    begin(r);
    order(r, "a.test");
    assert_int_equal(0, atomic_load(&bell->accounts));
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, atomic_load(&bell->accounts)); /* made */
    begin(r);
    ask(r, "u", r->url, "");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, atomic_load(&bell->accounts)); /* read */
    assert_int_equal(2, r->well);
}

static const char *account_file(const relation_t *r, const char *file)
{
    return acme_store_path(r->w->pool, "accounts", r->w->ca_config.folder, file);
}

static void a_damaged_account_record_is_asked_for(void **state)
{
    relation_t *r = create_ready(*state);
    fake_store_plant(r->w->disk, account_file(r, "account.json"), "{}", 2);
    begin(r);
    ask(r, "u", r->url, "");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    assert_int_equal(1, count(r, "accountCreated"));
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "was found"));
    expect_a_good_client(r);
}

static void a_record_of_another_ca_is_not_used(void **state)
{
    relation_t *r = create_ready(*state);
    char *text;
    apr_size_t len;
    const char *path = account_file(r, "account.json");
    assert_well(acme_store_get(&text, &len, r->config.store, path, *state));
    char *url = strstr(text, "ca.test/directory");
    assert_non_null(url);
    memcpy(url, "CA", 2);
    assert_well(acme_store_put(r->config.store, path, text, len, *state));
    begin(r);
    ask(r, "u", r->url, "");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    assert_int_equal(2, count(r, "newAccount"));
}

static void an_account_that_was_closed_is_not_used(void **state)
{
    relation_t *r = create_ready(*state);
    char *text;
    apr_size_t len;
    const char *path = account_file(r, "account.json");
    assert_well(acme_store_get(&text, &len, r->config.store, path, *state));
    char *status = strstr(text, "\"valid\"");
    assert_non_null(status);
    text = apr_pstrcat(*state, apr_pstrmemdup(*state, text, (apr_size_t)(status - text)),
                       "\"deactivated\"", status + 7, NULL);
    assert_well(acme_store_put(r->config.store, path, text, strlen(text), *state));
    begin(r);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, count(r, "newAccount")); /* the CA is asked what it says of it */
}

/* ---- the queue ---- */

static void what_takes_an_order_further_has_two_turns_of_three(void **state)
{
    relation_t *r = create(*state);
    r->config.max_in_flight = 1;
    begin(r);
    order(r, "z.test");
    pass(r, ACME_TIME_SECOND);
    const char *url = r->url;
    assert_non_null(url);
    r->sequence = "";
    order(r, "a.test");
    order(r, "b.test");
    ask(r, "1", url, "");
    ask(r, "2", url, "");
    order(r, "c.test");
    ask(r, "3", url, "");
    pass(r, ACME_TIME_SECOND);
    assert_string_equal("12a3bc", r->sequence);
    assert_int_equal(1, fake_ca_peak_in_flight(r->w->ca));
    expect_a_good_client(r);
}

static void no_more_are_in_flight_than_may_be(void **state)
{
    relation_t *r = create(*state);
    fake_ca_settings(r->w->ca)->latency = 100 * 1000;
    fake_ca_settings(r->w->ca)->latency_jitter = 50 * 1000;
    order_many(r, 60);
    int peak = 0;
    for (int i = 0; i < 10000 && r->heard < 60; ++i) {
        turn(r);
        int in_flight = acme_session_in_flight(r->session);
        assert_int_equal(in_flight, fake_ca_in_flight(r->w->ca));
        peak = in_flight > peak ? in_flight : peak;
        fake_env_move(r->w->world, 10 * 1000);
    }
    assert_int_equal(60, r->well);
    assert_int_equal(MAX_IN_FLIGHT, peak);
    assert_int_equal(MAX_IN_FLIGHT, fake_ca_peak_in_flight(r->w->ca));
    expect_a_good_client(r);
}

static void nonces_are_used_once_and_hardly_fetched(void **state)
{
    relation_t *r = create(*state);
    fake_ca_settings(r->w->ca)->latency_jitter = 80 * 1000;
    order_many(r, 200);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(200, r->well);
    assert_true(count(r, "newNonce") <= 2 * MAX_IN_FLIGHT);
    assert_int_equal(0, count(r, "badNonce"));
    expect_a_good_client(r);
}

static void answers_without_a_nonce_cost_a_request_more(void **state)
{
    relation_t *r = create(*state);
    fake_ca_fault_always(r->w->ca, FAKE_CA_NEW_ORDER, FAKE_CA_NO_NONCE);
    order_many(r, 20);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(20, r->well);
    assert_true(count(r, "newNonce") >= 20);
    expect_a_good_client(r);
}

static void a_ca_that_gives_no_nonce_is_in_trouble(void **state)
{
    relation_t *r = create(*state);
    fake_ca_fault_always(r->w->ca, FAKE_CA_NEW_NONCE, FAKE_CA_NO_NONCE);
    order(r, "a.test");
    pass(r, ACME_TIME_HOUR);
    assert_int_equal(0, r->heard);
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "Replay-Nonce"));
    assert_true(count(r, "newNonce") <= 8);
}

static int spoil_nonce(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                       const acme_exchange_t *exchange)
{
    if (moment == FAKE_CA_AFTER && kind == FAKE_CA_NEW_ORDER) {
        apr_table_setn(exchange->headers, "Replay-Nonce", baton);
    }
    return 0;
}

static void an_unusable_nonce_is_never_sent(void **state)
{
    char *longest = apr_pcalloc(*state, 301);
    memset(longest, 'A', 300);
    const char *const nonces[] = {"", "two words", "quo\"te", "+/==", longest};
    for (int i = 0; i < 5; ++i) {
        relation_t *r = create(*state);
        fake_ca_on_moment(r->w->ca, spoil_nonce, (void *)nonces[i]);
        order_many(r, 20);
        pass(r, ACME_TIME_MINUTE);
        assert_int_equal(20, r->well);
        assert_int_equal(0, count(r, "badNonce"));
        expect_a_good_client(r);
    }
}

/* Many nonces come in when nobody wants them any more. */
static void the_stock_of_nonces_is_bounded(void **state)
{
    relation_t *r = create(*state);
    r->config.max_in_flight = 150;
    begin(r);
    order(r, "first.test");
    pass(r, ACME_TIME_SECOND);
    fake_ca_settings(r->w->ca)->latency = 100 * 1000;
    acme_ask_t *asks[300];
    for (int i = 0; i < 300; ++i) {
        asks[i] = ask(r, "", r->url, "");
    }
    for (int i = 0; i < 20 && acme_session_in_flight(r->session) < 120; ++i) {
        turn(r);
        fake_env_move(r->w->world, 50 * 1000);
    }
    assert_true(acme_session_in_flight(r->session) >= 120);
    for (int i = 299; i >= 150; --i) {
        acme_session_withdraw(r->session, asks[i]);
    }
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(151, r->well);
    order_many(r, 100);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(251, r->well);
    expect_a_good_client(r);
}

static void a_bad_nonce_is_signed_anew(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault_add(
        r->w->ca,
        &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER, .trouble = FAKE_CA_BAD_NONCE, .times = 20});
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    assert_int_equal(1, r->heard);
    assert_int_equal(20, count(r, "badNonce"));
    expect_a_good_client(r);
}

static void endless_bad_nonces_are_handed_back(void **state)
{
    relation_t *r = create_ready(*state);
    int before = count(r, "newOrder");
    fake_ca_fault_always(r->w->ca, FAKE_CA_NEW_ORDER, FAKE_CA_BAD_NONCE);
    order(r, "a.test");
    ask(r, "u", r->url, "");
    pass(r, ACME_TIME_HOUR);
    assert_int_equal(2, r->heard);
    assert_int_equal(1, r->well); /* others are not held up */
    assert_int_equal(ACME_ERR_NETWORK, r->errclass);
    assert_int_equal(31, count(r, "newOrder") - before);
    assert_null(acme_session_trouble(r->session));
    expect_a_good_client(r);
}

/* Asks this often for something else, which succeeds each time. */
static void others_pass(relation_t *r, int times)
{
    for (int i = 0; i < times; ++i) {
        ask(r, "u", r->url, "");
        pass(r, ACME_TIME_SECOND);
    }
}

static void a_ca_that_loses_most_nonces_gets_more_tries(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_settings(r->w->ca)->latency = 100 * 1000;
    fake_ca_fault_add(
        r->w->ca,
        &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER, .trouble = FAKE_CA_BAD_NONCE, .times = 100});
    order(r, "a.test");
    others_pass(r, 100);
    assert_int_equal(101, r->well);
    expect_a_good_client(r);
}

static void a_request_whose_nonces_are_never_good_comes_to_an_end(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_settings(r->w->ca)->latency = 100 * 1000;
    int before = count(r, "newOrder");
    fake_ca_fault_always(r->w->ca, FAKE_CA_NEW_ORDER, FAKE_CA_BAD_NONCE);
    order(r, "a.test");
    others_pass(r, 1000);
    assert_int_equal(1001, r->heard);
    assert_int_equal(1000, r->well);
    assert_int_equal(151, count(r, "newOrder") - before);
    expect_a_good_client(r);
}

static void nonces_that_grew_stale_are_replaced(void **state)
{
    relation_t *r = create(*state);
    order_many(r, 20);
    pass(r, ACME_TIME_SECOND);
    fake_ca_forget_nonces(r->w->ca);
    order_many(r, 20);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(40, r->well);
    expect_a_good_client(r);
}

/* ---- forgetting ---- */

static void a_withdrawn_request_is_never_heard(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_settings(r->w->ca)->latency = 100 * 1000;
    acme_ask_t *queued = order(r, "queued.test");
    acme_session_withdraw(r->session, queued);
    assert_true(acme_session_next(r->session) == 0);
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, count(r, "newOrder"));
    acme_ask_t *flying = order(r, "flying.test");
    acme_session_tick(r->session);
    assert_int_equal(1, acme_session_in_flight(r->session));
    acme_session_withdraw(r->session, flying);
    assert_int_equal(0, acme_session_in_flight(r->session));
    order(r, "next.test");
    pass(r, ACME_TIME_SECOND);
    assert_string_equal("next", r->sequence);
    expect_a_good_client(r);
}

static void one_of_several_in_flight_is_withdrawn(void **state)
{
    relation_t *r = create(*state);
    order_many(r, 10);
    pass(r, ACME_TIME_SECOND); /* a stock of nonces */
    r->sequence = "";
    fake_ca_settings(r->w->ca)->latency = 100 * 1000;
    ask(r, "1", r->url, "");
    acme_ask_t *second = ask(r, "2", r->url, "");
    ask(r, "3", r->url, "");
    acme_session_tick(r->session);
    assert_int_equal(3, acme_session_in_flight(r->session));
    acme_session_withdraw(r->session, second);
    pass(r, ACME_TIME_SECOND);
    assert_string_equal("13", r->sequence);
    expect_a_good_client(r);
}

/* Whatever is under way at the n-th turn. */
static void stop_at_any_moment_drops_all(void **state)
{
    for (int turns = 0; turns < 12; ++turns) {
        relation_t *r = create(*state);
        fake_ca_settings(r->w->ca)->latency = 100 * 1000;
        order_many(r, 12);
        for (int i = 0; i < turns; ++i) {
            turn(r);
            fake_env_move(r->w->world, 60 * 1000);
        }
        int heard = r->heard;
        acme_session_stop(r->session);
        expect_a_good_client(r);
        assert_true(acme_session_next(r->session) == 0);
        pass(r, ACME_TIME_HOUR);
        assert_int_equal(heard, r->heard);
        order(r, "later.test"); /* it is of use still */
        pass(r, ACME_TIME_MINUTE);
        assert_int_equal(heard + 1, r->heard);
        assert_string_equal("", fake_ca_violations(r->w->ca));
    }
}

static void a_directory_is_read_again_after_an_idle_hour(void **state)
{
    relation_t *r = create_ready(*state);
    pass(r, 59 * ACME_TIME_MINUTE);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, count(r, "directory"));
    pass(r, 61 * ACME_TIME_MINUTE);
    order(r, "b.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, count(r, "directory"));
    assert_int_equal(1, count(r, "newAccount"));
    assert_int_equal(2, r->well);
    expect_a_good_client(r);
}

static void a_directory_from_the_future_is_read_again(void **state)
{
    relation_t *r = create_ready(*state);
    fake_env_set_clock(r->w->world, now_of(r) - ACME_TIME_DAY);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    assert_int_equal(2, count(r, "directory"));
}

/* ---- trouble ---- */

static void expect_within(apr_interval_time_t least, apr_interval_time_t span)
{
    if (span < least || span > least + least / 5 + ACME_TIME_SECOND) {
        fail_msg("%d seconds instead of %d to %d", (int)apr_time_sec(span),
                 (int)apr_time_sec(least), (int)apr_time_sec(least + least / 5));
    }
}

/* Up to and with the next probe, and how long it was away. */
static apr_interval_time_t to_next_probe(relation_t *r)
{
    apr_time_t now = now_of(r);
    apr_time_t next = acme_session_next(r->session);
    assert_true(next > now);
    int faults = count(r, "fault");
    pass(r, next - now - 1);
    assert_int_equal(faults, count(r, "fault"));
    pass(r, 1);
    assert_int_equal(faults + 1, count(r, "fault")); /* one, and not one for each request */
    return next - now;
}

static void trouble_is_probed_with_growing_pauses(void **state)
{
    relation_t *r = create(*state);
    fake_ca_fault_always(r->w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    order_many(r, 50);
    turn(r);
    assert_non_null(acme_session_trouble(r->session));
    assert_int_equal(1, count(r, "fault"));
    apr_interval_time_t expected = 30 * ACME_TIME_SECOND;
    for (int i = 0; i < 12; ++i) {
        expect_within(expected, to_next_probe(r));
        expected = expected * 2 < ACME_TIME_HOUR ? expected * 2 : ACME_TIME_HOUR;
    }
    assert_int_equal(0, r->heard);
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, NULL));
    fake_ca_faults_clear(r->w->ca);
    pass(r, 2 * ACME_TIME_HOUR);
    assert_int_equal(50, r->well);
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "answers again"));
    assert_null(acme_session_trouble(r->session));
    assert_int_equal(0, fake_store_count(r->w->disk, account_file(r, "session.json")));
    expect_a_good_client(r);
}

static void trouble_is_said_once_a_day_with_a_count(void **state)
{
    relation_t *r = create(*state);
    fake_ca_fault_always(r->w->ca, FAKE_CA_ANY, FAKE_CA_TIMEOUT_BEFORE);
    order(r, "a.test");
    pass(r, 23 * ACME_TIME_HOUR);
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, NULL));
    pass(r, 3 * ACME_TIME_HOUR);
    assert_int_equal(2, logged(r, ACME_LOG_ERROR, NULL));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "times since it was last logged"));
}

static void what_was_in_flight_when_it_began_is_the_same_trouble(void **state)
{
    relation_t *r = create(*state);
    order_many(r, 10);
    pass(r, ACME_TIME_SECOND); /* a stock of nonces */
    fake_ca_fault_always(r->w->ca, FAKE_CA_ANY, FAKE_CA_TIMEOUT_BEFORE);
    fake_ca_settings(r->w->ca)->latency_jitter = ACME_TIME_SECOND;
    order_many(r, 8);
    pass(r, 2 * ACME_TIME_SECOND);
    expect_within(30 * ACME_TIME_SECOND - 2 * ACME_TIME_SECOND,
                  acme_session_next(r->session) - now_of(r));
    fake_ca_faults_clear(r->w->ca);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(18, r->well);
    expect_a_good_client(r);
}

static fake_ca_fault_t overloaded(fake_ca_kind_t kind, apr_interval_time_t retry_after)
{
    return (fake_ca_fault_t){.kind = kind,
                             .trouble = FAKE_CA_ERROR,
                             .status = 503,
                             .problem = "",
                             .retry_after = retry_after};
}

static void retry_after_is_honoured(void **state)
{
    relation_t *r = create(*state);
    fake_ca_fault_t fault = overloaded(FAKE_CA_DIRECTORY, 5 * ACME_TIME_HOUR);
    fake_ca_fault_add(r->w->ca, &fault);
    order(r, "a.test");
    pass(r, 4 * ACME_TIME_HOUR);
    assert_int_equal(1, count(r, "requests"));
    pass(r, 2 * ACME_TIME_HOUR);
    assert_int_equal(1, r->well);
    expect_a_good_client(r);
}

static void the_longer_of_two_retry_afters_is_honoured(void **state)
{
    relation_t *r = create(*state);
    order_many(r, 10);
    pass(r, ACME_TIME_SECOND); /* a stock of nonces */
    fake_ca_fault_t fault = overloaded(FAKE_CA_ORDER, 0);
    fake_ca_fault_add(r->w->ca, &fault);
    fault.retry_after = 5 * ACME_TIME_HOUR;
    fault.nth = 2;
    fake_ca_fault_add(r->w->ca, &fault);
    ask(r, "1", r->url, "");
    ask(r, "2", r->url, "");
    turn(r);
    assert_int_equal(2, count(r, "fault"));
    begin(r); /* this, too, survives */
    ask(r, "3", r->url, "");
    pass(r, 4 * ACME_TIME_HOUR);
    assert_int_equal(2, count(r, "order"));
    pass(r, 2 * ACME_TIME_HOUR);
    assert_int_equal(1, r->well - 10);
    assert_int_equal(0, count(r, "early"));
}

static void no_restart_shortens_a_pause(void **state)
{
    relation_t *r = create(*state);
    fake_ca_fault_always(r->w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    order(r, "a.test");
    pass(r, 20 * ACME_TIME_MINUTE);
    int faults = count(r, "fault");
    apr_time_t next = acme_session_next(r->session);
    for (int i = 0; i < 10; ++i) {
        begin(r);
        order(r, "a.test");
        pass(r, ACME_TIME_SECOND);
        assert_true(next == acme_session_next(r->session));
        assert_non_null(acme_session_trouble(r->session));
    }
    assert_int_equal(faults, count(r, "fault"));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, NULL)); /* nor is it said again */
    apr_interval_time_t pause = next - now_of(r);
    pass(r, pause);
    assert_int_equal(faults + 1, count(r, "fault"));
    assert_true(acme_session_next(r->session) - now_of(r) > pause); /* and it grows on */
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, NULL));
}

static void another_configuration_is_tried_at_once(void **state)
{
    for (int change = 0; change < 6; ++change) {
        relation_t *r = create(*state);
        fake_ca_fault_always(r->w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
        order(r, "a.test");
        pass(r, 20 * ACME_TIME_MINUTE);
        int faults = count(r, "fault");
        apr_array_header_t *contacts = apr_array_make(*state, 1, sizeof(const char *));
        APR_ARRAY_PUSH(contacts, const char *) = "mailto:me@first.test";
        acme_ca_t *ca = &r->w->ca_config;
        ca->agreement = change == 0 ? "https://ca.test/terms" : ca->agreement;
        ca->agreement = change == 1 ? NULL : ca->agreement;
        ca->route.ca_certificate_file = change == 2 ? "/etc/ca.pem" : NULL;
        ca->route.proxy = change == 3 ? "http://proxy.test:3128" : NULL;
        ca->contacts = change == 4 ? contacts : ca->contacts;
        begin(r);
        order(r, "a.test");
        pass(r, ACME_TIME_SECOND);
        assert_int_equal(faults + (change < 5), count(r, "fault"));
    }
}

static void a_pause_from_the_far_future_is_not_believed(void **state)
{
    relation_t *r = create(*state);
    fake_env_set_clock(r->w->world, FAKE_ENV_START + 3650 * ACME_TIME_DAY);
    fake_ca_fault(r->w->ca, FAKE_CA_DIRECTORY, FAKE_CA_REFUSED);
    order(r, "a.test");
    turn(r);
    fake_env_set_clock(r->w->world, FAKE_ENV_START);
    begin(r);
    order(r, "a.test");
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->well);
}

static void a_damaged_state_is_no_state(void **state)
{
    relation_t *r = create(*state);
    assert_well(acme_store_put(r->config.store, account_file(r, "session.json"), "{\"version\":1}",
                               13, *state));
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    relation_t *other = create(*state);
    fake_store_plant(other->w->disk, account_file(other, "session.json"), "[]", 2);
    order(other, "a.test");
    pass(other, ACME_TIME_SECOND);
    assert_int_equal(1, other->well);
}

/* ---- 5xx ---- */

static void a_single_server_error_is_its_own_requests(void **state)
{
    relation_t *r = create_ready(*state);
    for (int i = 0; i < 5; ++i) { /* with good ones between */
        fake_ca_fault(r->w->ca, FAKE_CA_NEW_ORDER, FAKE_CA_ERROR);
        order(r, apr_psprintf(*state, "n%d.test", i));
        pass(r, ACME_TIME_SECOND);
        assert_int_equal(ACME_ERR_NETWORK, r->errclass);
        ask(r, "u", r->url, "");
        pass(r, ACME_TIME_SECOND);
        assert_null(acme_session_trouble(r->session));
    }
    assert_int_equal(10, r->heard);
    assert_int_equal(5, r->well);
    expect_a_good_client(r);
}

static void three_server_errors_in_a_row_are_the_cas_trouble(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault_add(
        r->w->ca,
        &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER, .trouble = FAKE_CA_ERROR, .times = 3});
    for (int i = 0; i < 2; ++i) {
        order(r, apr_psprintf(*state, "n%d.test", i));
        pass(r, ACME_TIME_SECOND);
        assert_null(acme_session_trouble(r->session));
    }
    order(r, "third.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, r->heard); /* the third waits */
    assert_non_null(acme_session_trouble(r->session));
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->well);
    assert_null(acme_session_trouble(r->session));
    expect_a_good_client(r);
}

static void service_unavailable_is_the_cas_trouble_at_once(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault_t fault = overloaded(FAKE_CA_NEW_ORDER, 0);
    fake_ca_fault_add(r->w->ca, &fault);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(0, r->heard);
    assert_non_null(acme_session_trouble(r->session));
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->well);
    expect_a_good_client(r);
}

static void a_refusal_is_an_answer_too_and_ends_trouble(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault(r->w->ca, FAKE_CA_NEW_ORDER, FAKE_CA_TIMEOUT_BEFORE);
    fake_ca_reject_identifier(r->w->ca, "bad.test", "not this one");
    order(r, "bad.test");
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->heard);
    assert_int_equal(0, r->well);
    assert_null(acme_session_trouble(r->session));
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "answers again"));
}

static void one_request_that_hangs_does_not_hold_up_the_others(void **state)
{
    const fake_ca_fault_t hangs[] = {
        {.kind = FAKE_CA_ORDER, .trouble = FAKE_CA_TIMEOUT_BEFORE, .times = FAKE_CA_ALWAYS},
        {.kind = FAKE_CA_ORDER, .trouble = FAKE_CA_ERROR, .status = 503, .times = FAKE_CA_ALWAYS}};
    for (int i = 0; i < 2; ++i) {
        relation_t *r = create_ready(*state);
        fake_ca_fault_add(r->w->ca, &hangs[i]);
        ask(r, "u", r->url, "");
        for (int j = 0; j < 10; ++j) {
            order(r, apr_psprintf(*state, "n%d.test", j));
            pass(r, ACME_TIME_MINUTE);
        }
        assert_int_equal(10, r->well);
        assert_int_equal(11, r->heard);
        assert_int_equal(ACME_ERR_NETWORK, r->errclass);
        assert_in_range(count(r, "fault"), 3, 6);
        assert_null(acme_session_trouble(r->session));
        expect_a_good_client(r);
    }
}

/* ---- the account ---- */

static void a_lost_account_is_made_again_with_the_same_key(void **state)
{
    relation_t *r = create(*state);
    order_many(r, 10);
    pass(r, ACME_TIME_SECOND); /* a stock of nonces */
    const char *thumbprint = apr_pstrdup(*state, acme_session_thumbprint(r->session));
    fake_ca_settings(r->w->ca)->latency_jitter = ACME_TIME_SECOND;
    fake_ca_forget_accounts(r->w->ca);
    order_many(r, 20); /* several are in flight when it shows */
    pass(r, 20 * ACME_TIME_SECOND);
    assert_int_equal(30, r->well);
    assert_int_equal(30, r->heard);
    assert_int_equal(2, count(r, "newAccount"));
    assert_string_equal(thumbprint, acme_session_thumbprint(r->session));
    assert_int_equal(1, logged(r, ACME_LOG_WARNING, "made again with the same key"));
    assert_int_equal(0, logged(r, ACME_LOG_ERROR, NULL));
    assert_null(acme_session_trouble(r->session));
    begin(r); /* the new one is on disk */
    order(r, "later.test");
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(2, count(r, "newAccount"));
    expect_a_good_client(r);
}

static void an_account_lost_again_and_again_is_made_once_an_hour(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault_add(r->w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER,
                                                   .trouble = FAKE_CA_ERROR,
                                                   .times = FAKE_CA_ALWAYS,
                                                   .status = 400,
                                                   .problem = "accountDoesNotExist"});
    order(r, "a.test");
    pass(r, 50 * ACME_TIME_MINUTE);
    assert_int_equal(2, count(r, "newAccount"));
    assert_int_equal(0, r->heard);
    assert_non_null(acme_session_trouble(r->session));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "ask the CA why it is lost"));
    pass(r, 20 * ACME_TIME_HOUR);
    assert_int_equal(1 + 3, count(r, "newAccount"));
    fake_ca_faults_clear(r->w->ca);
    pass(r, 8 * ACME_TIME_HOUR);
    assert_int_equal(1, r->well);
    expect_a_good_client(r);
}

/* However often the process starts. */
static void no_restart_makes_an_account_sooner(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault_add(r->w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER,
                                                   .trouble = FAKE_CA_ERROR,
                                                   .times = FAKE_CA_ALWAYS,
                                                   .status = 400,
                                                   .problem = "accountDoesNotExist"});
    for (int i = 0; i < 20 * 6; ++i) {
        begin(r);
        /* another setting each time, so that no pause is kept for it */
        r->w->ca_config.agreement = apr_psprintf(*state, "https://ca.test/terms?%d", i);
        order(r, "a.test");
        pass(r, 10 * ACME_TIME_MINUTE);
    }
    assert_int_equal(1 + 3, count(r, "newAccount"));
    fake_ca_faults_clear(r->w->ca);
    begin(r);
    order(r, "a.test");
    pass(r, 8 * ACME_TIME_HOUR);
    assert_int_equal(1, r->well);
    expect_a_good_client(r);
}

/* A process that dies between the loss and the new account. */
static void a_lost_account_is_remembered_as_lost(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_forget_accounts(r->w->ca);
    fake_ca_fault(r->w->ca, FAKE_CA_NEW_ACCOUNT, FAKE_CA_TIMEOUT_BEFORE);
    order(r, "a.test");
    turn(r);
    turn(r);
    begin(r);
    int orders = count(r, "newOrder");
    order(r, "a.test");
    pass(r, ACME_TIME_HOUR);
    assert_int_equal(1, r->well);
    assert_int_equal(orders + 1, count(r, "newOrder")); /* none in the old account's name */
}

static void an_account_that_was_closed_is_replaced_with_a_new_key(void **state)
{
    relation_t *r = create(*state);
    order_many(r, 10);
    pass(r, ACME_TIME_SECOND); /* a stock of nonces */
    const char *thumbprint = apr_pstrdup(*state, acme_session_thumbprint(r->session));
    fake_ca_settings(r->w->ca)->latency_jitter = ACME_TIME_SECOND;
    fake_ca_deactivate_accounts(r->w->ca);
    order_many(r, 20);
    pass(r, 20 * ACME_TIME_SECOND);
    assert_int_equal(30, r->well);
    assert_int_equal(30, r->heard);
    assert_int_equal(2, count(r, "accountCreated"));
    assert_int_equal(1, count(r, "account")); /* asked for once */
    assert_string_not_equal(thumbprint, acme_session_thumbprint(r->session));
    assert_int_equal(1, logged(r, ACME_LOG_WARNING, "was closed at the CA"));
    assert_int_equal(0, logged(r, ACME_LOG_ERROR, NULL));
    begin(r);
    order(r, "later.test");
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(2, count(r, "accountCreated"));
    expect_a_good_client(r);
}

static void an_account_closed_again_and_again_is_replaced_three_times_a_day(void **state)
{
    relation_t *r = create_ready(*state);
    for (int i = 0; i < 20 * 6; ++i) {
        fake_ca_deactivate_accounts(r->w->ca);
        begin(r);
        order(r, "a.test");
        pass(r, 10 * ACME_TIME_MINUTE);
    }
    assert_in_range(count(r, "accountCreated"), 2, 1 + 3);
    assert_true(count(r, "newAccount") <= 1 + 3);
    pass(r, 24 * ACME_TIME_HOUR);
    assert_true(r->well > 0);
    expect_a_good_client(r);
}

static void what_is_not_the_accounts_fault_is_handed_back(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault_add(r->w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_ORDER,
                                                   .trouble = FAKE_CA_ERROR,
                                                   .times = FAKE_CA_ALWAYS,
                                                   .status = 403,
                                                   .problem = "unauthorized"});
    for (int i = 0; i < 5; ++i) {
        ask(r, "u", r->url, "");
        order(r, apr_psprintf(*state, "n%d.test", i));
        pass(r, ACME_TIME_MINUTE);
    }
    assert_int_equal(10, r->heard);
    assert_int_equal(5, r->well);
    assert_int_equal(ACME_ERR_CONFIG, r->errclass);
    assert_int_equal(1, count(r, "account")); /* whether it is well, is asked once an hour */
    assert_int_equal(6, count(r, "order"));
    assert_int_equal(1, count(r, "newAccount"));
    assert_null(acme_session_trouble(r->session));
    pass(r, ACME_TIME_HOUR);
    ask(r, "u", r->url, "");
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(2, count(r, "account"));
    expect_a_good_client(r);
}

static void trouble_in_asking_for_the_account_is_trouble(void **state)
{
    static const fake_ca_trouble_t troubles[] = {FAKE_CA_REFUSED, FAKE_CA_ERROR, FAKE_CA_HTML,
                                                 FAKE_CA_BAD_NONCE};
    for (int i = 0; i < 4; ++i) {
        relation_t *r = create_ready(*state);
        fake_ca_deactivate_accounts(r->w->ca);
        fake_ca_fault(r->w->ca, FAKE_CA_ACCOUNT, troubles[i]);
        order(r, "a.test");
        pass(r, ACME_TIME_MINUTE);
        assert_int_equal(1, r->well);
        assert_int_equal(2, count(r, "accountCreated"));
        expect_a_good_client(r);
    }
}

static void a_refused_account_waits_for_the_administrator(void **state)
{
    static const char *const problems[] = {"userActionRequired", "externalAccountRequired",
                                           "unauthorized"};
    for (int i = 0; i < 3; ++i) {
        relation_t *r = create(*state);
        fake_ca_fault_add(r->w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ACCOUNT,
                                                       .trouble = FAKE_CA_ERROR,
                                                       .times = FAKE_CA_ALWAYS,
                                                       .status = 403,
                                                       .problem = problems[i],
                                                       .detail = "read the new terms"});
        order_many(r, 5);
        pass(r, 50 * ACME_TIME_MINUTE);
        assert_int_equal(1, count(r, "newAccount")); /* no sooner than in an hour */
        assert_int_equal(1, logged(r, ACME_LOG_ERROR, "read the new terms"));
        assert_int_equal(1, logged(r, ACME_LOG_ERROR, NULL));
        assert_int_equal(ACME_ERR_CONFIG, acme_session_trouble(r->session)->errclass);
        pass(r, 24 * ACME_TIME_HOUR);
        assert_in_range(count(r, "newAccount"), 2, 6);
        assert_int_equal(0, r->heard);
        fake_ca_faults_clear(r->w->ca);
        pass(r, 48 * ACME_TIME_HOUR);
        assert_int_equal(5, r->well);
        expect_a_good_client(r);
    }
}

static void limit_orders(relation_t *r, const char *name, int times)
{
    const fake_ca_fault_t fault = {.kind = FAKE_CA_NEW_ORDER,
                                   .trouble = FAKE_CA_RATE_LIMITED,
                                   .name = name,
                                   .times = times,
                                   .retry_after = 30 * ACME_TIME_SECOND};
    fake_ca_fault_add(r->w->ca, &fault);
}

static void at_the_limit_of_the_account_new_orders_go_one_by_one(void **state)
{
    relation_t *r = create_ready(*state);
    limit_orders(r, NULL, FAKE_CA_ALWAYS);
    int before = count(r, "newOrder");
    order_many(r, 100);
    pass(r, 10 * ACME_TIME_MINUTE);
    assert_in_range(count(r, "newOrder") - before, 10, MAX_IN_FLIGHT + 20);
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "its limits are reached"));
    fake_ca_faults_clear(r->w->ca);
    before = count(r, "newOrder");
    pass(r, 5 * ACME_TIME_MINUTE);
    assert_in_range(count(r, "newOrder") - before, 4, 11); /* as far apart as it said */
    pass(r, ACME_TIME_HOUR);
    assert_int_equal(100, r->heard);
}

static void a_limit_on_one_name_holds_no_other(void **state)
{
    relation_t *r = create_ready(*state);
    limit_orders(r, "n3.test", 1);
    limit_orders(r, "n7.test", 1);
    order_many(r, 40);
    pass(r, 10 * ACME_TIME_SECOND);
    assert_int_equal(40, r->heard);
    assert_int_equal(38, r->well);
    assert_int_equal(0, logged(r, ACME_LOG_NOTICE, "its limits are reached"));
}

static void a_rate_limit_on_accounts_is_waited_out(void **state)
{
    relation_t *r = create(*state);
    fake_ca_fault_add(r->w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ACCOUNT,
                                                   .trouble = FAKE_CA_RATE_LIMITED,
                                                   .retry_after = 3 * ACME_TIME_HOUR});
    order(r, "a.test");
    pass(r, 2 * ACME_TIME_HOUR);
    assert_int_equal(1, count(r, "newAccount"));
    pass(r, 2 * ACME_TIME_HOUR);
    assert_int_equal(1, r->well);
    expect_a_good_client(r);
}

static void without_agreement_no_account_is_asked_for(void **state)
{
    relation_t *r = create(*state);
    r->w->ca_config.agreement = NULL;
    order(r, "a.test");
    pass(r, 30 * ACME_TIME_MINUTE);
    assert_int_equal(0, count(r, "newAccount"));
    assert_int_equal(1, count(r, "directory"));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "https://ca.test/terms"));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "ACMECertificateAgreement accepted"));
    assert_int_equal(ACME_ERR_CONFIG, acme_session_trouble(r->session)->errclass);
}

static void a_ca_without_terms_needs_no_agreement(void **state)
{
    relation_t *r = create(*state);
    r->w->ca_config.agreement = NULL;
    fake_ca_settings(r->w->ca)->terms_of_service = NULL;
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
}

/* "secret" */
static acme_eab_t *binding(const char *kid, const char *hmac, acme_jws_mac_alg_t alg,
                           apr_pool_t *pool)
{
    acme_eab_t *eab = NULL;
    assert_well(acme_eab_make(&eab, kid, hmac, alg, pool));
    return eab;
}

static relation_t *create_for_customers(apr_pool_t *pool)
{
    relation_t *r = create(pool);
    fake_ca_settings(r->w->ca)->external_account_required = 1;
    fake_ca_add_customer(r->w->ca, "kid-1", "secret", "HS256", 1);
    return r;
}

static void a_customer_binds_the_account(void **state)
{
    static const char *const algs[] = {"HS256", "HS384", "HS512"};
    for (int i = 0; i < 3; ++i) {
        relation_t *r = create_for_customers(*state);
        fake_ca_add_customer(r->w->ca, "kid-1", "secret", algs[i], 1);
        r->w->ca_config.eab = binding("kid-1", "c2VjcmV0", (acme_jws_mac_alg_t)i, *state);
        order(r, "a.test");
        pass(r, ACME_TIME_SECOND);
        assert_int_equal(1, r->well);
        assert_int_equal(1, count(r, "accountBound"));
        expect_a_good_client(r);
    }
}

/* What is used up is of no use, and not needed any more either. */
static void a_bound_account_needs_no_binding_again(void **state)
{
    relation_t *r = create_for_customers(*state);
    r->w->ca_config.eab = binding("kid-1", "c2VjcmV0", ACME_JWS_HS256, *state);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    r->w->ca_config.eab = NULL;
    begin(r);
    order(r, "b.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, r->well);
    assert_int_equal(1, count(r, "newAccount"));
    r->w->ca_config.eab = binding("kid-1", "c2VjcmV0", ACME_JWS_HS256, *state);
    fake_store_plant(r->w->disk, account_file(r, "account.json"), NULL, 0);
    begin(r);
    order(r, "c.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(3, r->well); /* the CA found the account before it looked at the binding */
    assert_int_equal(1, count(r, "accountBound"));
    expect_a_good_client(r);
}

static void a_ca_for_customers_is_not_asked_without_binding(void **state)
{
    relation_t *r = create_for_customers(*state);
    order(r, "a.test");
    pass(r, 30 * ACME_TIME_MINUTE);
    assert_int_equal(0, count(r, "newAccount"));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "'ACMEExternalAccountBinding KEYID HMAC'"));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, NULL));
    assert_int_equal(ACME_ERR_CONFIG, acme_session_trouble(r->session)->errclass);
    r->w->ca_config.eab = binding("kid-1", "c2VjcmV0", ACME_JWS_HS256, *state);
    begin(r); /* it is there now: tried at once */
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
}

static void a_binding_that_cannot_be_read_is_said(void **state)
{
    relation_t *r = create_for_customers(*state);
    r->w->ca_config.eab = &(acme_eab_t){.trouble = "the file /etc/eab.json cannot be read"};
    order(r, "a.test");
    pass(r, 30 * ACME_TIME_MINUTE);
    assert_int_equal(0, count(r, "newAccount"));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "/etc/eab.json cannot be read"));
    assert_int_equal(ACME_ERR_CONFIG, acme_session_trouble(r->session)->errclass);
}

static void a_refused_binding_is_explained_and_never_shown(void **state)
{
    static const char *const kids[] = {"kid-1", "kid-2"};
    static const char *const keys[] = {"d3JvbmctMQ", "c2VjcmV0"};
    for (int i = 0; i < 2; ++i) {
        relation_t *r = create_for_customers(*state);
        r->w->ca_config.eab = binding(kids[i], keys[i], ACME_JWS_HS256, *state);
        order(r, "a.test");
        pass(r, 30 * ACME_TIME_MINUTE);
        assert_int_equal(1, count(r, "newAccount"));
        assert_int_equal(1, logged(r, ACME_LOG_ERROR, "ACMEExternalAccountBinding has the key id"));
        assert_int_equal(1, logged(r, ACME_LOG_ERROR, kids[i]));
        assert_int_equal(0, logged(r, ACME_LOG_ERROR, keys[i]));
        const char *kept = fake_store_raw(r->w->disk, account_file(r, "session.json"), NULL);
        assert_non_null(kept);
        assert_null(strstr(kept, keys[i]));
        assert_int_equal(ACME_ERR_CONFIG, acme_session_trouble(r->session)->errclass);
        assert_string_equal("", fake_ca_violations(r->w->ca));
    }
}

/* The record is gone and the binding, too; the key is there. */
static void an_account_is_looked_up_by_its_key(void **state)
{
    relation_t *r = create_for_customers(*state);
    r->w->ca_config.eab = binding("kid-1", "c2VjcmV0", ACME_JWS_HS256, *state);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    r->w->ca_config.eab = NULL;
    r->w->ca_config.agreement = NULL;
    fake_store_plant(r->w->disk, account_file(r, "account.json"), NULL, 0);
    begin(r);
    order(r, "b.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, r->well);
    assert_int_equal(1, count(r, "accountCreated"));
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "was found"));
    fake_ca_forget_accounts(r->w->ca); /* now there is none to be found */
    fake_store_plant(r->w->disk, account_file(r, "account.json"), NULL, 0);
    begin(r);
    order(r, "c.test");
    pass(r, 30 * ACME_TIME_MINUTE);
    assert_int_equal(2, r->well);
    assert_int_equal(3, count(r, "newAccount")); /* looked up once */
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "ACMECertificateAgreement accepted"));
    expect_a_good_client(r);
}

static void a_record_of_another_key_is_not_used(void **state)
{
    relation_t *r = create_ready(*state);
    fake_store_plant(r->w->disk, account_file(r, "privkey"), NULL, 0);
    begin(r);
    order(r, "b.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    assert_int_equal(2, count(r, "accountCreated"));
    expect_a_good_client(r);
}

/* ---- the administrator's own key ---- */

static const acme_account_key_t *given_key(const char *file, apr_pool_t *pool)
{
    apr_size_t len;
    char *pem = fixture_read(file, &len, pool);
    acme_key_t *key = NULL;
    assert_well(acme_key_from_pem(&key, pem, len, pool));
    acme_account_key_t *given = apr_pcalloc(pool, sizeof(*given));
    char *thumbprint;
    assert_well(acme_key_thumbprint(&thumbprint, key, pool));
    *given = (acme_account_key_t){.file = file, .key = key, .thumbprint = thumbprint};
    return given;
}

static void a_given_key_is_used_and_not_kept(void **state)
{
    static const char *const files[] = {"key-p256.pem", "key-p384.pem", "key-rsa2048.pem"};
    for (int i = 0; i < 3; ++i) {
        relation_t *r = create(*state);
        r->w->ca_config.account_key = given_key(files[i], *state);
        order(r, "a.test");
        pass(r, ACME_TIME_SECOND);
        assert_int_equal(1, r->well);
        assert_int_equal(0, fake_store_count(r->w->disk, account_file(r, "privkey")));
        assert_string_equal(r->w->ca_config.account_key->thumbprint,
                            acme_session_thumbprint(r->session));
        begin(r);
        order(r, "b.test");
        pass(r, ACME_TIME_SECOND);
        assert_int_equal(1, count(r, "newAccount"));
        fake_store_plant(r->w->disk, account_file(r, "account.json"), NULL, 0);
        begin(r); /* another server of the fleet, or a container that has kept nothing */
        order(r, "c.test");
        pass(r, ACME_TIME_SECOND);
        assert_int_equal(3, r->well);
        assert_int_equal(1, count(r, "accountCreated"));
        expect_a_good_client(r);
    }
}

static void a_given_key_comes_and_goes(void **state)
{
    relation_t *r = create_ready(*state);
    const char *ours = apr_pstrdup(*state, acme_session_thumbprint(r->session));
    r->w->ca_config.account_key = given_key("key-p256.pem", *state);
    begin(r);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, count(r, "accountCreated"));
    r->w->ca_config.account_key = NULL;
    begin(r);
    order(r, "b.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, count(r, "accountCreated")); /* ours was found by its key */
    assert_string_equal(ours, acme_session_thumbprint(r->session));
    assert_int_equal(2, r->well);
    expect_a_good_client(r);
}

static void a_record_that_names_no_key_is_not_that_of_a_given_one(void **state)
{
    relation_t *r = create_ready(*state);
    char *text;
    apr_size_t len;
    const char *path = account_file(r, "account.json");
    assert_well(acme_store_get(&text, &len, r->config.store, path, *state));
    char *member = strstr(text, "key-thumbprint");
    assert_non_null(member);
    memcpy(member, "xxx", 3);
    assert_well(acme_store_put(r->config.store, path, text, len, *state));
    begin(r);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, count(r, "newAccount"));
    r->w->ca_config.account_key = given_key("key-p256.pem", *state);
    begin(r);
    order(r, "b.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, r->well);
    assert_int_equal(2, count(r, "accountCreated"));
    expect_a_good_client(r);
}

static void a_given_key_that_cannot_be_read_is_said(void **state)
{
    relation_t *r = create(*state);
    r->w->ca_config.account_key =
        &(acme_account_key_t){.file = "/etc/a.pem", .trouble = "the file /etc/a.pem is not there"};
    order(r, "a.test");
    pass(r, 30 * ACME_TIME_MINUTE);
    assert_int_equal(0, count(r, "newAccount"));
    assert_int_equal(0, fake_store_count(r->w->disk, account_file(r, "privkey")));
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "/etc/a.pem is not there"));
    assert_int_equal(ACME_ERR_CONFIG, acme_session_trouble(r->session)->errclass);
    r->w->ca_config.account_key = given_key("key-p256.pem", *state);
    begin(r);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
}

static void a_given_key_is_never_replaced(void **state)
{
    relation_t *r = create(*state);
    r->w->ca_config.account_key = given_key("key-p256.pem", *state);
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    fake_ca_deactivate_accounts(r->w->ca);
    order(r, "b.test");
    pass(r, 30 * ACME_TIME_MINUTE);
    assert_int_equal(1, r->well);
    assert_int_equal(1, logged(r, ACME_LOG_ERROR, "put another one into key-p256.pem"));
    r->w->ca_config.account_key = given_key("key-p384.pem", *state);
    begin(r);
    order(r, "c.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, r->well);
    expect_a_good_client(r);
}

static void set_contacts(relation_t *r, const char *first, const char *second)
{
    apr_array_header_t *contacts = apr_array_make(r->w->pool, 2, sizeof(const char *));
    if (first != NULL) {
        APR_ARRAY_PUSH(contacts, const char *) = first;
    }
    if (second != NULL) {
        APR_ARRAY_PUSH(contacts, const char *) = second;
    }
    r->w->ca_config.contacts = contacts;
}

static void start_and_order(relation_t *r)
{
    begin(r);
    int well = r->well;
    order(r, "a.test");
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(well + 1, r->well);
}

static void changed_contacts_are_told_once(void **state)
{
    relation_t *r = create_ready(*state);
    set_contacts(r, "mailto:a@first.test", NULL);
    start_and_order(r);
    assert_string_equal("mailto:a@first.test", fake_ca_account_contacts(r->w->ca));
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "contacts of the account are now"));
    start_and_order(r);
    start_and_order(r);
    assert_int_equal(1, count(r, "account"));
    set_contacts(r, "mailto:a@first.test", "mailto:b@first.test");
    start_and_order(r);
    assert_string_equal("mailto:a@first.test,mailto:b@first.test",
                        fake_ca_account_contacts(r->w->ca));
    set_contacts(r, NULL, NULL);
    start_and_order(r);
    assert_string_equal("", fake_ca_account_contacts(r->w->ca));
    start_and_order(r);
    assert_int_equal(3, count(r, "account"));
    assert_int_equal(1, count(r, "newAccount"));
    expect_a_good_client(r);
}

static void refused_contacts_are_told_once(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_reject_contact(r->w->ca, "mailto:me@nowhere.invalid");
    set_contacts(r, "mailto:me@nowhere.invalid", NULL);
    start_and_order(r);
    start_and_order(r);
    assert_int_equal(1, count(r, "account"));
    assert_int_equal(1, logged(r, ACME_LOG_WARNING, "correct ACMEContactEmail"));
    assert_int_equal(0, logged(r, ACME_LOG_ERROR, NULL));
    set_contacts(r, "mailto:me@first.test", NULL);
    start_and_order(r);
    assert_string_equal("mailto:me@first.test", fake_ca_account_contacts(r->w->ca));
    expect_a_good_client(r);
}

/* At the making of the account; at the next start nothing is left to be done. */
static void contacts_refused_at_first_are_not_told_again(void **state)
{
    relation_t *r = create(*state);
    fake_ca_reject_contact(r->w->ca, "mailto:me@nowhere.invalid");
    set_contacts(r, "mailto:me@nowhere.invalid", NULL);
    start_and_order(r);
    start_and_order(r);
    assert_int_equal(0, count(r, "account"));
    assert_int_equal(1, logged(r, ACME_LOG_WARNING, "ACMEContactEmail"));
}

static void contacts_that_could_not_be_told_are_told_later(void **state)
{
    relation_t *r = create_ready(*state);
    set_contacts(r, "mailto:a@first.test", NULL);
    fake_ca_fault(r->w->ca, FAKE_CA_ACCOUNT, FAKE_CA_ERROR);
    start_and_order(r);
    assert_string_equal("", fake_ca_account_contacts(r->w->ca));
    assert_int_equal(1, logged(r, ACME_LOG_WARNING, "tried again at the next start"));
    start_and_order(r);
    assert_string_equal("mailto:a@first.test", fake_ca_account_contacts(r->w->ca));
    expect_a_good_client(r);
}

/* Its record is lost, so we do not know what the CA knows. */
static void an_account_that_is_found_is_told_the_contacts(void **state)
{
    relation_t *r = create_ready(*state);
    fake_store_plant(r->w->disk, account_file(r, "account.json"), NULL, 0);
    set_contacts(r, "mailto:a@first.test", NULL);
    start_and_order(r);
    assert_string_equal("mailto:a@first.test", fake_ca_account_contacts(r->w->ca));
    fake_store_plant(r->w->disk, account_file(r, "account.json"), NULL, 0);
    start_and_order(r);
    assert_int_equal(1, count(r, "account")); /* it has them already */
    fake_store_plant(r->w->disk, account_file(r, "account.json"), NULL, 0);
    set_contacts(r, NULL, NULL); /* nothing is said of contacts: the CA's stay */
    start_and_order(r);
    assert_string_equal("mailto:a@first.test", fake_ca_account_contacts(r->w->ca));
    expect_a_good_client(r);
}

static void contacts_go_to_the_ca(void **state)
{
    relation_t *r = create(*state);
    apr_array_header_t *contacts = apr_array_make(*state, 2, sizeof(const char *));
    APR_ARRAY_PUSH(contacts, const char *) = "mailto:a@first.test";
    APR_ARRAY_PUSH(contacts, const char *) = "mailto:b@first.test";
    r->w->ca_config.contacts = contacts;
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_string_equal("mailto:a@first.test,mailto:b@first.test",
                        fake_ca_account_contacts(r->w->ca));
}

static void a_refused_contact_is_left_out_with_a_warning(void **state)
{
    relation_t *r = create(*state);
    apr_array_header_t *contacts = apr_array_make(*state, 1, sizeof(const char *));
    APR_ARRAY_PUSH(contacts, const char *) = "mailto:me@nowhere.invalid";
    r->w->ca_config.contacts = contacts;
    fake_ca_reject_contact(r->w->ca, "mailto:me@nowhere.invalid");
    order(r, "a.test");
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->well);
    assert_int_equal(2, count(r, "newAccount"));
    assert_string_equal("", fake_ca_account_contacts(r->w->ca));
    assert_int_equal(1, logged(r, ACME_LOG_WARNING, "ACMEContactEmail"));
    assert_int_equal(0, logged(r, ACME_LOG_ERROR, NULL));
    expect_a_good_client(r);
}

static void an_account_that_cannot_be_put_away_is_found_again(void **state)
{
    for (int nth = 1; nth <= 2; ++nth) { /* the key, the record */
        relation_t *r = create(*state);
        fake_store_fail_put(r->w->disk, nth, 1, ENOSPC);
        order(r, "a.test");
        pass(r, 10 * ACME_TIME_MINUTE);
        assert_int_equal(1, r->well);
        assert_int_equal(1, count(r, "accountCreated"));
        const char *thumbprint = acme_session_thumbprint(r->session);
        begin(r);
        order(r, "b.test");
        pass(r, ACME_TIME_MINUTE);
        assert_string_equal(thumbprint, acme_session_thumbprint(r->session));
        assert_int_equal(1, count(r, "accountCreated"));
        expect_a_good_client(r);
    }
}

static void estimates_are_kept_for_all_runs(void **state)
{
    relation_t *r = create(*state);
    assert_true(*acme_session_estimate(r->session, 0) == 0);
    *acme_session_estimate(r->session, 0) = 7;
    *acme_session_estimate(r->session, 1) = 9;
    assert_true(*acme_session_estimate(r->session, 0) == 7);
    assert_true(*acme_session_estimate(r->session, 5) == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(nothing_is_asked_before_the_first_request),
        FIXTURE_TEST(the_first_request_finds_directory_and_account),
        FIXTURE_TEST(an_account_survives_a_restart),
        FIXTURE_TEST(the_bell_tells_of_the_key),
        FIXTURE_TEST(a_damaged_account_record_is_asked_for),
        FIXTURE_TEST(a_record_of_another_ca_is_not_used),
        FIXTURE_TEST(an_account_that_was_closed_is_not_used),
        FIXTURE_TEST(what_takes_an_order_further_has_two_turns_of_three),
        FIXTURE_TEST(no_more_are_in_flight_than_may_be),
        FIXTURE_TEST(nonces_are_used_once_and_hardly_fetched),
        FIXTURE_TEST(answers_without_a_nonce_cost_a_request_more),
        FIXTURE_TEST(a_ca_that_gives_no_nonce_is_in_trouble),
        FIXTURE_TEST(an_unusable_nonce_is_never_sent),
        FIXTURE_TEST(the_stock_of_nonces_is_bounded),
        FIXTURE_TEST(a_bad_nonce_is_signed_anew),
        FIXTURE_TEST(endless_bad_nonces_are_handed_back),
        FIXTURE_TEST(a_ca_that_loses_most_nonces_gets_more_tries),
        FIXTURE_TEST(a_request_whose_nonces_are_never_good_comes_to_an_end),
        FIXTURE_TEST(nonces_that_grew_stale_are_replaced),
        FIXTURE_TEST(a_withdrawn_request_is_never_heard),
        FIXTURE_TEST(one_of_several_in_flight_is_withdrawn),
        FIXTURE_TEST(stop_at_any_moment_drops_all),
        FIXTURE_TEST(a_directory_is_read_again_after_an_idle_hour),
        FIXTURE_TEST(a_directory_from_the_future_is_read_again),
        FIXTURE_TEST(trouble_is_probed_with_growing_pauses),
        FIXTURE_TEST(trouble_is_said_once_a_day_with_a_count),
        FIXTURE_TEST(what_was_in_flight_when_it_began_is_the_same_trouble),
        FIXTURE_TEST(retry_after_is_honoured),
        FIXTURE_TEST(the_longer_of_two_retry_afters_is_honoured),
        FIXTURE_TEST(no_restart_shortens_a_pause),
        FIXTURE_TEST(another_configuration_is_tried_at_once),
        FIXTURE_TEST(a_pause_from_the_far_future_is_not_believed),
        FIXTURE_TEST(a_damaged_state_is_no_state),
        FIXTURE_TEST(a_single_server_error_is_its_own_requests),
        FIXTURE_TEST(three_server_errors_in_a_row_are_the_cas_trouble),
        FIXTURE_TEST(service_unavailable_is_the_cas_trouble_at_once),
        FIXTURE_TEST(a_refusal_is_an_answer_too_and_ends_trouble),
        FIXTURE_TEST(one_request_that_hangs_does_not_hold_up_the_others),
        FIXTURE_TEST(a_lost_account_is_made_again_with_the_same_key),
        FIXTURE_TEST(an_account_lost_again_and_again_is_made_once_an_hour),
        FIXTURE_TEST(a_refused_account_waits_for_the_administrator),
        FIXTURE_TEST(at_the_limit_of_the_account_new_orders_go_one_by_one),
        FIXTURE_TEST(a_limit_on_one_name_holds_no_other),
        FIXTURE_TEST(a_rate_limit_on_accounts_is_waited_out),
        FIXTURE_TEST(without_agreement_no_account_is_asked_for),
        FIXTURE_TEST(a_ca_without_terms_needs_no_agreement),
        FIXTURE_TEST(a_customer_binds_the_account),
        FIXTURE_TEST(a_bound_account_needs_no_binding_again),
        FIXTURE_TEST(a_ca_for_customers_is_not_asked_without_binding),
        FIXTURE_TEST(a_binding_that_cannot_be_read_is_said),
        FIXTURE_TEST(a_refused_binding_is_explained_and_never_shown),
        FIXTURE_TEST(contacts_go_to_the_ca),
        FIXTURE_TEST(a_refused_contact_is_left_out_with_a_warning),
        FIXTURE_TEST(an_account_that_cannot_be_put_away_is_found_again),
        FIXTURE_TEST(no_restart_makes_an_account_sooner),
        FIXTURE_TEST(a_lost_account_is_remembered_as_lost),
        FIXTURE_TEST(an_account_that_was_closed_is_replaced_with_a_new_key),
        FIXTURE_TEST(an_account_closed_again_and_again_is_replaced_three_times_a_day),
        FIXTURE_TEST(what_is_not_the_accounts_fault_is_handed_back),
        FIXTURE_TEST(trouble_in_asking_for_the_account_is_trouble),
        FIXTURE_TEST(an_account_is_looked_up_by_its_key),
        FIXTURE_TEST(a_record_of_another_key_is_not_used),
        FIXTURE_TEST(a_given_key_is_used_and_not_kept),
        FIXTURE_TEST(a_given_key_comes_and_goes),
        FIXTURE_TEST(a_record_that_names_no_key_is_not_that_of_a_given_one),
        FIXTURE_TEST(a_given_key_that_cannot_be_read_is_said),
        FIXTURE_TEST(a_given_key_is_never_replaced),
        FIXTURE_TEST(changed_contacts_are_told_once),
        FIXTURE_TEST(refused_contacts_are_told_once),
        FIXTURE_TEST(contacts_refused_at_first_are_not_told_again),
        FIXTURE_TEST(contacts_that_could_not_be_told_are_told_later),
        FIXTURE_TEST(an_account_that_is_found_is_told_the_contacts),
        FIXTURE_TEST(estimates_are_kept_for_all_runs),
    };
    return fixture_run(tests);
}
