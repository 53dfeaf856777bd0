/* Renewal information as the CA sends it, see acme_renewal_info.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_renewal_info.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"

#define MAX_URL 2000

/* see acme_renewal_info.h */
acme_err_t *acme_renewal_info_parse(acme_renewal_info_t **info, const char *body, apr_size_t len,
                                    apr_pool_t *pool)
{
    json_t *object;
    *info = NULL;
    ACME_TRY(acme_json_parse(&object, body, len, "the renewal information", pool));
    const json_t *window = json_object_get(object, "suggestedWindow");
    acme_renewal_info_t *read = apr_pcalloc(pool, sizeof(*read));
    read->start = acme_json_time(window, "start");
    read->end = acme_json_time(window, "end");
    if (read->start <= 0 || read->end <= read->start) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the renewal information has no suggestedWindow with a start and an "
                             "end after it");
    }
    const char *url = json_string_value(json_object_get(object, "explanationURL"));
    if (url != NULL && url[0] != '\0') {
        read->explanation_url = acme_text_clean(url, MAX_URL, pool);
    }
    *info = read;
    return NULL;
}

/* see acme_renewal_info.h */
char *acme_renewal_info_url(const char *base, const char *certid, apr_pool_t *pool)
{
    apr_size_t len = strlen(base);
    const char *slash = len > 0 && base[len - 1] == '/' ? "" : "/";
    return apr_pstrcat(pool, base, slash, certid, NULL);
}
