/* Tests of acme_record: what a run needs after the death of its process comes back, or nothing
 * does. SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

#include <errno.h>

#include "acme/acme_job.h"
#include "acme/acme_record.h"

#define FOLDER "a.example"
#define PATH "staging/" FOLDER "/order.json"
#define CA_URL "https://ca.example/directory"

/* A record with what it must have, and @a more members after it. */
#define LEAST_BUT_STEP(step)                                                                       \
    "{\"version\":1,\"step\":\"" step "\",\"ca-url\":\"" CA_URL "\",\"key-type\":\"p-256\","       \
    "\"domains\":[\"a.example\"]"
#define LEAST LEAST_BUT_STEP("ORDER")

static void put(const read_world_t *world, const char *json)
{
    assert_well(acme_store_put(world->store, PATH, json, strlen(json), world->pool));
}

static acme_record_t *read_back(const read_world_t *world)
{
    acme_record_t *record;
    assert_well(acme_record_read(&record, world->store, FOLDER, world->pool));
    return record;
}

static acme_record_t *read_json(const read_world_t *world, const char *json)
{
    put(world, json);
    return read_back(world);
}

static acme_record_t *rewritten(const read_world_t *world, const acme_record_t *record)
{
    assert_well(acme_record_write(world->store, FOLDER, record, world->pool));
    acme_record_t *read = read_back(world);
    assert_non_null(read);
    return read;
}

static acme_record_t *create(const read_world_t *world, const char *names)
{
    const acme_key_spec_t spec = {.type = ACME_KEY_P256};
    const acme_domain_t *domain = read_world_domain(names, 0, world->pool);
    return acme_record_create(domain, domain->ca, &spec, domain->identifiers, FAKE_ENV_START,
                              world->pool);
}

static acme_record_authorization_t *add_authorization(acme_record_t *record, const char *url,
                                                      apr_pool_t *pool)
{
    acme_record_authorization_t *authorization = apr_pcalloc(pool, sizeof(*authorization));
    authorization->url = url;
    APR_ARRAY_PUSH(record->authorizations, acme_record_authorization_t *) = authorization;
    return authorization;
}

static void note(acme_record_t *record, apr_time_t when, const char *type, const char *detail)
{
    APR_ARRAY_PUSH(record->log, acme_job_entry_t) = (acme_job_entry_t){when, type, detail};
}

static const char *name_at(const acme_record_t *record, int i)
{
    return APR_ARRAY_IDX(record->identifiers, i, const acme_identifier_t *)->value;
}

static void a_new_record_is_at_order(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_record_t *record = create(world, "b.example a.example");
    assert_int_equal(ACME_STEP_ORDER, record->step);
    assert_string_equal(CA_URL, record->ca_url);
    assert_int_equal(2, record->identifiers->nelts);
    assert_string_equal("a.example", name_at(record, 0));
    assert_true(record->started == FAKE_ENV_START);
    assert_null(record->order_url);
    assert_null(record->err);
    assert_int_equal(0, record->authorizations->nelts);
    assert_int_equal(0, record->log->nelts);
    assert_null(read_back(world)); /* on disk when it is written, not before */
    assert_int_equal(0, fake_env_lines(world->clock));
}

static acme_record_t *full_record(const read_world_t *world)
{
    acme_record_t *record = create(world, "a.example *.example 192.0.2.7");
    record->step = ACME_STEP_STAGE;
    record->spec = (acme_key_spec_t){.type = ACME_KEY_RSA, .bits = 3072};
    record->order_url = "https://ca.example/order/1";
    record->must_staple = 1;
    record->finalize_url = "https://ca.example/order/1/finalize";
    record->certificate_url = "https://ca.example/cert/1";
    record->thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    record->chain = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    record->polling_since = FAKE_ENV_START + ACME_TIME_MINUTE;
    record->errors = 4;
    record->is_rehearsal = 1;
    record->rehearse = 1;
    record->next_run = FAKE_ENV_START + ACME_TIME_DAY;
    record->err = acme_err_make(world->pool, ACME_ERR_WAIT, "wait, said the \"CA\"");
    record->err->problem = "urn:ietf:params:acme:error:rateLimited";
    record->err->retry_at = FAKE_ENV_START + ACME_TIME_HOUR;
    acme_record_authorization_t *first =
        add_authorization(record, "https://ca.example/authz/1", world->pool);
    first->identifier = read_world_identifier("a.example", world->pool);
    first->is_done = 1;
    acme_record_authorization_t *second =
        add_authorization(record, "https://ca.example/authz/2", world->pool);
    acme_identifier_t *identifier = read_world_identifier("example", world->pool);
    identifier->is_wildcard = 1; /* RFC 8555 section 7.1.4: without "*." */
    second->identifier = identifier;
    second->challenge_type = "dns-01";
    second->challenge_url = "https://ca.example/challenge/2";
    second->token = "DGyRejmCefe7v4NfDGDKfA";
    second->failed_type = "http-01";
    second->is_published = 1;
    add_authorization(record, "https://ca.example/authz/3", world->pool);
    note(record, FAKE_ENV_START, "order", "ordered");
    note(record, FAKE_ENV_START + ACME_TIME_SECOND, "challenge", "told the CA");
    return record;
}

