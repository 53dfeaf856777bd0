/* Findings are kept in order, with their place, and are safe to log.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "mod_acme_finding.h"

static const mod_acme_finding_t *finding_at(const mod_acme_findings_t *findings, int i)
{
    return APR_ARRAY_IDX(mod_acme_findings_all(findings), i, const mod_acme_finding_t *);
}

static void findings_keep_their_order_and_place(void **state)
{
    mod_acme_findings_t *findings = mod_acme_findings_create(*state);
    assert_int_equal(0, mod_acme_findings_all(findings)->nelts);
    (void)mod_acme_finding_add(findings, "a.conf", 3, "%s is %d", "this", 1);
    (void)mod_acme_finding_add(findings, "b.conf", 4, "second");
    assert_int_equal(2, mod_acme_findings_all(findings)->nelts);
    assert_string_equal("a.conf", finding_at(findings, 0)->file);
    assert_int_equal(3, finding_at(findings, 0)->line);
    assert_string_equal("this is 1", finding_at(findings, 0)->text);
    assert_string_equal("second", finding_at(findings, 1)->text);
}

static void a_finding_can_be_extended(void **state)
{
    mod_acme_findings_t *findings = mod_acme_findings_create(*state);
    mod_acme_finding_t *finding = mod_acme_finding_add(findings, "a.conf", 3, "one");
    mod_acme_finding_extend(findings, finding, "two");
    assert_string_equal("one; two", finding_at(findings, 0)->text);
}

static void foreign_text_is_made_safe(void **state)
{
    mod_acme_findings_t *findings = mod_acme_findings_create(*state);
    (void)mod_acme_finding_add(findings, "a.conf", 3, "a\nb\x1b[1m");
    assert_string_equal("a?b?[1m", finding_at(findings, 0)->text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(findings_keep_their_order_and_place),
        FIXTURE_TEST(a_finding_can_be_extended),
        FIXTURE_TEST(foreign_text_is_made_safe),
    };
    return fixture_run(tests);
}
