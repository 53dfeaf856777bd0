/* Temporary files, folders and links of processes that were killed in a write, taken away.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They carry a process number, but in a container that says nothing; so age decides. No write
 * takes an hour.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/acme_time.h"
#include "acme_store_fs_private.h"

static int is_temp(const char *name)
{
    return strncmp(name, ACME_STORE_FILE_TEMP, strlen(ACME_STORE_FILE_TEMP)) == 0;
}

static void remove_stale(int folder, const char *name, apr_time_t now)
{
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) < 0 ||
        apr_time_from_sec((apr_time_t)info.st_mtime) > now - ACME_TIME_HOUR) {
        return;
    }
    if (S_ISDIR(info.st_mode)) {
        (void)acme_store_file__remove_folder(folder, name); /* it only takes room */
    }
    else {
        (void)unlinkat(folder, name, 0);
    }
}

static void sweep_folder(int parent, const char *name, apr_time_t now, int depth)
{
    int folder;
    if (acme_store_file__open_folder(&folder, parent, name) != 0) {
        return;
    }
    DIR *entries = fdopendir(folder);
    if (entries == NULL) {
        close(folder);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (is_temp(entry->d_name)) {
            remove_stale(folder, entry->d_name, now);
        }
        else if (depth > 0 && entry->d_name[0] != '.') {
            sweep_folder(folder, entry->d_name, now, depth - 1);
        }
    }
    closedir(entries);
}

/* see acme_store_fs_private.h */
void acme_store_fs__sweep(int base_fd, int is_run_users, const acme_env_t *env)
{
    apr_time_t now = acme_env_now(env);
    if (!is_run_users) {
        sweep_folder(base_fd, ".", now, 0);
    }
    for (const acme_store_fs_group_t *group = acme_store_fs__groups; group->name; ++group) {
        if (group->is_run_users == is_run_users) {
            sweep_folder(base_fd, group->name, now, is_run_users);
        }
    }
}
