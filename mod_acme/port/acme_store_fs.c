/* The store on disk, its verbs: get, put, del, list and set_aside below the open base folder.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#include "acme_store_fs_private.h"

/* a sealed value is a little longer than what is in it */
#define STORED_MAX (ACME_STORE_VALUE_MAX + 4096)
#define GROUP_MAX 32
#define TRIES 5

const acme_store_fs_group_t acme_store_fs__groups[] = {
    {"placeholder", 0}, {"domains", 0},    {"archive", 0},  {"live", 1}, {"staging", 1},
    {"accounts", 1},    {"challenges", 1}, {"requests", 1}, {NULL, 0},
};

/* see acme_store_fs_private.h */
int acme_store_fs__is_run_users(const char *path)
{
    for (const acme_store_fs_group_t *group = acme_store_fs__groups; group->name; ++group) {
        size_t len = strlen(group->name);
        if (strncmp(path, group->name, len) == 0 && (path[len] == '/' || path[len] == '\0')) {
            return group->is_run_users;
        }
    }
    return 0;
}

/* see acme_store_fs_private.h */
acme_store_file_owner_t acme_store_fs__owner(const acme_store_fs_config_t *config, const char *path)
{
    return (acme_store_file_owner_t){.is_given = acme_store_fs__is_run_users(path),
                                     .uid = config->run_uid,
                                     .gid = config->run_gid};
}

static const char *advice(const acme_store_fs_config_t *config, int error, apr_pool_t *pool)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return "; free some space there";
    case EROFS:
        return "; mount it for writing or name another folder with ACMEStoreDir";
    case EACCES:
    case EPERM:
        return apr_psprintf(pool, "; restarting httpd as root puts owners and modes below %s right",
                            config->base);
    case EMFILE:
    case ENFILE:
        return "; raise the limit of open files (ulimit -n)";
    case ELOOP:
    case ENOTDIR:
    case EINVAL:
    case EMLINK:
        return "; a link or something else stands in its place: remove that";
    case EIO:
        return "; check the disk";
    default:
        return "";
    }
}

static const char *reason(int error, apr_pool_t *pool)
{
    switch (error) {
    case EINVAL:
        return "it is not an ordinary file or folder";
    case EMLINK:
        return "it has more than one name (hard links)";
    case EFBIG:
        return "it is too large";
    default:
        return apr_pstrdup(pool, strerror(error));
    }
}

/* see acme_store_fs_private.h */
acme_err_t *acme_store_fs__failed(const acme_store_fs_config_t *config, int error, const char *verb,
                                  const char *path, apr_pool_t *pool)
{
    acme_err_t *err = acme_err_make(pool, ACME_ERR_STORE, "cannot %s %s%s%s: %s%s", verb,
                                    config->base, path[0] != '\0' ? "/" : "", path,
                                    reason(error, pool), advice(config, error, pool));
    err->status = APR_FROM_OS_ERROR(error);
    return err;
}