static void every_member_comes_back(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_record_t *record = full_record(world);
    const acme_record_t *read = rewritten(world, record);
    assert_int_equal(ACME_STEP_STAGE, read->step);
    assert_string_equal(record->ca_url, read->ca_url);
    assert_int_equal(ACME_KEY_RSA, read->spec.type);
    assert_int_equal(3072, read->spec.bits);
    assert_true(read->must_staple);
    assert_int_equal(3, read->identifiers->nelts);
    for (int i = 0; i < 3; ++i) {
        const acme_identifier_t *a =
            APR_ARRAY_IDX(record->identifiers, i, const acme_identifier_t *);
        const acme_identifier_t *b = APR_ARRAY_IDX(read->identifiers, i, const acme_identifier_t *);
        assert_string_equal(a->value, b->value);
        assert_int_equal(a->type, b->type);
        assert_int_equal(!a->is_wildcard, !b->is_wildcard);
    }
    assert_true(read->started == FAKE_ENV_START);
    assert_string_equal(record->order_url, read->order_url);
    assert_string_equal(record->finalize_url, read->finalize_url);
    assert_string_equal(record->certificate_url, read->certificate_url);
    assert_string_equal(record->thumbprint, read->thumbprint);
    assert_string_equal(record->chain, read->chain);
    assert_true(read->polling_since == record->polling_since);
    assert_int_equal(4, read->errors);
    assert_true(read->is_rehearsal);
    assert_true(read->rehearse);
    assert_true(read->next_run == record->next_run);
}

static void authorizations_come_back(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_record_t *read = rewritten(world, full_record(world));
    assert_int_equal(3, read->authorizations->nelts);
    const acme_record_authorization_t *first =
        APR_ARRAY_IDX(read->authorizations, 0, acme_record_authorization_t *);
    assert_string_equal("https://ca.example/authz/1", first->url);
    assert_string_equal("a.example", first->identifier->value);
    assert_true(first->is_done);
    assert_false(first->identifier->is_wildcard);
    assert_false(first->is_published);
    assert_null(first->token);
    const acme_record_authorization_t *second =
        APR_ARRAY_IDX(read->authorizations, 1, acme_record_authorization_t *);
    assert_string_equal("example", second->identifier->value);
    assert_true(second->identifier->is_wildcard);
    assert_false(second->is_done);
    assert_true(second->is_published);
    assert_string_equal("dns-01", second->challenge_type);
    assert_string_equal("https://ca.example/challenge/2", second->challenge_url);
    assert_string_equal("DGyRejmCefe7v4NfDGDKfA", second->token);
    assert_string_equal("http-01", second->failed_type);
    assert_string_equal("*.example", acme_record_name(second, world->pool));
    assert_string_equal("a.example", acme_record_name(first, world->pool));
    assert_null(first->failed_type);
    const acme_record_authorization_t *third =
        APR_ARRAY_IDX(read->authorizations, 2, acme_record_authorization_t *);
    assert_null(third->identifier);
    assert_null(acme_record_name(third, world->pool));
    assert_null(third->challenge_type);
}

static void the_error_and_the_history_come_back(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_record_t *record = full_record(world);
    const acme_record_t *read = rewritten(world, record);
    assert_int_equal(ACME_ERR_WAIT, read->err->errclass);
    assert_string_equal(record->err->text, read->err->text);
    assert_string_equal(record->err->problem, read->err->problem);
    assert_true(read->err->retry_at == record->err->retry_at);
    assert_int_equal(2, read->log->nelts);
    const acme_job_entry_t *entry = &APR_ARRAY_IDX(read->log, 1, acme_job_entry_t);
    assert_true(entry->when == FAKE_ENV_START + ACME_TIME_SECOND);
    assert_string_equal("challenge", entry->type);
    assert_string_equal("told the CA", entry->detail);
    assert_null(rewritten(world, create(world, "a.example"))->err); /* none is none */
}

