/* The step table: names, moves, and where to go on after a death.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_step.h"

static void every_step_has_a_name_that_reads_back(void **state)
{
    (void)state;
    for (int i = 0; i < ACME_STEP_COUNT; ++i) {
        acme_step_t step;
        assert_int_equal(0, acme_step_parse(&step, acme_step_name((acme_step_t)i)));
        assert_int_equal(i, (int)step);
    }
    acme_step_t step;
    assert_int_equal(-1, acme_step_parse(&step, "order"));
    assert_int_equal(-1, acme_step_parse(&step, NULL));
}

static void every_step_leads_to_clean(void **state)
{
    (void)state;
    for (int i = 0; i < ACME_STEP_CLEAN; ++i) {
        acme_step_t from = (acme_step_t)i;
        int is_near = acme_step_may_go(from, ACME_STEP_CLEAN) ||
                      acme_step_may_go(from, ACME_STEP_EXPLAIN);
        assert_true(is_near);
    }
    for (int i = 0; i < ACME_STEP_COUNT; ++i) {
        assert_false(acme_step_may_go(ACME_STEP_CLEAN, (acme_step_t)i));
    }
}

static void nobody_orders_twice_or_stages_unseen(void **state)
{
    (void)state;
    for (int i = 0; i < ACME_STEP_COUNT; ++i) {
        assert_false(acme_step_may_go((acme_step_t)i, ACME_STEP_ORDER));
        assert_true(acme_step_may_go((acme_step_t)i, ACME_STEP_STAGE) == (i == ACME_STEP_DOWNLOAD));
    }
}

static void what_was_ready_may_end_without_a_certificate(void **state)
{
    (void)state;
    assert_true(acme_step_may_go(ACME_STEP_POLL, ACME_STEP_CLEAN)); /* a rehearsal */
    assert_false(acme_step_may_go(ACME_STEP_FINALIZE, ACME_STEP_CLEAN));
}

static void after_a_death_the_ca_is_asked_how_far_it_is(void **state)
{
    (void)state;
    assert_int_equal(ACME_STEP_AUTHORIZE, acme_step_resume(ACME_STEP_PUBLISH));
    assert_int_equal(ACME_STEP_AUTHORIZE, acme_step_resume(ACME_STEP_RESPOND));
    assert_int_equal(ACME_STEP_POLL, acme_step_resume(ACME_STEP_FINALIZE));
    assert_int_equal(ACME_STEP_STAGE, acme_step_resume(ACME_STEP_STAGE));
    assert_int_equal(ACME_STEP_CLEAN, acme_step_resume(ACME_STEP_CLEAN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_has_a_name_that_reads_back),
        cmocka_unit_test(every_step_leads_to_clean),
        cmocka_unit_test(nobody_orders_twice_or_stages_unseen),
        cmocka_unit_test(what_was_ready_may_end_without_a_certificate),
        cmocka_unit_test(after_a_death_the_ca_is_asked_how_far_it_is),
    };
    return fixture_run(tests);
}
