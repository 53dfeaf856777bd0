/* The fake CA: directory, nonces, accounts and the change of their keys.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "unit/fake_ca_internal.h"

static void set_string(json_t *object, const char *name, const char *value)
{
    if (value != NULL) {
        json_object_set_new(object, name, json_string(value));
    }
}

/* Directory and nonces. */

static json_t *meta_json(const fake_ca__request_t *r)
{
    const fake_ca_settings_t *settings = &r->ca->settings;
    json_t *meta = json_object();
    set_string(meta, "termsOfService", settings->terms_of_service);
    set_string(meta, "website", settings->website);
    if (settings->caa_identity != NULL) {
        json_object_set_new(meta, "caaIdentities", json_pack("[s]", settings->caa_identity));
    }
    if (settings->account_hash_prefix != NULL) {
        set_string(meta, "accountHashPrefix", settings->account_hash_prefix);
        json_object_set_new(meta, "issuerDomainNames",
                            json_pack("[s]", settings->has_issuer_left_out ? "b.test" : "ca.test"));
    }
    if (settings->external_account_required) {
        json_object_set_new(meta, "externalAccountRequired", json_true());
    }
    if (settings->profiles != NULL) {
        json_t *profiles = json_object();
        const apr_array_header_t *names = acme_text_split(settings->profiles, ",", r->pool);
        for (int i = 0; i < names->nelts; i++) {
            json_object_set_new(profiles, APR_ARRAY_IDX(names, i, const char *),
                                json_string("https://ca.test/profiles"));
        }
        json_object_set_new(meta, "profiles", profiles);
    }
    return meta;
}

void fake_ca__directory(fake_ca__request_t *r)
{
    const char *base = r->ca->base;
    static const char *const entrances[][2] = {
        {"newNonce", "new-nonce"},     {"newAccount", "new-account"}, {"newOrder", "new-order"},
        {"revokeCert", "revoke-cert"}, {"keyChange", "key-change"},
    };
    json_t *directory = json_object();
    for (apr_size_t i = 0; i < sizeof(entrances) / sizeof(entrances[0]); i++) {
        set_string(directory, entrances[i][0],
                   apr_pstrcat(r->pool, base, "/acme/", entrances[i][1], NULL));
    }
    if (r->ca->settings.has_renewal_info) {
        set_string(directory, "renewalInfo",
                   apr_pstrcat(r->pool, base, "/acme/renewal-info", NULL));
    }
    /* as Let's Encrypt does: clients must pass over what they do not know */
    set_string(directory, fake_ca__token(r->ca, 8, r->pool), "https://ca.test/unknown-members");
    json_object_set_new(directory, "meta", meta_json(r));
    fake_ca__answer_json(r, 200, directory);
}

void fake_ca__new_nonce(fake_ca__request_t *r)
{
    r->status = r->exchange->method == ACME_METHOD_HEAD ? 200 : 204;
    apr_table_set(r->headers, "Replay-Nonce", fake_ca__nonce(r->ca));
    apr_table_set(r->headers, "Cache-Control", "no-store");
}

/* Accounts. */

static void answer_account(fake_ca__request_t *r, const fake_ca__account_t *account, int status)
{
    json_t *object = json_object();
    json_t *contacts = json_array();
    for (int i = 0; i < account->contacts->nelts; i++) {
        json_array_append_new(contacts,
                              json_string(APR_ARRAY_IDX(account->contacts, i, const char *)));
    }
    set_string(object, "status", account->status);
    json_object_set_new(object, "contact", contacts);
    json_object_set_new(object, "termsOfServiceAgreed", json_true());
    fake_ca__answer_json(r, status, object);
}

/* RFC 8555 section 7.3: one address, no hfields; -1 when the request is answered. */
static int check_contact(fake_ca__request_t *r, const char *contact)
{
    if (contact == NULL || strncmp(contact, "mailto:", 7) != 0) {
        fake_ca__refuse(r, 400, "unsupportedContact", "Only mailto: contacts are supported");
        return -1;
    }
    const char *at = strchr(contact, '@');
    if (at == NULL || at == contact + 7 || at[1] == '\0' || strpbrk(contact, ",? ") != NULL ||
        apr_hash_get(r->ca->rejected_contacts, contact, APR_HASH_KEY_STRING) != NULL) {
        fake_ca__refuse(r, 400, "invalidContact", "Contact '%s' is not acceptable", contact);
        return -1;
    }
    return 0;
}

