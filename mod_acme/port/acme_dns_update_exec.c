/* TXT records set by a program, in the convention it was written for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A convention is a row in the table: what follows the configured arguments, and what is in the
 * environment. Values are arguments and variables of their own and never part of a command line, so
 * it does not matter that one may begin with '-'.
 */
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "acme/acme_dns_update_exec.h"
#include "acme/acme_text.h"
#include "acme_dns_update_run.h"

typedef struct {
    const acme_dns_update_exec_config_t *config;
    const acme_txt_t *txt;
    int is_removal;
    const char *printed;
    apr_array_header_t *argv;
    apr_array_header_t *environment;
    apr_pool_t *pool;
} call_t;

typedef struct {
    const char *word;
    void (*compose)(call_t *call);
    int has_http01;
} style_t;

static void argue(call_t *call, const char *argument)
{
    APR_ARRAY_PUSH(call->argv, const char *) = argument;
}

static void tell(call_t *call, const char *name, const char *value)
{
    APR_ARRAY_PUSH(call->environment, const char *) =
        apr_pstrcat(call->pool, name, "=", value, NULL);
}

static void command(call_t *call, const apr_array_header_t *words)
{
    for (int i = 0; i < words->nelts; i++) {
        argue(call, APR_ARRAY_IDX(words, i, const char *));
    }
}

/* The value of a variable among the credentials, or NULL. */
static const char *credential(const acme_dns_update_exec_config_t *config, const char *name)
{
    apr_size_t len = strlen(name);
    for (int i = 0; config->credentials != NULL && i < config->credentials->nelts; i++) {
        const char *variable = APR_ARRAY_IDX(config->credentials, i, const char *);
        if (strncmp(variable, name, len) == 0 && variable[len] == '=') {
            return variable + len + 1;
        }
    }
    return NULL;
}

/* ---- the conventions */

static void compose_mod_md(call_t *call)
{
    command(call, call->config->command);
    argue(call, call->is_removal ? "teardown" : "setup");
    argue(call, call->txt->domain);
    if (!call->is_removal || call->config->mod_md_version == 2) {
        argue(call, call->txt->value);
    }
}

/* certbot gives what its first hook printed to the second, without white space at its ends. */
static const char *trimmed(const char *text, apr_pool_t *pool)
{
    text += strspn(text, " \t\r\n");
    apr_size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        len--;
    }
    return apr_pstrmemdup(pool, text, len);
}

static void compose_certbot(call_t *call)
{
    const acme_dns_update_exec_config_t *config = call->config;
    command(call, call->is_removal && config->cleanup != NULL ? config->cleanup : config->command);
    tell(call, "CERTBOT_DOMAIN", call->txt->domain);
    tell(call, "CERTBOT_IDENTIFIER", call->txt->domain);
    tell(call, "CERTBOT_VALIDATION", call->txt->value);
    if (config->is_http01) {
        tell(call, "CERTBOT_TOKEN", call->txt->token);
    }
    tell(call, "CERTBOT_REMAINING_CHALLENGES",
         "0"); /* each may be the last: they run side by side */
    tell(call, "CERTBOT_ALL_DOMAINS", call->txt->domain);
    tell(call, "CERTBOT_ALL_IDENTIFIERS", call->txt->domain);
    if (call->is_removal) {
        tell(call, "CERTBOT_AUTH_OUTPUT", trimmed(call->printed, call->pool));
    }
}

static void compose_dehydrated(call_t *call)
{
    command(call, call->config->command);
    argue(call, call->is_removal ? "clean_challenge" : "deploy_challenge");
    argue(call, call->txt->domain);
    argue(call, call->txt->token);
    argue(call, call->txt->value);
}

static void compose_lego(call_t *call)
{
    command(call, call->config->command);
    argue(call, call->is_removal ? "cleanup" : "present");
    const char *mode = credential(call->config, "EXEC_MODE");
    if (mode != NULL && strcmp(mode, "RAW") == 0) {
        argue(call, "--");
        argue(call, call->txt->domain);
        argue(call, call->txt->token);
        argue(call, call->txt->key_authorization);
        return;
    }
    argue(call, apr_pstrcat(call->pool, call->txt->name, ".", NULL));
    argue(call, call->txt->value);
}

static void compose_uacme(call_t *call)
{
    const char *method = call->is_removal ? "done" : "begin";
    const char *type = call->config->is_http01 ? "http-01" : "dns-01";
    command(call, call->config->command);
    argue(call, method);
    argue(call, type);
    argue(call, call->txt->domain);
    argue(call, call->txt->token);
    argue(call, call->txt->value);
    tell(call, "UACME_METHOD", method);
    tell(call, "UACME_TYPE", type);
    tell(call, "UACME_IDENT", call->txt->domain);
    tell(call, "UACME_TOKEN", call->txt->token);
    tell(call, "UACME_AUTH", call->txt->value);
}

/* A file of acme.sh's folder dnsapi is no program but functions for acme.sh's shell. Sourced
 * without arguments, acme.sh prints its help and leaves its helpers behind. What they would save
 * (the credentials, as a rule) is not saved: we have it. */
