/* A folder for one test, removed with its pool, and small looks at what is in it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/fixture.h"

static inline int scratch_remove_one(const char *path, const struct stat *info, int flag,
                                     struct FTW *where)
{
    (void)info;
    (void)flag;
    (void)where;
    return remove(path);
}

static inline apr_status_t scratch_remove(void *folder)
{
    (void)nftw(folder, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return APR_SUCCESS;
}

/** A new empty folder below TMPDIR. */
static inline char *scratch_create(apr_pool_t *pool)
{
    const char *parent = getenv("TMPDIR");
    char *folder =
        apr_pstrcat(pool, parent != NULL ? parent : "/tmp", "/mod_acme_test.XXXXXX", NULL);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(0, chmod(folder, 0755));
    apr_pool_cleanup_register(pool, folder, scratch_remove, apr_pool_cleanup_null);
    return folder;
}

static inline void scratch_write(const char *folder, const char *name, const char *text,
                                 apr_pool_t *pool)
{
    FILE *file = fopen(apr_pstrcat(pool, folder, "/", name, NULL), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
}

/** The text of a file, NULL if it cannot be read. */
static inline char *scratch_read(const char *folder, const char *name, apr_pool_t *pool)
{
    FILE *file = fopen(apr_pstrcat(pool, folder, "/", name, NULL), "r");
    if (file == NULL) {
        return NULL;
    }
    char *text = apr_pcalloc(pool, 65537);
    size_t len = fread(text, 1, 65536, file);
    fclose(file);
    text[len] = '\0';
    return text;
}

/** How it is, not following links; mode 0 if it is not there. */
static inline struct stat scratch_stat(const char *folder, const char *name, apr_pool_t *pool)
{
    struct stat info;
    memset(&info, 0, sizeof info);
    (void)lstat(apr_pstrcat(pool, folder, "/", name, NULL), &info);
    return info;
}

/** The number of entries, hidden ones as well; -1 if there is no such folder. */
static inline int scratch_count(const char *folder, const char *name, apr_pool_t *pool)
{
    DIR *entries = opendir(apr_pstrcat(pool, folder, "/", name, NULL));
    if (entries == NULL) {
        return -1;
    }
    int count = -2;
    while (readdir(entries) != NULL) {
        ++count;
    }
    closedir(entries);
    return count;
}

#endif
