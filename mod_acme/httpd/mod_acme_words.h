/* The words of directives, read without httpd: activation, ports, contacts, challenge types, files.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Pure functions; errors are ACME_ERR_INPUT with a sentence that says what may be written.
 */
#ifndef MOD_ACME_WORDS_H
#define MOD_ACME_WORDS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_err.h"

typedef enum {
    MOD_ACME_ACTIVATE_LIVE,
    MOD_ACME_ACTIVATE_GRACEFUL,
    MOD_ACME_ACTIVATE_MANUAL
} mod_acme_activate_t;

/** ACMEActivation: how a new certificate comes into use. */
typedef struct {
    mod_acme_activate_t mode;
    apr_interval_time_t interval; /**< graceful: at least this long between two restarts */
    int window_begin;             /**< graceful: minute of the day, local time; -1: at any time */
    int window_end;               /**< below window_begin: the window goes over midnight */
} mod_acme_activation_t;

/** `live`, or `graceful [interval=1h] [window=HH:MM-HH:MM]`, or `manual`. */
acme_err_t *mod_acme_words_activation(mod_acme_activation_t *activation, int argc,
                                      const char *const *argv, apr_pool_t *pool);

/** Nonzero if @a minute of the day (0 to 1439) is inside the window; always, if there is none. The
 * end does not belong to it. */
int mod_acme_words_in_window(const mod_acme_activation_t *activation, int minute);

/** ACMEPortMap: the local ports that the CA reaches as 80 and 443; 0: it cannot reach that one. */
typedef struct {
    int http;
    int https;
} mod_acme_ports_t;

/** One of `http:N`, `http:-`, `https:N`, `https:-`, `80:N`, `443:N`; the other port stays. */
acme_err_t *mod_acme_words_port(mod_acme_ports_t *ports, const char *word, apr_pool_t *pool);

/** A mail address or a URL as the CA wants it: "mailto:a@example.org". */
acme_err_t *mod_acme_words_contact(const char **contact, const char *word, apr_pool_t *pool);

/** A challenge type, any case, as RFC 8555 spells it. Types that nobody offers any more and unknown
 * words are refused with a sentence each. */
acme_err_t *mod_acme_words_challenge(const char **type, const char *word, apr_pool_t *pool);

/** Nonzero if this build can answer challenges of @a type. */
int mod_acme_words_can_answer(const char *type);

/** Nonzero if a name that is a wildcard can be proved by a type of @a types (const char *) that
 * this build can answer (RFC 8555 section 8.4). */
int mod_acme_words_can_wildcard(const apr_array_header_t *types);

/** The types that this build can answer without any setting, best first; const char *. */
const apr_array_header_t *mod_acme_words_default_challenges(apr_pool_t *pool);

/** "none", in any case. */
int mod_acme_words_is_none(const char *word);

/** ACMEHttpProxy: an http:// or https:// URL with a host. */
acme_err_t *mod_acme_words_proxy(const char **proxy, const char *word, apr_pool_t *pool);

#endif
