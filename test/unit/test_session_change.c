/* Tests of changes of the account: a new key, its end, and death at every moment of both.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_key_file.h"
#include "acme/acme_session.h"
#include "unit/engine_world.h"

typedef struct {
    engine_world_t *w;
    acme_session_config_t config;
    acme_session_t *session;
    int well;    /* orders that were answered well */
    int heard;   /* orders that were answered at all */
    int changed; /* changes that were heard of */
    int made;    /* and those that were made */
    acme_err_class_t errclass;
    const char *words;

    jmp_buf here;
    int proofs;  /* that runs are about to tell of */
    int moments; /* exchanges of this life */
    int dies_at; /* 0: at none */
    fake_ca_moment_t when;
} relation_t;

static void hear(void *baton, const acme_answer_t *answer)
{
    relation_t *r = baton;
    ++r->heard;
    r->well += answer->err == NULL;
}

static void hear_changed(void *baton, const acme_err_t *err)
{
    relation_t *r = baton;
    ++r->changed;
    r->made += err == NULL;
    if (err != NULL) {
        r->errclass = err->errclass;
        r->words = apr_pstrdup(r->w->pool, err->text);
    }
}

static void begin(relation_t *r)
{
    static int processes = 5000;
    r->config.store =
        fake_store_open(r->w->disk, ++processes, r->w->seal, fake_env(r->w->world), r->w->pool);
    r->session = acme_session_create(&r->config, &r->w->ca_config, r->w->pool);
}

static relation_t *create(apr_pool_t *pool)
{
    relation_t *r = apr_pcalloc(pool, sizeof(*r));
    r->w = engine_world_create(pool);
    r->config = (acme_session_config_t){.env = fake_env(r->w->world),
                                        .transport = fake_ca_transport(r->w->ca),
                                        .generate_key = acme_key_generate,
                                        .retry_delay = 30 * ACME_TIME_SECOND,
                                        .max_in_flight = 8};
    begin(r);
    return r;
}

static void order(relation_t *r)
{
    const acme_request_t request = {
        .kind = ACME_REQUEST_NEW_ORDER,
        .doing = "testing",
        .payload = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}",
        .hear = hear,
        .baton = r};
    (void)acme_session_ask(r->session, &request);
}

static void pass(relation_t *r, apr_interval_time_t span)
{
    const acme_env_t *env = fake_env(r->w->world);
    apr_time_t end = acme_env_now(env) + span;
    while (acme_env_now(env) <= end) {
        acme_session_tick(r->session);
        acme_transport_pump(r->config.transport, 0);
        acme_session_tick(r->session);
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

/* With an account, and a stock of nonces. */
static relation_t *create_ready(apr_pool_t *pool)
{
    relation_t *r = create(pool);
    for (int i = 0; i < 4; ++i) {
        order(r);
    }
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(4, r->well);
    r->well = r->heard = 0;
    return r;
}

static int count(const relation_t *r, const char *what)
{
    return fake_ca_count(r->w->ca, what, NULL);
}

static int logged(const relation_t *r, acme_log_level_t level, const char *text)
{
    return fake_env_logged(r->w->world, level, text);
}

static const char *account_file(const relation_t *r, const char *file)
{
    return acme_store_path(r->w->pool, "accounts", r->w->ca_config.folder, file);
}

static int has_file(const relation_t *r, const char *file)
{
    return fake_store_raw(r->w->disk, account_file(r, file), NULL) != NULL;
}

static void expect_a_good_client(const relation_t *r)
{
    assert_string_equal("", fake_ca_violations(r->w->ca));
    assert_int_equal(0, acme_session_in_flight(r->session));
    assert_int_equal(1, count(r, "accountCreated"));
}

/* The account is there, under whatever key we have, in this process and the next. */
static void expect_an_account(relation_t *r)
{
    for (int i = 0; i < 2; ++i) {
        int well = r->well;
        order(r);
        pass(r, 2 * ACME_TIME_HOUR);
        assert_int_equal(well + 1, r->well);
        begin(r);
    }
    order(r);
    pass(r, ACME_TIME_MINUTE);
    assert_false(has_file(r, "privkey.new"));
    expect_a_good_client(r);
}

static const char *thumbprint(const relation_t *r)
{
    return apr_pstrdup(r->w->pool, acme_session_thumbprint(r->session));
}

/* ---- a new key ---- */

static void an_account_gets_a_new_key(void **state)
{
    relation_t *r = create_ready(*state);
    const char *before = thumbprint(r);
    assert_int_equal(0, acme_session_roll_key(r->session, hear_changed, r));
    assert_int_equal(-1, acme_session_roll_key(r->session, hear_changed, r));
    assert_int_equal(-1, acme_session_deactivate(r->session, hear_changed, r));
    assert_int_equal(0, r->changed);
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->changed);
    assert_int_equal(1, r->made);
    assert_string_not_equal(before, acme_session_thumbprint(r->session));
    assert_int_equal(1, count(r, "keyChange"));
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "has a new key"));
    const char *after = thumbprint(r);
    int accounts = count(r, "newAccount");
    expect_an_account(r);
    assert_string_equal(after, acme_session_thumbprint(r->session));
    assert_int_equal(accounts, count(r, "newAccount")); /* nobody had to look anything up */
    assert_int_equal(0, acme_session_roll_key(r->session, hear_changed, r));
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(2, r->made);
}

