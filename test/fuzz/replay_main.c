/* Runs a fuzz target once for each file of its corpus, without a fuzzer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * usage: fuzz_NAME [FILE or FOLDER]...; without arguments the target's own corpus. An input that
 * breaks a promise ends the program by a signal; the last line printed names the input.
 */
#include "fuzz.h"

#include <apr_file_info.h>
#include <apr_file_io.h>

#define INPUT_MAX (4 * 1024 * 1024)

/* Inputs replayed so far. */
static int replayed;

static int replay_file(const char *path, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_finfo_t info;
    if (apr_file_open(&file, path, APR_FOPEN_READ, 0, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS || info.size > INPUT_MAX) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return -1;
    }
    apr_size_t size = (apr_size_t)info.size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL || (size > 0 && apr_file_read_full(file, data, size, NULL) != APR_SUCCESS)) {
        free(data);
        fprintf(stderr, "%s: cannot be read\n", path);
        return -1;
    }
    apr_file_close(file);
    printf("%s\n", path);
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
    return 0;
}

static int replay_folder(const char *path, apr_pool_t *pool)
{
    apr_dir_t *folder;
    if (apr_dir_open(&folder, path, pool) != APR_SUCCESS) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return -1;
    }
    int rc = 0;
    apr_finfo_t entry;
    while (rc == 0 && apr_dir_read(&entry, APR_FINFO_NAME, folder) == APR_SUCCESS) {
        if (entry.name[0] != '.') {
            rc = replay_file(apr_pstrcat(pool, path, "/", entry.name, NULL), pool);
        }
    }
    apr_dir_close(folder);
    return rc;
}

static int replay(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;
    if (apr_stat(&info, path, APR_FINFO_TYPE, pool) != APR_SUCCESS) {
        fprintf(stderr, "%s: is not there\n", path);
        return -1;
    }
    return info.filetype == APR_DIR ? replay_folder(path, pool) : replay_file(path, pool);
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *pool = fuzz_pool();
    int rc = argc < 2 ? replay(FUZZ_CORPUS, pool) : 0;
    for (int i = 1; i < argc && rc == 0; i++) {
        rc = replay(argv[i], pool);
    }
    apr_pool_destroy(pool);
    if (rc == 0 && replayed == 0) {
        fprintf(stderr, "there was nothing to replay\n");
        return 1;
    }
    return rc == 0 ? 0 : 1;
}
