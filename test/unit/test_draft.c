/* Which names a managed domain may have: one sentence per mistake, and the rest stays.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "mod_acme_draft.h"

static const acme_ca_t public_ca = {.name = "public", .max_identifiers = 3};
static const acme_ca_t private_ca = {.name = "private", .max_identifiers = 3, .is_private = 1};
static const mod_acme_place_t place = {"ACMEDomain", "test.conf", 7};

typedef struct {
    apr_pool_t *pool;
    mod_acme_findings_t *findings;
    mod_acme_drafts_t *drafts;
} world_t;

static world_t begin(void **state)
{
    world_t world = {.pool = *state};
    world.findings = mod_acme_findings_create(world.pool);
    world.drafts = mod_acme_drafts_create(world.findings, world.pool, world.pool);
    return world;
}

/* A draft on line @a line with the words of @a names. */
static mod_acme_draft_t *draft_of(world_t *world, const acme_ca_t *ca, int line, const char *names)
{
    mod_acme_draft_t *draft = mod_acme_draft_create(world->drafts, "test.conf", line);
    draft->ca = ca;
    draft->is_auto = 1;
    char *last;
    char *word = apr_strtok(apr_pstrdup(world->pool, names), " ", &last);
    for (; word != NULL; word = apr_strtok(NULL, " ", &last)) {
        mod_acme_draft_add(world->drafts, draft, word, &place);
    }
    return draft;
}

static void assert_names(const apr_array_header_t *identifiers, const char *wanted,
                         apr_pool_t *pool)
{
    char *text = "";
    for (int i = 0; i < identifiers->nelts; i++) {
        text = apr_pstrcat(pool, text, i > 0 ? " " : "",
                           APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *)->value, NULL);
    }
    assert_string_equal(wanted, text);
}

static int count_findings(const world_t *world)
{
    return mod_acme_findings_all(world->findings)->nelts;
}

static const char *last_text(const world_t *world)
{
    const apr_array_header_t *all = mod_acme_findings_all(world->findings);
    assert_true(all->nelts > 0);
    return APR_ARRAY_IDX(all, all->nelts - 1, const mod_acme_finding_t *)->text;
}

static void names_come_into_one_form_and_once(void **state)
{
    world_t world = begin(state);
    const mod_acme_draft_t *draft =
        draft_of(&world, &public_ca, 1, "A.Example.org. a.example.org B.example.org");
    assert_names(draft->identifiers, "a.example.org b.example.org", world.pool);
    assert_int_equal(0, count_findings(&world));
}

static void a_bad_name_is_left_out_and_the_rest_stays(void **state)
{
    world_t world = begin(state);
    const mod_acme_draft_t *draft = draft_of(
        &world, &public_ca, 1, "a_b.example.org good.example.org x.local http://y.org *.org-");
    assert_names(draft->identifiers, "good.example.org", world.pool);
    assert_int_equal(4, count_findings(&world));
    assert_non_null(strstr(last_text(&world), "left out"));
}

static void a_private_ca_may_certify_private_names(void **state)
{
    world_t world = begin(state);
    const mod_acme_draft_t *draft =
        draft_of(&world, &private_ca, 1, "x.local intranet 10.0.0.1 a_b.local");
    assert_names(draft->identifiers, "x.local intranet 10.0.0.1", world.pool);
    assert_int_equal(1, count_findings(&world));
}

static void the_first_keeps_a_name(void **state)
{
    world_t world = begin(state);
    mod_acme_draft_t *first = draft_of(&world, &public_ca, 1, "a.example.org");
    const mod_acme_draft_t *second = draft_of(&world, &public_ca, 2, "b.example.org A.example.org");
    assert_names(second->identifiers, "b.example.org", world.pool);
    assert_int_equal(1, count_findings(&world));
    assert_non_null(strstr(last_text(&world), "test.conf:1"));
    assert_ptr_equal(first, mod_acme_drafts_owner(world.drafts, "a.example.org"));
}

static void a_wildcard_needs_a_type_that_proves_it(void **state)
{
    world_t world = begin(state);
    const mod_acme_draft_t *draft = draft_of(&world, &public_ca, 1, "example.org *.example.org");
    assert_names(draft->identifiers, "example.org", world.pool);
    assert_non_null(strstr(last_text(&world), "dns-01"));
}

/* A draft that can prove wildcards. */
static mod_acme_draft_t *wild_draft(world_t *world, int line, const char *first, const char *second)
{
    mod_acme_draft_t *draft = draft_of(world, &public_ca, line, "");
    draft->can_wildcard = 1;
    mod_acme_draft_add(world->drafts, draft, first, &place);
    if (second != NULL) {
        mod_acme_draft_add(world->drafts, draft, second, &place);
    }
    return draft;
}