static int is_proving(void *baton, const acme_session_t *session)
{
    (void)session;
    return ((const relation_t *)baton)->proofs > 0;
}

static void proofs_are_waited_for_in_peace(void **state)
{
    relation_t *r = create_ready(*state);
    r->config.is_proving = is_proving;
    r->config.baton = r;
    r->proofs = 1;
    begin(r);
    fake_ca_fault(r->w->ca, FAKE_CA_DIRECTORY, FAKE_CA_REFUSED); /* nothing was well since */
    assert_int_equal(0, acme_session_roll_key(r->session, hear_changed, r));
    pass(r, 5 * ACME_TIME_MINUTE);
    apr_time_t next = acme_session_next(r->session);
    assert_true(next == 0 || next > acme_env_now(fake_env(r->w->world)));
    assert_int_equal(0, r->changed);
    pass(r, ACME_TIME_HOUR); /* and not for ever */
    assert_int_equal(1, r->made);
}

static void the_new_key_is_of_the_same_kind(void **state)
{
    const acme_key_spec_t specs[] = {{ACME_KEY_P384, 0}, {ACME_KEY_RSA, 2048}};
    for (int i = 0; i < 2; ++i) {
        relation_t *r = create(*state);
        acme_key_t *key;
        assert_well(acme_key_generate(&key, &specs[i], *state));
        assert_well(acme_key_file_write(r->config.store, account_file(r, "privkey"), key, *state));
        order(r);
        pass(r, ACME_TIME_SECOND);
        acme_session_roll_key(r->session, hear_changed, r);
        pass(r, ACME_TIME_SECOND);
        assert_int_equal(1, r->made);
        acme_key_t *rolled;
        acme_key_spec_t spec;
        assert_well(
            acme_key_file_read(&rolled, r->config.store, account_file(r, "privkey"), *state));
        acme_key_spec(&spec, rolled);
        assert_int_equal(specs[i].type, spec.type);
        assert_int_equal(specs[i].bits, spec.bits);
        expect_an_account(r);
    }
}

/* Nothing that was signed with the old key reaches the CA after the change. */
static void what_is_in_flight_is_heard_before(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_settings(r->w->ca)->latency = 50 * 1000;
    fake_ca_settings(r->w->ca)->latency_jitter = 500 * 1000;
    for (int i = 0; i < 8; ++i) {
        order(r);
    }
    acme_session_tick(r->session);
    assert_true(acme_session_in_flight(r->session) > 0);
    acme_session_roll_key(r->session, hear_changed, r);
    for (int i = 0; i < 8; ++i) {
        order(r);
    }
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->made);
    assert_int_equal(16, r->well);
    expect_a_good_client(r);
}

static void it_can_be_the_first_thing_a_process_does(void **state)
{
    relation_t *r = create_ready(*state);
    begin(r);
    acme_session_roll_key(r->session, hear_changed, r);
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->made);
    expect_an_account(r);
}

