/* The directives about challenges: which types, and who answers them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <http_core.h>

#include <apr_file_info.h>
#include <apr_strings.h>

#include "acme/acme_text.h"

#include "mod_acme_arguments.h"
#include "mod_acme_directives_private.h"
#include "mod_acme_dns01.h"
#include "mod_acme_http01.h"

const char *mod_acme_directives__set_challenges(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    apr_array_header_t *types = apr_array_make(cmd->pool, 3, sizeof(const char *));
    int can_answer = 0;
    for (int i = 0; wrong == NULL && i < words->nelts; i++) {
        const char *type = NULL;
        wrong = mod_acme_arguments_say(
            cmd, mod_acme_words_challenge(&type, mod_acme_arguments_word(words, i), cmd->pool));
        if (wrong == NULL && !mod_acme_directives__has_word(types, type)) {
            APR_ARRAY_PUSH(types, const char *) = type;
            can_answer |= mod_acme_words_can_answer(type);
        }
    }
    if (wrong == NULL && !can_answer) {
        mod_acme_directives__warn(
            cmd,
            apr_psprintf(
                cmd->pool, "this mod_acme answers no challenge of the types %s; add %s",
                acme_text_join(types, ", ", cmd->pool),
                acme_text_join(mod_acme_words_default_challenges(cmd->pool), " or ", cmd->pool)));
    }
    mod_acme_directives__settings(cmd)->challenge_types = types;
    return wrong;
}

/* ---- dns-01 and http-01 */

/* NULL if @a path, which may be NULL, cannot be made absolute. */
static const char *absolute(cmd_parms *cmd, const char *path)
{
    return path != NULL ? ap_server_root_relative(cmd->pool, path) : NULL;
}

static const char *locate_program(cmd_parms *cmd, const apr_array_header_t *command)
{
    if (command == NULL) {
        return NULL;
    }
    const char **program = &APR_ARRAY_IDX(command, 0, const char *);
    const char *path = absolute(cmd, *program);
    if (path == NULL) {
        return mod_acme_arguments_refuse(cmd,
                                         apr_pstrcat(cmd->pool, *program, " is not a path", NULL));
    }
    *program = path;
    apr_finfo_t finfo;
    if (apr_stat(&finfo, path, APR_FINFO_TYPE, cmd->temp_pool) != APR_SUCCESS ||
        finfo.filetype != APR_REG) {
        mod_acme_directives__warn(
            cmd,
            apr_psprintf(cmd->pool, "there is no program %s, so no challenge can be answered by it",
                         path));
    }
    return NULL;
}

static const char *locate_secret(cmd_parms *cmd, acme_dns01_t *dns01)
{
    if (dns01->secret_file == NULL) {
        return NULL;
    }
    const char *path = absolute(cmd, dns01->secret_file);
    if (path == NULL) {
        return mod_acme_arguments_refuse(
            cmd, apr_pstrcat(cmd->pool, dns01->secret_file, " is not a path", NULL));
    }
    dns01->secret_file = path;
    return NULL;
}

/* Makes the paths of a way absolute. */
static const char *locate_all(cmd_parms *cmd, acme_dns01_t *dns01)
{
    const char *wrong = locate_program(cmd, dns01->command);
    wrong = wrong != NULL ? wrong : locate_program(cmd, dns01->cleanup);
    return wrong != NULL ? wrong : locate_secret(cmd, dns01);
}

const char *mod_acme_directives__set_challenge_dns01(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    acme_dns01_t *dns01 = NULL;
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    if (wrong == NULL) {
        wrong = mod_acme_arguments_say(cmd, mod_acme_dns01_parse(&dns01, words, cmd->pool));
    }
    if (wrong == NULL) {
        wrong = locate_all(cmd, dns01);
    }
    if (wrong == NULL) {
        mod_acme_directives__settings(cmd)->dns01 = dns01;
    }
    return wrong;
}

/* That it can be written to is asked by the engine, as the user that it has to be possible for. */
static const char *locate_webroot(cmd_parms *cmd, acme_http01_t *http01)
{
    const char *path = absolute(cmd, http01->webroot);
    if (path == NULL) {
        return mod_acme_arguments_refuse(
            cmd, apr_pstrcat(cmd->pool, http01->webroot, " is not a path", NULL));
    }
    apr_finfo_t finfo;
    http01->webroot = path;
    if (apr_stat(&finfo, path, APR_FINFO_TYPE, cmd->temp_pool) != APR_SUCCESS ||
        finfo.filetype != APR_DIR) {
        mod_acme_directives__warn(
            cmd, apr_psprintf(cmd->pool,
                              "there is no folder %s, so http-01 cannot be answered there; make "
                              "it, or correct its path",
                              path));
    }
    return NULL;
}

const char *mod_acme_directives__set_challenge_http01(cmd_parms *cmd, void *unused,
                                                      const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    acme_http01_t *http01 = NULL;
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    if (wrong == NULL) {
        wrong = mod_acme_arguments_say(cmd, mod_acme_http01_parse(&http01, words, cmd->pool));
    }
    if (wrong == NULL && http01->exec != NULL) {
        wrong = locate_all(cmd, http01->exec);
    }
    if (wrong == NULL && http01->webroot != NULL) {
        wrong = locate_webroot(cmd, http01);
    }
    if (wrong == NULL) {
        mod_acme_directives__settings(cmd)->http01 = http01;
    }
    return wrong;
}

const char *mod_acme_directives__set_dns01_wait(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    acme_dns01_wait_t *wait = apr_pcalloc(cmd->pool, sizeof(*wait));
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    if (wrong == NULL) {
        wrong = mod_acme_arguments_say(cmd, mod_acme_dns01_parse_wait(wait, words, cmd->pool));
    }
    if (wrong == NULL) {
        mod_acme_directives__settings(cmd)->dns01_wait = wait;
    }
    return wrong;
}

const char *mod_acme_directives__set_dns_resolver(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    const char *wrong = mod_acme_directives__global_several(&words, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    return mod_acme_arguments_say(
        cmd, mod_acme_dns01_parse_resolvers(&mod_acme_settings_raw(cmd->pool)->global.resolvers,
                                            words, cmd->pool));
}

const char *mod_acme_directives__set_dns_port(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    const char *wrong = mod_acme_directives__global_single(&word, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    return mod_acme_arguments_say(
        cmd, mod_acme_dns01_parse_port(&mod_acme_settings_raw(cmd->pool)->global.dns_port, word,
                                       cmd->pool));
}
