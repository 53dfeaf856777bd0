/* Fuzzes the reader of CAA records; whatever is in them, the decision is a sentence or none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_caa.h"
#include "acme/acme_text.h"

static void judge(const acme_caa_t *property, int is_wildcard, apr_pool_t *pool)
{
    apr_array_header_t *set = apr_array_make(pool, 1, sizeof(acme_caa_t));
    APR_ARRAY_PUSH(set, acme_caa_t) = *property;
    const acme_caa_issuer_t issuer = {.identities = acme_text_split("ca.test", " ", pool),
                                      .account = "https://ca.test/acct/1",
                                      .types = acme_text_split("http-01 dns-01", " ", pool),
                                      .is_wildcard = is_wildcard};
    const char *why = acme_caa_forbids(set, &issuer, pool);
    FUZZ_CHECK(why == NULL || strcmp(why, acme_text_clean(why, 10000, pool)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    acme_caa_t property;
    acme_caa_issue_t issue;
    if (acme_caa_read(&property, text, pool) == 0) {
        FUZZ_CHECK(property.flags >= 0 && property.flags <= 255 && property.tag[0] != '\0');
        judge(&property, 0, pool);
        judge(&property, 1, pool);
    }
    if (acme_caa_parse(&issue, text, pool) == 0) {
        FUZZ_CHECK(strlen(issue.domain) <= size && strchr(issue.domain, ';') == NULL);
        FUZZ_CHECK(issue.parameters->nelts <= (int)size);
    }
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
