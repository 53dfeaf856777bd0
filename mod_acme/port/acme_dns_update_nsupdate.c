/* TXT records set by dynamic update (RFC 2136) with TSIG, through the nsupdate program.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything nsupdate is told is one script on its standard input. Whatever goes into it is checked
 * first, so that no name can become a command.
 */
#include "acme/acme_dns_update_nsupdate.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "acme_dns_update_run.h"

#define LIMIT ACME_TIME_MINUTE

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

typedef struct {
    const acme_dns_update_nsupdate_config_t *config;
    const char *server_line; /* "server HOST PORT\n", or "" */
    const char *zone_line;   /* likewise */
} nsupdate_t;

/* ---- what is configured */

static int is_name(const char *text)
{
    apr_size_t len = strlen(text);
    return len > 0 && len <= 253 && strspn(text, LETTERS_AND_DIGITS "-_./") == len;
}

static int is_address6(const char *text)
{
    return strspn(text, "0123456789abcdefABCDEF:.") == strlen(text) && strchr(text, ':') != NULL;
}

static int is_port(const char *text)
{
    apr_size_t len = strlen(text);
    return len > 0 && len <= 5 && strspn(text, "0123456789") == len && atoi(text) > 0 &&
           atoi(text) <= 65535;
}

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT" or an IPv6 address by itself. */
static int split_server(const char **host, const char **port, const char *text, apr_pool_t *pool)
{
    *port = "53";
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return 0;
        }
        *host = apr_pstrmemdup(pool, text + 1, (apr_size_t)(end - text - 1));
        *port = end[1] == ':' ? end + 2 : *port;
        return is_address6(*host) && is_port(*port);
    }
    const char *colon = strchr(text, ':');
    if (colon != NULL && strchr(colon + 1, ':') != NULL) {
        *host = text;
        return is_address6(text);
    }
    *host = colon != NULL ? apr_pstrmemdup(pool, text, (apr_size_t)(colon - text)) : text;
    *port = colon != NULL ? colon + 1 : *port;
    return is_name(*host) && is_port(*port);
}

static const char *with_dot(const char *name, apr_pool_t *pool)
{
    apr_size_t len = strlen(name);
    return len > 0 && name[len - 1] == '.' ? name : apr_pstrcat(pool, name, ".", NULL);
}

static acme_err_t *prepare(nsupdate_t *nsupdate, const acme_dns_update_nsupdate_config_t *config,
                           apr_pool_t *pool)
{
    *nsupdate = (nsupdate_t){.config = config, .server_line = "", .zone_line = ""};
    if (config->server != NULL) {
        const char *host;
        const char *port;
        if (!split_server(&host, &port, config->server, pool)) {
            return acme_err_make(
                pool, ACME_ERR_CONFIG,
                "\"%s\" is no name server for dynamic updates: write an address or "
                "name, and :PORT if it is not 53",
                acme_text_clean(config->server, 260, pool));
        }
        nsupdate->server_line = apr_pstrcat(pool, "server ", host, " ", port, "\n", NULL);
    }
    if (config->zone != NULL) {
        if (!is_name(config->zone)) {
            return acme_err_make(pool, ACME_ERR_CONFIG, "\"%s\" is no zone for dynamic updates",
                                 acme_text_clean(config->zone, 260, pool));
        }
        nsupdate->zone_line = apr_pstrcat(pool, "zone ", with_dot(config->zone, pool), "\n", NULL);
    }
    return NULL;
}

/* ---- the call */

static acme_err_t *find_program(const char **path, const char *configured, apr_pool_t *pool)
{
    *path = configured != NULL ? configured : acme_program_find("nsupdate", pool);
    return *path != NULL
               ? NULL
               : acme_err_make(pool, ACME_ERR_CONFIG,
                               "the program nsupdate is in none of " ACME_PROGRAM_PATH
                               ": install bind9-dnsutils (Debian, Ubuntu) or bind-utils (Fedora, "
                               "RHEL)");
}

static acme_err_t *check_record(const acme_txt_t *txt, apr_pool_t *pool)
{
    apr_size_t len = strlen(txt->value);
    if (!is_name(txt->name) || len == 0 || len > 255 ||
        strspn(txt->value, LETTERS_AND_DIGITS "-_") != len) {
        return acme_err_make(
            pool, ACME_ERR_INPUT, "a name or value like this is not given to nsupdate (%s, %s)",
            acme_text_clean(txt->name, 260, pool), acme_text_clean(txt->value, 100, pool));
    }
    return NULL;
}

