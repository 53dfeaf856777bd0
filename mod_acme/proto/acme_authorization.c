/* Authorizations read: of which name, how far, and by which challenges.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_authorization.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"

#define MAX_CHALLENGES 50

/* RFC 8555 section 7.1.6 */
static const char *const status_names[] = {
    [ACME_AUTHORIZATION_PENDING] = "pending", [ACME_AUTHORIZATION_VALID] = "valid",
    [ACME_AUTHORIZATION_INVALID] = "invalid", [ACME_AUTHORIZATION_DEACTIVATED] = "deactivated",
    [ACME_AUTHORIZATION_EXPIRED] = "expired", [ACME_AUTHORIZATION_REVOKED] = "revoked",
    [ACME_AUTHORIZATION_UNKNOWN] = "unknown",
};

/* see acme_authorization.h */
const char *acme_authorization_status_name(acme_authorization_status_t status)
{
    return status_names[status];
}

/* see acme_authorization.h */
const char *acme_authorization_deactivate_request(void)
{
    return "{\"status\":\"deactivated\"}";
}

/* see acme_authorization.h */
const acme_challenge_t *acme_authorization_challenge(const acme_authorization_t *authorization,
                                                     const char *type)
{
    for (int i = 0; i < authorization->challenges->nelts; i++) {
        const acme_challenge_t *challenge =
            APR_ARRAY_IDX(authorization->challenges, i, const acme_challenge_t *);
        if (strcmp(challenge->type, type) == 0) {
            return challenge;
        }
    }
    return NULL;
}

static acme_authorization_status_t read_status(const char *word)
{
    for (int i = 0; i < ACME_AUTHORIZATION_UNKNOWN; i++) {
        if (strcmp(word, status_names[i]) == 0) {
            return (acme_authorization_status_t)i;
        }
    }
    return ACME_AUTHORIZATION_UNKNOWN;
}

/* The type the CA calls it by must be the type that it is. */
static int has_type(const acme_identifier_t *identifier, const char *type)
{
    return strcmp(type, identifier->type == ACME_IDENTIFIER_IP ? "ip" : "dns") == 0;
}

/* RFC 8555 section 7.1.4: the base name, and beside it whether it is for the wildcard. */
static acme_err_t *read_identifier(const acme_identifier_t **identifier, const json_t *object,
                                   apr_pool_t *pool)
{
    const json_t *member = json_object_get(object, "identifier");
    const char *type = acme_json_string(member, "type", pool);
    const char *value = acme_json_string(member, "value", pool);
    if (type == NULL || value == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT, "the authorization names no identifier");
    }
    int is_wildcard = acme_json_bool(object, "wildcard", 0);
    if (strncmp(value, "*.", 2) == 0) {
        is_wildcard = 1;
        value += 2;
    }
    acme_identifier_t *read;
    acme_err_t *err = acme_identifier_parse(&read, value, pool);
    if (err != NULL || read->is_wildcard || !has_type(read, type) ||
        (is_wildcard && read->type != ACME_IDENTIFIER_DNS)) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the authorization is for \"%s\" of type \"%s\", which is no name or "
                             "address we can ask for",
                             acme_text_clean(value, ACME_IDENTIFIER_MAX, pool),
                             acme_text_clean(type, 40, pool));
    }
    read->is_wildcard = is_wildcard;
    *identifier = read;
    return NULL;
}

static apr_array_header_t *read_challenges(const json_t *object, apr_pool_t *pool)
{
    const json_t *array = json_object_get(object, "challenges");
    apr_array_header_t *challenges = apr_array_make(pool, 4, sizeof(const acme_challenge_t *));
    for (size_t i = 0; i < json_array_size(array) && i < MAX_CHALLENGES; i++) {
        acme_challenge_t *challenge = acme_challenge_read(json_array_get(array, i), pool);
        if (challenge != NULL) {
            APR_ARRAY_PUSH(challenges, const acme_challenge_t *) = challenge;
        }
    }
    return challenges;
}

/* see acme_authorization.h */
acme_err_t *acme_authorization_parse(acme_authorization_t **authorization, const char *body,
                                     apr_size_t len, apr_pool_t *pool)
{
    json_t *object;
    ACME_TRY(acme_json_parse(&object, body, len, "the authorization", pool));
    const char *status = json_string_value(json_object_get(object, "status"));
    if (status == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the authorization has no status: this is none of RFC 8555");
    }
    acme_authorization_t *read = apr_pcalloc(pool, sizeof(*read));
    read->status = read_status(status);
    ACME_TRY(read_identifier(&read->identifier, object, pool));
    read->expires = acme_json_time(object, "expires");
    read->challenges = read_challenges(object, pool);
    *authorization = read;
    return NULL;
}