/* A number as this code writes it. */
static int is_number(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* see acme_store_fs_private.h */
int acme_store_fs__read_link(char *target, apr_size_t size, const acme_store_fs_t *fs,
                             const char *folder)
{
    static const char start[] = "../archive/";
    int domains;
    int error = acme_store_file__open_folder(&domains, fs->base_fd, "domains");
    if (error != 0) {
        return error;
    }
    char link[ACME_STORE_FS_NAME_MAX + 64];
    ssize_t len = readlinkat(domains, folder, link, sizeof link - 1);
    error = len < 0 ? errno : 0;
    close(domains);
    if (error != 0) {
        return error;
    }
    link[len] = '\0';
    size_t folder_len = strlen(folder);
    const char *name = link + strlen(start);
    if (strncmp(link, start, strlen(start)) != 0 || strncmp(name, folder, folder_len) != 0 ||
        name[folder_len] != '.' || !is_number(name + folder_len + 1) || strlen(name) >= size) {
        return EINVAL;
    }
    apr_cpystrn(target, name, size);
    return 0;
}

static int open_domain(int *fd, const acme_store_fs_t *fs, const char *folder)
{
    char target[ACME_STORE_FS_NAME_MAX + 32];
    int error = acme_store_fs__read_link(target, sizeof target, fs, folder);
    const char *group = error == 0 ? "archive" : "domains"; /* EINVAL: perhaps a real folder */
    if (error != 0 && error != EINVAL) {
        return error;
    }
    int group_fd;
    int opened = acme_store_file__open_folder(&group_fd, fs->base_fd, group);
    if (opened != 0) {
        return opened;
    }
    opened = acme_store_file__open_folder(fd, group_fd, error == 0 ? target : folder);
    close(group_fd);
    return opened;
}

static int step_into(int *fd, int parent, const char *name, int is_made,
                     const acme_store_file_owner_t *owner)
{
    return is_made ? acme_store_file__make_folder(fd, parent, name, owner)
                   : acme_store_file__open_folder(fd, parent, name);
}

/* see acme_store_fs_private.h */
int acme_store_fs__open_folder(int *fd, const acme_store_fs_t *fs, const char *path, int is_made)
{
    char group[GROUP_MAX];
    const char *slash = strchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : strlen(path);
    if (len >= sizeof group) {
        return ENOENT;
    }
    memcpy(group, path, len);
    group[len] = '\0';
    if (slash != NULL && strcmp(group, "domains") == 0 && !is_made) {
        return open_domain(fd, fs, slash + 1);
    }
    acme_store_file_owner_t owner = acme_store_fs__owner(&fs->config, path);
    int error = step_into(fd, fs->base_fd, group, is_made, &owner);
    if (error != 0 || slash == NULL) {
        return error;
    }
    int group_fd = *fd;
    error = step_into(fd, group_fd, slash + 1, is_made, &owner);
    close(group_fd);
    return error;
}

/* The folder of @a path (in @a pool) and the name in it. */
static const char *split(const char **name, const char *path, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');
    *name = slash + 1;
    return apr_pstrmemdup(pool, path, (apr_size_t)(slash - path));
}

static acme_err_t *get(char **bytes, apr_size_t *len, void *baton, const char *path,
                       apr_pool_t *pool)
{
    const acme_store_fs_t *fs = baton;
    const char *name;
    const char *folder_path = split(&name, path, pool);
    *bytes = NULL;
    *len = 0;
    int folder;
    int error = acme_store_fs__open_folder(&folder, fs, folder_path, 0);
    if (error == ENOENT) {
        return NULL;
    }
    if (error != 0) {
        return acme_store_fs__failed(&fs->config, error, "open", folder_path, pool);
    }
    error = acme_store_file__read(bytes, len, folder, name, STORED_MAX,
                                  acme_store_fs__is_run_users(path), pool);
    close(folder);
    if (error == 0 || error == ENOENT) {
        return NULL;
    }
    acme_err_t *err = acme_store_fs__failed(&fs->config, error, "read", path, pool);
    if (acme_store_file__is_odd(error)) {
        err->errclass = ACME_ERR_INPUT;
    }
    return err;
}

static acme_err_t *put(void *baton, const char *path, const char *bytes, apr_size_t len,
                       int is_synced, apr_pool_t *pool)
{
    const acme_store_fs_t *fs = baton;
    const char *name;
    const char *folder_path = split(&name, path, pool);
    acme_store_file_owner_t owner = acme_store_fs__owner(&fs->config, path);
    int error = ENOENT;
    /* del() of the folder's last value may remove the folder between our steps: make it again */
    for (int i = 0; i < TRIES && error == ENOENT; ++i) {
        int folder;
        error = acme_store_fs__open_folder(&folder, fs, folder_path, 1);
        if (error == 0) {
            error = acme_store_file__write(folder, name, bytes, len, &owner, is_synced);
            close(folder);
        }
    }
    return error == 0 ? NULL : acme_store_fs__failed(&fs->config, error, "write", path, pool);
}

/* A folder that became empty goes; one that did not, or is a link, stays. */
static void remove_empty_folder(const acme_store_fs_t *fs, const char *folder_path,
                                apr_pool_t *pool)
{
    if (strchr(folder_path, '/') == NULL) {
        return;
    }
    const char *name;
    const char *group = split(&name, folder_path, pool);
    int fd;
    if (acme_store_file__open_folder(&fd, fs->base_fd, group) == 0) {
        (void)unlinkat(fd, name, AT_REMOVEDIR);
        close(fd);
    }
}

static acme_err_t *del(void *baton, const char *path, apr_pool_t *pool)
{
    const acme_store_fs_t *fs = baton;
    const char *name;
    const char *folder_path = split(&name, path, pool);
    int folder;
    int error = acme_store_fs__open_folder(&folder, fs, folder_path, 0);
    if (error == 0) {
        error = unlinkat(folder, name, 0) < 0 ? errno : 0;
        close(folder);
    }
    if (error != 0 && error != ENOENT) {
        return acme_store_fs__failed(&fs->config, error, "remove", path, pool);
    }
    remove_empty_folder(fs, folder_path, pool);
    return NULL;
}

static acme_err_t *list(apr_array_header_t **names, void *baton, const char *path, apr_pool_t *pool)
{
    const acme_store_fs_t *fs = baton;
    *names = apr_array_make(pool, 16, sizeof(const char *));
    int folder;
    int error = acme_store_fs__open_folder(&folder, fs, path, 0);
    if (error == ENOENT) {
        return NULL;
    }
    DIR *entries = error == 0 ? fdopendir(folder) : NULL;
    if (entries == NULL) {
        acme_err_t *err =
            acme_store_fs__failed(&fs->config, error != 0 ? error : errno, "list", path, pool);
        if (error == 0) {
            close(folder);
        }
        return err;
    }
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        /* "g/" makes a path of it, so that a name which no verb takes is left out */
        if (entry->d_name[0] != '.' &&
            acme_store_path_ok(apr_pstrcat(pool, "g/", entry->d_name, NULL))) {
            APR_ARRAY_PUSH(*names, const char *) = apr_pstrdup(pool, entry->d_name);
        }
    }
    closedir(entries);
    return NULL;
}

