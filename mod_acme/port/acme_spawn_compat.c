/* What differs between C libraries when a program is spawned.
 * SPDX-License-Identifier: Apache-2.0
 *
 * glibc closes a range since 2.34. Elsewhere the open descriptors are listed; one that another
 * thread opens in between is closed by its O_CLOEXEC, which all of httpd's and APR's have.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme_spawn_compat.h"

/* Where no list of the open descriptors is to be had, all that could be are closed, up to this. */
#define GUESS_MAX 65536

static int close_all_possible(posix_spawn_file_actions_t *actions, int first)
{
    long max = sysconf(_SC_OPEN_MAX);
    int last = max < 0 || max > GUESS_MAX ? GUESS_MAX : (int)max;
    for (int fd = first; fd < last; fd++) {
        int failed = posix_spawn_file_actions_addclose(actions, fd);
        if (failed != 0) {
            return failed;
        }
    }
    return 0;
}

/* see acme_spawn_compat.h */
int acme_spawn__close_each_from(posix_spawn_file_actions_t *actions, int first)
{
    DIR *open_now = opendir("/proc/self/fd");
    if (open_now == NULL) {
        open_now = opendir("/dev/fd");
    }
    if (open_now == NULL) {
        return close_all_possible(actions, first);
    }
    int failed = 0;
    const struct dirent *entry;
    while (failed == 0 && (entry = readdir(open_now)) != NULL) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '\0' && fd >= first && fd != dirfd(open_now)) {
            failed = posix_spawn_file_actions_addclose(actions, (int)fd);
        }
    }
    closedir(open_now);
    return failed;
}

/* see acme_spawn_compat.h */
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
int acme_spawn__close_from(posix_spawn_file_actions_t *actions, int first)
{
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
#else
int acme_spawn__close_from(posix_spawn_file_actions_t *actions, int first)
{
    return acme_spawn__close_each_from(actions, first);
}
#endif
