/* Fuzzes the reader of Link headers; the first line is the base URL, the rest the header.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_link.h"

static void check_url(const char *url)
{
    FUZZ_CHECK(strlen(url) <= 2000);
    for (; *url != '\0'; url++) {
        FUZZ_CHECK(*url > ' ' && *url < 0x7F && strchr("\"<>\\", *url) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    char *header = strchr(text, '\n');
    if (header != NULL) {
        *header++ = '\0';
        apr_array_header_t *urls = apr_array_make(pool, 4, sizeof(const char *));
        acme_link_collect(urls, header, "alternate", text, pool);
        acme_link_collect(urls, header, "up", "https://ca.example/a/b?c", pool);
        FUZZ_CHECK(urls->nelts <= 20);
        for (int i = 0; i < urls->nelts; i++) {
            check_url(APR_ARRAY_IDX(urls, i, const char *));
        }
    }
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