static int read_contacts(apr_array_header_t **contacts, fake_ca__request_t *r)
{
    const json_t *list = json_object_get(r->payload, "contact");
    size_t i;
    json_t *contact;
    *contacts = apr_array_make(r->ca->pool, 1, sizeof(const char *));
    if (list != NULL && !json_is_array(list)) {
        fake_ca__blame(r, 400, "malformed", "contact is no array");
        return -1;
    }
    json_array_foreach(list, i, contact)
    {
        if (check_contact(r, json_string_value(contact)) != 0) {
            return -1;
        }
        APR_ARRAY_PUSH(*contacts, const char *) =
            apr_pstrdup(r->ca->pool, json_string_value(contact));
    }
    return 0;
}

static void answer_existing(fake_ca__request_t *r, const fake_ca__account_t *account)
{
    if (strcmp(account->status, "valid") != 0) {
        fake_ca__refuse(r, 403, "unauthorized", "Account is not valid, has status \"%s\"",
                        account->status);
        return;
    }
    apr_table_set(r->headers, "Location", account->url);
    answer_account(r, account, 200);
}

/* RFC 8555 section 7.3.4; -1 when the request is answered. */
static int check_binding(fake_ca__request_t *r, const json_t *jws)
{
    fake_ca__request_t inner = {.ca = r->ca, .pool = r->pool};
    const char *why = fake_ca__jws_binding(&inner, jws);
    if (why != NULL) {
        fake_ca__blame(r, 400, "malformed", "%s", why);
        return -1;
    }
    if (strcmp(json_string_value(json_object_get(inner.header, "url")), r->exchange->url) != 0) {
        fake_ca__blame(r, 400, "malformed", "the binding's url is not that of the request");
        return -1;
    }
    if (strcmp(inner.jwk_thumbprint, r->jwk_thumbprint) != 0) {
        fake_ca__blame(r, 400, "badPublicKey", "the binding is of another key");
        return -1;
    }
    fake_ca__customer_t *customer =
        apr_hash_get(r->ca->customers, json_string_value(json_object_get(inner.header, "kid")),
                     APR_HASH_KEY_STRING);
    if (customer == NULL || (customer->is_single_use && customer->is_used) ||
        !fake_ca__jws_mac_fits(&inner, customer)) {
        fake_ca__refuse(r, 403, "unauthorized", "The external account binding is not valid");
        return -1;
    }
    customer->is_used = 1;
    fake_ca__tally(r->ca, "accountBound", NULL);
    return 0;
}

/* RFC 8555 section 7.3: what a new account has to bring; -1 when the request is answered. */
static int check_demands(fake_ca__request_t *r)
{
    const fake_ca_settings_t *settings = &r->ca->settings;
    const json_t *binding = json_object_get(r->payload, "externalAccountBinding");
    if (settings->external_account_required && binding == NULL) {
        fake_ca__refuse(r, 403, "externalAccountRequired",
                        "This CA serves only customers with an external account");
        return -1;
    }
    if (settings->terms_of_service != NULL &&
        !json_is_true(json_object_get(r->payload, "termsOfServiceAgreed"))) {
        fake_ca__refuse(r, 403, "userActionRequired", "The terms of service must be agreed to");
        fake_ca__link(r, settings->terms_of_service, "terms-of-service");
        return -1;
    }
    return binding != NULL && apr_hash_count(r->ca->customers) > 0 ? check_binding(r, binding) : 0;
}

static EVP_PKEY *keep_reference(EVP_PKEY *key, apr_pool_t *pool)
{
    EVP_PKEY_up_ref(key);
    return fake_ca__key_keep(key, pool);
}

