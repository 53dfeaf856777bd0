/* Fuzzes the reader of renewal information: what is taken is a window in the right order.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include "acme/acme_renewal_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *body = fuzz_text(data, size);
    acme_renewal_info_t *info;
    const acme_err_t *err = acme_renewal_info_parse(&info, body, size, pool);
    free(body);
    FUZZ_CHECK(err == NULL || err->errclass == ACME_ERR_INPUT);
    FUZZ_CHECK((err == NULL) == (info != NULL));
    if (info != NULL) {
        FUZZ_CHECK(info->start > 0 && info->end > info->start);
        for (const char *c = info->explanation_url; c != NULL && *c != '\0'; c++) {
            FUZZ_CHECK((unsigned char)*c >= ' ');
        }
    }
    apr_pool_destroy(pool);
    return 0;
}
