/* A file with a secret: read whole, and looked at who else can read it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_credentials.h"

/* One byte more than any parser takes, so that it refuses what is too long. */
#define SECRET_MAX (ACME_CREDENTIALS_MAX + 1)

static acme_err_t *cannot_read(const char *file, int error, apr_pool_t *pool)
{
    return acme_err_system(pool, ACME_ERR_CONFIG, APR_FROM_OS_ERROR(error),
                           "the file %s cannot be read", file);
}

/* Nonzero if the run user, or somebody who is neither root nor the owner, can read it. */
static int can_others_read(const struct stat *info)
{
    if (geteuid() != 0) {
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

/* see mod_acme_secret_file.h */
acme_err_t *mod_acme_secret_file_read(mod_acme_secret_file_t *secret, const char *file,
                                      apr_pool_t *pool)
{
    struct stat info;
    *secret = (mod_acme_secret_file_t){NULL, 0, NULL};
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
        err = read_open(&secret->text, &secret->len, fd, file, pool);
    }
    if (err == NULL && can_others_read(&info)) {
        secret->warning = apr_psprintf(
            pool,
            "the file %s can be read by others than root, and so perhaps by every script of this "
            "server: chown root:root and chmod 600 it",
            file);
    }
    close(fd);
    return err;
}

/* see mod_acme_secret_file.h */
void mod_acme_secret_file_wipe(mod_acme_secret_file_t *secret)
{
    if (secret->text != NULL) {
        OPENSSL_cleanse(secret->text, secret->len);
    }
}