static void the_answer_may_get_lost(void **state)
{
    static const fake_ca_trouble_t troubles[] = {FAKE_CA_TIMEOUT_AFTER, FAKE_CA_TIMEOUT_BEFORE,
                                                 FAKE_CA_REFUSED};
    for (int i = 0; i < 3; ++i) {
        for (int is_restarted = 0; is_restarted < 2; ++is_restarted) {
            relation_t *r = create_ready(*state);
            const char *before = thumbprint(r);
            fake_ca_fault(r->w->ca, FAKE_CA_KEY_CHANGE, troubles[i]);
            acme_session_roll_key(r->session, hear_changed, r);
            pass(r, ACME_TIME_SECOND);
            assert_int_equal(0, r->changed);
            assert_non_null(acme_session_trouble(r->session));
            if (is_restarted) {
                begin(r);
                expect_an_account(r);
                int is_new = strcmp(before, acme_session_thumbprint(r->session)) != 0;
                assert_int_equal(troubles[i] == FAKE_CA_TIMEOUT_AFTER, is_new);
            }
            else {
                pass(r, ACME_TIME_MINUTE);
                assert_int_equal(1, r->made);
                assert_string_not_equal(before, acme_session_thumbprint(r->session));
                expect_an_account(r);
            }
        }
    }
}

static void the_looking_up_may_fail_as_well(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault(r->w->ca, FAKE_CA_KEY_CHANGE, FAKE_CA_TIMEOUT_AFTER);
    fake_ca_fault(r->w->ca, FAKE_CA_NEW_ACCOUNT, FAKE_CA_BAD_NONCE);
    fake_ca_fault_nth(r->w->ca, FAKE_CA_NEW_ACCOUNT, FAKE_CA_ERROR, 2);
    fake_ca_fault_nth(r->w->ca, FAKE_CA_NEW_ACCOUNT, FAKE_CA_TIMEOUT_AFTER, 3);
    acme_session_roll_key(r->session, hear_changed, r);
    order(r);
    pass(r, ACME_TIME_HOUR);
    assert_int_equal(1, r->made);
    assert_int_equal(1, r->well);
    expect_an_account(r);
}

static void a_bad_nonce_is_signed_anew(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault_add(
        r->w->ca,
        &(fake_ca_fault_t){.kind = FAKE_CA_KEY_CHANGE, .trouble = FAKE_CA_BAD_NONCE, .times = 9});
    acme_session_roll_key(r->session, hear_changed, r);
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->made);
    assert_int_equal(10, count(r, "keyChange"));
    expect_an_account(r);
}

static void a_refusal_leaves_the_old_key(void **state)
{
    const fake_ca_fault_t faults[] = {
        {.kind = FAKE_CA_KEY_CHANGE,
         .trouble = FAKE_CA_ERROR,
         .status = 400,
         .problem = "malformed"},
        {.kind = FAKE_CA_KEY_CHANGE, .trouble = FAKE_CA_ERROR, .status = 500},
        {.kind = FAKE_CA_KEY_CHANGE, .trouble = FAKE_CA_RATE_LIMITED},
        {.kind = FAKE_CA_KEY_CHANGE, .trouble = FAKE_CA_NOT_FOUND},
        {.kind = FAKE_CA_KEY_CHANGE, .trouble = FAKE_CA_BAD_NONCE, .times = FAKE_CA_ALWAYS},
    };
    static const acme_err_class_t classes[] = {ACME_ERR_CONFIG, ACME_ERR_NETWORK, ACME_ERR_WAIT,
                                               ACME_ERR_GONE, ACME_ERR_NETWORK};
    for (int i = 0; i < 5; ++i) {
        relation_t *r = create_ready(*state);
        const char *before = thumbprint(r);
        fake_ca_fault_add(r->w->ca, &faults[i]);
        acme_session_roll_key(r->session, hear_changed, r);
        pass(r, ACME_TIME_MINUTE);
        assert_int_equal(1, r->changed);
        assert_int_equal(0, r->made);
        assert_int_equal(classes[i], r->errclass);
        assert_null(acme_session_trouble(r->session));
        assert_string_equal(before, acme_session_thumbprint(r->session));
        expect_an_account(r);
    }
}

