/* One file in one open folder: read as if an enemy had written it, written whole or not at all.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Internal to the folder port. Everything is relative to an open folder and follows no symbolic
 * link. The functions return 0 or an errno value; their callers know the sentence. No allocation
 * but what is returned; any thread.
 */
#ifndef ACME_STORE_FILE_H
#define ACME_STORE_FILE_H

#include <sys/types.h>

#include <apr_pools.h>

/** To whom a new file or folder is given; done only by root. */
typedef struct {
    int is_given; /**< 0: it stays with whoever made it */
    uid_t uid;
    gid_t gid;
} acme_store_file_owner_t;

#define ACME_STORE_FILE_TEMP ".tmp."
#define ACME_STORE_FILE_TEMP_SIZE 64

/** Opens the folder @a name. ELOOP or ENOTDIR: it is a link or no folder. */
int acme_store_file__open_folder(int *fd, int parent, const char *name);

/** Opens the folder @a name, made with mode 0700 and synced into @a parent where missing. */
int acme_store_file__make_folder(int *fd, int parent, const char *name,
                                 const acme_store_file_owner_t *owner);

/** Reads a regular file of at most @a max bytes into @a pool, NUL-terminated. ENOENT: none. ELOOP,
 * EINVAL, EMLINK, EFBIG: a link, no regular file, more than one link (if @a is_single), too large.
 */
int acme_store_file__read(char **bytes, apr_size_t *len, int folder, const char *name,
                          apr_size_t max, int is_single, apr_pool_t *pool);

/** Nonzero for what acme_store_file__read returns when something else than a value is there. */
int acme_store_file__is_odd(int error);

/** Writes @a name by way of a temporary file of mode 0600; with @a is_synced file and folder are on
 * the disk when it returns. */
int acme_store_file__write(int folder, const char *name, const char *bytes, apr_size_t len,
                           const acme_store_file_owner_t *owner, int is_synced);

/** Removes the folder @a name with the files in it. Folders within are left, and it with them. */
int acme_store_file__remove_folder(int parent, const char *name);

/** A name that no other process or thread uses, and that lists leave out. */
void acme_store_file__temp_name(char name[ACME_STORE_FILE_TEMP_SIZE]);

#endif
