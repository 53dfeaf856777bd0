/* Fuzzes the reader of standing records: what it lets through is written and read again as the
 * same. SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_persist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    acme_persist_record_t *record;
    if (acme_persist_parse(&record, text, pool) == NULL) {
        FUZZ_CHECK(record->issuer[0] != '\0' && strpbrk(record->issuer, " \t;=\"") == NULL);
        FUZZ_CHECK(record->account == NULL || strpbrk(record->account, " \t;") == NULL);
        FUZZ_CHECK(record->until >= 0);
        acme_persist_record_t *again;
        FUZZ_CHECK(acme_persist_parse(&again, acme_persist_text(record, pool), pool) == NULL);
        FUZZ_CHECK(strcmp(again->issuer, record->issuer) == 0);
        FUZZ_CHECK(again->until == record->until && !again->is_wildcard == !record->is_wildcard);
    }
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