static void who_cannot_change_says_why(void **state)
{
    relation_t *r = create(*state); /* no account yet: and none is made for this */
    acme_session_roll_key(r->session, hear_changed, r);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->changed);
    assert_int_equal(ACME_ERR_CONFIG, r->errclass);
    assert_non_null(strstr(r->words, "there is no account"));
    assert_int_equal(0, count(r, "accountCreated"));
    assert_null(acme_session_trouble(r->session));

    acme_account_key_t given = {.file = "/etc/account.pem"};
    acme_key_t *key;
    assert_well(acme_key_generate(&key, &(acme_key_spec_t){.type = ACME_KEY_P256}, *state));
    given.key = key;
    r->w->ca_config.account_key = &given;
    begin(r);
    order(r);
    acme_session_roll_key(r->session, hear_changed, r);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(2, r->changed);
    assert_int_equal(ACME_ERR_CONFIG, r->errclass);
    assert_non_null(strstr(r->words, "/etc/account.pem"));
    assert_int_equal(1, r->well);
    assert_int_equal(0, count(r, "keyChange"));
}

static void a_disk_that_refuses_loses_no_key(void **state)
{
    for (int nth = 1; nth <= 3; ++nth) { /* privkey.new, privkey, account.json */
        relation_t *r = create_ready(*state);
        fake_store_fail_put(r->w->disk, nth, 1, ENOSPC);
        acme_session_roll_key(r->session, hear_changed, r);
        pass(r, ACME_TIME_MINUTE);
        assert_int_equal(1, r->changed);
        assert_int_equal(nth > 1, r->made);
        assert_int_equal(nth > 1, logged(r, ACME_LOG_ERROR, "privkey.new"));
        expect_an_account(r);
    }
}

/* The key in use is in privkey.new alone; the next change must not write over it. */
static void a_disk_that_refused_loses_no_key_to_the_next_change(void **state)
{
    for (int nth = 2; nth <= 3; ++nth) { /* privkey, account.json */
        for (int is_killed = 0; is_killed < 2; ++is_killed) {
            relation_t *r = create_ready(*state);
            fake_store_fail_put(r->w->disk, nth, 1, ENOSPC);
            acme_session_roll_key(r->session, hear_changed, r);
            pass(r, ACME_TIME_MINUTE);
            assert_int_equal(1, r->made);
            const char *in_use = thumbprint(r);
            fake_ca_fault(r->w->ca, FAKE_CA_KEY_CHANGE, FAKE_CA_TIMEOUT_BEFORE);
            acme_session_roll_key(r->session, hear_changed, r);
            pass(r, is_killed ? ACME_TIME_SECOND : ACME_TIME_MINUTE);
            assert_int_equal(is_killed ? 1 : 2, r->made);
            begin(r);
            expect_an_account(r);
            assert_int_equal(is_killed, strcmp(in_use, acme_session_thumbprint(r->session)) == 0);
        }
    }
}

/* A key that is left alone by its brother, as after a restored backup. */
static void the_new_key_alone_is_found(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault(r->w->ca, FAKE_CA_KEY_CHANGE, FAKE_CA_TIMEOUT_AFTER);
    acme_session_roll_key(r->session, hear_changed, r);
    pass(r, ACME_TIME_SECOND);
    fake_store_plant(r->w->disk, account_file(r, "privkey"), NULL, 0);
    begin(r);
    expect_an_account(r);
}

/* ---- the end ---- */

static void expect_closed(relation_t *r)
{
    assert_string_equal("deactivated", fake_ca_account_status(r->w->ca));
    int heard = r->heard;
    int accounts = count(r, "newAccount");
    for (int i = 0; i < 2; ++i) {
        order(r);
        pass(r, 4 * ACME_TIME_HOUR);
        begin(r);
    }
    assert_int_equal(heard, r->heard);
    assert_int_equal(accounts, count(r, "newAccount")); /* and none is asked for */
    assert_true(logged(r, ACME_LOG_ERROR, "was closed by your wish") > 0);
    expect_a_good_client(r);
}

