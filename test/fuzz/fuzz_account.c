/* Fuzzes the readers of accounts: the CA's answer, and the record in the store.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_account.h"
#include "acme/acme_json.h"

static void keep_and_read(const acme_account_t *account, const char *previous, apr_pool_t *pool)
{
    acme_account_t *again;
    const char *text = acme_account_write(account, previous, pool);
    if (strlen(text) > ACME_JSON_MAX) {
        return;
    }
    FUZZ_CHECK(acme_account_read(&again, text, strlen(text), pool) == NULL);
    FUZZ_CHECK(account->status == again->status);
    FUZZ_CHECK(strcmp(account->ca_url, again->ca_url) == 0);
    FUZZ_CHECK(!account->terms_agreed == !again->terms_agreed);
    FUZZ_CHECK(account->contacts->nelts == again->contacts->nelts);
    FUZZ_CHECK((account->url == NULL) == (again->url == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    acme_account_t *account;
    if (acme_account_parse(&account, text, size, "https://ca.example/1", "https://ca.example/",
                           pool) == NULL) {
        keep_and_read(account, text, pool);
    }
    if (acme_account_read(&account, text, size, pool) == NULL) {
        keep_and_read(account, text, pool);
    }
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
