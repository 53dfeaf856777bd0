/* Fuzzes the reader of directories: what is taken has all that is needed, at URLs we may ask.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include "acme/acme_directory.h"
#include "acme/acme_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *body = fuzz_text(data, size);
    acme_directory_t *directory;
    const acme_err_t *err =
        acme_directory_parse(&directory, body, size, "https://ca.example/directory", pool);
    free(body);
    FUZZ_CHECK(err == NULL || err->errclass == ACME_ERR_INPUT);
    if (err == NULL) {
        FUZZ_CHECK(acme_json_url_ok(directory->new_nonce));
        FUZZ_CHECK(acme_json_url_ok(directory->new_account));
        FUZZ_CHECK(acme_json_url_ok(directory->new_order));
        FUZZ_CHECK(directory->renewal_info == NULL || acme_json_url_ok(directory->renewal_info));
        FUZZ_CHECK(directory->profiles->nelts <= 100 && directory->caa_identities->nelts <= 100);
    }
    apr_pool_destroy(pool);
    return 0;
}
