/* One file in one open folder: read as if an enemy had written it, written whole or not at all.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme_store_file.h"

static int error_of(int result)
{
    return result < 0 ? errno : 0;
}

/* see acme_store_file.h */
void acme_store_file__temp_name(char name[ACME_STORE_FILE_TEMP_SIZE])
{
    static atomic_uint counter;
    snprintf(name, ACME_STORE_FILE_TEMP_SIZE, ACME_STORE_FILE_TEMP "%ld.%u", (long)getpid(),
             atomic_fetch_add(&counter, 1));
}

/* see acme_store_file.h */
int acme_store_file__open_folder(int *fd, int parent, const char *name)
{
    *fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return error_of(*fd);
}

static int give(int fd, const acme_store_file_owner_t *owner)
{
    if (!owner->is_given || geteuid() != 0) {
        return 0;
    }
    return error_of(fchown(fd, owner->uid, owner->gid));
}

/* see acme_store_file.h */
int acme_store_file__make_folder(int *fd, int parent, const char *name,
                                 const acme_store_file_owner_t *owner)
{
    int error = acme_store_file__open_folder(fd, parent, name);
    if (error != ENOENT) {
        return error;
    }
    int is_new = mkdirat(parent, name, 0700) == 0;
    if (!is_new && errno != EEXIST) {
        return errno;
    }
    error = acme_store_file__open_folder(fd, parent, name);
    if (error != 0 || !is_new) {
        return error;
    }
    error = give(*fd, owner);
    if (error == 0) {
        error = error_of(fsync(parent));
    }
    if (error != 0) {
        close(*fd);
        *fd = -1;
    }
    return error;
}

static int read_all(char *bytes, apr_size_t *len, int fd, apr_size_t room)
{
    *len = 0;
    while (*len < room) {
        ssize_t got = read(fd, bytes + *len, room - *len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno;
        }
        if (got == 0) {
            break;
        }
        *len += (apr_size_t)got;
    }
    return 0;
}

/* What stands there must be one plain file: a root that follows a hard link reads for others. */
static int check_file(const struct stat *info, apr_size_t max, int is_single)
{
    if (!S_ISREG(info->st_mode)) {
        return EINVAL;
    }
    if (is_single && info->st_nlink > 1) {
        return EMLINK;
    }
    return (apr_uint64_t)info->st_size > max ? EFBIG : 0;
}

static int read_open_file(char **bytes, apr_size_t *len, int fd, apr_size_t max, int is_single,
                          apr_pool_t *pool)
{
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return errno;
    }
    int error = check_file(&info, max, is_single);
    if (error != 0) {
        return error;
    }
    apr_size_t size = (apr_size_t)info.st_size;
    char *buffer = apr_palloc(pool, size + 1);
    apr_size_t got;
    error = read_all(buffer, &got, fd, size);
    if (error == 0) {
        buffer[got] = '\0';
        *bytes = buffer;
        *len = got;
    }
    return error;
}

/* see acme_store_file.h */
int acme_store_file__read(char **bytes, apr_size_t *len, int folder, const char *name,
                          apr_size_t max, int is_single, apr_pool_t *pool)
{
    /* O_NONBLOCK: a FIFO put in the place of a value must not hold us */
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENXIO || errno == ENODEV ? EINVAL : errno;
    }
    int error = read_open_file(bytes, len, fd, max, is_single, pool);
    close(fd);
    return error;
}

/* see acme_store_file.h */
int acme_store_file__is_odd(int error)
{
    return error == ELOOP || error == EINVAL || error == EMLINK || error == EFBIG;
}

static int write_all(int fd, const char *bytes, apr_size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return errno;
        }
        bytes += written;
        len -= (apr_size_t)written;
    }
    return 0;
}

/* umask must not decide over the mode, nor root over the owner. */
static int fill_file(int fd, const char *bytes, apr_size_t len,
                     const acme_store_file_owner_t *owner, int is_synced)
{
    if (fchmod(fd, 0600) < 0) {
        return errno;
    }
    int error = write_all(fd, bytes, len);
    if (error == 0) {
        error = give(fd, owner);
    }
    if (error == 0 && is_synced) {
        error = error_of(fsync(fd));
    }
    return error;
}

static int write_temp(int folder, const char *temp, const char *bytes, apr_size_t len,
                      const acme_store_file_owner_t *owner, int is_synced)
{
    int fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int error = fill_file(fd, bytes, len, owner, is_synced);
    int closed = error_of(close(fd)); /* NFS tells a full disk here */
    return error != 0 ? error : closed;
}

/* see acme_store_file.h */
int acme_store_file__write(int folder, const char *name, const char *bytes, apr_size_t len,
                           const acme_store_file_owner_t *owner, int is_synced)
{
    char temp[ACME_STORE_FILE_TEMP_SIZE];
    int error;
    do {
        /* a name left by a killed process of the same number is not ours to take */
        acme_store_file__temp_name(temp);
        error = write_temp(folder, temp, bytes, len, owner, is_synced);
    } while (error == EEXIST);
    if (error == 0) {
        error = error_of(renameat(folder, temp, folder, name));
    }
    if (error != 0) {
        (void)unlinkat(folder, temp, 0); /* the first error is the one to tell */
        return error;
    }
    return is_synced ? error_of(fsync(folder)) : 0;
}

static void remove_files(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(folder, entry->d_name, 0); /* rmdir says if one is left */
        }
    }
    closedir(entries);
}

/* see acme_store_file.h */
int acme_store_file__remove_folder(int parent, const char *name)
{
    int folder;
    int error = acme_store_file__open_folder(&folder, parent, name);
    if (error != 0) {
        return error;
    }
    remove_files(folder);
    close(folder);
    return error_of(unlinkat(parent, name, AT_REMOVEDIR));
}
