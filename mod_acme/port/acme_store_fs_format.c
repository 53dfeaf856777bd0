/* store.json: the format version and the secret of a store, made, read and upgraded.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   {"version": 1, "store": {"version": 1}, "secret": "<base64url of 32 bytes>"}
 *
 * "version" counts for this file, "store"."version" for the folders beside it; the higher of them
 * decides. Members that this code does not know are kept when an upgrade writes the file anew; what
 * was there before is kept beside as store.json.<version>.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_text.h"
#include "acme_store_fs_private.h"

#define FILE_NAME "store.json"
#define FILE_MAX (64 * 1024)

static const acme_store_file_owner_t roots = {.is_given = 0};

typedef struct {
    acme_store_condition_t *condition;
    const acme_store_fs_config_t *config;
    int base_fd;
    const acme_env_t *env;
    apr_pool_t *pool;
} format_t;

static void is_faulty(const format_t *format, acme_store_state_t state, const char *why)
{
    format->condition->state = state;
    format->condition->why = why;
}

static void is_unusable(const format_t *format, int error, const char *verb)
{
    is_faulty(format, ACME_STORE_UNUSABLE,
              acme_store_fs__failed(format->config, error, verb, FILE_NAME, format->pool)->text);
}

static void is_damaged(const format_t *format, const char *what)
{
    is_faulty(format, ACME_STORE_DAMAGED,
              apr_psprintf(format->pool,
                           "%s/" FILE_NAME " %s; put it back from a backup, or remove it: then "
                           "certificates are taken over from domains/, and accounts are made anew",
                           format->config->base, what));
}

static apr_status_t release(void *data)
{
    json_decref(data);
    return APR_SUCCESS;
}

static json_t *keep(json_t *json, apr_pool_t *pool)
{
    if (json != NULL) {
        apr_pool_cleanup_register(pool, json, release, apr_pool_cleanup_null);
    }
    return json;
}

/* 0 if there is none. */
static json_int_t read_version(const json_t *store_json)
{
    json_int_t file = json_integer_value(json_object_get(store_json, "version"));
    json_int_t store =
        json_integer_value(json_object_get(json_object_get(store_json, "store"), "version"));
    if (file <= 0 || store <= 0) {
        return 0;
    }
    return file > store ? file : store;
}

static int read_secret(const format_t *format, const json_t *store_json)
{
    const char *text = json_string_value(json_object_get(store_json, "secret"));
    unsigned char *bytes = NULL;
    apr_size_t len = 0;
    if (text == NULL || acme_text_base64url_decode(&bytes, &len, text, format->pool) != NULL ||
        len != ACME_SEAL_SECRET_LEN) {
        return -1;
    }
    memcpy(format->condition->secret, bytes, len);
    OPENSSL_cleanse(bytes, len);
    return 0;
}

static int write_json(const format_t *format, const json_t *store_json)
{
    char *text = json_dumps(store_json, JSON_INDENT(2));
    if (text == NULL) {
        return ENOMEM;
    }
    int error = acme_store_file__write(format->base_fd, FILE_NAME, text, strlen(text), &roots, 1);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return error;
}

static void make(const format_t *format, int version)
{
    acme_store_condition_t *condition = format->condition;
    acme_err_t *err =
        acme_env_random(format->env, condition->secret, ACME_SEAL_SECRET_LEN, format->pool);
    if (err != NULL) {
        is_faulty(format, ACME_STORE_UNUSABLE, err->text);
        return;
    }
    char *secret = acme_text_base64url(condition->secret, ACME_SEAL_SECRET_LEN, format->pool);
    json_t *store_json = keep(json_pack("{s:i, s:{s:i}, s:s}", "version", version, "store",
                                        "version", version, "secret", secret),
                              format->pool);
    OPENSSL_cleanse(secret, strlen(secret));
    int error = store_json != NULL ? write_json(format, store_json) : ENOMEM;
    if (error != 0) {
        is_unusable(format, error, "write");
    }
}

