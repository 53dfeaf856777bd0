/* Tests of acme_job: nothing of a back-off or a history is lost between two processes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

#include "acme/acme_job.h"

#define NAME "a.example"
#define PATH "staging/" NAME "/job.json"

static void put(const read_world_t *world, const char *json)
{
    assert_well(acme_store_put(world->store, PATH, json, strlen(json), world->pool));
}

static char *get(const read_world_t *world)
{
    char *text;
    apr_size_t len;
    assert_well(acme_store_get(&text, &len, world->store, PATH, world->pool));
    assert_non_null(text);
    return text;
}

static acme_job_t *rewritten(const read_world_t *world, const acme_job_t *job)
{
    assert_well(acme_job_write(world->store, NAME, NAME, job, world->pool));
    return acme_job_read(world->store, NAME, world->pool);
}

static const acme_job_entry_t *entry(const acme_job_t *job, int i)
{
    return &APR_ARRAY_IDX(job->log, i, acme_job_entry_t);
}

static void a_new_domain_has_an_empty_job(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    assert_int_equal(0, job->errors);
    assert_true(job->next_run == 0 && job->last_run == 0);
    assert_null(job->problem);
    assert_null(job->previous);
    assert_int_equal(0, job->log->nelts);
    assert_int_equal(0, fake_env_lines(world->clock));
}

static void everything_comes_back(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    job->errors = 3;
    job->next_run = FAKE_ENV_START + ACME_TIME_HOUR;
    job->last_run = FAKE_ENV_START;
    job->rehearse = 1;
    job->problem = "urn:ietf:params:acme:error:dns";
    job->detail = "no A record for \"a.example\"";
    job->activity = "validating";
    job->logged_at = FAKE_ENV_START - ACME_TIME_DAY;
    job->logged_hash = 0xfedcba98u;
    job->logged_count = 17;
    job->warned_at = FAKE_ENV_START - ACME_TIME_HOUR;
    acme_job_note(job, FAKE_ENV_START, "order", "ordered", *state);
    acme_job_note(job, FAKE_ENV_START + ACME_TIME_SECOND, "error", "it failed", *state);

    acme_job_t *read = rewritten(world, job);
    assert_int_equal(3, read->errors);
    assert_true(read->next_run == job->next_run);
    assert_true(read->last_run == job->last_run);
    assert_true(read->rehearse);
    read->rehearse = 0;
    assert_false(rewritten(world, read)->rehearse);
    assert_string_equal(read->problem, job->problem);
    assert_string_equal(read->detail, job->detail);
    assert_string_equal(read->activity, job->activity);
    assert_true(read->logged_at == job->logged_at);
    assert_int_equal(read->logged_hash, job->logged_hash);
    assert_int_equal(17, read->logged_count);
    assert_true(read->warned_at == job->warned_at);
    assert_int_equal(2, read->log->nelts);
    assert_string_equal("order", entry(read, 0)->type);
    assert_string_equal("it failed", entry(read, 1)->detail);
    assert_true(entry(read, 1)->when == FAKE_ENV_START + ACME_TIME_SECOND);
}

static void a_back_off_written_by_a_clock_far_ahead_is_none(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    job->errors = 3;
    job->next_run = FAKE_ENV_START + 3650 * ACME_TIME_DAY;
    acme_job_t *read = rewritten(world, job);
    assert_int_equal(3, read->errors);
    assert_true(read->next_run == 0);
}

static void a_success_wipes_the_failure_out(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    job->errors = 1;
    job->problem = "network";
    job->detail = "no answer";
    job->next_run = FAKE_ENV_START;
    job = rewritten(world, job);
    job->errors = 0;
    job->problem = NULL;
    job->detail = NULL;
    job->next_run = 0;
    job = rewritten(world, job);
    assert_int_equal(0, job->errors);
    assert_null(job->problem);
    assert_null(job->detail);
    assert_true(job->next_run == 0);
    assert_null(strstr(get(world), "no answer"));
}

static const acme_job_proof_t *proof_at(const apr_array_header_t *proofs, int i)
{
    assert_true(i < proofs->nelts);
    return &APR_ARRAY_IDX(proofs, i, acme_job_proof_t);
}

static acme_job_proof_t proof(const char *name, const char *type)
{
    return (acme_job_proof_t){.name = name, .type = type, .when = FAKE_ENV_START};
}

static void failed(acme_job_t *job, const char *name, const char *type, apr_pool_t *pool)
{
    const acme_job_proof_t made = proof(name, type);
    acme_job_failed(job, &made, pool);
}

static void worked(acme_job_t *job, const char *name, const char *type, apr_pool_t *pool)
{
    const acme_job_proof_t made = proof(name, type);
    acme_job_worked(job, &made, pool);
}

static void what_failed_and_worked_is_known_name_by_name(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    failed(job, "a.example", "http-01", *state);
    failed(job, "a.example", "tls-alpn-01", *state);
    failed(job, "*.example", "dns-01", *state);
    failed(job, "a.example", "http-01", *state); /* once for each name and type, the latest last */
    worked(job, "b.example", "http-01", *state);
    job = rewritten(world, job);
    assert_int_equal(3, job->failures->nelts);
    assert_string_equal("tls-alpn-01", proof_at(job->failures, 0)->type);
    assert_string_equal("*.example", proof_at(job->failures, 1)->name);
    assert_string_equal("http-01", proof_at(job->failures, 2)->type);
    assert_true(proof_at(job->failures, 2)->when == FAKE_ENV_START);
    assert_string_equal("b.example", proof_at(job->worked, 0)->name);

    worked(job, "a.example", "dns-01", *state); /* its failures are forgotten, nobody else's */
    job = rewritten(world, job);
    assert_int_equal(1, job->failures->nelts);
    assert_string_equal("*.example", proof_at(job->failures, 0)->name);
    worked(job, "a.example", "http-01", *state);
    assert_int_equal(2, job->worked->nelts);
    assert_string_equal("http-01", proof_at(job->worked, 1)->type);
}

