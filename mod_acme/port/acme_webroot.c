/* http-01 answers as files in a folder that another server serves.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_webroot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* What lies below the administrator's folder. */
static const char *const below[] = {".well-known", "acme-challenge"};
#define BELOW ((int)(sizeof(below) / sizeof(below[0])))

/* A folder on the way from DIR to the files. */
typedef struct {
    int fd;
    const char *path;
} place_t;

static acme_err_t *refuse(int error, const char *doing, const char *path, apr_pool_t *pool)
{
    const char *advice = "";
    switch (error) {
    case ENOENT:
        advice = "; make it, or correct the path in ACMEChallengeHttp01";
        break;
    case ELOOP:
    case ENOTDIR:
        advice = "; it has to be a folder, and below the one that is named in ACMEChallengeHttp01 "
                 "symbolic links are not followed: name the folder that they lead into";
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        advice = apr_psprintf(pool, "; let user %lu, as whom httpd runs, write there",
                              (unsigned long)geteuid());
        break;
    default:
        break;
    }
    acme_err_t *err = acme_err_system(pool, ACME_ERR_CONFIG, error, "%s cannot be %s", path, doing);
    return acme_err_make(pool, ACME_ERR_CONFIG, "%s%s", err->text, advice);
}

static void leave(place_t *place)
{
    if (place->fd >= 0) {
        close(place->fd);
    }
    place->fd = -1;
}

/* Opens a folder inside *place, which takes its place; *place stays as it is when there is none. */
static int enter(place_t *place, const char *name, apr_pool_t *pool)
{
    int fd = openat(place->fd, name, FOLDER_FLAGS | O_NOFOLLOW);
    if (fd < 0) {
        return errno;
    }
    leave(place);
    *place = (place_t){fd, apr_pstrcat(pool, place->path, "/", name, NULL)};
    return 0;
}

static acme_err_t *enter_root(place_t *place, const char *dir, apr_pool_t *pool)
{
    *place = (place_t){open(dir, FOLDER_FLAGS), dir};
    return place->fd >= 0 ? NULL : refuse(errno, "opened", dir, pool);
}

/* Whatever umask httpd was started with, the server in front has to get in. */
static acme_err_t *make_and_enter(place_t *place, const char *name, apr_pool_t *pool)
{
    if (mkdirat(place->fd, name, 0755) != 0 && errno != EEXIST) {
        return refuse(errno, "written to", place->path, pool);
    }
    int error = enter(place, name, pool);
    if (error != 0) {
        return refuse(error, "opened", apr_pstrcat(pool, place->path, "/", name, NULL), pool);
    }
    return fchmod(place->fd, 0755) == 0 ? NULL : refuse(errno, "changed", place->path, pool);
}

static acme_err_t *walk_and_make(place_t *place, apr_pool_t *pool)
{
    for (int i = 0; i < BELOW; i++) {
        int error = enter(place, below[i], pool);
        if (error == ENOENT) {
            ACME_TRY(make_and_enter(place, below[i], pool));
        }
        else if (error != 0) {
            return refuse(error, "opened", apr_pstrcat(pool, place->path, "/", below[i], NULL),
                          pool);
        }
    }
    return NULL;
}

/* The folder in front of the path and token that txt->name has to end in. */
static acme_err_t *find_folder(const char **dir, const acme_txt_t *txt, apr_pool_t *pool)
{
    const char *end = apr_pstrcat(pool, ACME_WEBROOT_PATH, txt->token, NULL);
    apr_size_t len = strlen(txt->name);
    apr_size_t end_len = strlen(end);
    if (len < end_len || strcmp(txt->name + len - end_len, end) != 0 ||
        strchr(txt->token, '/') != NULL) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s: %s is no file for an answer to http-01",
                             txt->domain, txt->name);
    }
    *dir = len > end_len ? apr_pstrmemdup(pool, txt->name, len - end_len) : "/";
    return NULL;
}

/* ---- writing */

static int write_all(int fd, const char *text)
{
    apr_size_t len = strlen(text);
    while (len > 0) {
        ssize_t count = write(fd, text, len);
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        text += count > 0 ? count : 0;
        len -= count > 0 ? (apr_size_t)count : 0;
    }
    return fchmod(fd, 0644) == 0 ? 0 : errno;
}

