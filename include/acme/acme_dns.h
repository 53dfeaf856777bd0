/* DNS questions: asked, polled, never waited for; to the resolver or to one server directly.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     acme_dns_question_t *question = acme_dns_ask(dns, "example.org", ACME_DNS_NS, NULL, pool);
 *     …
 *     acme_dns_answer_t *answer;
 *     if (acme_dns_poll(&answer, dns, question)) { answer is NULL if there was none in time }
 *
 * Polling moves the bytes. A question that nobody polls rests; one whose pool goes is dropped. Only
 * class IN. What is in an answer was written by others: names and text may hold any byte but NUL.
 *
 * One thread: the engine's.
 */
#ifndef ACME_DNS_H
#define ACME_DNS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_env.h"
#include "acme/acme_err.h"

/** The numbers of RFC 1035, RFC 3596 and RFC 8659. */
typedef enum {
    ACME_DNS_A = 1,
    ACME_DNS_NS = 2,
    ACME_DNS_CNAME = 5,
    ACME_DNS_SOA = 6,
    ACME_DNS_TXT = 16,
    ACME_DNS_AAAA = 28,
    ACME_DNS_CAA = 257
} acme_dns_type_t;

#define ACME_DNS_NOERROR 0
#define ACME_DNS_SERVFAIL 2
#define ACME_DNS_NXDOMAIN 3

typedef struct {
    const char *owner; /**< lower case, no final dot; "" is the root */
    acme_dns_type_t type;
    const char *text; /**< A, AAAA: the address; NS, CNAME: the target; SOA: the primary's name;
                         TXT: all strings joined; CAA: "FLAGS TAG VALUE", see acme_caa.h (what has
                         a NUL inside is left out) */
} acme_dns_record_t;

typedef struct {
    int rcode; /**< ACME_DNS_NOERROR … */
    int is_authoritative;
    apr_array_header_t *answers;   /**< acme_dns_record_t; types not named above are left out */
    apr_array_header_t *authority; /**< likewise */
} acme_dns_answer_t;

typedef struct acme_dns_question_t acme_dns_question_t; /**< the provider's */

typedef struct {
    void *baton;
    /** see acme_dns_ask */
    acme_dns_question_t *(*ask)(void *baton, const char *name, acme_dns_type_t type,
                                const char *server, apr_pool_t *pool);
    /** see acme_dns_poll */
    int (*poll)(acme_dns_answer_t **answer, void *baton, acme_dns_question_t *question);
} acme_dns_t;

/** Asks for records of @a type at @a name: the resolver, which follows CNAMEs and delegations; or,
 * if
 * @a server is not NULL, that address alone, without recursion. The question lives in @a pool. */
acme_dns_question_t *acme_dns_ask(const acme_dns_t *dns, const char *name, acme_dns_type_t type,
                                  const char *server, apr_pool_t *pool);

/** Nonzero when the question is over. *answer, in the question's pool, is NULL if nobody answered
 * within its limit of time, or what came was unreadable. */
int acme_dns_poll(acme_dns_answer_t **answer, const acme_dns_t *dns, acme_dns_question_t *question);

/** Reads a whole message (RFC 1035 section 4). ACME_ERR_INPUT if it is none. */
acme_err_t *acme_dns_read(acme_dns_answer_t **answer, const unsigned char *bytes, apr_size_t len,
                          apr_pool_t *pool);

/** A name in its one form: lower case, no final dot. */
char *acme_dns_name(const char *name, apr_pool_t *pool);

/** Nonzero if @a name is @a zone or below it (both in their one form). */
int acme_dns_is_below(const char *name, const char *zone);

/** How to reach servers. */
typedef struct {
    const acme_env_t *env;
    const char *resolvers;     /**< "192.0.2.1:53,[2001:db8::1]:5353"; NULL: resolv.conf says */
    int port;                  /**< of servers that are asked directly */
    apr_interval_time_t limit; /**< of one question, from when it is sent */
    int hears_failures; /**< SERVFAIL and REFUSED of a resolver are answers too, and no other is asked */
} acme_dns_config_t;

/** Nonzero in a build that can ask questions; one without c-ares cannot. */
int acme_dns_is_built_in(void);

/** Questions over c-ares; lives in @a pool. *dns is NULL (and no error) in a build without c-ares.
 * ACME_ERR_CONFIG if it cannot use @a config. */
acme_err_t *acme_dns_create(acme_dns_t **dns, const acme_dns_config_t *config, apr_pool_t *pool);

#endif
