/* Tests of acme_responder: our tokens are answered, everybody else's are left alone.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

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

static const char *answer(const read_world_t *world, const acme_bell_t *bell, const char *path)
{
    const char *text = NULL;
    int is_ours = acme_responder_http(&text, world->store, bell, path, world->pool);
    assert_int_equal(is_ours, text != NULL);
    return text;
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
        FIXTURE_TEST(a_record_without_sense_is_not_answered),
        FIXTURE_TEST(a_pending_name_is_shown),
        FIXTURE_TEST(no_other_name_is_shown),
        FIXTURE_TEST(an_address_is_asked_for_by_its_reverse_name),
        FIXTURE_TEST(a_quiet_bell_shows_nothing_without_the_store),
        FIXTURE_TEST(a_planted_or_moved_proof_is_not_shown),
    };
    return fixture_run(tests);
}