static void create_account(fake_ca__request_t *r, apr_array_header_t *contacts)
{
    fake_ca_t *ca = r->ca;
    fake_ca__account_t *account = apr_pcalloc(ca->pool, sizeof(*account));
    account->url = fake_ca__url(ca, "acct");
    account->thumbprint = apr_pstrdup(ca->pool, r->jwk_thumbprint);
    account->key = keep_reference(r->jwk, ca->pool);
    account->status = "valid";
    account->contacts = contacts;
    apr_hash_set(ca->accounts, account->thumbprint, APR_HASH_KEY_STRING, account);
    fake_ca__register(ca, account->url, FAKE_CA_ACCOUNT, account);
    ca->latest_account = account;
    fake_ca__tally(ca, "accountCreated", NULL);
    apr_table_set(r->headers, "Location", account->url);
    answer_account(r, account, 201);
}

void fake_ca__new_account(fake_ca__request_t *r)
{
    if (r->payload == NULL) {
        fake_ca__blame(r, 400, "malformed", "newAccount needs an object as payload");
        return;
    }
    const fake_ca__account_t *account =
        apr_hash_get(r->ca->accounts, r->jwk_thumbprint, APR_HASH_KEY_STRING);
    if (account != NULL) {
        answer_existing(r, account);
        return;
    }
    if (json_is_true(json_object_get(r->payload, "onlyReturnExisting"))) {
        fake_ca__refuse(r, 400, "accountDoesNotExist", "No account exists with this key");
        return;
    }
    apr_array_header_t *contacts;
    if (check_demands(r) == 0 && read_contacts(&contacts, r) == 0) {
        create_account(r, contacts);
    }
}

void fake_ca__account(fake_ca__request_t *r)
{
    fake_ca__account_t *account = r->object;
    const char *status = json_string_value(json_object_get(r->payload, "status"));
    if (status != NULL && strcmp(status, "deactivated") == 0) {
        account->status = "deactivated";
    }
    else if (status != NULL) {
        fake_ca__blame(r, 400, "malformed", "an account can only be deactivated");
        return;
    }
    if (json_object_get(r->payload, "contact") != NULL) {
        apr_array_header_t *contacts;
        if (read_contacts(&contacts, r) != 0) {
            return;
        }
        account->contacts = contacts;
    }
    answer_account(r, account, 200);
}

/* Key change (RFC 8555 section 7.3.5). */

static const char *check_key_change(const fake_ca__request_t *r, const json_t *payload)
{
    const char *url = json_string_value(json_object_get(payload, "account"));
    const char *thumbprint;
    const char *why;
    if (url == NULL || strcmp(url, r->account->url) != 0) {
        return "the inner payload names another account";
    }
    if (fake_ca__jwk_read(&thumbprint, &why, json_object_get(payload, "oldKey"), r->pool) == NULL ||
        strcmp(thumbprint, r->account->thumbprint) != 0) {
        return "oldKey is not the account's key";
    }
    return NULL;
}

void fake_ca__key_change(fake_ca__request_t *r)
{
    fake_ca__request_t inner = {.ca = r->ca, .pool = r->pool};
    const char *why = fake_ca__jws_inner(&inner, r->payload, r->exchange->url);
    if (why == NULL) {
        why = check_key_change(r, inner.payload);
    }
    if (why != NULL) {
        fake_ca__blame(r, 400, "malformed", "%s", why);
        return;
    }
    const fake_ca__account_t *other =
        apr_hash_get(r->ca->accounts, inner.jwk_thumbprint, APR_HASH_KEY_STRING);
    if (other != NULL) {
        apr_table_set(r->headers, "Location", other->url);
        fake_ca__refuse(r, 409, "conflict", "The new key is in use by another account");
        return;
    }
    fake_ca__account_t *account = r->account;
    apr_hash_set(r->ca->accounts, account->thumbprint, APR_HASH_KEY_STRING, NULL);
    account->thumbprint = apr_pstrdup(r->ca->pool, inner.jwk_thumbprint);
    account->key = keep_reference(inner.jwk, r->ca->pool);
    apr_hash_set(r->ca->accounts, account->thumbprint, APR_HASH_KEY_STRING, account);
    answer_account(r, account, 200);
}
