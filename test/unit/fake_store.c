/* A disk for tests: a store provider in memory that outlives processes and fails when told.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "fake_store.h"

typedef struct {
    char *path;  /* malloc'ed, as are the bytes */
    char *bytes;
    apr_size_t len;
    int is_synced;
} value_t;

/* A name in a folder: a value, or a folder with values below. */
typedef struct {
    char *name; /* malloc'ed */
    int count;
} child_t;

struct fake_store_t {
    apr_pool_t *pool;
    pthread_mutex_t mutex; /* never held while a test's function is called */
    apr_hash_t *values;    /* path -> value_t */
    apr_hash_t *folders;   /* path -> apr_hash_t of name -> child_t; stays when it is empty */
    int owner;             /* process that holds the lock, 0: none */
    int writes;
    int fail_in, fail_count;
    apr_status_t fail_status;
    int die_in;
    fake_store_moment_t moment;
    void (*die)(void *baton);
    void *die_baton;
    void (*watch)(void *baton, const char *verb, const char *path);
    void *watch_baton;
};

typedef struct {
    fake_store_t *disk;
    int process;
} view_t;

static value_t *find(fake_store_t *disk, const char *path)
{
    return apr_hash_get(disk->values, path, APR_HASH_KEY_STRING);
}

/* The folder that the first @a len bytes of @a path name. */
static apr_hash_t *folder_at(fake_store_t *disk, const char *path, size_t len)
{
    apr_hash_t *folder = apr_hash_get(disk->folders, path, (apr_ssize_t)len);
    if (folder == NULL) {
        folder = apr_hash_make(disk->pool);
        apr_hash_set(disk->folders, apr_pstrmemdup(disk->pool, path, len), (apr_ssize_t)len, folder);
    }
    return folder;
}

/* There is a value more, or less, below @a name. */
static void count_child(apr_hash_t *folder, const char *name, size_t len, int change)
{
    child_t *child = apr_hash_get(folder, name, (apr_ssize_t)len);
    if (child == NULL) {
        child = calloc(1, sizeof *child);
        child->name = strndup(name, len);
        apr_hash_set(folder, child->name, (apr_ssize_t)len, child);
    }
    child->count += change;
    if (child->count == 0) {
        apr_hash_set(folder, child->name, (apr_ssize_t)len, NULL);
        free(child->name);
        free(child);
    }
}

static void count_path(fake_store_t *disk, const char *path, int change)
{
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        count_child(folder_at(disk, path, (size_t)(slash - path)), slash + 1,
                    strcspn(slash + 1, "/"), change);
    }
}

static void free_value(value_t *value)
{
    free(value->path);
    free(value->bytes);
    free(value);
}

static void take_away(fake_store_t *disk, value_t *value)
{
    apr_hash_set(disk->values, value->path, APR_HASH_KEY_STRING, NULL);
    count_path(disk, value->path, -1);
    free_value(value);
}

static value_t *add(fake_store_t *disk, const char *path)
{
    value_t *value = calloc(1, sizeof *value);
    value->path = strdup(path);
    apr_hash_set(disk->values, value->path, APR_HASH_KEY_STRING, value);
    count_path(disk, path, 1);
    return value;
}

static value_t *set(fake_store_t *disk, const char *path, const char *bytes, apr_size_t len)
{
    value_t *value = find(disk, path);
    if (value == NULL) {
        value = add(disk, path);
    }
    free(value->bytes);
    value->len = len;
    value->bytes = malloc(len + 1);
    memcpy(value->bytes, bytes, len);
    value->bytes[len] = '\0';
    return value;
}

/* Counts the write and says whether this is the moment to die. */
static int count_write(fake_store_t *disk)
{
    pthread_mutex_lock(&disk->mutex);
    ++disk->writes;
    int is_due = disk->die_in > 0 && --disk->die_in == 0;
    pthread_mutex_unlock(&disk->mutex);
    return is_due;
}

static void before(fake_store_t *disk, int is_due)
{
    if (is_due && disk->moment == FAKE_STORE_BEFORE) {
        disk->die(disk->die_baton);
    }
}

static void after(fake_store_t *disk, int is_due, const char *verb, const char *path)
{
    if (disk->watch != NULL) {
        disk->watch(disk->watch_baton, verb, path);
    }
    if (is_due && disk->moment == FAKE_STORE_AFTER) {
        disk->die(disk->die_baton);
    }
}

