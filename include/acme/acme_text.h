/* Text for protocols and logs: base64url, a bounded builder, hexadecimal, and words made safe to show.
 * SPDX-License-Identifier: Apache-2.0
 *
 * No function here looks at the locale. All may be called from any thread with a pool of its own.
 */
#ifndef ACME_TEXT_H
#define ACME_TEXT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_err.h"

/** base64url without padding (RFC 4648 section 5), NUL-terminated, in @a pool. */
char *acme_text_base64url(const void *bytes, apr_size_t len, apr_pool_t *pool);

/** Decodes base64url strictly: only the alphabet of RFC 4648 section 5, no padding, no length of
 * 1 modulo 4, no stray bits. @a text is NUL-terminated. ACME_ERR_INPUT otherwise. *bytes is
 * NUL-terminated beyond *len for convenience. */
acme_err_t *acme_text_base64url_decode(unsigned char **bytes, apr_size_t *len, const char *text,
                                       apr_pool_t *pool);

/** Lower-case hexadecimal of @a bytes. */
char *acme_text_hex(const void *bytes, apr_size_t len, apr_pool_t *pool);

/** ASCII lower case copy. */
char *acme_text_lower(const char *text, apr_pool_t *pool);

/** Nonzero if the two are equal but for ASCII case. */
int acme_text_equal_nocase(const char *a, const char *b);

/** Text of foreign origin made safe for a log line or a page: control characters, DEL and bytes
 * that are not UTF-8 become '?', and it is cut at @a max bytes (on a character boundary) with "…".
 * NULL gives "". */
char *acme_text_clean(const char *text, apr_size_t max, apr_pool_t *pool);

/** The strings of @a words (const char *) joined by @a separator. */
char *acme_text_join(const apr_array_header_t *words, const char *separator, apr_pool_t *pool);

/** @a text split at any run of the characters in @a separators; an array of const char *. */
apr_array_header_t *acme_text_split(const char *text, const char *separators, apr_pool_t *pool);

/** A number for people: "60,000". */
char *acme_text_number(int number, apr_pool_t *pool);

/** A builder that is born with a maximum: bytes from outside are gathered in one. */
typedef struct acme_builder_t acme_builder_t;

/** An empty builder that never holds more than @a max bytes; freed with @a pool. */
acme_builder_t *acme_builder_create(apr_size_t max, apr_pool_t *pool);

/** Appends. Returns 0 when it fits, -1 (and nothing appended) when it would pass the maximum or
 * memory is short. */
int acme_builder_add(acme_builder_t *builder, const void *bytes, apr_size_t len);

/** The bytes so far, NUL-terminated; valid until the next add or reset. */
const char *acme_builder_text(const acme_builder_t *builder);
apr_size_t acme_builder_len(const acme_builder_t *builder);

/** Forgets the content, wiping it. */
void acme_builder_reset(acme_builder_t *builder);

#endif
