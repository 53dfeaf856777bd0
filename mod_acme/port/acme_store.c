/* The front of the store: paths, kinds and seals, the same whatever provider keeps the bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_store.h"

#define NAME_MAX_LEN 220
#define LABEL_MAX 32

typedef struct {
    const char *group;
    const char *exception; /* what its file begins with, NULL: there is none */
    acme_store_kind_t kind;
    acme_store_kind_t kind_of_exception;
} group_rule_t;

static const group_rule_t rules[] = {
    {"domains", NULL, ACME_STORE_PLAIN, ACME_STORE_PLAIN},
    {"archive", NULL, ACME_STORE_PLAIN, ACME_STORE_PLAIN},
    {"placeholder", NULL, ACME_STORE_PLAIN, ACME_STORE_PLAIN},
    {"requests", NULL, ACME_STORE_RECORD, ACME_STORE_RECORD},
    {"accounts", "privkey", ACME_STORE_RECORD, ACME_STORE_SECRET},
    {"staging", "privkey", ACME_STORE_RECORD, ACME_STORE_SECRET},
    {"challenges", NULL, ACME_STORE_RECORD, ACME_STORE_RECORD},
    {"live", "current", ACME_STORE_SECRET, ACME_STORE_RECORD},
};

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static const group_rule_t *find_rule(const char *path)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; ++i) {
        size_t len = strlen(rules[i].group);
        if (strncmp(path, rules[i].group, len) == 0 && path[len] == '/') {
            return &rules[i];
        }
    }
    return NULL;
}

/* see acme_store.h */
acme_store_kind_t acme_store_kind(const char *path)
{
    const group_rule_t *rule = find_rule(path);
    if (rule == NULL) {
        return ACME_STORE_SECRET; /* what nobody thought of is hidden rather than shown */
    }
    if (rule->exception != NULL && begins_with(last_name(path), rule->exception)) {
        return rule->kind_of_exception;
    }
    return rule->kind;
}

static int name_char_ok(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._:~-", c) != NULL);
}

/* The number of names in the path, 0 if one of them breaks the rules. */
static int count_names(const char *path)
{
    int names = 0;
    const char *name = path;
    for (;;) {
        size_t len = strcspn(name, "/");
        if (len == 0 || len > NAME_MAX_LEN || name[0] == '.') {
            return 0;
        }
        for (size_t i = 0; i < len; ++i) {
            if (!name_char_ok(name[i])) {
                return 0;
            }
        }
        ++names;
        if (name[len] == '\0') {
            return names;
        }
        name += len + 1;
    }
}

/* see acme_store.h */
int acme_store_path_ok(const char *path)
{
    int names = count_names(path);
    return names == 2 || names == 3;
}

/* see acme_store.h */
char *acme_store_path(apr_pool_t *pool, const char *group, const char *name, const char *file)
{
    return file != NULL ? apr_pstrcat(pool, group, "/", name, "/", file, NULL)
                        : apr_pstrcat(pool, group, "/", name, NULL);
}

static acme_err_t *check_path(const acme_store_t *store, const char *path, apr_pool_t *pool)
{
    if (!acme_store_path_ok(path)) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "\"%s\" is not a path in the store", path);
    }
    if (store->seal == NULL && acme_store_kind(path) != ACME_STORE_PLAIN) {
        return acme_err_make(pool, ACME_ERR_INTERNAL,
                             "%s is sealed, but the store was opened without its secret", path);
    }
    return NULL;
}

/* The label of the seal is the group, its place the whole path. */
static const char *seal_label(char label[LABEL_MAX], const char *path)
{
    apr_cpystrn(label, path, LABEL_MAX);
    char *slash = strchr(label, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return label;
}

static acme_err_t *open_seal(char **value, apr_size_t *len, const acme_store_t *store,
                             const char *path, const char *bytes, apr_size_t bytes_len,
                             apr_pool_t *pool)
{
    char label[LABEL_MAX];
    if (acme_store_kind(path) == ACME_STORE_SECRET) {
        return acme_seal_open_secret(value, len, store->seal, seal_label(label, path), path, bytes,
                                     bytes_len, pool);
    }
    return acme_seal_open_record(value, len, store->seal, seal_label(label, path), path, bytes,
                                 bytes_len, pool);
}

/* Nobody reads it again, and whoever looks for the reason still finds it. */
static acme_err_t *put_aside(const acme_store_t *store, const char *path, const acme_err_t *why,
                             apr_pool_t *pool)
{
    acme_err_t *err = store->provider->set_aside(store->baton, path, pool);
    if (err != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "%s in the store is ignored (%s) and could not be set aside: %s", path,
                     why->text, err->text);
    }
    else {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "%s in the store is ignored (%s): it was not written by this server, was "
                     "moved or changed, or store.json is another one; it is kept beside as "
                     ".unsealed.%s",
                     path, why->text, last_name(path));
    }
    return NULL;
}

