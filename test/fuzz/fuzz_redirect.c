/* Fuzzes the target of a redirect; what is followed has a host that is a name or an address.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_identifier.h"
#include "acme/acme_redirect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    acme_redirect_t to;
    if (acme_redirect_resolve(&to, "http://example.org/.well-known/acme-challenge/abc", text,
                              pool) == NULL) {
        acme_identifier_t *identifier;
        FUZZ_CHECK(strlen(to.url) <= 2000);
        FUZZ_CHECK(acme_identifier_parse(&identifier, to.host, pool) == NULL);
        FUZZ_CHECK(to.is_address == (identifier->type == ACME_IDENTIFIER_IP));
    }
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