/* Root's secret must be root's alone, whoever restored it from wherever. */
static int guard(const format_t *format)
{
    struct stat info;
    if (fstatat(format->base_fd, FILE_NAME, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno;
    }
    int fd = openat(format->base_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int error = fd < 0 || fstat(fd, &info) < 0 ? errno : 0;
    if (error == 0 && S_ISREG(info.st_mode)) {
        if (geteuid() == 0 && info.st_uid != 0 && fchown(fd, 0, 0) < 0) {
            error = errno;
        }
        if (error == 0 && (info.st_mode & 077) != 0 && fchmod(fd, 0600) < 0) {
            error = errno;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static acme_err_t *run_upgrades(const format_t *format, json_t *store_json, int from, int to,
                                const acme_store_fs_upgrade_t *upgrades)
{
    for (int version = from; version < to; ++version) {
        const acme_store_fs_upgrade_t *step = upgrades;
        while (step->upgrade != NULL && step->from != version) {
            ++step;
        }
        if (step->upgrade == NULL) {
            return acme_err_make(format->pool, ACME_ERR_STORE,
                                 "no way leads from version %d of the store to %d", version, to);
        }
        ACME_TRY(step->upgrade(store_json, format->base_fd, format->env, format->pool));
        json_object_set_new(store_json, "version", json_integer(version + 1));
        json_object_set_new(json_object_get(store_json, "store"), "version",
                            json_integer(version + 1));
    }
    return NULL;
}

static void upgrade(const format_t *format, json_t *store_json, int from, int to,
                    const char *old_text, const acme_store_fs_upgrade_t *upgrades)
{
    acme_err_t *err = run_upgrades(format, store_json, from, to, upgrades);
    if (err != NULL) {
        is_faulty(format, ACME_STORE_UNUSABLE,
                  apr_psprintf(format->pool, "%s cannot be brought to this version's format: %s",
                               format->config->base, err->text));
        return;
    }
    const char *beside = apr_psprintf(format->pool, FILE_NAME ".%d", from);
    int error =
        acme_store_file__write(format->base_fd, beside, old_text, strlen(old_text), &roots, 1);
    if (error == 0) {
        error = write_json(format, store_json);
    }
    if (error != 0) {
        is_unusable(format, error, "write");
        return;
    }
    acme_env_log(format->env, ACME_LOG_NOTICE,
                 "%s: upgraded from version %d to %d; the old " FILE_NAME " is kept as %s",
                 format->config->base, from, to, beside);
}

static void understand(const format_t *format, char *text, apr_size_t len, int version,
                       const acme_store_fs_upgrade_t *upgrades, int may_write)
{
    json_error_t where;
    json_t *store_json = keep(json_loadb(text, len, JSON_REJECT_DUPLICATES, &where), format->pool);
    if (!json_is_object(store_json)) {
        is_damaged(format, "cannot be read as JSON");
        return;
    }
    json_int_t found = read_version(store_json);
    if (found == 0) {
        is_damaged(format, "says no version");
        return;
    }
    if (found > version) {
        is_faulty(format, ACME_STORE_NEWER,
                  apr_psprintf(format->pool,
                               "%s was written by a newer mod_acme (format %" APR_INT64_T_FMT
                               ", this one knows %d): its certificates are served and none is "
                               "renewed; install that version again",
                               format->config->base, (apr_int64_t)found, version));
        return;
    }
    if (found < version && may_write) {
        upgrade(format, store_json, (int)found, version, text, upgrades);
    }
    if (format->condition->state == ACME_STORE_USABLE && read_secret(format, store_json) < 0) {
        is_damaged(format, "has no secret of 32 bytes");
    }
}

/* see acme_store_fs_private.h */
void acme_store_fs__format(acme_store_condition_t *condition, const acme_store_fs_config_t *config,
                           int base_fd, int format_version, const acme_store_fs_upgrade_t *upgrades,
                           int may_write, const acme_env_t *env, apr_pool_t *pool)
{
    format_t format = {condition, config, base_fd, env, pool};
    char *text = NULL;
    apr_size_t len = 0;
    int error = acme_store_file__read(&text, &len, base_fd, FILE_NAME, FILE_MAX, 0, pool);
    if (error == ENOENT) {
        condition->is_new = 1;
        if (may_write) {
            make(&format, format_version);
        }
        return;
    }
    if (error == 0 && may_write) {
        error = guard(&format);
    }
    if (acme_store_file__is_odd(error)) {
        is_damaged(&format, "is not an ordinary file");
    }
    else if (error != 0) {
        is_unusable(&format, error, "read");
    }
    else {
        understand(&format, text, len, format_version, upgrades, may_write);
    }
    if (text != NULL) {
        OPENSSL_cleanse(text, len);
    }
}
