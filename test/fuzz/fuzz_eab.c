/* Fuzzes the reader of external account bindings: what is read can be used, and fits into the file.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_eab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    acme_eab_t *eab = NULL;
    acme_err_t *err = acme_eab_parse(&eab, text, size, pool);
    FUZZ_CHECK((err == NULL) == (eab != NULL));
    if (eab != NULL) {
        FUZZ_CHECK(strlen(eab->kid) > 0 && eab->key_len > 0 && eab->key_len <= size);
        FUZZ_CHECK(acme_jws_mac_name(eab->alg) != NULL && eab->trouble == NULL);
    }
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