static acme_err_t *get(char **bytes, apr_size_t *len, void *baton, const char *path,
                       apr_pool_t *pool)
{
    fake_store_t *disk = ((view_t *)baton)->disk;
    pthread_mutex_lock(&disk->mutex);
    const value_t *value = find(disk, path);
    *bytes = value != NULL ? apr_pstrmemdup(pool, value->bytes, value->len) : NULL;
    *len = value != NULL ? value->len : 0;
    pthread_mutex_unlock(&disk->mutex);
    return NULL;
}

static acme_err_t *put_fault(fake_store_t *disk, const char *path, apr_pool_t *pool)
{
    if (disk->fail_in > 1) {
        --disk->fail_in;
        return NULL;
    }
    if (disk->fail_in != 1) {
        return NULL;
    }
    if (--disk->fail_count <= 0) {
        disk->fail_in = 0;
    }
    return acme_err_system(pool, ACME_ERR_STORE, disk->fail_status, "cannot write /fake/%s", path);
}

static acme_err_t *put(void *baton, const char *path, const char *bytes, apr_size_t len,
                       int is_synced, apr_pool_t *pool)
{
    fake_store_t *disk = ((view_t *)baton)->disk;
    int is_due = count_write(disk);
    before(disk, is_due);
    pthread_mutex_lock(&disk->mutex);
    acme_err_t *err = put_fault(disk, path, pool);
    if (err == NULL) {
        set(disk, path, bytes, len)->is_synced = is_synced;
    }
    pthread_mutex_unlock(&disk->mutex);
    after(disk, is_due, "put", path);
    return err;
}

static acme_err_t *del(void *baton, const char *path, apr_pool_t *pool)
{
    fake_store_t *disk = ((view_t *)baton)->disk;
    (void)pool;
    int is_due = count_write(disk);
    before(disk, is_due);
    pthread_mutex_lock(&disk->mutex);
    value_t *value = find(disk, path);
    if (value != NULL) {
        take_away(disk, value);
    }
    pthread_mutex_unlock(&disk->mutex);
    after(disk, is_due, "del", path);
    return NULL;
}

static acme_err_t *set_aside(void *baton, const char *path, apr_pool_t *pool)
{
    fake_store_t *disk = ((view_t *)baton)->disk;
    int is_due = count_write(disk);
    before(disk, is_due);
    pthread_mutex_lock(&disk->mutex);
    value_t *value = find(disk, path);
    if (value != NULL) {
        const char *name = strrchr(path, '/') + 1;
        char *aside = apr_pstrcat(pool, apr_pstrmemdup(pool, path, (apr_size_t)(name - path)),
                                  ".unsealed.", name, NULL);
        set(disk, aside, value->bytes, value->len);
        take_away(disk, value);
    }
    pthread_mutex_unlock(&disk->mutex);
    after(disk, is_due, "set_aside", path);
    return NULL;
}

static acme_err_t *list(apr_array_header_t **names, void *baton, const char *path, apr_pool_t *pool)
{
    fake_store_t *disk = ((view_t *)baton)->disk;
    *names = apr_array_make(pool, 8, sizeof(const char *));
    pthread_mutex_lock(&disk->mutex);
    apr_hash_t *folder = apr_hash_get(disk->folders, path, APR_HASH_KEY_STRING);
    apr_hash_index_t *i = folder != NULL ? apr_hash_first(pool, folder) : NULL;
    for (; i != NULL; i = apr_hash_next(i)) {
        const char *name = ((const child_t *)apr_hash_this_val(i))->name;
        if (name[0] != '.') {
            APR_ARRAY_PUSH(*names, const char *) = apr_pstrdup(pool, name);
        }
    }
    pthread_mutex_unlock(&disk->mutex);
    return NULL;
}

static acme_err_t *lock(int *is_ours, int *holder, void *baton, apr_pool_t *pool)
{
    const view_t *view = baton;
    fake_store_t *disk = view->disk;
    (void)pool;
    *is_ours = disk->owner == view->process;
    *holder = *is_ours ? 0 : disk->owner;
    if (disk->owner == 0) {
        int is_due = count_write(disk);
        before(disk, is_due);
        disk->owner = view->process;
        *is_ours = 1;
        after(disk, is_due, "lock", "lock");
    }
    return NULL;
}

static void unlock(void *baton)
{
    const view_t *view = baton;
    fake_store_kill(view->disk, view->process);
}

