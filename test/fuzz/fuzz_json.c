/* Fuzzes the reader of JSON: what is taken can be written, and reads back the same.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_json.h"

static void read_members(json_t *object, apr_pool_t *pool)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const char *text = acme_json_string(object, name, pool);
        FUZZ_CHECK(text == NULL || strlen(text) == json_string_length(value));
        const char *url = acme_json_url(object, name, pool);
        FUZZ_CHECK(url == NULL || (strncmp(url, "https://", 8) == 0 && strlen(url) <= 2000));
        FUZZ_CHECK(url == NULL || strpbrk(url, " \t\r\n#") == NULL);
        FUZZ_CHECK(acme_json_strings(object, name, 3, pool)->nelts <= 3);
        (void)acme_json_int(object, name, 0);
        (void)acme_json_bool(object, name, 0);
        acme_json_set_time(object, name, acme_json_time(object, name));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    json_t *object;
    json_t *again;
    const acme_err_t *err = acme_json_parse(&object, text, size, "the input", pool);
    FUZZ_CHECK(err == NULL || (err->errclass == ACME_ERR_INPUT && err->text != NULL));
    if (err == NULL) {
        const char *written = acme_json_text(object, size % 2, pool);
        err = acme_json_parse(&again, written, strlen(written), "what was written", pool);
        /* written it may be larger: a control character takes six bytes */
        FUZZ_CHECK(err == NULL ? json_equal(object, again) : strlen(written) > ACME_JSON_MAX);
        read_members(object, pool);
    }
    (void)acme_json_url_ok(text);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