static void every_step_comes_back_by_its_name(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_record_t *record = full_record(world);
    for (int i = 0; i < ACME_STEP_COUNT; ++i) {
        record->step = (acme_step_t)i;
        assert_int_equal(i, rewritten(world, record)->step);
    }
}

static void no_record_is_no_error(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_record_t *record = (acme_record_t *)world;
    assert_well(acme_record_read(&record, world->store, FOLDER, *state));
    assert_null(record);
    assert_int_equal(0, fake_env_lines(world->clock));
}

static void the_least_is_enough(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_record_t *record =
        read_json(world, LEAST ",\"of\":{\"another\":[\"version\"]},\"authorizations\":[]}");
    assert_non_null(record);
    assert_null(record->order_url);
    assert_null(record->err);
    assert_int_equal(0, record->authorizations->nelts);
    assert_int_equal(0, record->log->nelts);
    assert_true(record->started == 0 && record->next_run == 0);
    assert_int_equal(0, fake_env_lines(world->clock));
}

static void what_cannot_be_used_is_said_and_left(void **state)
{
    static const char *const unusable[] = {
        "{}",
        "{\"version\":2,\"step\":\"ORDER\",\"ca-url\":\"" CA_URL "\",\"key-type\":\"p-256\"}",
        "{\"version\":\"1\",\"step\":\"ORDER\",\"ca-url\":\"" CA_URL "\",\"key-type\":\"p-256\"}",
        "{\"version\":1,\"step\":\"ORDERS\",\"ca-url\":\"" CA_URL "\",\"key-type\":\"p-256\"}",
        "{\"version\":1,\"step\":0,\"ca-url\":\"" CA_URL "\",\"key-type\":\"p-256\"}",
        "{\"version\":1,\"ca-url\":\"" CA_URL "\",\"key-type\":\"p-256\"}",
        "{\"version\":1,\"step\":\"ORDER\",\"ca-url\":\"http://ca.example/\",\"key-type\":"
        "\"p-256\"}",
        "{\"version\":1,\"step\":\"ORDER\",\"key-type\":\"p-256\"}",
        "{\"version\":1,\"step\":\"ORDER\",\"ca-url\":\"" CA_URL "\",\"key-type\":\"dsa\"}",
        "{\"version\":1,\"step\":\"ORDER\",\"ca-url\":\"" CA_URL "\"}",
        LEAST ",\"authorizations\":[{}]}",
        LEAST ",\"authorizations\":[\"https://ca.example/authz/1\"]}",
        LEAST ",\"authorizations\":[{\"url\":\"http://ca.example/authz/1\"}]}",
        LEAST ",\"authorizations\":[{\"url\":\"https://ca.example/authz/1\",\"identifier\":"
              "\"no name at all\"}]}",
        "{\"version\":1,\"step\":\"ORDER\",\"ca-url\":\"" CA_URL "\",\"key-type\":\"p-256\","
        "\"domains\":[\"no name at all\"]}",
    };
    for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); ++i) {
        read_world_t *world = read_world_create(*state);
        if (read_json(world, unusable[i]) != NULL) {
            fail_msg("was read: %s", unusable[i]);
        }
        assert_int_equal(1, fake_env_lines(world->clock));
        assert_int_equal(1, fake_env_logged(world->clock, ACME_LOG_WARNING, "a new order is made"));
        assert_int_equal(1, fake_env_logged(world->clock, ACME_LOG_WARNING, FOLDER));
    }
}

static void members_of_a_wrong_type_count_as_absent(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_record_t *record = read_json(
        world, LEAST ",\"key-bits\":\"many\",\"url\":7,\"finalize\":[],\"certificate\":{},"
                     "\"authorizations\":{},\"thumbprint\":1,\"chain\":true,\"started\":5,"
                     "\"polling-since\":\"noon\",\"error\":\"bad\",\"errors\":\"3\","
                     "\"next-run\":false,\"log\":\"long\"}");
    assert_non_null(record);
    assert_int_equal(0, record->spec.bits);
    assert_null(record->order_url);
    assert_null(record->finalize_url);
    assert_null(record->certificate_url);
    assert_null(record->thumbprint);
    assert_null(record->chain);
    assert_null(record->err);
    assert_int_equal(0, record->authorizations->nelts);
    assert_int_equal(0, record->errors);
    assert_int_equal(0, record->log->nelts);
    assert_true(record->polling_since == 0 && record->next_run == 0 && record->started == 0);
}