static void an_account_is_closed_for_ever(void **state)
{
    relation_t *r = create_ready(*state);
    assert_int_equal(0, acme_session_deactivate(r->session, hear_changed, r));
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(1, r->made);
    assert_int_equal(1, logged(r, ACME_LOG_NOTICE, "is closed, as was wished"));
    expect_closed(r);
    for (int i = 0; i < 2; ++i) { /* once more is no error, in this process and the next */
        acme_session_deactivate(r->session, hear_changed, r);
        pass(r, ACME_TIME_DAY);
        assert_int_equal(2 + i, r->made);
        begin(r);
    }
    assert_int_equal(1, count(r, "account"));
}

static void a_new_account_is_made_when_the_folder_is_gone(void **state)
{
    relation_t *r = create_ready(*state);
    acme_session_deactivate(r->session, hear_changed, r);
    pass(r, ACME_TIME_SECOND);
    order(r);
    pass(r, ACME_TIME_HOUR);
    fake_store_plant(r->w->disk, account_file(r, "account.json"), NULL, 0);
    fake_store_plant(r->w->disk, account_file(r, "privkey"), NULL, 0);
    pass(r, ACME_TIME_DAY); /* even without a reload */
    assert_int_equal(1, r->well);
    assert_int_equal(2, count(r, "accountCreated"));
    assert_string_equal("", fake_ca_violations(r->w->ca));
}

static void closing_survives_lost_answers(void **state)
{
    static const fake_ca_trouble_t troubles[] = {FAKE_CA_TIMEOUT_AFTER, FAKE_CA_TIMEOUT_BEFORE,
                                                 FAKE_CA_BAD_NONCE};
    for (int i = 0; i < 3; ++i) {
        relation_t *r = create_ready(*state);
        fake_ca_fault(r->w->ca, FAKE_CA_ACCOUNT, troubles[i]);
        acme_session_deactivate(r->session, hear_changed, r);
        pass(r, ACME_TIME_MINUTE);
        assert_int_equal(1, r->made);
        expect_closed(r);
    }
}

static void a_closing_that_cannot_be_remembered_is_not_made(void **state)
{
    relation_t *r = create_ready(*state);
    fake_store_fail_put(r->w->disk, 1, 1, ENOSPC);
    acme_session_deactivate(r->session, hear_changed, r);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->changed);
    assert_int_equal(0, r->made);
    assert_int_equal(ACME_ERR_STORE, r->errclass);
    acme_session_deactivate(r->session, hear_changed, r); /* as whoever asked will */
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->made);
    expect_closed(r);
}

/* Before whoever asked for it asks again. */
static void a_closing_that_the_disk_refuses_makes_no_account(void **state)
{
    relation_t *r = create_ready(*state);
    fake_store_fail_put(r->w->disk, 1, 1, ENOSPC);
    acme_session_deactivate(r->session, hear_changed, r);
    pass(r, ACME_TIME_SECOND);
    assert_int_equal(ACME_ERR_STORE, r->errclass);
    order(r);
    pass(r, ACME_TIME_HOUR);
    assert_int_equal(1, count(r, "accountCreated"));
    assert_int_equal(0, r->well);
    expect_closed(r);
}

static void a_refused_closing_changes_nothing(void **state)
{
    relation_t *r = create_ready(*state);
    fake_ca_fault_add(r->w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_ACCOUNT,
                                                   .trouble = FAKE_CA_ERROR,
                                                   .status = 400,
                                                   .problem = "malformed"});
    acme_session_deactivate(r->session, hear_changed, r);
    pass(r, ACME_TIME_MINUTE);
    assert_int_equal(1, r->changed);
    assert_int_equal(0, r->made);
    expect_an_account(r);
}

/* ---- death at every moment ---- */

static void die_now(void *baton)
{
    relation_t *r = baton;
    longjmp(r->here, 1);
}

static int at_moment(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                     const acme_exchange_t *exchange)
{
    relation_t *r = baton;
    (void)kind;
    (void)exchange;
    r->moments += moment == FAKE_CA_BEFORE;
    if (r->dies_at == 0 || r->moments != r->dies_at || moment != r->when) {
        return 0;
    }
    r->dies_at = 0;
    longjmp(r->here, 1);
    return 1;
}

typedef int change_fn(acme_session_t *session, acme_session_changed_fn *changed, void *baton);