static const acme_store_provider_t provider = {.get = get,
                                               .put = put,
                                               .del = del,
                                               .list = list,
                                               .set_aside = set_aside,
                                               .lock = lock,
                                               .unlock = unlock};

static void free_folder(apr_hash_t *folder)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, folder); i != NULL; i = apr_hash_next(i)) {
        child_t *child = apr_hash_this_val(i);
        free(child->name);
        free(child);
    }
}

static apr_status_t destroy(void *data)
{
    fake_store_t *disk = data;
    for (apr_hash_index_t *i = apr_hash_first(NULL, disk->values); i != NULL;
         i = apr_hash_next(i)) {
        free_value(apr_hash_this_val(i));
    }
    for (apr_hash_index_t *i = apr_hash_first(NULL, disk->folders); i != NULL;
         i = apr_hash_next(i)) {
        free_folder(apr_hash_this_val(i));
    }
    pthread_mutex_destroy(&disk->mutex);
    return APR_SUCCESS;
}

/* see fake_store.h */
fake_store_t *fake_store_create(apr_pool_t *pool)
{
    fake_store_t *disk = apr_pcalloc(pool, sizeof *disk);
    disk->pool = pool;
    disk->values = apr_hash_make(pool);
    disk->folders = apr_hash_make(pool);
    pthread_mutex_init(&disk->mutex, NULL);
    apr_pool_cleanup_register(pool, disk, destroy, apr_pool_cleanup_null);
    return disk;
}

/* see fake_store.h */
acme_store_t *fake_store_open(fake_store_t *disk, int process, const acme_seal_t *seal,
                              const acme_env_t *env, apr_pool_t *pool)
{
    view_t *view = apr_pcalloc(pool, sizeof *view);
    view->disk = disk;
    view->process = process;
    acme_store_t *store = apr_pcalloc(pool, sizeof *store);
    *store = (acme_store_t){.provider = &provider, .baton = view, .seal = seal, .env = env};
    return store;
}

/* see fake_store.h */
void fake_store_kill(fake_store_t *disk, int process)
{
    if (disk->owner == process) {
        disk->owner = 0;
    }
}

/* see fake_store.h */
int fake_store_writes(const fake_store_t *disk)
{
    return disk->writes;
}

/* see fake_store.h */
void fake_store_fail_put(fake_store_t *disk, int nth, int count, apr_status_t status)
{
    disk->fail_in = nth;
    disk->fail_count = count;
    disk->fail_status = status;
}

/* see fake_store.h */
void fake_store_die(fake_store_t *disk, int nth, fake_store_moment_t moment,
                    void (*die)(void *baton), void *baton)
{
    disk->die_in = nth;
    disk->moment = moment;
    disk->die = die;
    disk->die_baton = baton;
}

/* see fake_store.h */
void fake_store_watch(fake_store_t *disk,
                      void (*watch)(void *baton, const char *verb, const char *path), void *baton)
{
    disk->watch = watch;
    disk->watch_baton = baton;
}

/* see fake_store.h */
const char *fake_store_raw(fake_store_t *disk, const char *path, apr_size_t *len)
{
    const value_t *value = find(disk, path);
    if (len != NULL) {
        *len = value != NULL ? value->len : 0;
    }
    return value != NULL ? value->bytes : NULL;
}

/* see fake_store.h */
void fake_store_plant(fake_store_t *disk, const char *path, const char *bytes, apr_size_t len)
{
    value_t *value = find(disk, path);
    if (bytes != NULL) {
        set(disk, path, bytes, len);
    }
    else if (value != NULL) {
        take_away(disk, value);
    }
}

/* see fake_store.h */
int fake_store_count(fake_store_t *disk, const char *start)
{
    int count = 0;
    for (apr_hash_index_t *i = apr_hash_first(disk->pool, disk->values); i != NULL;
         i = apr_hash_next(i)) {
        count += strncmp(apr_hash_this_key(i), start, strlen(start)) == 0;
    }
    return count;
}

void fake_store_lose_power(fake_store_t *disk)
{
    for (apr_hash_index_t *i = apr_hash_first(disk->pool, disk->values); i != NULL;
         i = apr_hash_next(i)) { /* to remove what the index is at is allowed */
        value_t *value = apr_hash_this_val(i);
        if (!value->is_synced) {
            take_away(disk, value);
        }
    }
}
