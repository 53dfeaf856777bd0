/* Fuzzes the reader of names; what was read is in its one form, so reading it again changes
 * nothing. SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_identifier.h"
#include "acme/acme_text.h"

static void read_name(const char *text, apr_pool_t *pool)
{
    acme_identifier_t *name;
    acme_identifier_t *again;
    if (acme_identifier_parse(&name, text, pool) != NULL) {
        return;
    }
    FUZZ_CHECK(strlen(name->value) <= ACME_IDENTIFIER_MAX);
    FUZZ_CHECK(acme_identifier_parse(&again, name->value, pool) == NULL);
    FUZZ_CHECK(acme_identifier_compare(name, again) == 0);
    FUZZ_CHECK(name->is_wildcard == again->is_wildcard);
    FUZZ_CHECK(acme_identifier_covers(name, again));
    FUZZ_CHECK(strpbrk(name->value, "/\\\"\n ") == NULL);
    (void)acme_identifier_check(name, 0, pool);
    (void)acme_identifier_check(name, 1, pool);
    char folded[ACME_IDENTIFIER_MAX + 1];
    apr_size_t len = acme_identifier_fold(folded, sizeof(folded), name->value, strlen(name->value));
    FUZZ_CHECK(name->is_wildcard ? len == 0 : strcmp(folded, name->value) == 0);
    const char *digest = "00000000000000000000000000000000";
    const char *folder = acme_identifier_folder(name, digest, pool);
    FUZZ_CHECK(folder[0] != '.' && strchr(folder, '/') == NULL && strlen(folder) <= 200);
}

static void fold(const uint8_t *data, size_t size)
{
    char buffer[64];
    apr_size_t len = acme_identifier_fold(buffer, sizeof(buffer), (const char *)data, size);
    FUZZ_CHECK(len < sizeof(buffer));
    FUZZ_CHECK(len == 0 || strlen(buffer) == len);
}

/* The name of an address in the reverse DNS, as a handshake tells it. */
static void read_reverse(const char *text, apr_pool_t *pool)
{
    acme_identifier_t *again;
    const acme_identifier_t *address = acme_identifier_of_reverse(text, pool);
    if (address == NULL) {
        return;
    }
    FUZZ_CHECK(address->type == ACME_IDENTIFIER_IP);
    FUZZ_CHECK(acme_identifier_parse(&again, address->value, pool) == NULL);
    FUZZ_CHECK(acme_identifier_compare(address, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    read_name(text, pool);
    read_reverse(text, pool);
    fold(data, size);
    (void)acme_text_clean(text, size / 2, pool);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
