/* The vectors of test/data for tests: vectors.json and keys by name.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VECTORS_H
#define VECTORS_H

#include "unit/fixture.h"

#include <jansson.h>

#include "acme/acme_key.h"

static inline apr_status_t vectors_free(void *root)
{
    json_decref(root);
    return APR_SUCCESS;
}

/** The whole of vectors.json; @a pool's. */
static inline json_t *vectors_load(apr_pool_t *pool)
{
    json_t *root = json_load_file(TEST_DATA_DIR "/vectors.json", 0, NULL);
    assert_non_null(root);
    apr_pool_cleanup_register(pool, root, vectors_free, apr_pool_cleanup_null);
    return root;
}

/** The string at the end of a path of two or three member names; @a third may be NULL. */
static inline const char *vectors_text(const json_t *root, const char *first, const char *second,
                                       const char *third)
{
    const json_t *value = json_object_get(json_object_get(root, first), second);
    const char *text = json_string_value(third != NULL ? json_object_get(value, third) : value);
    assert_non_null(text);
    return text;
}

/** The key in test/data/key-NAME.pem. */
static inline acme_key_t *vectors_key(const char *name, apr_pool_t *pool)
{
    apr_size_t len;
    char *pem = fixture_read(apr_pstrcat(pool, "key-", name, ".pem", NULL), &len, pool);
    acme_key_t *key = NULL;
    assert_well(acme_key_from_pem(&key, pem, len, pool));
    return key;
}

#endif
