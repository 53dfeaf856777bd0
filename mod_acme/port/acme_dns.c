/* What all DNS questions share: names in their one form, and the table's verbs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_dns.h"

#include <string.h>

#include "acme/acme_text.h"

/* see acme_dns.h */
acme_dns_question_t *acme_dns_ask(const acme_dns_t *dns, const char *name, acme_dns_type_t type,
                                  const char *server, apr_pool_t *pool)
{
    return dns->ask(dns->baton, name, type, server, pool);
}

/* see acme_dns.h */
int acme_dns_poll(acme_dns_answer_t **answer, const acme_dns_t *dns, acme_dns_question_t *question)
{
    *answer = NULL;
    return dns->poll(answer, dns->baton, question);
}

/* see acme_dns.h */
char *acme_dns_name(const char *name, apr_pool_t *pool)
{
    char *lower = acme_text_lower(name, pool);
    apr_size_t len = strlen(lower);
    if (len > 0 && lower[len - 1] == '.') {
        lower[len - 1] = '\0';
    }
    return lower;
}

/* see acme_dns.h */
int acme_dns_is_below(const char *name, const char *zone)
{
    apr_size_t name_len = strlen(name);
    apr_size_t zone_len = strlen(zone);
    if (zone_len == 0 || name_len == zone_len) {
        return zone_len == 0 || strcmp(name, zone) == 0;
    }
    return name_len > zone_len && name[name_len - zone_len - 1] == '.' &&
           strcmp(name + name_len - zone_len, zone) == 0;
}
