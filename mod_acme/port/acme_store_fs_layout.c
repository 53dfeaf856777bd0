/* The folders of the store: made, given to their owners, checked, and what is wrong with them said.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Root puts owners and modes right; without root all belongs to the one user and is only checked.
 * What root's own folders allow others to read is left alone: an administrator may have let another
 * daemon read domains/. No folder of the store may be a symbolic link, but the base may.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme_store_fs_private.h"

/* linux/magic.h, which is not everywhere */
#define MAGIC_TMPFS 0x01021994
#define MAGIC_RAMFS 0x858458f6
#define MAGIC_OVERLAYFS 0x794c7630

static const acme_store_fs_upgrade_t upgrades[] = {{0, NULL}};

typedef struct {
    acme_store_condition_t *condition;
    const acme_store_fs_config_t *config;
    int base_fd;
    int may_write;
    int is_root;
    apr_pool_t *pool;
} layout_t;

/* Returns -1, so that callers can stop with it. */
static int is_unusable(const layout_t *layout, const char *why)
{
    layout->condition->state = ACME_STORE_UNUSABLE;
    layout->condition->why = why;
    return -1;
}

static int selinux_enforces(void)
{
    char enforces = '0';
    int fd = open("/sys/fs/selinux/enforce", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, &enforces, 1) != 1) {
            enforces = '0';
        }
        close(fd);
    }
    return enforces == '1';
}

/* see acme_store_fs_private.h */
const char *acme_store_fs__selinux_advice(const char *base, const char *label, apr_pool_t *pool)
{
    if (label != NULL && (strstr(label, ":httpd_var_lib_t:") != NULL ||
                          strstr(label, ":httpd_sys_rw_content_t:") != NULL)) {
        return NULL;
    }
    return apr_psprintf(pool,
                        "SELinux is enforcing and the label of %s is %s: run semanage fcontext -a "
                        "-t httpd_var_lib_t '%s(/.*)?' and restorecon -R %s",
                        base, label != NULL ? label : "not known", base, base);
}

static const char *find_selinux_advice(const layout_t *layout)
{
    if (!selinux_enforces()) {
        return NULL;
    }
    char label[256];
    ssize_t len = getxattr(layout->config->base, "security.selinux", label, sizeof label - 1);
    if (len >= 0) {
        label[len] = '\0';
    }
    return acme_store_fs__selinux_advice(
        layout->config->base, len > 0 ? acme_text_clean(label, sizeof label, layout->pool) : NULL,
        layout->pool);
}

static int failed(const layout_t *layout, int error, const char *verb, const char *path)
{
    const char *why = acme_store_fs__failed(layout->config, error, verb, path, layout->pool)->text;
    const char *selinux = NULL;
    if (error == EACCES || error == EPERM) {
        if (!layout->is_root) {
            why = apr_psprintf(layout->pool, "%s (httpd runs as user %s)", why,
                               layout->config->run_user);
        }
        selinux = find_selinux_advice(layout);
    }
    if (selinux != NULL) {
        why = apr_pstrcat(layout->pool, why, "; ", selinux, NULL);
    }
    return is_unusable(layout, why);
}

/* mkdir -p; folders above the store are for everybody to pass. */
static int make_base(const layout_t *layout)
{
    char *path = apr_pstrdup(layout->pool, layout->config->base);
    for (char *slash = path + 1; *slash != '\0'; ++slash) {
        if (*slash != '/') {
            continue;
        }
        *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST) {
            return errno;
        }
        *slash = '/';
    }
    if (mkdir(path, 0755) < 0) {
        return errno == EEXIST ? 0 : errno;
    }
    return chmod(path, 0755) < 0 ? errno : 0;
}

static int open_base(layout_t *layout)
{
    const char *base = layout->config->base;
    layout->base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layout->base_fd < 0 && errno == ENOENT && layout->may_write) {
        int error = make_base(layout);
        if (error != 0) {
            return failed(layout, error, "make", "");
        }
        layout->base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (layout->base_fd < 0 && errno == ENOENT) {
        layout->condition->is_new = 1; /* nothing yet is nothing wrong */
        return -1;
    }
    return layout->base_fd < 0 ? failed(layout, errno, "open", "") : 0;
}

/* What must hold for one folder or file. */
typedef struct {
    uid_t uid;
    gid_t gid;
    mode_t forbidden; /* bits that must not be set */
    mode_t needed;    /* bits that must be set */
} rule_t;

