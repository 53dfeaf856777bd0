/* Tests of acme_status: what monitoring may rely on, and what is never shown.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

#include <jansson.h>

#include "acme/acme_job.h"
#include "acme/acme_json.h"
#include "acme/acme_status.h"

#define NAME "a.example"

static const acme_status_host_t host = {.version = "1.2.3", .activation = "live"};

static json_t *parse(char *text, apr_pool_t *pool)
{
    json_t *object;
    assert_well(acme_json_parse(&object, text, strlen(text), "the status", pool));
    return object;
}

static apr_array_header_t *domains_of(acme_domain_t *a, acme_domain_t *b, apr_pool_t *pool)
{
    apr_array_header_t *domains = apr_array_make(pool, 2, sizeof(const acme_domain_t *));
    APR_ARRAY_PUSH(domains, const acme_domain_t *) = a;
    if (b != NULL) {
        APR_ARRAY_PUSH(domains, const acme_domain_t *) = b;
    }
    return domains;
}

static json_t *one(const read_world_t *world, const acme_domain_t *domain)
{
    return parse(acme_status_json(domains_of(NULL, NULL, world->pool), domain, world->store, NULL,
                                  &host, world->env, world->pool),
                 world->pool);
}

static const char *string_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

static void all_domains_are_listed(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_array_header_t *domains =
        domains_of(read_world_domain("a.example www.a.example", 0, *state),
                   read_world_domain("b.example", 1, *state), *state);
    acme_bell_t *bell = apr_pcalloc(*state, acme_bell_size(2));
    json_t *status = parse(
        acme_status_json(domains, NULL, world->store, bell, &host, world->env, *state), *state);
    assert_string_equal("1.2.3", string_at(status, "version"));
    assert_string_equal("down", string_at(status, "engine"));
    assert_null(json_object_get(status, "trouble"));
    const json_t *managed = json_object_get(status, "managed-domains");
    assert_int_equal(2, json_array_size(managed));
    assert_string_equal("a.example", string_at(json_array_get(managed, 0), "name"));
    assert_string_equal("b.example", string_at(json_array_get(managed, 1), "name"));
    atomic_store(&bell->engine_is_up, 1);
    status = parse(acme_status_json(domains, NULL, world->store, bell, &host, world->env, *state),
                   *state);
    assert_string_equal("up", string_at(status, "engine"));
}

static void who_waits_is_told(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_array_header_t *domains = domains_of(read_world_domain("a.example", 0, *state),
                                             read_world_domain("b.example", 1, *state), *state);
    acme_bell_t *bell = apr_pcalloc(*state, acme_bell_size(2));
    apr_time_t until = acme_env_now(world->env) + 10 * ACME_TIME_DAY;
    acme_bell_wait(bell, 1, until);
    json_t *status = parse(
        acme_status_json(domains, NULL, world->store, bell, &host, world->env, *state), *state);
    const json_t *waiting = json_object_get(status, "waiting");
    const char *when = acme_time_rfc3339(until, *state);
    assert_int_equal(1, json_integer_value(json_object_get(waiting, "count")));
    assert_int_equal(2, json_integer_value(json_object_get(waiting, "of")));
    assert_string_equal(when, string_at(waiting, "until"));
    assert_string_equal(apr_psprintf(*state, "1 of 2 waiting, done about %.10s", when),
                        string_at(waiting, "text"));
    acme_bell_wait(bell, 2, 0);
    status = parse(acme_status_json(domains, NULL, world->store, bell, &host, world->env, *state),
                   *state);
    waiting = json_object_get(status, "waiting");
    assert_string_equal("2 of 2 waiting", string_at(waiting, "text"));
    assert_null(json_object_get(waiting, "until"));
    acme_bell_wait(bell, 0, 0);
    status = parse(acme_status_json(domains, NULL, world->store, bell, &host, world->env, *state),
                   *state);
    assert_null(json_object_get(status, "waiting"));
}

static void trouble_is_told(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_status_host_t troubled = {.store_trouble = "the store is newer than mod_acme"};
    apr_array_header_t *none = apr_array_make(*state, 1, sizeof(const acme_domain_t *));
    json_t *status = parse(
        acme_status_json(none, NULL, world->store, NULL, &troubled, world->env, *state), *state);
    assert_string_equal("the store is newer than mod_acme", string_at(status, "trouble"));
    assert_null(json_object_get(status, "version"));
    assert_null(json_object_get(status, "engine"));
    assert_int_equal(0, json_array_size(json_object_get(status, "managed-domains")));
}

static void what_is_wanted_is_shown(void **state)
{
    read_world_t *world = read_world_create(*state);
    json_t *domain = one(world, read_world_domain("*.a.example b.example", 0, *state));
    assert_string_equal("*.a.example", string_at(domain, "name"));
    assert_int_equal(2, json_array_size(json_object_get(domain, "domains")));
    assert_string_equal("ca.example", string_at(json_object_get(domain, "ca"), "name"));
    assert_string_equal("https://ca.example/directory",
                        string_at(json_object_get(domain, "ca"), "url"));
    assert_string_equal("auto", string_at(domain, "renew-mode"));
    assert_string_equal("33%", string_at(domain, "renew-window"));
    assert_string_equal("10%", string_at(domain, "warn-window"));
    assert_string_equal("incomplete", string_at(domain, "state"));
    assert_string_equal("live", string_at(domain, "activation"));
    assert_null(json_object_get(domain, "cert"));
    assert_null(json_object_get(domain, "renewal"));
}

static void what_is_served_is_shown(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_t *generation = read_world_generation(world, NAME, 4, ACME_KEY_P256, *state);
    assert_well(acme_generation_write(world->store, NAME, generation, *state));
    const acme_chain_t *chain =
        APR_ARRAY_IDX(generation->certificates, 0, acme_generation_certificate_t).chain;
    json_t *domain = one(world, read_world_domain(NAME, 0, *state));
    const json_t *certificates = json_object_get(domain, "cert");
    const json_t *certificate = json_object_get(certificates, "p-256");
    assert_string_equal("complete", string_at(domain, "state"));
    assert_int_equal(4, json_integer_value(json_object_get(domain, "generation")));
    assert_string_equal(chain->serial, string_at(certificate, "serial"));
    assert_string_equal(chain->sha256, string_at(certificate, "sha256-fingerprint"));
    assert_non_null(json_object_get(certificate, "issuer-name"));
    assert_string_equal(acme_time_rfc3339(chain->not_after, *state),
                        string_at(json_object_get(certificate, "valid"), "until"));
    assert_string_equal(acme_time_rfc3339(chain->not_before, *state),
                        string_at(json_object_get(certificates, "valid"), "from"));
    apr_time_t renew_at = acme_json_time(domain, "renew-at");
    assert_true(renew_at > chain->not_before && renew_at < chain->not_after);
}

static void the_state_is_a_judgement_of_facts(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 1, *state);
    acme_domain_t *wants_more = read_world_domain(NAME " other.example", 0, *state);
    assert_string_equal("incomplete", string_at(one(world, wants_more), "state"));

    acme_domain_t *wants_rsa = read_world_domain(NAME, 0, *state);
    APR_ARRAY_PUSH((apr_array_header_t *)wants_rsa->key_specs, acme_key_spec_t) =
        (acme_key_spec_t){.type = ACME_KEY_RSA, .bits = 2048};
    assert_string_equal("incomplete", string_at(one(world, wants_rsa), "state"));

    acme_domain_t *domain = read_world_domain(NAME, 0, *state);
    assert_string_equal("complete", string_at(one(world, domain), "state"));
    fake_env_move(world->clock, READ_WORLD_LIFETIME + ACME_TIME_DAY);
    assert_string_equal("expired", string_at(one(world, domain), "state"));
}

static void a_manual_domain_has_no_time_of_renewal(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 1, *state);
    acme_domain_t *domain = read_world_domain(NAME, 0, *state);
    domain->renew_mode = ACME_RENEW_MANUAL;
    json_t *shown = one(world, domain);
    assert_string_equal("manual", string_at(shown, "renew-mode"));
    assert_null(json_object_get(shown, "renew-at"));
}

static void put_renewal(const read_world_t *world)
{
    static const char order[] =
        "{\"version\":1,\"step\":\"POLL\",\"started\":\"2026-01-02T03:04:05Z\","
        "\"url\":\"https://ca.example/order/secret-order\",\"authorizations\":[{\"token\":"
        "\"secret-token\"}]}";
    acme_job_t *job = acme_job_read(world->store, NAME, world->pool);
    job->errors = 2;
    job->next_run = FAKE_ENV_START + ACME_TIME_HOUR;
    job->problem = "urn:ietf:params:acme:error:dns";
    job->detail = "<b>no A record</b>";
    acme_job_note(job, FAKE_ENV_START, "error", "the first words", world->pool);
    assert_well(acme_job_write(world->store, NAME, NAME, job, world->pool));
    assert_well(acme_store_put(world->store, "staging/" NAME "/order.json", order, strlen(order),
                               world->pool));
}

static void a_renewal_under_way_is_shown(void **state)
{
    read_world_t *world = read_world_create(*state);
    put_renewal(world);
    json_t *renewal = json_object_get(one(world, read_world_domain(NAME, 0, *state)), "renewal");
    assert_int_equal(2, json_integer_value(json_object_get(renewal, "errors")));
    assert_string_equal("2026-01-02T04:04:05Z", string_at(renewal, "next-run"));
    assert_string_equal("<b>no A record</b>",
                        string_at(json_object_get(renewal, "last"), "detail"));
    assert_string_equal("POLL", string_at(renewal, "step"));
    assert_string_equal("2026-01-02T03:04:05Z", string_at(renewal, "started"));
    const json_t *entries = json_object_get(json_object_get(renewal, "log"), "entries");
    assert_string_equal("the first words", string_at(json_array_get(entries, 0), "detail"));
}

static void the_list_is_without_histories(void **state)
{
    read_world_t *world = read_world_create(*state);
    put_renewal(world);
    char *text = acme_status_json(domains_of(read_world_domain(NAME, 0, *state), NULL, *state),
                                  NULL, world->store, NULL, &host, world->env, *state);
    assert_null(strstr(text, "the first words"));
    assert_non_null(strstr(text, "no A record"));
}

static void nothing_secret_is_shown(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 1, *state);
    put_renewal(world);
    char *text =
        acme_status_json(domains_of(NULL, NULL, *state), read_world_domain(NAME, 0, *state),
                         world->store, NULL, &host, world->env, *state);
    static const char *const secrets[] = {"secret", "\"key\"", "BEGIN",
                                          "seal",   "live/",   "staging/"};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
        assert_null(strstr(text, secrets[i]));
    }
}

static void what_cannot_be_read_is_said_without_a_path(void **state)
{
    read_world_t *world = read_world_create(*state);
    static const char damaged[] = "{\"version\":1}";
    assert_well(
        acme_store_put(world->store, "live/" NAME "/current", damaged, strlen(damaged), *state));
    assert_well(
        acme_store_put(world->store, "staging/" NAME "/order.json", "{\"step\":7}", 10, *state));
    json_t *domain = one(world, read_world_domain(NAME, 0, *state));
    assert_string_equal("unknown", string_at(domain, "state"));
    assert_null(strstr(string_at(domain, "error"), "live/"));
    assert_int_equal(1, fake_env_logged(world->clock, ACME_LOG_WARNING, NAME));
}

/* ---- what is to be set by hand */