static void no_url_but_https_is_taken(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_record_t *record =
        read_json(world, LEAST ",\"url\":\"http://ca.example/order/1\","
                               "\"finalize\":\"file:///etc/passwd\","
                               "\"certificate\":\"https://u:p@ca.example/\","
                               "\"authorizations\":[{\"url\":\"https://ca.example/authz/1\","
                               "\"challenge-url\":\"ftp://ca.example/\"}]}");
    assert_null(record->order_url);
    assert_null(record->finalize_url);
    assert_null(record->certificate_url);
    assert_null(
        APR_ARRAY_IDX(record->authorizations, 0, acme_record_authorization_t *)->challenge_url);
}

static void beyond_order_there_is_an_order(void **state)
{
    static const char *const beyond[] = {LEAST_BUT_STEP("AUTHORIZE"), LEAST_BUT_STEP("PUBLISH"),
                                         LEAST_BUT_STEP("RESPOND"),   LEAST_BUT_STEP("POLL"),
                                         LEAST_BUT_STEP("FINALIZE"),  LEAST_BUT_STEP("DOWNLOAD"),
                                         LEAST_BUT_STEP("STAGE"),     LEAST_BUT_STEP("EXPLAIN")};
    for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); ++i) {
        read_world_t *world = read_world_create(*state);
        assert_null(read_json(world, apr_pstrcat(*state, beyond[i], "}", NULL)));
        assert_int_equal(1, fake_env_logged(world->clock, ACME_LOG_WARNING, "order URL"));
        assert_null(read_json(world, apr_pstrcat(*state, beyond[i],
                                                 ",\"url\":\"http://ca.example/order/1\"}", NULL)));
        assert_non_null(
            read_json(world, apr_pstrcat(*state, beyond[i],
                                         ",\"url\":\"https://ca.example/order/1\"}", NULL)));
    }
    read_world_t *world = read_world_create(*state); /* newOrder was refused: there was none */
    assert_non_null(read_json(world, LEAST_BUT_STEP("CLEAN") "}"));
}

static void an_unknown_class_of_error_is_our_own_fault(void **state)
{
    read_world_t *world = read_world_create(*state);
    static const char *const classes[] = {"99", "-1", "\"WAIT\"", "null"};
    for (int i = 0; i < 4; ++i) {
        const acme_record_t *record = read_json(
            world, apr_pstrcat(*state, LEAST, ",\"error\":{\"class\":", classes[i], "}}", NULL));
        assert_int_equal(ACME_ERR_INTERNAL, record->err->errclass);
        assert_non_null(record->err->text);
        assert_null(record->err->problem);
    }
}

static void a_history_is_bounded(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_record_t *record = create(world, "a.example");
    for (int i = 0; i < ACME_JOB_LOG_MAX + 9; ++i) {
        note(record, FAKE_ENV_START, "challenge", apr_psprintf(*state, "number %d", i));
    }
    const acme_record_t *read = rewritten(world, record);
    assert_int_equal(ACME_JOB_LOG_MAX, read->log->nelts);
    assert_string_equal("number 0", APR_ARRAY_IDX(read->log, 0, acme_job_entry_t).detail);
}

static void entries_without_words_are_left_out(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_record_t *record =
        read_json(world, LEAST ",\"log\":[{},{\"type\":\"order\"},{\"detail\":\"x\"},7,"
                               "{\"type\":\"order\",\"detail\":\"kept\"}]}");
    assert_int_equal(1, record->log->nelts);
    assert_string_equal("kept", APR_ARRAY_IDX(record->log, 0, acme_job_entry_t).detail);
}

static void what_is_not_sealed_by_us_is_set_aside(void **state)
{
    read_world_t *world = read_world_create(*state);
    fake_store_plant(world->disk, PATH, LEAST "}", strlen(LEAST "}"));
    assert_null(read_back(world));
    assert_null(fake_store_raw(world->disk, PATH, NULL));
    assert_int_equal(1, fake_store_count(world->disk, "staging/" FOLDER "/.unsealed.order.json"));
    assert_int_equal(1, fake_env_logged(world->clock, ACME_LOG_WARNING, NULL));
}

