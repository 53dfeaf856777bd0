/* Fuzzes the reader of certificate chains; the PEM it keeps must be read again as the same chain.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include <openssl/err.h>

#include "acme/acme_certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    acme_chain_t *chain;
    if (acme_chain_parse(&chain, (const char *)data, size, pool) == NULL) {
        acme_chain_t *again;
        FUZZ_CHECK(acme_chain_parse(&again, chain->pem, strlen(chain->pem), pool) == NULL);
        FUZZ_CHECK(strcmp(chain->sha256, again->sha256) == 0);
        FUZZ_CHECK(sk_X509_num(chain->issuers) == sk_X509_num(again->issuers));
        char *certid;
        (void)acme_chain_certid(&certid, chain, pool);
        (void)acme_chain_fits_time(chain, chain->not_before, pool);
    }
    /* mod_ssl judges its connections by this queue. */
    FUZZ_CHECK(ERR_peek_error() == 0);
    apr_pool_destroy(pool);
    return 0;
}
