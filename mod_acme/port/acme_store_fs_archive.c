/* Root's own copy: generations in archive/, and the links in domains/ that point to them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * archive/ and domains/ are writable for root alone. An archive is filled under a temporary name
 * and gets its own by one rename; it is on the disk after acme_store_fs_sync, which is to be called
 * once between the last acme_store_fs_archive and the first acme_store_fs_point, and after that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#include "acme_store_fs_private.h"

#define NUMBER_SIZE 24
#define ARCHIVE_NAME_SIZE (ACME_STORE_FS_NAME_MAX + NUMBER_SIZE)

static const acme_store_file_owner_t roots = {.is_given = 0};

static char *archive_name(const char *folder, apr_uint64_t number, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s.%" APR_UINT64_T_FMT, folder, number);
}

static acme_err_t *check_name(const char *name, apr_pool_t *pool)
{
    if (strchr(name, '/') != NULL ||
        !acme_store_path_ok(acme_store_path(pool, "domains", name, NULL))) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "\"%s\" is not a name in the store", name);
    }
    return NULL;
}

static acme_err_t *check_files(const apr_array_header_t *files, apr_pool_t *pool)
{
    for (int i = 0; i < files->nelts; ++i) {
        ACME_TRY(check_name(APR_ARRAY_IDX(files, i, acme_store_fs_file_t).name, pool));
    }
    return NULL;
}

static int write_files(int parent, const char *name, const apr_array_header_t *files)
{
    if (mkdirat(parent, name, 0700) < 0) {
        return errno;
    }
    int folder;
    int error = acme_store_file__open_folder(&folder, parent, name);
    for (int i = 0; error == 0 && i < files->nelts; ++i) {
        const acme_store_fs_file_t *file = &APR_ARRAY_IDX(files, i, acme_store_fs_file_t);
        error = acme_store_file__write(folder, file->name, file->bytes, file->len, &roots, 0);
    }
    if (folder >= 0) {
        close(folder);
    }
    return error;
}

/* The new one takes the name; what had it goes. Never is the name without a folder. */
static int exchange(int parent, const char *temp, const char *name)
{
    if (renameat2(parent, temp, parent, name, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno == EEXIST) {
        if (renameat2(parent, temp, parent, name, RENAME_EXCHANGE) == 0) {
            (void)acme_store_file__remove_folder(parent, temp); /* prune finds no name for it */
            return 0;
        }
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return errno;
    }
    /* a file system without these flags: NFS */
    int error = acme_store_file__remove_folder(parent, name);
    if (error != 0 && error != ENOENT) {
        return error;
    }
    return renameat(parent, temp, parent, name) < 0 ? errno : 0;
}

static int make_archive(const acme_store_fs_t *fs, const char *name,
                        const apr_array_header_t *files)
{
    int parent;
    int error = acme_store_file__open_folder(&parent, fs->base_fd, "archive");
    if (error != 0) {
        return error;
    }
    char temp[ACME_STORE_FILE_TEMP_SIZE];
    acme_store_file__temp_name(temp);
    (void)acme_store_file__remove_folder(parent, temp); /* of a killed process with our number */
    error = write_files(parent, temp, files);
    if (error == 0) {
        error = exchange(parent, temp, name);
    }
    if (error != 0) {
        (void)acme_store_file__remove_folder(parent, temp);
    }
    close(parent);
    return error;
}

/* see acme_store_fs.h */
acme_err_t *acme_store_fs_archive(const acme_store_t *store, const char *folder,
                                  apr_uint64_t number, const apr_array_header_t *files,
                                  apr_pool_t *scratch_pool)
{
    const acme_store_fs_t *fs = store->baton;
    ACME_TRY(check_name(folder, scratch_pool));
    ACME_TRY(check_files(files, scratch_pool));
    const char *name = archive_name(folder, number, scratch_pool);
    int error = make_archive(fs, name, files);
    return error == 0 ? NULL
                      : acme_store_fs__failed(&fs->config, error, "write",
                                              apr_pstrcat(scratch_pool, "archive/", name, NULL),
                                              scratch_pool);
}

/* see acme_store_fs.h */
acme_err_t *acme_store_fs_sync(const acme_store_t *store, apr_pool_t *scratch_pool)
{
    const acme_store_fs_t *fs = store->baton;
    return syncfs(fs->base_fd) == 0
               ? NULL
               : acme_store_fs__failed(&fs->config, errno, "sync", "", scratch_pool);
}

/* A real folder was put there by an administrator, a backup or another node: the last one is kept.
 */
static int move_real_folder(const acme_store_fs_t *fs, int domains, const char *folder,
                            apr_pool_t *pool)
{
    int archive;
    int error = acme_store_file__open_folder(&archive, fs->base_fd, "archive");
    if (error != 0) {
        return error;
    }
    const char *name = apr_pstrcat(pool, folder, ".moved", NULL);
    error = acme_store_file__remove_folder(archive, name);
    if (error == 0 || error == ENOENT) {
        error = renameat(domains, folder, archive, name) < 0 ? errno : 0;
    }
    close(archive);
    return error;
}

static int point(const acme_store_fs_t *fs, const char *folder, const char *target,
                 apr_pool_t *pool)
{
    int domains;
    int error = acme_store_file__open_folder(&domains, fs->base_fd, "domains");
    if (error != 0) {
        return error;
    }
    char temp[ACME_STORE_FILE_TEMP_SIZE];
    acme_store_file__temp_name(temp);
    (void)unlinkat(domains, temp, 0); /* of a killed process with our number */
    error = symlinkat(target, domains, temp) < 0 ? errno : 0;
    if (error == 0 && renameat(domains, temp, domains, folder) < 0) {
        error = errno;
        if (error == EISDIR || error == ENOTEMPTY || error == EEXIST) {
            error = move_real_folder(fs, domains, folder, pool);
            if (error == 0 && renameat(domains, temp, domains, folder) < 0) {
                error = errno;
            }
        }
    }
    if (error != 0) {
        (void)unlinkat(domains, temp, 0);
    }
    close(domains);
    return error;
}

/* see acme_store_fs.h */
acme_err_t *acme_store_fs_point(const acme_store_t *store, const char *folder, apr_uint64_t number,
                                apr_pool_t *scratch_pool)
{
    const acme_store_fs_t *fs = store->baton;
    ACME_TRY(check_name(folder, scratch_pool));
    const char *target =
        apr_pstrcat(scratch_pool, "../archive/", archive_name(folder, number, scratch_pool), NULL);
    int error = point(fs, folder, target, scratch_pool);
    return error == 0 ? NULL
                      : acme_store_fs__failed(&fs->config, error, "point to the archive from",
                                              apr_pstrcat(scratch_pool, "domains/", folder, NULL),
                                              scratch_pool);
}

/* The number of @a name if it is a generation of @a folder, else 0. */
static apr_uint64_t number_of(const char *name, const char *folder)
{
    size_t len = strlen(folder);
    if (strncmp(name, folder, len) != 0 || name[len] != '.' ||
        strspn(name + len + 1, "0123456789") != strlen(name + len + 1)) {
        return 0;
    }
    errno = 0;
    unsigned long long number = strtoull(name + len + 1, NULL, 10);
    return errno == 0 ? number : 0;
}

/* see acme_store_fs.h */
apr_uint64_t acme_store_fs_pointed(const acme_store_t *store, const char *folder,
                                   apr_pool_t *scratch_pool)
{
    const acme_store_fs_t *fs = store->baton;
    char target[ARCHIVE_NAME_SIZE];
    if (check_name(folder, scratch_pool) != NULL ||
        acme_store_fs__read_link(target, sizeof target, fs, folder) != 0) {
        return 0;
    }
    return number_of(target, folder);
}

static int newest_first(const void *a, const void *b)
{
    apr_uint64_t left = *(const apr_uint64_t *)a;
    apr_uint64_t right = *(const apr_uint64_t *)b;
    return (left < right) - (left > right);
}

static apr_array_header_t *list_numbers(const acme_store_t *store, const char *folder,
                                        apr_pool_t *pool)
{
    apr_array_header_t *numbers = apr_array_make(pool, 8, sizeof(apr_uint64_t));
    apr_array_header_t *names;
    if (acme_store_list(&names, store, "archive", pool) != NULL) {
        return numbers; /* nothing is pruned this time */
    }
    for (int i = 0; i < names->nelts; ++i) {
        apr_uint64_t number = number_of(APR_ARRAY_IDX(names, i, const char *), folder);
        if (number != 0) {
            APR_ARRAY_PUSH(numbers, apr_uint64_t) = number;
        }
    }
    if (numbers->nelts > 0) {
        qsort(numbers->elts, (size_t)numbers->nelts, sizeof(apr_uint64_t), newest_first);
    }
    return numbers;
}

/* see acme_store_fs.h */
void acme_store_fs_prune(const acme_store_t *store, const char *folder, int keep,
                         apr_pool_t *scratch_pool)
{
    const acme_store_fs_t *fs = store->baton;
    int archive;
    if (acme_store_file__open_folder(&archive, fs->base_fd, "archive") != 0) {
        return;
    }
    apr_uint64_t pointed = acme_store_fs_pointed(store, folder, scratch_pool);
    apr_array_header_t *numbers = list_numbers(store, folder, scratch_pool);
    for (int i = keep; i < numbers->nelts; ++i) {
        apr_uint64_t number = APR_ARRAY_IDX(numbers, i, apr_uint64_t);
        if (number != pointed) {
            (void)acme_store_file__remove_folder(archive,
                                                 archive_name(folder, number, scratch_pool));
        }
    }
    close(archive);
}

static int give_one(int fd, const acme_store_fs_config_t *config)
{
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return errno;
    }
    if (info.st_uid != 0) {
        return 0;
    }
    if (!S_ISDIR(info.st_mode) && (!S_ISREG(info.st_mode) || info.st_nlink > 1)) {
        return EINVAL; /* a link that the run user made to a file of root's is not given away */
    }
    return fchown(fd, config->run_uid, config->run_gid) < 0 ? errno : 0;
}

static int give_file(const acme_store_fs_t *fs, int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int error = give_one(fd, &fs->config);
    close(fd);
    return error;
}

/* see acme_store_fs.h */
acme_err_t *acme_store_fs_give(const acme_store_t *store, const char *path,
                               apr_pool_t *scratch_pool)
{
    const acme_store_fs_t *fs = store->baton;
    if (!acme_store_path_ok(path) || !acme_store_fs__is_run_users(path)) {
        return acme_err_make(scratch_pool, ACME_ERR_INTERNAL,
                             "\"%s\" is nothing the run user may own", path);
    }
    if (geteuid() != 0) {
        return NULL;
    }
    const char *slash = strrchr(path, '/');
    int folder;
    int error = acme_store_fs__open_folder(
        &folder, fs, apr_pstrmemdup(scratch_pool, path, (apr_size_t)(slash - path)), 0);
    if (error == 0) {
        error = give_one(folder, &fs->config);
        if (error == 0) {
            error = give_file(fs, folder, slash + 1);
        }
        close(folder);
    }
    return error == 0 ? NULL
                      : acme_store_fs__failed(&fs->config, error, "change the owner of", path,
                                              scratch_pool);
}