#define TOKEN "1uYOuW_wbhXCII2uXnyqCRb69eSLZ8fXAiLPWhjjGbc"
#define THUMB "MZaA6-J0vMO5OmCYxdAhKPF5jLmKhUpb7ajMQJnf64w"
#define VALUE "0D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs" /* test/data/vectors.json */

static void put(const read_world_t *world, const char *path, const char *text)
{
    assert_well(acme_store_put(world->store, path, text, strlen(text), world->pool));
}

static void records_for_a_hand_are_shown_while_they_are_needed(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_domain_t *domain = read_world_domain(NAME, 0, *state);
    const char *order = "staging/" NAME "/order.json";
    const char *proof = "challenges/dns-01/" VALUE;
    put(world, order,
        "{\"thumbprint\":\"" THUMB "\",\"authorizations\":[{\"identifier\":\"" NAME
        "\",\"wildcard\":true,\"challenge\":\"dns-01\",\"token\":\"" TOKEN "\"}]}");
    assert_null(json_object_get(one(world, domain), "manual")); /* not asked for yet */
    put(world, proof, "{\"name\":\"x.acme.example\",\"way\":\"manual\"}");
    const json_t *manual = json_object_get(one(world, domain), "manual");
    assert_int_equal(1, json_array_size(manual));
    const json_t *record = json_array_get(manual, 0);
    assert_string_equal("dns-01", string_at(record, "type"));
    assert_string_equal("*." NAME, string_at(record, "identifier"));
    assert_string_equal("x.acme.example", string_at(record, "name"));
    assert_string_equal(VALUE, string_at(record, "value"));
    put(world, proof, "{\"name\":\"x.acme.example\"}"); /* a program sets it */
    assert_null(json_object_get(one(world, domain), "manual"));
    put(world, proof, "{\"name\":\"x.acme.example\",\"way\":\"manual\"}");
    put(world, order,
        "{\"thumbprint\":\"" THUMB "\",\"authorizations\":[{\"identifier\":\"" NAME
        "\",\"done\":true,\"challenge\":\"dns-01\",\"token\":\"" TOKEN "\"},1,{}]}");
    assert_null(json_object_get(one(world, domain), "manual"));
}

