/* One engine per store: the fcntl lock on the file `lock`, opened at most once per process.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A POSIX record lock belongs to the process, and closing *any* descriptor of its file drops it.
 * So there is one list of open lock files per process; stores on the same folder share an entry,
 * and it is closed with the last of them. A child that inherits an entry by fork inherits the
 * descriptor but not the lock: the pid in the entry tells. The record lock keeps processes apart;
 * the owner in the entry keeps stores of one process apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme_store_fs_private.h"

struct acme_store_fs_lock_t {
    acme_store_fs_lock_t *next;
    dev_t device;
    ino_t inode;
    int fd;
    int users; /* stores of this process that point here */
    pid_t owner_pid;
    const acme_store_fs_t *owner; /* who holds it, NULL: nobody in process owner_pid */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static acme_store_fs_lock_t *open_locks;

static acme_store_fs_lock_t *find_open(const struct stat *info)
{
    acme_store_fs_lock_t *lock = open_locks;
    while (lock != NULL && (lock->device != info->st_dev || lock->inode != info->st_ino)) {
        lock = lock->next;
    }
    return lock;
}

static void let_go(acme_store_fs_lock_t *lock, const acme_store_fs_t *fs)
{
    if (lock->owner != fs || lock->owner_pid != getpid()) {
        return;
    }
    struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    (void)fcntl(lock->fd, F_SETLK, &all); /* unlocking what we hold cannot be refused */
    lock->owner = NULL;
}

static void drop_user(acme_store_fs_t *fs)
{
    acme_store_fs_lock_t *lock = fs->lock;
    if (lock == NULL) {
        return;
    }
    fs->lock = NULL;
    let_go(lock, fs);
    if (--lock->users > 0) {
        return;
    }
    acme_store_fs_lock_t **link = &open_locks;
    while (*link != lock) {
        link = &(*link)->next;
    }
    *link = lock->next;
    close(lock->fd);
    free(lock);
}

/* Only the owner of the base can make it; acme_store_fs_prepare does, with the run user as owner.
 */
static int open_file(int *fd, const acme_store_fs_t *fs)
{
    *fd = openat(fs->base_fd, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 && errno == ENOENT) {
        *fd = openat(fs->base_fd, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_CREAT, 0600);
        if (*fd >= 0 && geteuid() == 0 && fchown(*fd, fs->config.run_uid, fs->config.run_gid) < 0) {
            int error = errno;
            close(*fd);
            return error;
        }
    }
    return *fd < 0 ? errno : 0;
}

static int open_entry(acme_store_fs_lock_t **lock, const acme_store_fs_t *fs)
{
    int fd;
    int error = open_file(&fd, fs);
    if (error != 0) {
        return error;
    }
    struct stat info;
    acme_store_fs_lock_t *entry = NULL;
    if (fstat(fd, &info) < 0) {
        error = errno;
    }
    else if (!S_ISREG(info.st_mode)) {
        error = EINVAL;
    }
    else if ((entry = calloc(1, sizeof *entry)) == NULL) {
        error = ENOMEM;
    }
    if (error != 0) {
        close(fd);
        return error;
    }
    entry->device = info.st_dev;
    entry->inode = info.st_ino;
    entry->fd = fd;
    entry->next = open_locks;
    open_locks = entry;
    *lock = entry;
    return 0;
}

/* Gives fs the entry of the file that is there now: one that somebody removed locks nobody out. */
static int use_entry(acme_store_fs_t *fs)
{
    struct stat info;
    int is_there = fstatat(fs->base_fd, "lock", &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && errno != ENOENT) {
        return errno;
    }
    acme_store_fs_lock_t *entry = is_there ? find_open(&info) : NULL;
    if (entry != NULL && entry == fs->lock) {
        return 0;
    }
    drop_user(fs);
    entry = is_there ? find_open(&info) : NULL;
    int error = entry != NULL ? 0 : open_entry(&entry, fs);
    if (error == 0) {
        ++entry->users;
        fs->lock = entry;
    }
    return error;
}

static int ask_holder(int fd)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_GETLK, &all) < 0 || all.l_type == F_UNLCK || all.l_pid < 0) {
        return 0;
    }
    return (int)all.l_pid;
}

static int take(int *is_ours, int *is_new, int *holder, acme_store_fs_t *fs)
{
    acme_store_fs_lock_t *lock = fs->lock;
    int is_held_here = lock->owner != NULL && lock->owner_pid == getpid();
    if (is_held_here) {
        *is_ours = lock->owner == fs;
        *holder = *is_ours ? 0 : (int)getpid();
        return 0;
    }
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(lock->fd, F_SETLK, &all) < 0) {
        int error = errno;
        if (error != EACCES && error != EAGAIN) {
            return error;
        }
        *holder = ask_holder(lock->fd);
        return 0;
    }
    lock->owner = fs;
    lock->owner_pid = getpid();
    *is_ours = *is_new = 1;
    return 0;
}

/* see acme_store.h */
acme_err_t *acme_store_fs__lock(int *is_ours, int *holder, void *baton, apr_pool_t *pool)
{
    acme_store_fs_t *fs = baton;
    int is_new = 0;
    *is_ours = 0;
    *holder = 0;
    pthread_mutex_lock(&mutex);
    int error = use_entry(fs);
    if (error == 0) {
        error = take(is_ours, &is_new, holder, fs);
    }
    pthread_mutex_unlock(&mutex);
    if (error != 0) {
        return acme_store_fs__failed(&fs->config, error, "lock", "lock", pool);
    }
    if (is_new) {
        acme_store_fs__sweep(fs->base_fd, 1, fs->env);
    }
    return NULL;
}

/* see acme_store.h */
void acme_store_fs__unlock(void *baton)
{
    acme_store_fs_t *fs = baton;
    pthread_mutex_lock(&mutex);
    if (fs->lock != NULL) {
        let_go(fs->lock, fs);
    }
    pthread_mutex_unlock(&mutex);
}

/* see acme_store_fs_private.h */
void acme_store_fs__lock_release(acme_store_fs_t *fs)
{
    pthread_mutex_lock(&mutex);
    drop_user(fs);
    pthread_mutex_unlock(&mutex);
}