static void a_record_of_another_domain_does_not_open(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_size_t len;
    put(world, LEAST "}");
    const char *sealed = fake_store_raw(world->disk, PATH, &len);
    fake_store_plant(world->disk, "staging/b.example/order.json", sealed, len);
    acme_record_t *record;
    assert_well(acme_record_read(&record, world->store, "b.example", *state));
    assert_null(record);
    assert_non_null(read_back(world));
}

static void a_damaged_record_does_not_open(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_size_t len;
    put(world, LEAST "}");
    const char *raw = fake_store_raw(world->disk, PATH, &len);
    char *bytes = apr_pmemdup(*state, raw, len);
    bytes[len / 2] ^= 1;
    fake_store_plant(world->disk, PATH, bytes, len);
    assert_null(read_back(world));
}

static void a_full_disk_is_said_and_keeps_the_old_record(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_record_t *record = full_record(world);
    rewritten(world, record);
    record->step = ACME_STEP_CLEAN;
    fake_store_fail_put(world->disk, 1, 1, ENOSPC);
    assert_refused(ACME_ERR_STORE, acme_record_write(world->store, FOLDER, record, *state));
    assert_int_equal(ACME_STEP_STAGE, read_back(world)->step);
}

static void removing_takes_the_key_along(void **state)
{
    read_world_t *world = read_world_create(*state);
    rewritten(world, full_record(world));
    assert_well(acme_store_put(world->store, "staging/" FOLDER "/privkey", "key", 3, *state));
    assert_well(acme_store_put(world->store, "staging/" FOLDER "/job.json", "{}", 2, *state));
    assert_well(acme_record_remove(world->store, FOLDER, *state));
    assert_null(read_back(world));
    assert_int_equal(1, fake_store_count(world->disk, "staging/")); /* the job stays */
    assert_well(acme_record_remove(world->store, FOLDER, *state));  /* twice does no harm */
}

static void a_record_fits_while_nothing_was_changed(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_record_t *record = rewritten(world, create(world, "a.example *.b.example"));
    assert_true(acme_record_fits(record, read_world_domain("a.example *.b.example", 0, *state)));
    assert_true(acme_record_fits(record, read_world_domain("*.b.example a.example", 3, *state)));
    assert_false(acme_record_fits(record, read_world_domain("a.example", 0, *state)));
    assert_false(acme_record_fits(record, read_world_domain("a.example b.example", 0, *state)));
    assert_false(acme_record_fits(record, read_world_domain("a.example c.example", 0, *state)));
    assert_false(
        acme_record_fits(record, read_world_domain("a.example *.b.example c.example", 0, *state)));
}

static void names_that_are_left_out_belong_to_the_record(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_key_spec_t spec = {.type = ACME_KEY_P256};
    acme_domain_t *domain = read_world_domain("b.example *.c.example a.example", 0, *state);
    const acme_domain_t *some = read_world_domain("b.example a.example", 0, *state);
    acme_record_t *record = acme_record_create(domain, domain->ca, &spec, some->identifiers,
                                               FAKE_ENV_START, *state);
    const acme_record_t *read = rewritten(world, record);
    assert_int_equal(2, read->identifiers->nelts);
    assert_string_equal("a.example", name_at(read, 0));
    assert_string_equal("b.example", name_at(read, 1));
    assert_int_equal(1, read->left_out->nelts);
    assert_true(acme_record_fits(read, domain));
    assert_false(acme_record_fits(read, read_world_domain("a.example b.example", 0, *state)));
    assert_false(acme_record_fits(
        read, read_world_domain("a.example b.example *.c.example d.example", 0, *state)));
    assert_false(acme_record_fits(
        read, read_world_domain("a.example b.example d.example", 0, *state)));
}

static void what_the_ca_pins_on_a_name_comes_back(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_record_t *record = create(world, "a.example *.b.example");
    acme_record_refused(record, "a.example", "no such name", *state);
    acme_record_refused(record, "a.example", "said twice", *state);
    acme_record_refused(record, "b.example", "of the wildcard", *state);
    acme_record_refused(record, "other.example", "never ordered", *state);
    record->ended = FAKE_ENV_START + ACME_TIME_MINUTE;
    record->err = acme_err_make(*state, ACME_ERR_WAIT, "paused");
    record->err->link = "https://ca.example/unpause";
    const acme_record_t *read = rewritten(world, record);
    assert_int_equal(2, read->refusals->nelts);
    assert_string_equal("no such name", acme_record_refusal(read, "a.example")->detail);
    assert_string_equal("of the wildcard", acme_record_refusal(read, "*.b.example")->detail);
    assert_null(acme_record_refusal(read, "other.example"));
    assert_true(read->ended == record->ended);
    assert_string_equal("https://ca.example/unpause", read->err->link);
}

