/* Tests of acme_responder: our tokens are answered, everybody else's are left alone.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

#include "acme/acme_key_file.h"
#include "acme/acme_responder.h"
#include "acme/acme_solver.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define THUMBPRINT "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PATH ACME_RESPONDER_HTTP_PREFIX TOKEN
#define RECORD "challenges/http-01/" TOKEN

static read_world_t *world_with_proof(apr_pool_t *pool)
{
    read_world_t *world = read_world_create(pool);
    const acme_solver_t *solver = acme_solver_http_create(world->store, pool);
    const acme_proof_t proof = {
        .type = "http-01",
        .identifier = read_world_identifier("a.example", pool),
        .token = TOKEN,
        .thumbprint = THUMBPRINT,
    };
    assert_well(solver->publish(solver->baton, &proof, pool));
    return world;
}

static const char *answer_of(const acme_responder_t *responder, const char *host, const char *path,
                             apr_pool_t *pool)
{
    const char *text = NULL;
    int is_ours = acme_responder_http(&text, responder, host, path, pool);
    assert_int_equal(is_ours, text != NULL);
    return text;
}

static const char *answer(const read_world_t *world, const acme_bell_t *bell, const char *path)
{
    const acme_responder_t responder = {.store = world->store, .bell = bell};
    return answer_of(&responder, "a.example", path, world->pool);
}

/* The index of two domains, a.example with w.a.example, and b.example; both of the same CA. */
static acme_domain_index_t *two_domains(const acme_ca_t **ca, apr_pool_t *pool)
{
    apr_array_header_t *domains = apr_array_make(pool, 2, sizeof(const acme_domain_t *));
    acme_domain_t *a = read_world_domain("a.example w.a.example 2001:db8::1", 0, pool);
    acme_domain_t *b = read_world_domain("b.example *.b.example", 1, pool);
    b->ca = a->ca;
    *ca = a->ca;
    APR_ARRAY_PUSH(domains, const acme_domain_t *) = a;
    APR_ARRAY_PUSH(domains, const acme_domain_t *) = b;
    return acme_domain_index_create(domains, pool);
}

static void a_published_token_is_answered(void **state)
{
    read_world_t *world = world_with_proof(*state);
    assert_string_equal(TOKEN "." THUMBPRINT, answer(world, NULL, PATH));
}

static void everything_else_is_somebody_elses(void **state)
{
    static const char *const paths[] = {
        "/",
        "",
        "/.well-known/acme-challenge",
        ACME_RESPONDER_HTTP_PREFIX,
        ACME_RESPONDER_HTTP_PREFIX "another-token-that-is-long-enough-to-be-one",
        (ACME_RESPONDER_HTTP_PREFIX "short"),
        (ACME_RESPONDER_HTTP_PREFIX "../../accounts/ca/account.json"),
        (PATH "/"),
        (PATH "."),
        ("/x" PATH),
        ("/.Well-Known/acme-challenge/" TOKEN),
    };
    read_world_t *world = world_with_proof(*state);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        assert_null(answer(world, NULL, paths[i]));
    }
}

static void a_quiet_bell_answers_without_the_store(void **state)
{
    read_world_t *world = world_with_proof(*state);
    acme_bell_t *bell = apr_pcalloc(*state, acme_bell_size(1));
    assert_non_null(answer(world, bell, PATH)); /* no engine yet: look */
    atomic_store(&bell->engine_is_up, 1);
    assert_null(answer(world, bell, PATH)); /* it says that nothing is published */
    atomic_store(&bell->challenges, 1);
    assert_non_null(answer(world, bell, PATH));
}

static void a_planted_token_is_not_answered(void **state)
{
    read_world_t *world = world_with_proof(*state);
    const char *planted = "{\"token\":\"" TOKEN "\",\"thumbprint\":\"" THUMBPRINT "\"}";
    fake_store_plant(world->disk, RECORD, planted, strlen(planted));
    assert_null(answer(world, NULL, PATH));
}

static void a_token_moved_to_another_name_is_not_answered(void **state)
{
    read_world_t *world = world_with_proof(*state);
    apr_size_t len;
    const char *raw = fake_store_raw(world->disk, RECORD, &len);
    const char *other = "another-token-that-is-long-enough-to-be-one";
    fake_store_plant(world->disk, apr_pstrcat(*state, "challenges/http-01/", other, NULL), raw,
                     len);
    assert_null(answer(world, NULL, apr_pstrcat(*state, ACME_RESPONDER_HTTP_PREFIX, other, NULL)));
}

