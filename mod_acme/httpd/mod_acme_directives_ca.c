/* The directives about CAs: which, and as whom and how they are asked.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include <http_core.h>

#include <apr_file_info.h>
#include <apr_strings.h>

#include "acme/acme_text.h"

#include "mod_acme_account.h"
#include "mod_acme_arguments.h"
#include "mod_acme_directives_private.h"

static int has_ca(const apr_array_header_t *cas, const char *directory_url)
{
    for (int i = 0; i < cas->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(cas, i, const mod_acme_ca_t *)->directory_url, directory_url) ==
            0) {
            return 1;
        }
    }
    return 0;
}

/* The first choice, and those for when it fails. */
const char *mod_acme_directives__set_ca(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    apr_array_header_t *cas = apr_array_make(cmd->pool, 2, sizeof(const mod_acme_ca_t *));
    for (int i = 0; wrong == NULL && i < words->nelts; i++) {
        mod_acme_ca_t *ca = apr_palloc(cmd->pool, sizeof(*ca));
        wrong = mod_acme_arguments_say(
            cmd, mod_acme_ca_parse(ca, mod_acme_arguments_word(words, i), cmd->pool));
        if (wrong == NULL && !has_ca(cas, ca->directory_url)) {
            APR_ARRAY_PUSH(cas, const mod_acme_ca_t *) = ca;
        }
    }
    if (wrong == NULL) {
        mod_acme_settings_t *settings = mod_acme_directives__settings(cmd);
        settings->ca = *(const mod_acme_ca_t *const *)cas->elts;
        cas->elts += cas->elt_size;
        cas->nelts--;
        settings->other_cas = cas;
    }
    return wrong;
}