static acme_err_t *set_aside(void *baton, const char *path, apr_pool_t *pool)
{
    const acme_store_fs_t *fs = baton;
    const char *name;
    const char *folder_path = split(&name, path, pool);
    int folder;
    int error = acme_store_fs__open_folder(&folder, fs, folder_path, 0);
    if (error == 0) {
        const char *aside = apr_pstrcat(pool, ".unsealed.", name, NULL);
        error = renameat(folder, name, folder, aside) < 0 ? errno : 0;
        close(folder);
    }
    /* ENOENT: another process was faster */
    return error == 0 || error == ENOENT
               ? NULL
               : acme_store_fs__failed(&fs->config, error, "set aside", path, pool);
}

static const acme_store_provider_t provider = {
    .get = get,
    .put = put,
    .del = del,
    .list = list,
    .set_aside = set_aside,
    .lock = acme_store_fs__lock,
    .unlock = acme_store_fs__unlock,
};

static apr_status_t close_store(void *data)
{
    acme_store_fs_t *fs = data;
    acme_store_fs__lock_release(fs);
    close(fs->base_fd);
    return APR_SUCCESS;
}

static acme_store_fs_config_t copy_config(const acme_store_fs_config_t *config, apr_pool_t *pool)
{
    acme_store_fs_config_t copy = *config;
    copy.base = apr_pstrdup(pool, config->base);
    copy.run_user = apr_pstrdup(pool, config->run_user);
    return copy;
}

/* see acme_store_fs.h */
acme_err_t *acme_store_fs_open(acme_store_t **store, const acme_store_fs_config_t *config,
                               const acme_seal_t *seal, const acme_env_t *env, apr_pool_t *pool)
{
    int base_fd = open(config->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base_fd < 0) {
        return acme_store_fs__failed(config, errno, "open", "", pool);
    }
    acme_store_fs_t *fs = apr_pcalloc(pool, sizeof *fs);
    fs->config = copy_config(config, pool);
    fs->env = env;
    fs->base_fd = base_fd;
    apr_pool_cleanup_register(pool, fs, close_store, apr_pool_cleanup_null);
    *store = apr_pcalloc(pool, sizeof **store);
    (*store)->provider = &provider;
    (*store)->baton = fs;
    (*store)->seal = seal;
    (*store)->env = env;
    return NULL;
}

/* see acme_store_fs.h */
char *acme_store_fs_path(const acme_store_t *store, const char *path, apr_pool_t *pool)
{
    const acme_store_fs_t *fs = store->baton;
    return apr_pstrcat(pool, fs->config.base, "/", path, NULL);
}

/* see acme_store_fs.h */
apr_time_t acme_store_fs_mtime(const acme_store_t *store, const char *group)
{
    const acme_store_fs_t *fs = store->baton;
    struct stat info;
    if (fstatat(fs->base_fd, group, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        return 0;
    }
    return apr_time_from_sec((apr_time_t)info.st_mtim.tv_sec) + info.st_mtim.tv_nsec / 1000;
}