static const char acme_sh_wrapper[] =
    "_wrap_file=$1 _wrap_function=$2 _wrap_name=$3 _wrap_value=$4\n"
    "set --\n"
    "_wrap_work=$(mktemp -d) || exit 1\n"
    "trap 'rm -rf \"$_wrap_work\"' EXIT\n"
    "trap 'exit 143' TERM\n"
    "_wrap_folder=${_wrap_file%/*}\n"
    "for _wrap_home in \"$LE_WORKING_DIR\" \"$_wrap_folder\" \"$_wrap_folder/..\"; do\n"
    "    [ -n \"$_wrap_home\" ] && [ -f \"$_wrap_home/acme.sh\" ] && break\n"
    "    _wrap_home=\n"
    "done\n"
    "export HOME=\"${HOME:-$_wrap_work}\"\n"
    "export LE_WORKING_DIR=\"${LE_WORKING_DIR:-${_wrap_home:-$_wrap_work}}\"\n"
    "export LE_CONFIG_HOME=\"${LE_CONFIG_HOME:-$_wrap_work}\"\n"
    "export NO_TIMESTAMP=1\n"
    "if [ -n \"$_wrap_home\" ]; then\n"
    "    . \"$_wrap_home/acme.sh\" >/dev/null 2>&1\n"
    "else\n"
    "    _info() { printf '%s\\n' \"$*\"; }\n"
    "    _err() { printf '%s\\n' \"$*\" >&2; return 1; }\n"
    "    _debug() { :; }\n"
    "    _debug2() { :; }\n"
    "    _debug3() { :; }\n"
    "    _secure_debug() { :; }\n"
    "    _secure_debug2() { :; }\n"
    "    _secure_debug3() { :; }\n"
    "    _exists() { command -v \"$1\" >/dev/null 2>&1; }\n"
    "    _contains() { printf '%s\\n' \"$1\" | grep -- \"$2\" >/dev/null; }\n"
    "    _startswith() { printf '%s\\n' \"$1\" | grep -- \"^$2\" >/dev/null; }\n"
    "    _endswith() { printf '%s\\n' \"$1\" | grep -- \"$2\\$\" >/dev/null; }\n"
    "    _lower_case() { tr A-Z a-z; }\n"
    "    _upper_case() { tr a-z A-Z; }\n"
    "    _head_n() { head -n \"$1\"; }\n"
    "    _tail_n() { tail -n \"$1\"; }\n"
    "    _egrep_o() { grep -E -o -- \"$1\"; }\n"
    "    _math() { printf '%s' \"$(($*))\"; }\n"
    "    _sleep() { sleep \"$1\"; }\n"
    "    _readaccountconf() { :; }\n"
    "    _readaccountconf_mutable() { :; }\n"
    "    _readdomainconf() { :; }\n"
    "    _saveaccountconf() { :; }\n"
    "    _saveaccountconf_mutable() { :; }\n"
    "    _savedomainconf() { :; }\n"
    "    _clearaccountconf() { :; }\n"
    "    _clearaccountconf_mutable() { :; }\n"
    "    _cleardomainconf() { :; }\n"
    "fi\n"
    "_setopt() { :; }\n"
    "_save_conf() { :; }\n"
    "_clear_conf() { :; }\n"
    "export ACCOUNT_CONF_PATH=\"${ACCOUNT_CONF_PATH:-$_wrap_work/account.conf}\"\n"
    "export DOMAIN_CONF=\"$_wrap_work/domain.conf\"\n"
    "export HTTP_HEADER=\"$_wrap_work/http.header\"\n"
    ". \"$_wrap_file\" || exit 1\n"
    "\"$_wrap_function\" \"$_wrap_name\" \"$_wrap_value\"\n";

/* "dns_X" of ".../dns_X.sh", or NULL if it is not called so. */
static char *acme_sh_function(const char *path, apr_pool_t *pool)
{
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    apr_size_t len =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    if (strncmp(name, "dns_", 4) != 0 || len < 5 || strcmp(name + len, ".sh") != 0) {
        return NULL;
    }
    return apr_pstrmemdup(pool, name, len);
}

static void compose_acme_sh(call_t *call)
{
    const char *path = APR_ARRAY_IDX(call->config->command, 0, const char *);
    argue(call, "/bin/sh");
    argue(call, "-c");
    argue(call, acme_sh_wrapper);
    argue(call, "acme.sh");
    argue(call, path);
    argue(call, apr_pstrcat(call->pool, acme_sh_function(path, call->pool),
                            call->is_removal ? "_rm" : "_add", NULL));
    argue(call, call->txt->name);
    argue(call, call->txt->value);
}

static const style_t styles[] = {
    [ACME_DNS_STYLE_MOD_MD] = {"mod_md", compose_mod_md, 0},
    [ACME_DNS_STYLE_CERTBOT] = {"certbot", compose_certbot, 1},
    [ACME_DNS_STYLE_DEHYDRATED] = {"dehydrated", compose_dehydrated, 1},
    [ACME_DNS_STYLE_LEGO] = {"lego", compose_lego, 0},
    [ACME_DNS_STYLE_ACME_SH] = {"acme.sh", compose_acme_sh, 0},
    [ACME_DNS_STYLE_UACME] = {"uacme", compose_uacme, 1},
};

