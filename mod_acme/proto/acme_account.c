/* Accounts: asked for, answered, and kept.
 * SPDX-License-Identifier: Apache-2.0
 *
 * {"version":1, "status":…, "url":…, "ca-url":…, "contact":[…], "agreement":true,
 *  "contact-asked":[…], "key-thumbprint":…, "remade":[TIME…], "deactivated":TIME}
 *
 * names as in mod_md's account.json; there "agreement" is the URL of the terms, which is read as
 * consent and kept.
 */
#include "acme/acme_account.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define FORMAT_VERSION 1
#define MAX_CONTACTS 50

/* RFC 8555 section 7.1.2 */
static const char *const status_names[] = {
    [ACME_ACCOUNT_VALID] = "valid",
    [ACME_ACCOUNT_DEACTIVATED] = "deactivated",
    [ACME_ACCOUNT_REVOKED] = "revoked",
};

static acme_err_t *read_status(acme_account_status_t *status, const char *word, apr_pool_t *pool)
{
    for (int i = ACME_ACCOUNT_VALID; i <= ACME_ACCOUNT_REVOKED; i++) {
        if (strcmp(word, status_names[i]) == 0) {
            *status = (acme_account_status_t)i;
            return NULL;
        }
    }
    return acme_err_make(pool, ACME_ERR_INPUT,
                         "the account has a status \"%s\" that RFC 8555 does not know",
                         acme_text_clean(word, 40, pool));
}

/* see acme_account.h */
char *acme_account_request(const apr_array_header_t *contacts, int terms_agreed,
                           const char *binding, apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    if (terms_agreed) {
        acme_json_set_bool(object, "termsOfServiceAgreed", 1);
    }
    if (contacts->nelts > 0) {
        acme_json_set_strings(object, "contact", contacts);
    }
    if (binding != NULL) {
        json_object_set_new(object, "externalAccountBinding", json_loads(binding, 0, NULL));
    }
    return acme_json_text(object, 0, pool);
}

/* see acme_account.h */
char *acme_account_lookup_request(apr_pool_t *pool)
{
    return apr_pstrdup(pool, "{\"onlyReturnExisting\":true}");
}

/* see acme_account.h */
char *acme_account_update_request(const apr_array_header_t *contacts, apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    acme_json_set_strings(object, "contact", contacts);
    return acme_json_text(object, 0, pool);
}

/* see acme_account.h */
char *acme_account_deactivate_request(apr_pool_t *pool)
{
    return apr_pstrcat(pool, "{\"status\":\"", status_names[ACME_ACCOUNT_DEACTIVATED], "\"}", NULL);
}

/* see acme_account.h */
char *acme_account_key_change_request(const char *url, const char *old_jwk, apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    acme_json_set_string(object, "account", url);
    json_object_set_new(object, "oldKey", json_loads(old_jwk, 0, NULL));
    return acme_json_text(object, 0, pool);
}

/* see acme_account.h */
acme_err_t *acme_account_parse(acme_account_t **account, const char *body, apr_size_t len,
                               const char *location, const char *ca_url, apr_pool_t *pool)
{
    json_t *object;
    ACME_TRY(acme_json_parse(&object, body, len, "the account", pool));
    if (location != NULL && !acme_json_url_ok(location)) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the CA gives the account the address \"%s\", which is no https URL "
                             "that can be asked",
                             acme_text_clean(location, 200, pool));
    }
    acme_account_t *read = apr_pcalloc(pool, sizeof(*read));
    const char *status = acme_json_string(object, "status", pool);
    ACME_TRY(read_status(&read->status, status != NULL ? status : "valid", pool));
    read->url = apr_pstrdup(pool, location);
    read->ca_url = apr_pstrdup(pool, ca_url);
    read->contacts = acme_json_strings(object, "contact", MAX_CONTACTS, pool);
    read->terms_agreed = acme_json_bool(object, "termsOfServiceAgreed", 0);
    *account = read;
    return NULL;
}

static int has_agreement(const json_t *object)
{
    const json_t *agreement = json_object_get(object, "agreement");
    return json_is_true(agreement) || json_string_length(agreement) > 0;
}

