/* Where a name leads: the frozen index over all identifiers, and the folder of a CA.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_domain.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_digest.h"
#include "acme/acme_text.h"

/* Longer hosts are cut; the digest keeps their folders apart. */
#define FOLDER_HOST_MAX 160
#define FOLDER_DIGEST_LEN 8

struct acme_domain_index_t {
    apr_hash_t *names;     /* an identifier's value -> const acme_domain_t * */
    apr_hash_t *wildcards; /* the same without its "*.", wildcards only */
};

/* The host and port of @a url, as text of its own. */
static char *url_authority(const char *url, apr_pool_t *pool)
{
    const char *begin = strstr(url, "://");
    begin = begin != NULL ? begin + 3 : url;
    return apr_pstrndup(pool, begin, strcspn(begin, "/?#"));
}

static int is_folder_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

int acme_domain_cas(const acme_domain_t *domain)
{
    return 1 + (domain->other_cas != NULL ? domain->other_cas->nelts : 0);
}

const acme_ca_t *acme_domain_ca(const acme_domain_t *domain, int i)
{
    return i == 0 ? domain->ca : APR_ARRAY_IDX(domain->other_cas, i - 1, const acme_ca_t *);
}

const acme_ca_t *acme_domain_find_ca(const acme_domain_t *domain, const char *directory_url)
{
    for (int i = 0; directory_url != NULL && i < acme_domain_cas(domain); i++) {
        const acme_ca_t *ca = acme_domain_ca(domain, i);
        if (strcmp(ca->directory_url, directory_url) == 0) {
            return ca;
        }
    }
    return NULL;
}

const acme_ca_t *acme_domain_find_test(const acme_domain_t *domain, const char *directory_url)
{
    if (domain->is_rehearsal_off || acme_domain_find_ca(domain, directory_url) != NULL) {
        return NULL;
    }
    for (int i = 0; directory_url != NULL && i < acme_domain_cas(domain); i++) {
        const acme_ca_t *test = acme_domain_ca(domain, i)->test;
        if (test != NULL && strcmp(test->directory_url, directory_url) == 0) {
            return test;
        }
    }
    return NULL;
}

char *acme_ca_folder(const char *directory_url, apr_pool_t *pool)
{
    char *host = acme_text_lower(url_authority(directory_url, pool), pool);
    if (strlen(host) > FOLDER_HOST_MAX) {
        host[FOLDER_HOST_MAX] = '\0';
    }
    for (char *c = host; *c != '\0'; c++) {
        /* the port's colon, the brackets and colons of an IPv6 address */
        if (!is_folder_char(*c) || (c == host && *c == '.')) {
            *c = '-';
        }
    }
    const char *digest = acme_digest_hex(directory_url, strlen(directory_url), pool);
    return apr_psprintf(pool, "%s-%.*s", host, FOLDER_DIGEST_LEN, digest);
}

/* The first that has a name keeps it. */
static void enter(apr_hash_t *hash, const char *name, const acme_domain_t *domain)
{
    if (apr_hash_get(hash, name, APR_HASH_KEY_STRING) == NULL) {
        apr_hash_set(hash, name, APR_HASH_KEY_STRING, domain);
    }
}

acme_domain_index_t *acme_domain_index_create(const apr_array_header_t *domains, apr_pool_t *pool)
{
    acme_domain_index_t *index = apr_pcalloc(pool, sizeof(*index));
    index->names = apr_hash_make(pool);
    index->wildcards = apr_hash_make(pool);
    for (int i = 0; i < domains->nelts; i++) {
        const acme_domain_t *domain = APR_ARRAY_IDX(domains, i, const acme_domain_t *);
        for (int j = 0; j < domain->identifiers->nelts; j++) {
            const acme_identifier_t *identifier =
                APR_ARRAY_IDX(domain->identifiers, j, const acme_identifier_t *);
            enter(index->names, identifier->value, domain);
            if (identifier->is_wildcard) {
                enter(index->wildcards, identifier->value + 2, domain);
            }
        }
    }
    return index;
}

const acme_domain_t *acme_domain_index_find(const acme_domain_index_t *index, const char *name,
                                            apr_size_t len)
{
    /* apr_hash_get only reads, so that threads need no lock; it takes a non-const hash all the same
     */
    const acme_domain_t *domain = apr_hash_get(index->names, name, (apr_ssize_t)len);
    const char *dot = len > 0 ? memchr(name, '.', len) : NULL;
    if (domain != NULL || dot == NULL || dot == name) {
        return domain;
    }
    /* a wildcard stands for exactly one label (RFC 9525 section 6.3) */
    return apr_hash_get(index->wildcards, dot + 1, (apr_ssize_t)(len - (dot + 1 - name)));
}
