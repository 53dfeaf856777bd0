/* Link headers (RFC 8288): alternate chains, terms of service, help.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_LINK_H
#define ACME_LINK_H

#include <apr_pools.h>
#include <apr_tables.h>

/** The URLs in @a value (one Link header, possibly several links joined by commas) whose relation
 * types include @a rel, appended to @a urls (const char *). Relative references are resolved against
 * @a base_url; malformed links and more than 20 are passed over. What is appended is
 * clean text of any scheme: who wants to ask one checks it with acme_json_url_ok. */
void acme_link_collect(apr_array_header_t *urls, const char *value, const char *rel,
                       const char *base_url, apr_pool_t *pool);

#endif