static void a_record_of_another_ca_does_not_fit(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_record_t *record = create(world, "a.example");
    record->ca_url = "https://ca.example/other";
    assert_false(acme_record_fits(record, read_world_domain("a.example", 0, *state)));
}

static void a_record_fits_any_configured_type_of_key(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_record_t *record = create(world, "a.example");
    acme_domain_t *domain = read_world_domain("a.example", 0, *state);
    record->spec = (acme_key_spec_t){.type = ACME_KEY_RSA, .bits = 2048};
    assert_false(acme_record_fits(record, domain));
    apr_array_header_t *specs = apr_array_make(*state, 2, sizeof(acme_key_spec_t));
    APR_ARRAY_PUSH(specs, acme_key_spec_t) = (acme_key_spec_t){.type = ACME_KEY_P256};
    APR_ARRAY_PUSH(specs, acme_key_spec_t) = (acme_key_spec_t){.type = ACME_KEY_RSA, .bits = 3072};
    domain->key_specs = specs;
    assert_false(acme_record_fits(record, domain));
    record->spec.bits = 3072;
    assert_true(acme_record_fits(record, domain));
}

static void a_rehearsal_fits_the_test_environment_only(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_key_spec_t spec = {.type = ACME_KEY_P256};
    acme_domain_t *domain = read_world_domain("a.example", 0, *state);
    const acme_ca_t test = {.directory_url = "https://staging.example/directory"};
    acme_ca_t ca = *domain->ca;
    ca.test = &test;
    domain->ca = &ca;
    const acme_record_t *order = acme_record_create(domain, &ca, &spec, domain->identifiers, FAKE_ENV_START, *state);
    const acme_record_t *rehearsal =
        rewritten(world, acme_record_create(domain, &test, &spec, domain->identifiers, FAKE_ENV_START, *state));
    assert_false(order->is_rehearsal);
    assert_true(rehearsal->is_rehearsal);
    assert_true(acme_record_fits(order, domain));
    assert_true(acme_record_fits(rehearsal, domain));
    domain->is_rehearsal_off = 1;
    assert_false(acme_record_fits(rehearsal, domain));
    domain->is_rehearsal_off = 0;
    domain->ca = &test; /* a certificate is wanted from there now */
    assert_false(acme_record_fits(rehearsal, domain));
    assert_false(acme_record_fits(order, domain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_rehearsal_fits_the_test_environment_only),
        FIXTURE_TEST(a_new_record_is_at_order),
        FIXTURE_TEST(names_that_are_left_out_belong_to_the_record),
        FIXTURE_TEST(what_the_ca_pins_on_a_name_comes_back),
        FIXTURE_TEST(every_member_comes_back),
        FIXTURE_TEST(authorizations_come_back),
        FIXTURE_TEST(the_error_and_the_history_come_back),
        FIXTURE_TEST(every_step_comes_back_by_its_name),
        FIXTURE_TEST(no_record_is_no_error),
        FIXTURE_TEST(the_least_is_enough),
        FIXTURE_TEST(what_cannot_be_used_is_said_and_left),
        FIXTURE_TEST(members_of_a_wrong_type_count_as_absent),
        FIXTURE_TEST(no_url_but_https_is_taken),
        FIXTURE_TEST(beyond_order_there_is_an_order),
        FIXTURE_TEST(an_unknown_class_of_error_is_our_own_fault),
        FIXTURE_TEST(a_history_is_bounded),
        FIXTURE_TEST(entries_without_words_are_left_out),
        FIXTURE_TEST(what_is_not_sealed_by_us_is_set_aside),
        FIXTURE_TEST(a_record_of_another_domain_does_not_open),
        FIXTURE_TEST(a_damaged_record_does_not_open),
        FIXTURE_TEST(a_full_disk_is_said_and_keeps_the_old_record),
        FIXTURE_TEST(removing_takes_the_key_along),
        FIXTURE_TEST(a_record_fits_while_nothing_was_changed),
        FIXTURE_TEST(a_record_of_another_ca_does_not_fit),
        FIXTURE_TEST(a_record_fits_any_configured_type_of_key),
    };
    return fixture_run(tests);
}