/* What was kept before, or an empty object: an unreadable record has nothing worth keeping. */
static json_t *previous_object(const char *previous, apr_pool_t *pool)
{
    json_t *object;
    if (previous != NULL) {
        acme_err_t *err =
            acme_json_parse(&object, previous, strlen(previous), "account.json", pool);
        if (err == NULL) {
            return object;
        }
    }
    return acme_json_object(pool);
}

/* As an array of times in words; the oldest are left out where there are too many. */
static void set_remade(json_t *object, const apr_array_header_t *times, apr_pool_t *pool)
{
    (void)json_object_del(object, "remade");
    int count = times != NULL ? times->nelts : 0;
    json_t *array = json_array();
    for (int i = count > ACME_ACCOUNT_REMADE_MAX ? count - ACME_ACCOUNT_REMADE_MAX : 0; i < count;
         i++) {
        json_array_append_new(
            array, json_string(acme_time_rfc3339(APR_ARRAY_IDX(times, i, apr_time_t), pool)));
    }
    if (count > 0) {
        json_object_set(object, "remade", array);
    }
    json_decref(array);
}

static apr_array_header_t *read_remade(const json_t *object, apr_pool_t *pool)
{
    const apr_array_header_t *words =
        acme_json_strings(object, "remade", ACME_ACCOUNT_REMADE_MAX, pool);
    apr_array_header_t *times = apr_array_make(pool, words->nelts + 1, sizeof(apr_time_t));
    for (int i = 0; i < words->nelts; i++) {
        apr_time_t when;
        if (acme_time_parse_rfc3339(&when, APR_ARRAY_IDX(words, i, const char *)) == 0) {
            APR_ARRAY_PUSH(times, apr_time_t) = when;
        }
    }
    return times;
}

/* see acme_account.h */
char *acme_account_write(const acme_account_t *account, const char *previous, apr_pool_t *pool)
{
    json_t *object = previous_object(previous, pool);
    acme_json_set_int(object, "version", FORMAT_VERSION);
    acme_json_set_string(object, "status", status_names[account->status]);
    (void)json_object_del(object, "url"); /* may well not be there, here and below */
    acme_json_set_string(object, "url", account->url);
    acme_json_set_string(object, "ca-url", account->ca_url);
    acme_json_set_strings(object, "contact", account->contacts);
    if (!account->terms_agreed) {
        (void)json_object_del(object, "agreement");
    }
    else if (!has_agreement(object)) {
        acme_json_set_bool(object, "agreement", 1);
    }
    (void)json_object_del(object, "contact-asked");
    (void)json_object_del(object, "key-thumbprint");
    (void)json_object_del(object, "deactivated");
    if (account->asked != NULL) {
        acme_json_set_strings(object, "contact-asked", account->asked);
    }
    acme_json_set_string(object, "key-thumbprint", account->thumbprint);
    set_remade(object, account->remade, pool);
    acme_json_set_time(object, "deactivated", account->deactivated);
    return acme_json_text(object, 1, pool);
}

/* see acme_account.h */
acme_err_t *acme_account_read(acme_account_t **account, const char *text, apr_size_t len,
                              apr_pool_t *pool)
{
    json_t *object;
    ACME_TRY(acme_json_parse(&object, text, len, "the stored account", pool));
    acme_account_t *read = apr_pcalloc(pool, sizeof(*read));
    const char *status = acme_json_string(object, "status", pool);
    ACME_TRY(read_status(&read->status, status != NULL ? status : "", pool));
    read->url = acme_json_url(object, "url", pool);
    if (read->url == NULL && json_object_get(object, "url") != NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the stored account has a url that cannot be asked");
    }
    read->ca_url = acme_json_url(object, "ca-url", pool);
    if (read->ca_url == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the stored account does not say which CA it belongs to (ca-url)");
    }
    read->contacts = acme_json_strings(object, "contact", MAX_CONTACTS, pool);
    read->terms_agreed = has_agreement(object);
    read->thumbprint = acme_json_string(object, "key-thumbprint", pool);
    read->asked = json_is_array(json_object_get(object, "contact-asked"))
                      ? acme_json_strings(object, "contact-asked", MAX_CONTACTS, pool)
                      : read->contacts;
    read->remade = read_remade(object, pool);
    read->deactivated = acme_json_time(object, "deactivated");
    *account = read;
    return NULL;
}