/* A process that makes the change until it is dead or done. Nonzero if it died. */
static int live(relation_t *r, change_fn *change)
{
    volatile int has_died = 0;
    r->moments = 0;
    fake_ca_on_moment(r->w->ca, at_moment, r);
    if (setjmp(r->here) == 0) {
        (void)change(r->session, hear_changed, r);
        pass(r, ACME_TIME_MINUTE);
    }
    else {
        has_died = 1;
        fake_ca_forget_client(r->w->ca);
    }
    fake_store_die(r->w->disk, 0, FAKE_STORE_BEFORE, NULL, NULL);
    r->dies_at = 0;
    begin(r);
    return has_died;
}

/* Dies at the n-th moment of a kind; 0 if there is no such moment any more. */
static int dies_once(relation_t *r, change_fn *change, int n)
{
    int is_write = n % 2;
    fake_ca_moment_t when = n / 2 % 2 ? FAKE_CA_AFTER : FAKE_CA_BEFORE;
    int nth = n / 4 + 1;
    begin(r); /* so that finding the account is part of the life */
    if (is_write) {
        fake_store_die(r->w->disk, nth,
                       when == FAKE_CA_AFTER ? FAKE_STORE_AFTER : FAKE_STORE_BEFORE, die_now, r);
    }
    else {
        r->dies_at = nth;
        r->when = when;
    }
    return live(r, change);
}

#define MOMENTS (4 * 12)

static void a_death_while_the_key_changes_loses_no_key(void **state)
{
    int deaths = 0;
    for (int n = 0; n < MOMENTS; ++n) {
        for (int is_repeated = 0; is_repeated < 2; ++is_repeated) {
            apr_pool_t *pool;
            apr_pool_create(&pool, *state);
            relation_t *r = create_ready(pool);
            deaths += dies_once(r, acme_session_roll_key, n);
            if (is_repeated) { /* the wish was not taken back */
                assert_int_equal(0, live(r, acme_session_roll_key));
            }
            expect_an_account(r);
            apr_pool_destroy(pool);
        }
    }
    assert_in_range(deaths, 20, 2 * MOMENTS - 8); /* all moments there are, and more were tried */
}

static void a_death_while_it_is_closed_makes_no_account(void **state)
{
    int deaths = 0;
    for (int n = 0; n < MOMENTS; ++n) {
        apr_pool_t *pool;
        apr_pool_create(&pool, *state);
        relation_t *r = create_ready(pool);
        deaths += dies_once(r, acme_session_deactivate, n);
        order(r); /* some domain is due as well */
        assert_int_equal(0, live(r, acme_session_deactivate));
        expect_closed(r);
        apr_pool_destroy(pool);
    }
    assert_in_range(deaths, 8, MOMENTS - 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(an_account_gets_a_new_key),
        FIXTURE_TEST(proofs_are_waited_for_in_peace),
        FIXTURE_TEST(the_new_key_is_of_the_same_kind),
        FIXTURE_TEST(what_is_in_flight_is_heard_before),
        FIXTURE_TEST(it_can_be_the_first_thing_a_process_does),
        FIXTURE_TEST(the_answer_may_get_lost),
        FIXTURE_TEST(the_looking_up_may_fail_as_well),
        FIXTURE_TEST(a_bad_nonce_is_signed_anew),
        FIXTURE_TEST(a_refusal_leaves_the_old_key),
        FIXTURE_TEST(who_cannot_change_says_why),
        FIXTURE_TEST(a_disk_that_refuses_loses_no_key),
        FIXTURE_TEST(a_disk_that_refused_loses_no_key_to_the_next_change),
        FIXTURE_TEST(the_new_key_alone_is_found),
        FIXTURE_TEST(an_account_is_closed_for_ever),
        FIXTURE_TEST(a_new_account_is_made_when_the_folder_is_gone),
        FIXTURE_TEST(closing_survives_lost_answers),
        FIXTURE_TEST(a_closing_that_cannot_be_remembered_is_not_made),
        FIXTURE_TEST(a_closing_that_the_disk_refuses_makes_no_account),
        FIXTURE_TEST(a_refused_closing_changes_nothing),
        FIXTURE_TEST(a_death_while_the_key_changes_loses_no_key),
        FIXTURE_TEST(a_death_while_it_is_closed_makes_no_account),
    };
    return fixture_run(tests);
}