static void a_name_may_fail_again_after_it_worked(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    worked(job, "a.example", "http-01", *state);
    failed(job, "a.example", "http-01", *state);
    job = rewritten(world, job);
    assert_int_equal(1, job->worked->nelts);
    assert_int_equal(1, job->failures->nelts);
}

static void of_too_many_proofs_the_oldest_gives_way(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    for (int i = 0; i <= ACME_JOB_PROOFS_MAX; i++) {
        failed(job, apr_psprintf(*state, "n%d.example", i), "http-01", *state);
    }
    job = rewritten(world, job);
    assert_int_equal(ACME_JOB_PROOFS_MAX, job->failures->nelts);
    assert_string_equal("n1.example", proof_at(job->failures, 0)->name);
}

static void proofs_that_are_none_are_left_out(void **state)
{
    read_world_t *world = read_world_create(*state);
    put(world, "{\"version\":1,\"challenge\":{\"worked\":\"http-01\",\"failed\":[1,"
               "{\"type\":\"http-01\"},{\"name\":\"a\"},{\"name\":\"a\",\"type\":\"b\"}]}}");
    const acme_job_t *job = acme_job_read(world->store, NAME, *state);
    assert_int_equal(0, job->worked->nelts);
    assert_int_equal(1, job->failures->nelts);
}

static void names_and_order_are_those_of_mod_md(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    job->next_run = FAKE_ENV_START;
    acme_job_note(job, FAKE_ENV_START, "order", "first", *state);
    acme_job_note(job, FAKE_ENV_START, "finished", "second", *state);
    assert_well(acme_job_write(world->store, NAME, NAME, job, *state));
    const char *text = get(world);
    assert_non_null(strstr(text, "\"version\": 1"));
    assert_non_null(strstr(text, "\"name\": \"a.example\""));
    assert_non_null(strstr(text, "\"next-run\": \"2026-01-02T03:04:05Z\""));
    assert_non_null(strstr(text, "\"entries\""));
    assert_true(strstr(text, "second") < strstr(text, "first"));
}

static void what_is_unknown_is_kept(void **state)
{
    read_world_t *world = read_world_create(*state);
    put(world,
        "{\"version\":2,\"future\":{\"a\":1},\"last\":{\"also\":\"this\",\"detail\":\"old\"},"
        "\"log\":{\"and\":\"that\"}}");
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    job->detail = "new";
    job->errors = 2;
    assert_int_equal(2, rewritten(world, job)->errors);
    const char *text = get(world);
    assert_non_null(strstr(text, "future"));
    assert_non_null(strstr(text, "also"));
    assert_non_null(strstr(text, "and"));
    assert_null(strstr(text, "old"));
}