static void a_token_of_another_domain_is_not_answered(void **state)
{
    const acme_ca_t *ca;
    read_world_t *world = world_with_proof(*state);
    const acme_responder_t responder = {.store = world->store, .index = two_domains(&ca, *state)};
    assert_non_null(answer_of(&responder, "a.example", PATH, *state));
    assert_non_null(answer_of(&responder, "A.Example.", PATH, *state));
    assert_non_null(answer_of(&responder, "w.a.example", PATH, *state));
    assert_null(answer_of(&responder, "b.example", PATH, *state));
    assert_null(answer_of(&responder, "any.b.example", PATH, *state));
    /* a front may say what it likes, as long as it names nobody else */
    assert_non_null(answer_of(&responder, "backend.internal", PATH, *state));
    assert_non_null(answer_of(&responder, "no name at all", PATH, *state));
    assert_non_null(answer_of(&responder, NULL, PATH, *state));
}

#define FOREIGN "of-an-order-that-another-node-has"

/* A responder without any record, whose account key is there. */
static acme_responder_t stateless(const char **thumbprint, read_world_t *world, acme_bell_t *bell)
{
    const acme_ca_t *ca;
    acme_domain_index_t *index = two_domains(&ca, world->pool);
    apr_array_header_t *cas = apr_array_make(world->pool, 1, sizeof(const acme_ca_t *));
    APR_ARRAY_PUSH(cas, const acme_ca_t *) = ca;
    acme_key_t *key = read_world_key(ACME_KEY_P256, world->pool);
    const char *path = acme_store_path(world->pool, "accounts", ca->folder, "privkey");
    assert_well(acme_key_file_write(world->store, path, key, world->pool));
    char *made;
    assert_well(acme_key_thumbprint(&made, key, world->pool));
    *thumbprint = made;
    return (acme_responder_t){
        .store = world->store,
        .bell = bell,
        .index = index,
        .thumbprints = acme_thumbprint_cache_create(world->store, bell, cas, world->pool)};
}

static void any_token_is_answered_without_a_record(void **state)
{
    apr_pool_t *pool = *state;
    const char *thumbprint;
    acme_bell_t *bell = apr_pcalloc(pool, acme_bell_size(2));
    acme_responder_t responder = stateless(&thumbprint, read_world_create(pool), bell);
    atomic_store(&bell->engine_is_up, 1); /* and nothing is published */
    const char *wanted = apr_pstrcat(pool, FOREIGN, ".", thumbprint, NULL);
    static const char *const hosts[] = {"a.example", "W.A.example", "b.example", "any.b.example",
                                        "[2001:DB8::1]"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        assert_string_equal(
            wanted, answer_of(&responder, hosts[i], ACME_RESPONDER_HTTP_PREFIX FOREIGN, pool));
    }
}

static void without_a_record_only_tokens_for_hosts_of_ours_are_answered(void **state)
{
    apr_pool_t *pool = *state;
    const char *thumbprint;
    acme_bell_t *bell = apr_pcalloc(pool, acme_bell_size(2));
    acme_responder_t responder = stateless(&thumbprint, read_world_create(pool), bell);
    static const char *const hosts[] = {NULL,        "",          "c.example",   "x.y.b.example",
                                        "192.0.2.7", "a example", "a.example:80"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        assert_null(answer_of(&responder, hosts[i], ACME_RESPONDER_HTTP_PREFIX FOREIGN, pool));
    }
    char *token = apr_palloc(pool, 130);
    memset(token, 'a', 129);
    token[129] = '\0';
    const char *const tokens[] = {"",
                                  "aaaaaaaaaaaaaaaaaaaaa", /* 21: below 128 bits */
                                  "../../../../../etc/passwd",
                                  "of-an-order-that-another-node-has=",
                                  "of an order that another node has",
                                  token};
    for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
        const char *path = apr_pstrcat(pool, ACME_RESPONDER_HTTP_PREFIX, tokens[i], NULL);
        assert_null(answer_of(&responder, "a.example", path, pool));
    }
    token[128] = '\0';
    const char *path = apr_pstrcat(pool, ACME_RESPONDER_HTTP_PREFIX, token, NULL);
    assert_non_null(answer_of(&responder, "a.example", path, pool));
    responder.thumbprints = NULL;
    assert_null(answer_of(&responder, "a.example", path, pool));
}

static void a_record_without_sense_is_not_answered(void **state)
{
    static const char *const records[] = {"{}", "{\"thumbprint\":7}", "{\"thumbprint\":\"short\"}"};
    read_world_t *world = world_with_proof(*state);
    for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
        assert_well(acme_store_put(world->store, RECORD, records[i], strlen(records[i]), *state));
        assert_null(answer(world, NULL, PATH));
    }
}

/* ---- tls-alpn-01 ---- */

#define ALPN_RECORD "challenges/tls-alpn-01/a.example"