const char *mod_acme_directives__set_agreement(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    const char *wrong = mod_acme_arguments_single(&word, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    int is_accepted = acme_text_equal_nocase(word, "accepted");
    if (!is_accepted && strstr(word, "://") == NULL) {
        return mod_acme_arguments_refuse(
            cmd, apr_psprintf(cmd->pool, "'%s' is not possible: %s", word, cmd->cmd->errmsg));
    }
    mod_acme_directives__settings(cmd)->agreement = is_accepted ? "accepted" : word;
    return NULL;
}

/* Several lines add up: an administrator who writes two addresses wants both. */
const char *mod_acme_directives__set_contact(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    mod_acme_settings_t *settings = mod_acme_directives__settings(cmd);
    apr_array_header_t *contacts = apr_array_make(cmd->pool, words->nelts, sizeof(const char *));
    if (settings->contacts != NULL) {
        apr_array_cat(contacts, settings->contacts);
    }
    int is_none = words->nelts == 1 && mod_acme_words_is_none(mod_acme_arguments_word(words, 0));
    for (int i = 0; i < words->nelts && !is_none; i++) {
        const char *contact = NULL;
        wrong = mod_acme_arguments_say(
            cmd, mod_acme_words_contact(&contact, mod_acme_arguments_word(words, i), cmd->pool));
        if (wrong != NULL) {
            return wrong;
        }
        if (!mod_acme_directives__has_word(contacts, contact)) {
            APR_ARRAY_PUSH(contacts, const char *) = contact;
        }
    }
    settings->contacts = contacts;
    return NULL;
}

const char *mod_acme_directives__set_external_account_binding(cmd_parms *cmd, void *unused,
                                                              const char *args)
{
    (void)unused;
    mod_acme_account_binding_t binding;
    const apr_array_header_t *words;
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    if (wrong == NULL) {
        wrong =
            mod_acme_arguments_say(cmd, mod_acme_account_parse_binding(&binding, words, cmd->pool));
    }
    if (wrong != NULL) {
        return wrong;
    }
    if (binding.file != NULL) {
        const char *path = ap_server_root_relative(cmd->pool, binding.file);
        if (path == NULL) {
            return mod_acme_arguments_refuse(cmd, "this is not a path");
        }
        const char *warning = mod_acme_account_read_binding(&binding, path, cmd->pool);
        if (warning != NULL) {
            mod_acme_directives__warn(cmd, warning);
        }
    }
    mod_acme_directives__settings(cmd)->eab = binding.eab;
    return NULL;
}

const char *mod_acme_directives__set_account_key_file(cmd_parms *cmd, void *unused,
                                                      const char *args)
{
    (void)unused;
    const char *word;
    const char *wrong = mod_acme_arguments_single(&word, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    acme_account_key_t *key = apr_pcalloc(cmd->pool, sizeof(*key));
    if (!mod_acme_words_is_none(word)) {
        const char *path = ap_server_root_relative(cmd->pool, word);
        if (path == NULL) {
            return mod_acme_arguments_refuse(cmd, "this is not a path");
        }
        const char *warning = mod_acme_account_read_key(&key, path, cmd->pool);
        if (warning != NULL) {
            mod_acme_directives__warn(cmd, warning);
        }
    }
    mod_acme_directives__settings(cmd)->account_key = key;
    return NULL;
}

const char *mod_acme_directives__set_rate_limits(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    mod_acme_limits_t *limits = apr_palloc(cmd->pool, sizeof(*limits));
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    if (wrong == NULL) {
        wrong = mod_acme_arguments_say(cmd, mod_acme_limits_parse(limits, words, cmd->pool));
    }
    if (wrong == NULL) {
        limits->file = cmd->directive->filename;
        limits->line = cmd->directive->line_num;
        mod_acme_directives__settings(cmd)->limits = limits;
    }
    return wrong;
}

const char *mod_acme_directives__set_ca_certificate_file(cmd_parms *cmd, void *unused,
                                                         const char *args)
{
    (void)unused;
    const char *word;
    mod_acme_settings_t *settings = mod_acme_directives__settings(cmd);
    const char *wrong =
        mod_acme_directives__single_or_none(&word, &settings->ca_certificate_file, cmd, args);
    if (wrong != NULL || word == NULL) {
        return wrong;
    }
    const char *path = ap_server_root_relative(cmd->pool, word);
    if (path == NULL) {
        return mod_acme_arguments_refuse(cmd, "this is not a path");
    }
    settings->ca_certificate_file = path;
    apr_finfo_t finfo;
    if (apr_stat(&finfo, path, APR_FINFO_TYPE, cmd->temp_pool) != APR_SUCCESS ||
        finfo.filetype != APR_REG) {
        mod_acme_directives__warn(
            cmd, apr_psprintf(cmd->pool,
                              "there is no file %s, so the CA cannot be verified and nothing "
                              "is ordered from it",
                              path));
    }
    return NULL;
}

const char *mod_acme_directives__set_proxy(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    mod_acme_settings_t *settings = mod_acme_directives__settings(cmd);
    const char *wrong = mod_acme_directives__single_or_none(&word, &settings->proxy, cmd, args);
    if (wrong != NULL || word == NULL) {
        return wrong;
    }
    return mod_acme_arguments_say(cmd, mod_acme_words_proxy(&settings->proxy, word, cmd->pool));
}

/* The URL is of the test environment of one's own CA. */
const char *mod_acme_directives__set_staging_retry(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    const char *wrong = mod_acme_arguments_single(&word, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    int choice = mod_acme_arguments_choose(word, mod_acme_directives__off_on);
    mod_acme_ca_t *test = NULL;
    if (choice < 0 && strstr(word, "://") == NULL) {
        return mod_acme_arguments_refuse(
            cmd, apr_psprintf(cmd->pool, "'%s' is not possible: %s", word, cmd->cmd->errmsg));
    }
    if (choice < 0) {
        test = apr_palloc(cmd->pool, sizeof(*test));
        wrong = mod_acme_arguments_say(cmd, mod_acme_ca_parse(test, word, cmd->pool));
    }
    if (wrong == NULL) {
        mod_acme_settings_t *settings = mod_acme_directives__settings(cmd);
        settings->is_rehearsed = choice != 0;
        settings->test = test;
    }
    return wrong;
}
