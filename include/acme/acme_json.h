/* Getters and limits over jansson for JSON that comes from a CA or from the store.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A member of the wrong type counts as absent (RFC 8555 section 7.1 tells clients to ignore what
 * they do not know). Strings with NUL inside are refused when the text is parsed. Values borrowed
 * from a json_t live as long as it does; what these functions return is copied into the pool.
 */
#ifndef ACME_JSON_H
#define ACME_JSON_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <jansson.h>

#include "acme/acme_err.h"

/** No JSON from a CA or in the store is larger. */
#define ACME_JSON_MAX (1024 * 1024)

/** Parses an object. It is released with @a pool. ACME_ERR_INPUT names what it was by @a what
 * ("the directory of https://…"). Limits: ACME_JSON_MAX bytes, depth 32, no duplicate members. */
acme_err_t *acme_json_parse(json_t **object, const char *text, apr_size_t len, const char *what,
                            apr_pool_t *pool);

/** A new object that is released with @a pool. */
json_t *acme_json_object(apr_pool_t *pool);

/** Compact text with members in insertion order, or indented by two if @a pretty. */
char *acme_json_text(const json_t *value, int pretty, apr_pool_t *pool);

/** Each: the member in @a pool, or NULL / @a otherwise if absent or of another type. */
const char *acme_json_string(const json_t *object, const char *name, apr_pool_t *pool);
json_int_t acme_json_int(const json_t *object, const char *name, json_int_t otherwise);
int acme_json_bool(const json_t *object, const char *name, int otherwise);

/** A number of things, from 0 to INT_MAX; 0 if absent. */
int acme_json_count(const json_t *object, const char *name);

/** An RFC 3339 time, 0 if absent or unreadable. */
apr_time_t acme_json_time(const json_t *object, const char *name);

/** An array of strings as array of const char *; others in it are left out; never NULL. No more
 * than @a max are read. */
apr_array_header_t *acme_json_strings(const json_t *object, const char *name, int max,
                                      apr_pool_t *pool);

/** Sets a member; NULL or 0 times are not written. */
void acme_json_set_string(json_t *object, const char *name, const char *value);
void acme_json_set_int(json_t *object, const char *name, json_int_t value);
void acme_json_set_bool(json_t *object, const char *name, int value);
void acme_json_set_time(json_t *object, const char *name, apr_time_t when);
void acme_json_set_strings(json_t *object, const char *name, const apr_array_header_t *strings);

/** Nonzero if @a url is one we may ask: https, a host, no user, no fragment, no white space or
 * control character, at most 2000 bytes. */
int acme_json_url_ok(const char *url);

/** Like acme_json_string for a member that is a URL we may ask; NULL otherwise. */
const char *acme_json_url(const json_t *object, const char *name, apr_pool_t *pool);

#endif
