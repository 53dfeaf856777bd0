/* Fuzzes the reader of DNS messages.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_dns.h"

static void check(const apr_array_header_t *records)
{
    for (int i = 0; i < records->nelts; i++) {
        const acme_dns_record_t *record = &APR_ARRAY_IDX(records, i, acme_dns_record_t);
        FUZZ_CHECK(strlen(record->owner) <= 1025);
        FUZZ_CHECK(record->text != NULL && strlen(record->text) <= 65535);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    acme_dns_answer_t *answer;
    if (acme_dns_read(&answer, data, size, pool) == NULL) {
        check(answer->answers);
        check(answer->authority);
    }
    apr_pool_destroy(pool);
    return 0;
}
