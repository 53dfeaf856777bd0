/* The standing record of dns-persist-01: its text, what a CA demands of it, and whether it is met.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One TXT record at _validation-persist.<domain> names a CA and an account, and stays: no order
 * changes it (draft-ietf-acme-dns-persist). Two forms are about, and the challenge says which:
 * drafts -00 and -01 put the account's URL into it, draft -02 a hash. Only what the demand lists as
 * accounts differs; the grammar, that of a CAA issue property (RFC 8659 section 4.2), is the same.
 *
 *     ca.example; accounturi=https://ca.example/acme/acct/1; policy=wildcard;
 * persistUntil=1893456000
 *
 * Pure functions; any thread.
 */
#ifndef ACME_PERSIST_H
#define ACME_PERSIST_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_err.h"
#include "acme/acme_identifier.h"

#define ACME_PERSIST_TYPE "dns-persist-01"

typedef struct {
    const char *issuer;  /**< as written */
    const char *account; /**< accounturi as written, or NULL */
    int is_wildcard;     /**< policy=wildcard, in any case */
    apr_time_t until;    /**< persistUntil; 0: not said. Always whole seconds */
} acme_persist_record_t;

/** What a challenge demands of the record. */
typedef struct acme_persist_demand_t acme_persist_demand_t;
struct acme_persist_demand_t {
    const apr_array_header_t *issuers;  /**< const char *: one of them, byte for byte; not empty */
    const apr_array_header_t *accounts; /**< const char *: one of them; the first is proposed */
    int is_wildcard;                    /**< policy=wildcard is needed */
};

/** Reads a record as strictly as CAs do: ACME_ERR_INPUT with a phrase for a tag that stands twice,
 * an empty parameter or a ';' at the end, a character that no value may have, a persistUntil that
 * is no number. Unknown tags are passed over. */
acme_err_t *acme_persist_parse(acme_persist_record_t **record, const char *text, apr_pool_t *pool);

/** The text of @a record. */
char *acme_persist_text(const acme_persist_record_t *record, apr_pool_t *pool);

/** Why @a record does not meet @a demand at @a now, a phrase; NULL if it does. */
const char *acme_persist_flaw(const acme_persist_record_t *record,
                              const acme_persist_demand_t *demand, apr_time_t now,
                              apr_pool_t *pool);

/** The record that meets @a demand: the first issuer, the first account, no end. */
acme_persist_record_t acme_persist_proposal(const acme_persist_demand_t *demand);

/** Where the record of @a identifier (with or without "*.") stands:
 * "_validation-persist.example.org". */
char *acme_persist_name(const acme_identifier_t *identifier, apr_pool_t *pool);

/** The line of a zone file, its text cut into strings of at most 255 bytes (RFC 1035 section 3.3).
 */
char *acme_persist_line(const char *name, const char *text, apr_pool_t *pool);

/** Draft -02: @a prefix (the directory's accountHashPrefix), "sha-256/", and the hash that binds
 * the account's URL and the thumbprint of its key to @a domain (lower case, no final dot, no "*."),
 * or to none if that is "*". */
char *acme_persist_account_hash(const char *prefix, const char *domain, const char *thumbprint,
                                const char *account_url, apr_pool_t *pool);

/** dns-account-01 (draft-ietf-acme-dns-account-label): the label before "_acme-challenge" that
 * belongs to the account, "_ujmmovf2vn55tgye". */
char *acme_persist_account_label(const char *account_url, apr_pool_t *pool);

#endif
