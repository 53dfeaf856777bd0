/* Fuzzes sealed records: foreign text never opens, and whatever was closed opens byte for byte.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The secret is known to the corpus (32 zero bytes), so that there are inputs that open.
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_seal.h"

#define LABEL "staging"
#define PLACE "a.test/order.json"

/* What opens must be what closing would make of it. */
static void open_it(const acme_seal_t *seal, const char *text, apr_size_t size, apr_pool_t *pool)
{
    char *json;
    char *sealed;
    apr_size_t len;
    if (acme_seal_open_record(&json, &len, seal, LABEL, PLACE, text, size, pool) == NULL) {
        apr_size_t sealed_len;
        FUZZ_CHECK(len <= size && json[len - 1] == '}' && json[len] == '\0');
        FUZZ_CHECK(acme_seal_close_record(&sealed, &sealed_len, seal, LABEL, PLACE, json, len,
                                          pool) == NULL);
        FUZZ_CHECK(sealed_len <= size && memcmp(sealed, text, sealed_len) == 0);
    }
    (void)acme_seal_open_secret(&json, &len, seal, LABEL, PLACE, text, size, pool);
}

static void close_it(const acme_seal_t *seal, const char *text, apr_size_t size, apr_pool_t *pool)
{
    char *sealed;
    char *json;
    apr_size_t sealed_len;
    apr_size_t len;
    if (acme_seal_close_record(&sealed, &sealed_len, seal, LABEL, PLACE, text, size, pool) !=
        NULL) {
        return;
    }
    FUZZ_CHECK(acme_seal_open_record(&json, &len, seal, LABEL, PLACE, sealed, sealed_len, pool) ==
               NULL);
    FUZZ_CHECK(len <= size && memcmp(json, text, len) == 0);
    FUZZ_CHECK(acme_seal_open_record(&json, &len, seal, LABEL, "b.test/order.json", sealed,
                                     sealed_len, pool) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN];
    apr_pool_t *pool = fuzz_pool();
    const acme_seal_t *seal = acme_seal_create(secret, pool);
    open_it(seal, (const char *)data, size, pool);
    close_it(seal, (const char *)data, size, pool);
    apr_pool_destroy(pool);
    return 0;
}