/* All but the key, whose place is after the zone. */
static char *update_lines(const acme_txt_t *txt, int is_removal, apr_pool_t *pool)
{
    return apr_pstrcat(pool, is_removal ? "update delete " : "update add ",
                       with_dot(txt->name, pool), is_removal ? " IN TXT \"" : " 60 IN TXT \"",
                       txt->value, "\"\nsend\n", NULL);
}

static char *write_script(const nsupdate_t *nsupdate, const acme_txt_t *txt, int is_removal,
                          apr_pool_t *pool)
{
    const acme_tsig_key_t *key = nsupdate->config->key;
    const char *updates = update_lines(txt, is_removal, pool);
    if (key == NULL) {
        return apr_pstrcat(pool, nsupdate->server_line, nsupdate->zone_line, updates, NULL);
    }
    return apr_pstrcat(pool, nsupdate->server_line, nsupdate->zone_line, "key ", key->algorithm,
                       ":", key->name, " ", key->secret, "\n", updates, NULL);
}

static acme_err_t *compose(acme_program_config_t *program, void *baton, const acme_txt_t *txt,
                           int is_removal, const char *printed, apr_pool_t *pool)
{
    const nsupdate_t *nsupdate = baton;
    (void)printed;
    const char **argv = apr_pcalloc(pool, 5 * sizeof(*argv));
    ACME_TRY(find_program(&argv[0], nsupdate->config->program, pool));
    ACME_TRY(check_record(txt, pool));
    argv[1] = "-v"; /* TCP: signed messages need not fit into a datagram */
    argv[2] = "-t";
    argv[3] = "30";
    char *script = write_script(nsupdate, txt, is_removal, pool);
    *program = (acme_program_config_t){
        .argv = argv,
        .input = script,
        .input_len = strlen(script),
        .limit = nsupdate->config->limit > 0 ? nsupdate->config->limit : LIMIT};
    return NULL;
}

/* What nsupdate's words mean for the administrator. */
static const char *explain(const char *output)
{
    static const struct {
        const char *said;
        const char *meaning;
    } meanings[] = {
        {"failed: REFUSED", "the server does not know the zone of this name: correct server="},
        {"BADKEY", "the server does not know a key of this name and algorithm"},
        {"BADSIG", "the secret of the key is not the server's"},
        {"BADTIME", "the clock here and the server's differ by minutes"},
        {"REFUSED", "the server does not allow this key to change this name (update-policy)"},
        {"NOTAUTH", "the server is not the primary of the zone: correct server= or zone="},
        {"NOTZONE", "the name is not in the zone: correct or omit zone="},
        {"NOTIMP", "the server takes no dynamic updates"},
        {"timed out", "the server does not answer: is its TCP port open from here?"},
        {"could not reach", "nothing answers over TCP at the server's address and port"},
    };
    for (apr_size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (strstr(output, meanings[i].said) != NULL) {
            return meanings[i].meaning;
        }
    }
    return NULL;
}

/* see acme_dns_update_nsupdate.h */
acme_err_t *acme_dns_update_nsupdate_create(acme_dns_update_t **update,
                                            const acme_dns_update_nsupdate_config_t *config,
                                            apr_pool_t *pool)
{
    nsupdate_t *nsupdate = apr_pcalloc(pool, sizeof(*nsupdate));
    ACME_TRY(prepare(nsupdate, config, pool));
    apr_array_header_t *secrets = apr_array_make(pool, 1, sizeof(const char *));
    if (config->key != NULL) {
        APR_ARRAY_PUSH(secrets, const char *) = config->key->secret;
    }
    acme_dns_update__way_t *way = apr_pcalloc(pool, sizeof(*way));
    *way = (acme_dns_update__way_t){.env = config->env,
                                    .what = "TXT record",
                                    .runner = config->runner,
                                    .baton = nsupdate,
                                    .compose = compose,
                                    .explain = explain,
                                    .secrets = secrets};
    *update = acme_dns_update__run_create(way, pool);
    return NULL;
}