/* see acme_dns_update_exec.h */
acme_err_t *acme_dns_update_exec_style(acme_dns_style_t *style, const char *word, apr_pool_t *pool)
{
    const char *words = "";
    for (apr_size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
        if (strcmp(word, styles[i].word) == 0) {
            *style = (acme_dns_style_t)i;
            return NULL;
        }
        words = apr_pstrcat(pool, words, i > 0 ? ", " : "", styles[i].word, NULL);
    }
    return acme_err_make(pool, ACME_ERR_INPUT, "\"%s\" is no style of programs; there are %s",
                         acme_text_clean(word, 60, pool), words);
}

/* see acme_dns_update_exec.h */
int acme_dns_update_exec_has_http01(acme_dns_style_t style)
{
    return styles[style].has_http01;
}

/* ---- the call */

static acme_err_t *compose(acme_program_config_t *program, void *baton, const acme_txt_t *txt,
                           int is_removal, const char *printed, apr_pool_t *pool)
{
    const acme_dns_update_exec_config_t *config = baton;
    const char *path = APR_ARRAY_IDX(config->command, 0, const char *);
    call_t call = {.config = config,
                   .txt = txt,
                   .is_removal = is_removal,
                   .printed = printed,
                   .argv = apr_array_make(pool, 12, sizeof(const char *)),
                   .environment = apr_array_make(pool, 16, sizeof(const char *)),
                   .pool = pool};
    if (config->style == ACME_DNS_STYLE_ACME_SH && access(path, R_OK) != 0) {
        return acme_err_make(
            pool, ACME_ERR_CONFIG,
            "the file %s cannot be read by user %lu: install it or correct its path", path,
            (unsigned long)geteuid());
    }
    styles[config->style].compose(&call);
    if (config->credentials != NULL) {
        apr_array_cat(call.environment, config->credentials);
    }
    argue(&call, NULL);
    APR_ARRAY_PUSH(call.environment, const char *) = NULL;
    *program = (acme_program_config_t){.argv = (const char *const *)call.argv->elts,
                                       .environment = (const char *const *)call.environment->elts,
                                       .limit = config->limit > 0 ? config->limit
                                                                  : ACME_DNS_UPDATE_EXEC_LIMIT,
                                       .is_stdout_apart = config->style == ACME_DNS_STYLE_CERTBOT};
    return NULL;
}

static acme_err_t *check_command(const acme_dns_update_exec_config_t *config,
                                 const apr_array_header_t *words, apr_pool_t *pool)
{
    const char *path = words->nelts > 0 ? APR_ARRAY_IDX(words, 0, const char *) : "";
    if (path[0] != '/') {
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "the program \"%s\" that answers challenges is not named by an "
                             "absolute path",
                             path);
    }
    if (config->style == ACME_DNS_STYLE_ACME_SH &&
        (acme_sh_function(path, pool) == NULL || words->nelts > 1)) {
        return acme_err_make(
            pool, ACME_ERR_CONFIG,
            "%s is not a file of acme.sh's dnsapi: those are called dns_NAME.sh and "
            "take no arguments",
            path);
    }
    return NULL;
}

/* The values alone. */
static apr_array_header_t *secrets_of(const apr_array_header_t *credentials, apr_pool_t *pool)
{
    apr_array_header_t *secrets = apr_array_make(pool, 4, sizeof(const char *));
    for (int i = 0; credentials != NULL && i < credentials->nelts; i++) {
        const char *value = strchr(APR_ARRAY_IDX(credentials, i, const char *), '=');
        if (value != NULL) {
            APR_ARRAY_PUSH(secrets, const char *) = value + 1;
        }
    }
    return secrets;
}

/* see acme_dns_update_exec.h */
acme_err_t *acme_dns_update_exec_create(acme_dns_update_t **update,
                                        const acme_dns_update_exec_config_t *config,
                                        apr_pool_t *pool)
{
    if (config->is_http01 && !styles[config->style].has_http01) {
        return acme_err_make(pool, ACME_ERR_CONFIG, "programs of the style %s know no http-01",
                             styles[config->style].word);
    }
    ACME_TRY(check_command(config, config->command, pool));
    if (config->cleanup != NULL) {
        ACME_TRY(check_command(config, config->cleanup, pool));
    }
    acme_dns_update__way_t *way = apr_pcalloc(pool, sizeof(*way));
    *way = (acme_dns_update__way_t){.env = config->env,
                                    .runner = config->runner,
                                    .what = config->is_http01 ? "answer" : "TXT record",
                                    .baton = (void *)config, /* taken as const again */
                                    .compose = compose,
                                    .secrets = secrets_of(config->credentials, pool),
                                    .is_status_ignored = config->style == ACME_DNS_STYLE_CERTBOT};
    *update = acme_dns_update__run_create(way, pool);
    return NULL;
}