/* What a process that was killed left behind is in the way once. */
static int create(int folder, const char *name)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(folder, name, flags, 0644);
    if (fd < 0 && errno == EEXIST && unlinkat(folder, name, 0) == 0) {
        fd = openat(folder, name, flags, 0644);
    }
    return fd;
}

static int write_file(int folder, const char *token, const char *value, apr_pool_t *pool)
{
    const char *beside = apr_pstrcat(pool, ".", token, ".new", NULL);
    int fd = create(folder, beside);
    if (fd < 0) {
        return errno;
    }
    int error = write_all(fd, value);
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && renameat(folder, beside, folder, token) != 0) {
        error = errno;
    }
    if (error != 0) {
        (void)unlinkat(folder, beside, 0); /* the error matters more */
    }
    return error;
}

static acme_err_t *add(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    (void)baton;
    const char *dir;
    place_t place;
    ACME_TRY(find_folder(&dir, txt, pool));
    ACME_TRY(enter_root(&place, dir, pool));
    acme_err_t *err = walk_and_make(&place, pool);
    if (err == NULL) {
        int error = write_file(place.fd, txt->token, txt->value, pool);
        err = error != 0 ? refuse(error, "written to", place.path, pool) : NULL;
    }
    leave(&place);
    return acme_err_wrap(pool, err, "%s: the answer to http-01 cannot be put into %s", txt->domain,
                         dir);
}

/* ---- removing */

static acme_err_t *remove_token(place_t *place, const char *token, apr_pool_t *pool)
{
    for (int i = 0; i < BELOW; i++) {
        int error = enter(place, below[i], pool);
        if (error == ENOENT) {
            return NULL;
        }
        if (error != 0) {
            return refuse(error, "opened", apr_pstrcat(pool, place->path, "/", below[i], NULL),
                          pool);
        }
    }
    return unlinkat(place->fd, token, 0) == 0 || errno == ENOENT
               ? NULL
               : refuse(errno, "removed", apr_pstrcat(pool, place->path, "/", token, NULL), pool);
}

static acme_err_t *remove_file(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    (void)baton;
    const char *dir;
    ACME_TRY(find_folder(&dir, txt, pool));
    place_t place = {open(dir, FOLDER_FLAGS), dir};
    if (place.fd < 0 && errno == ENOENT) {
        return NULL;
    }
    acme_err_t *err =
        place.fd >= 0 ? remove_token(&place, txt->token, pool) : refuse(errno, "opened", dir, pool);
    leave(&place);
    return err;
}

static acme_err_t *poll_file(int *is_done, apr_time_t *poll_at, void *baton, const acme_txt_t *txt,
                             apr_pool_t *pool)
{
    (void)baton;
    (void)txt;
    (void)pool;
    *is_done = 1;
    *poll_at = 0;
    return NULL;
}

/* see acme_webroot.h */
acme_dns_update_t *acme_webroot_create(apr_pool_t *pool)
{
    acme_dns_update_t *update = apr_pcalloc(pool, sizeof(*update));
    *update = (acme_dns_update_t){.add = add, .remove = remove_file, .poll = poll_file};
    return update;
}

/* ---- checking */

static acme_err_t *check_below(place_t *place, apr_pool_t *pool)
{
    for (int i = 0; i < BELOW; i++) {
        int error = enter(place, below[i], pool);
        if (error == ENOENT) {
            break; /* it can be made if the one around it can be written to */
        }
        if (error != 0) {
            return refuse(error, "opened", apr_pstrcat(pool, place->path, "/", below[i], NULL),
                          pool);
        }
    }
    return faccessat(place->fd, ".", W_OK | X_OK, AT_EACCESS) == 0
               ? NULL
               : refuse(errno, "written to", place->path, pool);
}

/* see acme_webroot.h */
acme_err_t *acme_webroot_check(const char *dir, apr_pool_t *pool)
{
    place_t place;
    ACME_TRY(enter_root(&place, dir, pool));
    acme_err_t *err = check_below(&place, pool);
    leave(&place);
    return err;
}