static void a_name_wins_over_the_wildcard_of_another(void **state)
{
    world_t world = begin(state);
    mod_acme_draft_t *wild = wild_draft(&world, 1, "*.example.org", NULL);
    mod_acme_draft_t *own = draft_of(&world, &public_ca, 2, "www.example.org");
    assert_int_equal(0, count_findings(&world));
    assert_ptr_equal(own, mod_acme_drafts_owner(world.drafts, "www.example.org"));
    assert_ptr_equal(wild, mod_acme_drafts_owner(world.drafts, "ftp.example.org"));
    assert_null(mod_acme_drafts_owner(world.drafts, "a.b.example.org"));
    assert_null(mod_acme_drafts_owner(world.drafts, "example.org"));
    assert_null(mod_acme_drafts_holder(world.drafts, "ftp.example.org"));
}

static void a_covered_name_is_not_ordered_but_kept(void **state)
{
    world_t world = begin(state);
    mod_acme_draft_t *draft = wild_draft(&world, 1, "www.example.org", "*.example.org");
    const apr_array_header_t *orders = mod_acme_draft_orders(world.drafts, draft);
    assert_int_equal(1, orders->nelts);
    assert_names(APR_ARRAY_IDX(orders, 0, const apr_array_header_t *), "*.example.org", world.pool);
    assert_ptr_equal(draft, mod_acme_drafts_owner(world.drafts, "www.example.org"));
    assert_int_equal(0, count_findings(&world));
}

static void too_many_names_are_shared_out(void **state)
{
    world_t world = begin(state);
    mod_acme_draft_t *draft =
        draft_of(&world, &private_ca, 1, "a.org b.org c.org d.org e.org f.org g.org");
    const apr_array_header_t *orders = mod_acme_draft_orders(world.drafts, draft);
    assert_int_equal(3, orders->nelts);
    assert_names(APR_ARRAY_IDX(orders, 0, const apr_array_header_t *), "a.org b.org c.org",
                 world.pool);
    assert_names(APR_ARRAY_IDX(orders, 2, const apr_array_header_t *), "g.org", world.pool);
    assert_int_equal(0, count_findings(&world));
}

static void too_many_names_are_cut_where_members_are_manual(void **state)
{
    world_t world = begin(state);
    mod_acme_draft_t *draft = draft_of(&world, &private_ca, 1, "a.org b.org c.org d.org e.org");
    draft->is_auto = 0;
    const apr_array_header_t *orders = mod_acme_draft_orders(world.drafts, draft);
    assert_int_equal(1, orders->nelts);
    assert_names(APR_ARRAY_IDX(orders, 0, const apr_array_header_t *), "a.org b.org c.org",
                 world.pool);
    assert_int_equal(1, count_findings(&world));
    assert_non_null(strstr(last_text(&world), "at most 3 names"));
    assert_non_null(strstr(last_text(&world), "d.org"));
    assert_null(mod_acme_drafts_owner(world.drafts, "d.org"));
}

static void a_domain_without_names_is_said_once(void **state)
{
    world_t world = begin(state);
    (void)draft_of(&world, &public_ca, 1, "a_b.example.org");
    (void)draft_of(&world, &public_ca, 2, "");
    (void)draft_of(&world, &public_ca, 3, "good.example.org");
    mod_acme_drafts_report_empty(world.drafts);
    assert_int_equal(2, count_findings(&world));
    assert_non_null(strstr(last_text(&world), "no names"));
    const mod_acme_finding_t *first =
        APR_ARRAY_IDX(mod_acme_findings_all(world.findings), 0, const mod_acme_finding_t *);
    assert_non_null(strstr(first->text, "underscore"));
    assert_non_null(strstr(first->text, "not managed"));
}

static void no_names_make_no_orders(void **state)
{
    world_t world = begin(state);
    mod_acme_draft_t *draft = draft_of(&world, &public_ca, 1, "");
    assert_int_equal(0, mod_acme_draft_orders(world.drafts, draft)->nelts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(names_come_into_one_form_and_once),
        FIXTURE_TEST(a_bad_name_is_left_out_and_the_rest_stays),
        FIXTURE_TEST(a_private_ca_may_certify_private_names),
        FIXTURE_TEST(the_first_keeps_a_name),
        FIXTURE_TEST(a_wildcard_needs_a_type_that_proves_it),
        FIXTURE_TEST(a_name_wins_over_the_wildcard_of_another),
        FIXTURE_TEST(a_covered_name_is_not_ordered_but_kept),
        FIXTURE_TEST(too_many_names_are_shared_out),
        FIXTURE_TEST(too_many_names_are_cut_where_members_are_manual),
        FIXTURE_TEST(a_domain_without_names_is_said_once),
        FIXTURE_TEST(no_names_make_no_orders),
    };
    return fixture_run(tests);
}
