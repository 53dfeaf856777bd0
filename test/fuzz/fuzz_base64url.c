/* Fuzzes base64url: what decodes has one spelling only, and every byte string survives.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    unsigned char *bytes;
    apr_size_t len;
    if (acme_text_base64url_decode(&bytes, &len, text, pool) == NULL) {
        FUZZ_CHECK(strcmp(acme_text_base64url(bytes, len, pool), text) == 0);
    }
    const char *coded = acme_text_base64url(data, size, pool);
    FUZZ_CHECK(acme_text_base64url_decode(&bytes, &len, coded, pool) == NULL);
    FUZZ_CHECK(len == size && memcmp(bytes, data, size) == 0);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