static void publish_alpn(read_world_t *world, const char *name)
{
    const acme_solver_t *solver = acme_solver_tls_alpn_create(world->store, world->pool);
    const acme_proof_t proof = {
        .type = "tls-alpn-01",
        .identifier = read_world_identifier(name, world->pool),
        .token = TOKEN,
        .thumbprint = THUMBPRINT,
    };
    assert_well(solver->publish(solver->baton, &proof, world->pool));
}

/* The identifier that a handshake with @a sni is answered for, or NULL. */
static const char *shown(const read_world_t *world, const acme_bell_t *bell, const char *sni)
{
    acme_responder_tls_alpn_t answer;
    unsigned char digest[ACME_DIGEST_LEN];
    if (!acme_responder_tls_alpn(&answer, world->store, bell, sni, world->pool)) {
        return NULL;
    }
    acme_digest_sha256(digest, TOKEN "." THUMBPRINT, strlen(TOKEN "." THUMBPRINT));
    assert_memory_equal(digest, answer.digest, sizeof(digest));
    return answer.identifier->value;
}

static void a_pending_name_is_shown(void **state)
{
    read_world_t *world = read_world_create(*state);
    publish_alpn(world, "a.example");
    assert_string_equal("a.example", shown(world, NULL, "a.example"));
    assert_string_equal("a.example", shown(world, NULL, "A.Example."));
}

static void no_other_name_is_shown(void **state)
{
    static const char *const names[] = {"",   "b.example", "a.example..", "www.a.example", "../a",
                                        "a/", "*.example", ".",           "a.example/"};
    read_world_t *world = read_world_create(*state);
    publish_alpn(world, "a.example");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_null(shown(world, NULL, names[i]));
    }
}

static void an_address_is_asked_for_by_its_reverse_name(void **state)
{
    static const char v6[] =
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.IP6.arpa.";
    read_world_t *world = read_world_create(*state);
    publish_alpn(world, "192.0.2.17");
    publish_alpn(world, "2001:db8::1");
    assert_string_equal("192.0.2.17", shown(world, NULL, "17.2.0.192.in-addr.arpa"));
    assert_string_equal("2001:db8::1", shown(world, NULL, v6));
    assert_null(shown(world, NULL, "192.0.2.17")); /* no host name (RFC 6066 section 3) */
    assert_null(shown(world, NULL, "2001:db8::1"));
    assert_null(shown(world, NULL, "18.2.0.192.in-addr.arpa"));
}

static void a_quiet_bell_shows_nothing_without_the_store(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_bell_t *bell = apr_pcalloc(*state, acme_bell_size(1));
    publish_alpn(world, "a.example");
    assert_non_null(shown(world, bell, "a.example")); /* no engine yet: look */
    atomic_store(&bell->engine_is_up, 1);
    assert_null(shown(world, bell, "a.example"));
    atomic_store(&bell->challenges, 1);
    assert_non_null(shown(world, bell, "a.example"));
}

static void a_planted_or_moved_proof_is_not_shown(void **state)
{
    read_world_t *world = read_world_create(*state);
    publish_alpn(world, "a.example");
    apr_size_t len;
    const char *raw = fake_store_raw(world->disk, ALPN_RECORD, &len);
    fake_store_plant(world->disk, "challenges/tls-alpn-01/b.example", raw, len);
    assert_null(shown(world, NULL, "b.example"));
    const char *planted =
        "{\"version\":1,\"type\":\"tls-alpn-01\",\"token\":\"" TOKEN
        "\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"thumbprint\":"
        "\"" THUMBPRINT "\"}";
    fake_store_plant(world->disk, ALPN_RECORD, planted, strlen(planted));
    assert_null(shown(world, NULL, "a.example"));
    assert_well(acme_store_put(world->store, ALPN_RECORD, planted, strlen(planted), *state));
    assert_non_null(shown(world, NULL, "a.example")); /* it was the seal that was missing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_published_token_is_answered),
        FIXTURE_TEST(everything_else_is_somebody_elses),
        FIXTURE_TEST(a_quiet_bell_answers_without_the_store),
        FIXTURE_TEST(a_planted_token_is_not_answered),
        FIXTURE_TEST(a_token_moved_to_another_name_is_not_answered),
        FIXTURE_TEST(a_token_of_another_domain_is_not_answered),
        FIXTURE_TEST(any_token_is_answered_without_a_record),
        FIXTURE_TEST(without_a_record_only_tokens_for_hosts_of_ours_are_answered),
        FIXTURE_TEST(a_record_without_sense_is_not_answered),
        FIXTURE_TEST(a_pending_name_is_shown),
        FIXTURE_TEST(no_other_name_is_shown),
        FIXTURE_TEST(an_address_is_asked_for_by_its_reverse_name),
        FIXTURE_TEST(a_quiet_bell_shows_nothing_without_the_store),
        FIXTURE_TEST(a_planted_or_moved_proof_is_not_shown),
    };
    return fixture_run(tests);
}