static rule_t rule_for_root(mode_t needed)
{
    return (rule_t){.uid = 0, .gid = 0, .forbidden = 022, .needed = needed};
}

static rule_t rule_for_run_user(const layout_t *layout, mode_t needed)
{
    return (rule_t){.uid = layout->config->run_uid,
                    .gid = layout->config->run_gid,
                    .forbidden = 077,
                    .needed = needed};
}

static mode_t mended_mode(const struct stat *info, const rule_t *rule)
{
    return ((info->st_mode & 07777) & ~rule->forbidden) | rule->needed;
}

/* Root only. */
static int mend(const layout_t *layout, int fd, const rule_t *rule, const char *path)
{
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return failed(layout, errno, "look at", path);
    }
    if (info.st_uid != rule->uid && fchown(fd, rule->uid, rule->gid) < 0) {
        return failed(layout, errno, "change the owner of", path);
    }
    mode_t mode = mended_mode(&info, rule);
    if (mode != (info.st_mode & 07777) && fchmod(fd, mode) < 0) {
        return failed(layout, errno, "change the mode of", path);
    }
    return 0;
}

/* The kernel is asked, so that read-only file systems and SELinux have their say as well. */
static int check_access(const layout_t *layout, int fd, const char *path)
{
    if (faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
        return failed(layout, errno, "write below", path);
    }
    return 0;
}

static int check_private(const layout_t *layout, int fd, const char *path)
{
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return failed(layout, errno, "look at", path);
    }
    if ((info.st_mode & 077) != 0 && info.st_uid == geteuid() && layout->may_write &&
        fchmod(fd, info.st_mode & 0700) < 0) {
        return failed(layout, errno, "change the mode of", path);
    }
    return check_access(layout, fd, path);
}

static int put_right(const layout_t *layout, int fd, const rule_t *rule, const char *path)
{
    if (!layout->is_root) {
        return path[0] == '\0' ? check_access(layout, fd, path) : check_private(layout, fd, path);
    }
    if (layout->may_write && mend(layout, fd, rule, path) < 0) {
        return -1;
    }
    return check_access(layout, fd, path);
}

static int open_group(int *fd, const layout_t *layout, const char *name)
{
    static const acme_store_file_owner_t makers = {.is_given = 0};
    return layout->may_write ? acme_store_file__make_folder(fd, layout->base_fd, name, &makers)
                             : acme_store_file__open_folder(fd, layout->base_fd, name);
}

static int check_group(const layout_t *layout, const acme_store_fs_group_t *group)
{
    int fd;
    int error = open_group(&fd, layout, group->name);
    if (error == ENOENT && !layout->may_write) {
        return 0;
    }
    if (error == ELOOP || error == ENOTDIR) {
        return is_unusable(layout,
                           apr_psprintf(layout->pool,
                                        "%s/%s is a symbolic link or no folder, which "
                                        "mod_acme does not follow; remove it (the whole "
                                        "of %s may be a link)",
                                        layout->config->base, group->name, layout->config->base));
    }
    if (error != 0) {
        return failed(layout, error, layout->may_write ? "make" : "open", group->name);
    }
    rule_t rule = group->is_run_users ? rule_for_run_user(layout, 0700) : rule_for_root(0700);
    int result = put_right(layout, fd, &rule, group->name);
    close(fd);
    return result;
}

/* Never by a descriptor of a file that is there: closing it would drop a lock this process holds.
 */