static void the_oldest_entry_gives_way(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    for (int i = 0; i < ACME_JOB_LOG_MAX + 5; i++) {
        acme_job_note(job, FAKE_ENV_START, "order", apr_psprintf(*state, "no %d", i), *state);
    }
    assert_int_equal(ACME_JOB_LOG_MAX, job->log->nelts);
    job = rewritten(world, job);
    assert_int_equal(ACME_JOB_LOG_MAX, job->log->nelts);
    assert_string_equal("no 5", entry(job, 0)->detail);
    assert_string_equal(apr_psprintf(*state, "no %d", ACME_JOB_LOG_MAX + 4),
                        entry(job, ACME_JOB_LOG_MAX - 1)->detail);
}

static void of_a_long_history_the_newest_are_read(void **state)
{
    read_world_t *world = read_world_create(*state);
    const char *entries = "{\"type\":\"newest\"}";
    for (int i = 0; i < ACME_JOB_LOG_MAX + 10; i++) {
        entries = apr_pstrcat(*state, entries, ",{\"type\":\"older\"}", NULL);
    }
    put(world, apr_pstrcat(*state, "{\"log\":{\"entries\":[", entries, "]}}", NULL));
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    assert_int_equal(ACME_JOB_LOG_MAX, job->log->nelts);
    assert_string_equal("newest", entry(job, ACME_JOB_LOG_MAX - 1)->type);
}

static void entries_are_clean(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    acme_job_note(job, FAKE_ENV_START, "er\nror", "a\x1b[31m\xff", *state);
    assert_string_equal("er?ror", entry(job, 0)->type);
    assert_string_equal("a?[31m?", entry(job, 0)->detail);
    assert_int_equal(1, rewritten(world, job)->log->nelts);
}

static void a_damaged_job_is_an_empty_one_and_reported(void **state)
{
    static const char *const damaged[] = {"", "[]", "{\"errors\":", "no JSON"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
        read_world_t *world = read_world_create(*state);
        fake_store_plant(world->disk, PATH, damaged[i], strlen(damaged[i]));
        acme_job_t *job = acme_job_read(world->store, NAME, *state);
        assert_int_equal(0, job->errors);
        assert_non_null(job->log);
        assert_true(fake_env_logged(world->clock, ACME_LOG_WARNING, NULL) > 0);
    }
}

static void a_sealed_job_that_is_no_json_is_an_empty_one(void **state)
{
    read_world_t *world = read_world_create(*state);
    put(world, "{\"errors\":}");
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    assert_int_equal(0, job->errors);
    assert_null(job->previous);
    assert_int_equal(1, fake_env_logged(world->clock, ACME_LOG_WARNING, "begin anew"));
    job->errors = 1;
    assert_int_equal(1, rewritten(world, job)->errors);
}

static void a_forged_job_is_not_believed(void **state)
{
    read_world_t *world = read_world_create(*state);
    const char *forged = "{\"version\":1,\"errors\":99,\"next-run\":\"2099-01-01T00:00:00Z\"}";
    fake_store_plant(world->disk, PATH, forged, strlen(forged));
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    assert_int_equal(0, job->errors);
    assert_true(job->next_run == 0);
}

static void senseless_members_count_as_absent(void **state)
{
    read_world_t *world = read_world_create(*state);
    put(world, "{\"errors\":-3,\"logged-count\":99999999999,\"next-run\":7,\"last\":[1],"
               "\"log\":{\"entries\":[1,\"x\",{\"when\":\"never\",\"type\":{}}]}}");
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    assert_int_equal(0, job->errors);
    assert_true(job->logged_count > 0);
    assert_true(job->next_run == 0);
    assert_int_equal(1, job->log->nelts);
    assert_true(entry(job, 0)->when == 0);
    assert_string_equal("", entry(job, 0)->type);
    assert_int_equal(1, rewritten(world, job)->log->nelts);
}