static void answers_for_a_hand_are_shown_as_well(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_domain_t *domain = read_world_domain(NAME, 0, *state);
    const char *proof = "challenges/http-01/" TOKEN;
    put(world, "staging/" NAME "/order.json",
        "{\"thumbprint\":\"" THUMB "\",\"authorizations\":[{\"identifier\":\"" NAME
        "\",\"challenge\":\"http-01\",\"token\":\"" TOKEN "\"}]}");
    put(world, proof, "{\"thumbprint\":\"" THUMB "\"}"); /* the module answers */
    assert_null(json_object_get(one(world, domain), "manual"));
    put(world, proof, "{\"name\":\"/.well-known/x\",\"way\":\"manual\"}");
    const json_t *manual = json_object_get(one(world, domain), "manual");
    assert_int_equal(1, json_array_size(manual));
    const json_t *shown = json_array_get(manual, 0);
    assert_string_equal("http-01", string_at(shown, "type"));
    assert_string_equal(NAME, string_at(shown, "identifier"));
    assert_string_equal("/.well-known/x", string_at(shown, "path"));
    assert_string_equal(TOKEN "." THUMB, string_at(shown, "value"));
    put(world, proof, "{\"name\":\"/srv/www/x\",\"way\":\"webroot\"}");
    assert_null(json_object_get(one(world, domain), "manual"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(all_domains_are_listed),
        FIXTURE_TEST(who_waits_is_told),
        FIXTURE_TEST(trouble_is_told),
        FIXTURE_TEST(what_is_wanted_is_shown),
        FIXTURE_TEST(what_is_served_is_shown),
        FIXTURE_TEST(the_state_is_a_judgement_of_facts),
        FIXTURE_TEST(a_manual_domain_has_no_time_of_renewal),
        FIXTURE_TEST(a_renewal_under_way_is_shown),
        FIXTURE_TEST(the_list_is_without_histories),
        FIXTURE_TEST(nothing_secret_is_shown),
        FIXTURE_TEST(what_cannot_be_read_is_said_without_a_path),
        FIXTURE_TEST(records_for_a_hand_are_shown_while_they_are_needed),
        FIXTURE_TEST(answers_for_a_hand_are_shown_as_well),
    };
    return fixture_run(tests);
}
