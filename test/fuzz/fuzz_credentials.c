/* Fuzzes the reader of credentials: what is read is NAME=VALUE, and a name is there once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    apr_array_header_t *variables;
    if (acme_credentials_parse(&variables, text, size, pool) == NULL) {
        for (int i = 0; i < variables->nelts; i++) {
            const char *variable = APR_ARRAY_IDX(variables, i, const char *);
            const char *equals = strchr(variable, '=');
            FUZZ_CHECK(equals != NULL && equals != variable);
            size_t len = (size_t)(equals - variable) + 1;
            for (int j = 0; j < i; j++) {
                FUZZ_CHECK(strncmp(APR_ARRAY_IDX(variables, j, const char *), variable, len) != 0);
            }
        }
    }
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
