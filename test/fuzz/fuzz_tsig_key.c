/* Fuzzes the reader of TSIG keys: nothing it lets through could be a second line for nsupdate.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_tsig_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    acme_tsig_key_t *key;
    if (acme_tsig_key_parse(&key, text, size, pool) == NULL) {
        FUZZ_CHECK(key->name[0] != '\0' && key->secret[0] != '\0');
        FUZZ_CHECK(strncmp(key->algorithm, "hmac-sha", 8) == 0);
        FUZZ_CHECK(strpbrk(key->name, " \t\r\n\";:") == NULL);
        FUZZ_CHECK(strpbrk(key->secret, " \t\r\n\";:") == NULL);
        const char *line =
            apr_pstrcat(pool, key->algorithm, ":", key->name, ":", key->secret, NULL);
        acme_tsig_key_t *again;
        FUZZ_CHECK(acme_tsig_key_parse(&again, line, strlen(line), pool) == NULL);
        FUZZ_CHECK(strcmp(again->secret, key->secret) == 0);
    }
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
