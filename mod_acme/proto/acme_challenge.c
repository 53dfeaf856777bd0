/* Challenges read, and the key authorization that answers them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_challenge.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"

#define MAX_TYPE 40
#define MIN_TOKEN 16
#define MAX_TOKEN 128
#define MAX_LOOKS 10
#define MAX_ADDRESSES 10
#define MAX_VALIDATION 500
#define MAX_ISSUERS 10
#define MAX_ISSUER 253

/* see acme_challenge.h */
int acme_challenge_token_ok(const char *token, apr_size_t len)
{
    if (len < MIN_TOKEN || len > MAX_TOKEN) {
        return 0;
    }
    for (apr_size_t i = 0; i < len; i++) {
        char c = token[i];
        int is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_digit && c != '-' && c != '_') {
            return 0;
        }
    }
    return 1;
}

/* see acme_challenge.h */
char *acme_challenge_key_authorization(const char *token, const char *thumbprint, apr_pool_t *pool)
{
    return apr_pstrcat(pool, token, ".", thumbprint, NULL);
}

/* RFC 8555 section 7.1.6. One that RFC 8555 does not know leads nowhere, like an invalid one. */
static acme_challenge_status_t read_status(const json_t *object)
{
    static const char *const names[] = {
        [ACME_CHALLENGE_PENDING] = "pending",
        [ACME_CHALLENGE_PROCESSING] = "processing",
        [ACME_CHALLENGE_VALID] = "valid",
    };
    const char *word = json_string_value(json_object_get(object, "status"));
    for (int i = ACME_CHALLENGE_PENDING; i <= ACME_CHALLENGE_VALID; i++) {
        if (strcmp(word != NULL ? word : "pending", names[i]) == 0) {
            return (acme_challenge_status_t)i;
        }
    }
    return ACME_CHALLENGE_INVALID;
}

/* The member if it is a string that is not empty. */
static const char *word_of(const json_t *object, const char *name)
{
    const char *word = json_string_value(json_object_get(object, name));
    return word != NULL && word[0] != '\0' ? word : NULL;
}

/* "http://example.org/x at 192.0.2.1 (of 192.0.2.1, 2001:db8::1)", NULL if it says nothing. */
static const char *look_text(const json_t *look, apr_pool_t *pool)
{
    const char *place = word_of(look, "url");
    const char *host = word_of(look, "hostname");
    const char *port = word_of(look, "port");
    const char *address = word_of(look, "addressUsed");
    if (place == NULL && host != NULL) {
        place = port != NULL ? apr_pstrcat(pool, host, ":", port, NULL) : host;
    }
    if (place == NULL && address == NULL) {
        return NULL;
    }
    const char *text = place != NULL && address != NULL
                           ? apr_pstrcat(pool, place, " at ", address, NULL)
                           : (place != NULL ? place : address);
    const apr_array_header_t *resolved =
        acme_json_strings(look, "addressesResolved", MAX_ADDRESSES, pool);
    if (resolved->nelts > (address != NULL ? 1 : 0)) {
        text = apr_pstrcat(pool, text, " (of ", acme_text_join(resolved, ", ", pool), ")", NULL);
    }
    return text;
}

/* Let's Encrypt tells in validationRecord where it looked, one entry for each redirect. */
static const char *read_validation(const json_t *object, apr_pool_t *pool)
{
    const json_t *records = json_object_get(object, "validationRecord");
    apr_array_header_t *looks = apr_array_make(pool, 2, sizeof(const char *));
    for (size_t i = 0; i < json_array_size(records) && looks->nelts < MAX_LOOKS; i++) {
        const char *text = look_text(json_array_get(records, i), pool);
        if (text != NULL) {
            APR_ARRAY_PUSH(looks, const char *) = text;
        }
    }
    if (looks->nelts == 0) {
        return NULL;
    }
    return acme_text_clean(acme_text_join(looks, ", then ", pool), MAX_VALIDATION, pool);
}

/* A lower-case name of A-labels. */
static int is_issuer(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= MAX_ISSUER &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len &&
           strspn(name, "-.") == 0 && name[len - 1] != '-' && name[len - 1] != '.' &&
           strstr(name, "..") == NULL;
}

/* The list at @a member, empty unless it is 1 to 10 such names (draft -02 section 3). */
static apr_array_header_t *read_issuers(const json_t *object, const char *member, apr_pool_t *pool)
{
    size_t size = json_array_size(json_object_get(object, member));
    apr_array_header_t *names = acme_json_strings(object, member, MAX_ISSUERS, pool);
    int is_well = size <= MAX_ISSUERS && (size_t)names->nelts == size;
    for (int i = 0; i < names->nelts; i++) {
        is_well = is_well && is_issuer(APR_ARRAY_IDX(names, i, const char *));
    }
    return is_well ? names : apr_array_make(pool, 1, sizeof(const char *));
}

/* The two spellings of draft-ietf-acme-dns-persist: -00 and -01, and -02. */
static void read_persist(acme_challenge_t *challenge, const json_t *object, apr_pool_t *pool)
{
    challenge->has_account_hash = json_object_get(object, "issuerDomainNames") != NULL;
    challenge->issuers = read_issuers(
        object, challenge->has_account_hash ? "issuerDomainNames" : "issuer-domain-names", pool);
    challenge->account_uri = acme_json_url(object, "accounturi", pool);
}

/* see acme_challenge.h */
acme_challenge_t *acme_challenge_read(const json_t *object, apr_pool_t *pool)
{
    const char *type = word_of(object, "type");
    const char *url = acme_json_url(object, "url", pool);
    if (type == NULL || url == NULL) {
        return NULL;
    }
    acme_challenge_t *challenge = apr_pcalloc(pool, sizeof(*challenge));
    challenge->type = acme_text_clean(type, MAX_TYPE, pool);
    challenge->url = url;
    challenge->status = read_status(object);
    const char *token = acme_json_string(object, "token", pool);
    challenge->token =
        token != NULL && acme_challenge_token_ok(token, strlen(token)) ? token : NULL;
    const json_t *error = json_object_get(object, "error");
    challenge->error = json_is_object(error) ? acme_problem_read(error, pool) : NULL;
    challenge->validation = read_validation(object, pool);
    read_persist(challenge, object, pool);
    return challenge;
}
