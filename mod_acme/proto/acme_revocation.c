/* Revocations: their reasons in words, and the request.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_revocation.h"

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"

typedef struct {
    const char *word;
    int code;
} reason_t;

/* RFC 5280 section 5.3.1; the others are for CAs to give. */
static const reason_t reasons[] = {
    {"unspecified", 0}, {"keyCompromise", 1},        {"affiliationChanged", 3},
    {"superseded", 4},  {"cessationOfOperation", 5},
};

#define REASONS ((int)(sizeof(reasons) / sizeof(reasons[0])))

/* see acme_revocation.h */
int acme_revocation_reason_parse(int *reason, const char *word)
{
    for (int i = 0; i < REASONS; i++) {
        if (acme_text_equal_nocase(reasons[i].word, word)) {
            *reason = reasons[i].code;
            return 0;
        }
    }
    return -1;
}

/* see acme_revocation.h */
const char *acme_revocation_reasons(apr_pool_t *pool)
{
    apr_array_header_t *words = apr_array_make(pool, REASONS, sizeof(const char *));
    for (int i = 0; i < REASONS; i++) {
        APR_ARRAY_PUSH(words, const char *) = reasons[i].word;
    }
    return acme_text_join(words, ", ", pool);
}

/* see acme_revocation.h */
char *acme_revocation_request(const unsigned char *der, apr_size_t len, int reason,
                              apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    acme_json_set_string(object, "certificate", acme_text_base64url(der, len, pool));
    if (reason != 0) {
        acme_json_set_int(object, "reason", reason);
    }
    return acme_json_text(object, 0, pool);
}