static int check_lock(const layout_t *layout)
{
    int base = layout->base_fd;
    struct stat info;
    if (fstatat(base, "lock", &info, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT || !layout->may_write) {
            return errno == ENOENT ? 0 : failed(layout, errno, "look at", "lock");
        }
        int fd = openat(base, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) {
            return failed(layout, errno, "make", "lock");
        }
        close(fd);
        if (fstatat(base, "lock", &info, AT_SYMLINK_NOFOLLOW) < 0) {
            return failed(layout, errno, "look at", "lock");
        }
    }
    if (!S_ISREG(info.st_mode)) {
        return failed(layout, EINVAL, "use", "lock");
    }
    if (!layout->is_root || !layout->may_write) {
        return 0;
    }
    rule_t rule = rule_for_run_user(layout, 0600);
    if (info.st_uid != rule.uid &&
        fchownat(base, "lock", rule.uid, rule.gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return failed(layout, errno, "change the owner of", "lock");
    }
    /* the base is root's alone by now, so nobody makes a link of it between */
    if (mended_mode(&info, &rule) != (info.st_mode & 07777) &&
        fchmodat(base, "lock", mended_mode(&info, &rule), 0) < 0) {
        return failed(layout, errno, "change the mode of", "lock");
    }
    return 0;
}

static int check_tree(const layout_t *layout)
{
    rule_t rule = rule_for_root(0711); /* the run user must pass, and mod_ssl's helpers may */
    if (put_right(layout, layout->base_fd, &rule, "") < 0) {
        return -1;
    }
    for (const acme_store_fs_group_t *group = acme_store_fs__groups; group->name; ++group) {
        if (check_group(layout, group) < 0) {
            return -1;
        }
    }
    return check_lock(layout);
}

static const char *volatile_kind(int base_fd)
{
    struct statfs info;
    if (fstatfs(base_fd, &info) < 0) {
        return NULL;
    }
    switch ((unsigned long)info.f_type & 0xffffffffUL) {
    case MAGIC_TMPFS:
        return "on tmpfs: all certificates and accounts are lost at the next boot";
    case MAGIC_RAMFS:
        return "on ramfs: all certificates and accounts are lost at the next boot";
    case MAGIC_OVERLAYFS:
        return "on an overlay, as a container's own files are: all certificates and accounts are "
               "lost with the container";
    default:
        return NULL;
    }
}

static void warn(const layout_t *layout, const char *text)
{
    const char *before = layout->condition->warning;
    layout->condition->warning =
        before == NULL ? text : apr_pstrcat(layout->pool, before, "; ", text, NULL);
}

static void check_file_system(const layout_t *layout)
{
    const char *kind = volatile_kind(layout->base_fd);
    if (kind != NULL) {
        warn(layout, apr_psprintf(layout->pool,
                                  "%s is %s, and ordering them again soon meets the CA's limits; "
                                  "put ACMEStoreDir on a disk or a volume",
                                  layout->config->base, kind));
    }
}

static int run_user_can_replace(const layout_t *layout, const struct stat *folder)
{
    if (folder->st_uid == layout->config->run_uid) {
        return 1;
    }
    if ((folder->st_mode & S_ISVTX) != 0) {
        return 0;
    }
    return (folder->st_mode & 02) != 0 ||
           ((folder->st_mode & 020) != 0 && folder->st_gid == layout->config->run_gid);
}

/* Who can rename a folder above the store can put another store in its place. */
static void check_above(const layout_t *layout)
{
    char *path = apr_pstrdup(layout->pool, layout->config->base);
    char *slash;
    while (layout->config->run_uid != 0 && (slash = strrchr(path, '/')) != NULL && slash > path) {
        *slash = '\0';
        struct stat info;
        if (slash[1] != '\0' && stat(path, &info) == 0 && run_user_can_replace(layout, &info)) {
            warn(layout, apr_psprintf(layout->pool,
                                      "user %s, who runs httpd's children, can replace the store "
                                      "%s because %s is writable for that user; take that right "
                                      "away or name another ACMEStoreDir",
                                      layout->config->run_user, layout->config->base, path));
            return;
        }
    }
}

/* see acme_store_fs.h */
void acme_store_fs_prepare(acme_store_condition_t *condition, const acme_store_fs_config_t *config,
                           int may_write, const acme_env_t *env, apr_pool_t *pool)
{
    memset(condition, 0, sizeof *condition);
    layout_t layout = {.condition = condition,
                       .config = config,
                       .base_fd = -1,
                       .may_write = may_write,
                       .is_root = geteuid() == 0,
                       .pool = pool};
    if (config->base[0] != '/') {
        is_unusable(&layout,
                    apr_psprintf(pool, "ACMEStoreDir %s is not an absolute path", config->base));
        return;
    }
    if (open_base(&layout) < 0) {
        return;
    }
    check_file_system(&layout);
    if (layout.is_root) {
        check_above(&layout);
    }
    if (check_tree(&layout) == 0) {
        acme_store_fs__format(condition, config, layout.base_fd, ACME_STORE_FORMAT, upgrades,
                              may_write, env, pool);
    }
    if (may_write && condition->state == ACME_STORE_USABLE) {
        acme_store_fs__sweep(layout.base_fd, 0, env);
    }
    close(layout.base_fd);
}
