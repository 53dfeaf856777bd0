/* Reads key and credentials files as root, and looks who else can.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <unixd.h>

#include "acme/acme_credentials.h"
#include "acme/acme_dns01.h"
#include "acme/acme_tsig_key.h"

/* One byte more than either parser takes, so that it refuses what is too long. */
#define SECRET_MAX (ACME_CREDENTIALS_MAX + 1)

static acme_err_t *cannot_read(const char *file, int error, apr_pool_t *pool)
{
    return acme_err_system(pool, ACME_ERR_CONFIG, APR_FROM_OS_ERROR(error),
                           "the file %s cannot be read", file);
}

/* Nonzero if the run user, or somebody who is neither root nor the owner, can read it. */
static int is_exposed(const mod_acme_world_t *world, const struct stat *info)
{
    if (!world->is_root) {
        return (info->st_mode & (S_IRGRP | S_IROTH)) != 0;
    }
    return (info->st_mode & S_IROTH) != 0 ||
           ((info->st_mode & S_IRUSR) != 0 && info->st_uid != 0) ||
           ((info->st_mode & S_IRGRP) != 0 && info->st_gid != 0);
}

static acme_err_t *read_open(char **text, apr_size_t *len, int fd, const char *file,
                             apr_pool_t *pool)
{
    char *bytes = apr_palloc(pool, SECRET_MAX + 1);
    *len = 0;
    ssize_t count;
    while (*len < SECRET_MAX && (count = read(fd, bytes + *len, SECRET_MAX - *len)) != 0) {
        if (count < 0) {
            return cannot_read(file, errno, pool);
        }
        *len += (apr_size_t)count;
    }
    bytes[*len] = '\0';
    *text = bytes;
    return NULL;
}

static acme_err_t *read_file(char **text, apr_size_t *len, const mod_acme_world_t *world,
                             const char *file, apr_pool_t *pool)
{
    struct stat info;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return cannot_read(file, errno, pool);
    }
    acme_err_t *err = NULL;
    if (fstat(fd, &info) != 0) {
        err = cannot_read(file, errno, pool);
    }
    else if (!S_ISREG(info.st_mode)) {
        err = acme_err_make(pool, ACME_ERR_CONFIG, "%s is not a file", file);
    }
    else {
        err = read_open(text, len, fd, file, pool);
    }
    if (err == NULL && is_exposed(world, &info)) {
        acme_env_log(world->env, ACME_LOG_WARNING,
                     "the file %s can be read by others than root, and so perhaps by every script "
                     "of this server: chown root:root and chmod 600 it",
                     file);
    }
    close(fd);
    return err;
}

static acme_err_t *parse(acme_dns01_t *dns01, const char *text, apr_size_t len, apr_pool_t *pool)
{
    if (dns01->way == ACME_DNS01_RFC2136) {
        acme_tsig_key_t *key = NULL;
        ACME_TRY(acme_tsig_key_parse(&key, text, len, pool));
        dns01->key = key;
        return NULL;
    }
    apr_array_header_t *credentials = NULL;
    ACME_TRY(acme_credentials_parse(&credentials, text, len, pool));
    dns01->credentials = credentials;
    return NULL;
}

static void read_secret(const mod_acme_world_t *world, acme_dns01_t *dns01, apr_pool_t *scratch)
{
    char *text = NULL;
    apr_size_t len = 0;
    acme_err_t *err = read_file(&text, &len, world, dns01->secret_file, scratch);
    if (err == NULL) {
        err = parse(dns01, text, len, world->pool);
        err = acme_err_wrap(scratch, err, "in %s", dns01->secret_file);
    }
    if (text != NULL) {
        OPENSSL_cleanse(text, len);
    }
    if (err != NULL) {
        dns01->trouble = apr_pstrdup(world->pool, err->text);
        acme_env_log(world->env, ACME_LOG_ERROR, "no TXT record can be set for dns-01: %s",
                     err->text);
    }
}

/* see mod_acme_secret.h */
void mod_acme_secret_read_all(const mod_acme_world_t *world, apr_pool_t *scratch_pool)
{
    for (int i = 0; i < world->global->dns01s->nelts; i++) {
        acme_dns01_t *dns01 = APR_ARRAY_IDX(world->global->dns01s, i, acme_dns01_t *);
        if (dns01->secret_file != NULL) {
            read_secret(world, dns01, scratch_pool);
        }
    }
}