typedef struct {
    char *bytes;
    apr_size_t len;
} wiped_t;

static apr_status_t wipe(void *data)
{
    wiped_t *wiped = data;
    OPENSSL_cleanse(wiped->bytes, wiped->len);
    return APR_SUCCESS;
}

static void wipe_with_pool(char *bytes, apr_size_t len, apr_pool_t *pool)
{
    wiped_t *wiped = apr_palloc(pool, sizeof *wiped);
    wiped->bytes = bytes;
    wiped->len = len;
    apr_pool_cleanup_register(pool, wiped, wipe, apr_pool_cleanup_null);
}

/* see acme_store.h */
acme_err_t *acme_store_get(char **value, apr_size_t *len, const acme_store_t *store,
                           const char *path, apr_pool_t *pool)
{
    *value = NULL;
    *len = 0;
    ACME_TRY(check_path(store, path, pool));
    int is_sealed = acme_store_kind(path) != ACME_STORE_PLAIN;
    char *bytes = NULL;
    apr_size_t bytes_len = 0;
    acme_err_t *err = store->provider->get(&bytes, &bytes_len, store->baton, path, pool);
    if (err == NULL && bytes == NULL) {
        return NULL;
    }
    if (err == NULL && !is_sealed) {
        if (begins_with(last_name(path), "privkey")) {
            wipe_with_pool(bytes, bytes_len, pool);
        }
        *value = bytes;
        *len = bytes_len;
        return NULL;
    }
    if (err == NULL) {
        err = open_seal(value, len, store, path, bytes, bytes_len, pool);
    }
    if (err != NULL && err->errclass == ACME_ERR_INPUT && is_sealed) {
        *value = NULL;
        *len = 0;
        return put_aside(store, path, err, pool);
    }
    return err;
}

/* see acme_store.h */
static acme_err_t *put_value(const acme_store_t *store, const char *path, const char *value,
                             apr_size_t len, int is_synced, apr_pool_t *scratch_pool)
{
    ACME_TRY(check_path(store, path, scratch_pool));
    if (len > ACME_STORE_VALUE_MAX) {
        return acme_err_make(scratch_pool, ACME_ERR_INTERNAL,
                             "%s: %" APR_SIZE_T_FMT " bytes are too many for the store", path, len);
    }
    char label[LABEL_MAX];
    char *sealed = NULL;
    apr_size_t sealed_len = 0;
    switch (acme_store_kind(path)) {
    case ACME_STORE_PLAIN:
        return store->provider->put(store->baton, path, value, len, is_synced, scratch_pool);
    case ACME_STORE_RECORD:
        ACME_TRY(acme_seal_close_record(&sealed, &sealed_len, store->seal, seal_label(label, path),
                                        path, value, len, scratch_pool));
        break;
    case ACME_STORE_SECRET:
        ACME_TRY(acme_seal_close_secret(&sealed, &sealed_len, store->seal, seal_label(label, path),
                                        path, value, len, store->env, scratch_pool));
        break;
    }
    return store->provider->put(store->baton, path, sealed, sealed_len, is_synced, scratch_pool);
}

acme_err_t *acme_store_put(const acme_store_t *store, const char *path, const char *value,
                           apr_size_t len, apr_pool_t *scratch_pool)
{
    return put_value(store, path, value, len, 1, scratch_pool);
}

acme_err_t *acme_store_put_unsynced(const acme_store_t *store, const char *path, const char *value,
                                    apr_size_t len, apr_pool_t *scratch_pool)
{
    return put_value(store, path, value, len, 0, scratch_pool);
}

/* see acme_store.h */
acme_err_t *acme_store_del(const acme_store_t *store, const char *path, apr_pool_t *scratch_pool)
{
    if (!acme_store_path_ok(path)) {
        return acme_err_make(scratch_pool, ACME_ERR_INTERNAL, "\"%s\" is not a path in the store",
                             path);
    }
    return store->provider->del(store->baton, path, scratch_pool);
}

/* see acme_store.h */
acme_err_t *acme_store_list(apr_array_header_t **names, const acme_store_t *store, const char *path,
                            apr_pool_t *pool)
{
    int depth = count_names(path);
    if (depth != 1 && depth != 2) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "\"%s\" is not a folder of the store", path);
    }
    return store->provider->list(names, store->baton, path, pool);
}

/* see acme_store.h */
acme_err_t *acme_store_lock(int *is_ours, int *holder, const acme_store_t *store,
                            apr_pool_t *scratch_pool)
{
    *is_ours = 0;
    *holder = 0;
    return store->provider->lock(is_ours, holder, store->baton, scratch_pool);
}

/* see acme_store.h */
void acme_store_unlock(const acme_store_t *store)
{
    store->provider->unlock(store->baton);
}