static void what_the_ca_pins_on_a_name_is_counted_once_a_run(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    acme_job_refused(job, "a.example", "first", FAKE_ENV_START, *state);
    acme_job_refused(job, "a.example", "said again after a crash", FAKE_ENV_START, *state);
    acme_job_refused(job, "b.example", "other", FAKE_ENV_START, *state);
    job->failing_since = FAKE_ENV_START;
    job->link = "https://ca.example/unpause";
    job = rewritten(world, job);
    acme_job_refused(job, "a.example", "sec\nond", FAKE_ENV_START + ACME_TIME_HOUR, *state);
    acme_job_refusal(job, "a.example")->dropped = FAKE_ENV_START + ACME_TIME_DAY;
    acme_job_refusal(job, "a.example")->told_at = FAKE_ENV_START + 2 * ACME_TIME_DAY;
    job = rewritten(world, job);
    const acme_job_refusal_t *refusal = acme_job_refusal(job, "a.example");
    assert_int_equal(2, refusal->count);
    assert_true(refusal->since == FAKE_ENV_START);
    assert_true(refusal->last == FAKE_ENV_START + ACME_TIME_HOUR);
    assert_true(refusal->dropped == FAKE_ENV_START + ACME_TIME_DAY);
    assert_true(refusal->told_at == FAKE_ENV_START + 2 * ACME_TIME_DAY);
    assert_null(strchr(refusal->detail, '\n'));
    assert_true(job->failing_since == FAKE_ENV_START);
    assert_string_equal("https://ca.example/unpause", job->link);
    assert_int_equal(0, acme_job_proved(job, "b.example"));
    assert_int_equal(1, acme_job_proved(job, "a.example"));
    assert_int_equal(0, acme_job_proved(job, "a.example"));
    assert_int_equal(0, rewritten(world, job)->refusals->nelts);
}

static void what_was_tried_in_vain_is_left_out_longer_and_counts_nothing(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    apr_time_t later = FAKE_ENV_START + ACME_TIME_DAY;
    acme_job_refused(job, "a.example", "no", FAKE_ENV_START, *state);
    acme_job_tried(job, "a.example", later); /* orders have not gone without it */
    acme_job_tried(job, "b.example", later);
    assert_true(acme_job_refusal(job, "a.example")->last == FAKE_ENV_START);
    assert_null(acme_job_refusal(job, "b.example"));
    acme_job_refusal(job, "a.example")->dropped = FAKE_ENV_START;
    acme_job_tried(job, "a.example", later);
    assert_true(acme_job_refusal(job, "a.example")->last == later);
    assert_int_equal(1, acme_job_refusal(job, "a.example")->count);
}

static void of_too_many_refusals_the_oldest_gives_way(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    for (int i = 0; i <= ACME_JOB_REFUSALS_MAX; i++) {
        acme_job_refused(job, apr_psprintf(*state, "n%d.example", i), "no", FAKE_ENV_START, *state);
    }
    job = rewritten(world, job);
    assert_int_equal(ACME_JOB_REFUSALS_MAX, job->refusals->nelts);
    assert_null(acme_job_refusal(job, "n0.example"));
    assert_non_null(acme_job_refusal(job, "n1.example"));
}

static void refusals_that_are_none_are_left_out(void **state)
{
    read_world_t *world = read_world_create(*state);
    put(world, "{\"refused\":[1,{},{\"name\":7},{\"name\":\"a\",\"count\":-1},{\"name\":\"a\"}]}");
    acme_job_t *job = acme_job_read(world->store, NAME, *state);
    assert_int_equal(1, job->refusals->nelts);
    assert_int_equal(0, acme_job_refusal(job, "a")->count);
    assert_string_equal("", acme_job_refusal(job, "a")->detail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_new_domain_has_an_empty_job),
        FIXTURE_TEST(everything_comes_back),
        FIXTURE_TEST(a_back_off_written_by_a_clock_far_ahead_is_none),
        FIXTURE_TEST(a_success_wipes_the_failure_out),
        FIXTURE_TEST(what_failed_and_worked_is_known_name_by_name),
        FIXTURE_TEST(a_name_may_fail_again_after_it_worked),
        FIXTURE_TEST(of_too_many_proofs_the_oldest_gives_way),
        FIXTURE_TEST(proofs_that_are_none_are_left_out),
        FIXTURE_TEST(what_the_ca_pins_on_a_name_is_counted_once_a_run),
        FIXTURE_TEST(what_was_tried_in_vain_is_left_out_longer_and_counts_nothing),
        FIXTURE_TEST(of_too_many_refusals_the_oldest_gives_way),
        FIXTURE_TEST(refusals_that_are_none_are_left_out),
        FIXTURE_TEST(names_and_order_are_those_of_mod_md),
        FIXTURE_TEST(what_is_unknown_is_kept),
        FIXTURE_TEST(the_oldest_entry_gives_way),
        FIXTURE_TEST(of_a_long_history_the_newest_are_read),
        FIXTURE_TEST(entries_are_clean),
        FIXTURE_TEST(a_damaged_job_is_an_empty_one_and_reported),
        FIXTURE_TEST(a_sealed_job_that_is_no_json_is_an_empty_one),
        FIXTURE_TEST(a_forged_job_is_not_believed),
        FIXTURE_TEST(senseless_members_count_as_absent),
    };
    return fixture_run(tests);
}
