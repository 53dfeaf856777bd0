/* Splits the arguments of a directive and counts them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_arguments.h"

#include <apr_strings.h>

#include "acme/acme_text.h"

apr_array_header_t *mod_acme_arguments_split(cmd_parms *cmd, const char *args)
{
    apr_array_header_t *words = apr_array_make(cmd->pool, 4, sizeof(const char *));
    while (*args != '\0') {
        const char *word = ap_getword_conf(cmd->pool, &args);
        if (*word != '\0') {
            APR_ARRAY_PUSH(words, const char *) = word;
        }
    }
    return words;
}

const char *mod_acme_arguments_word(const apr_array_header_t *words, int i)
{
    return APR_ARRAY_IDX(words, i, const char *);
}

const char *mod_acme_arguments_say(cmd_parms *cmd, const acme_err_t *err)
{
    return err == NULL ? NULL : mod_acme_arguments_refuse(cmd, err->text);
}

const char *mod_acme_arguments_refuse(cmd_parms *cmd, const char *why)
{
    return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", why, NULL);
}

const char *mod_acme_arguments_several(const apr_array_header_t **words, cmd_parms *cmd,
                                       const char *args)
{
    *words = mod_acme_arguments_split(cmd, args);
    if ((*words)->nelts > 0) {
        return NULL;
    }
    return mod_acme_arguments_refuse(
        cmd, apr_pstrcat(cmd->pool, "something is missing: ", cmd->cmd->errmsg, NULL));
}

const char *mod_acme_arguments_single(const char **word, cmd_parms *cmd, const char *args)
{
    const apr_array_header_t *words = mod_acme_arguments_split(cmd, args);
    *word = words->nelts == 1 ? mod_acme_arguments_word(words, 0) : NULL;
    if (*word != NULL) {
        return NULL;
    }
    return mod_acme_arguments_refuse(
        cmd, apr_pstrcat(cmd->pool, "write exactly one word: ", cmd->cmd->errmsg, NULL));
}

int mod_acme_arguments_choose(const char *word, const char *const *choices)
{
    for (int i = 0; choices[i] != NULL; i++) {
        if (acme_text_equal_nocase(word, choices[i])) {
            return i;
        }
    }
    return -1;
}

const char *mod_acme_arguments_choice(int *choice, cmd_parms *cmd, const char *args,
                                      const char *const *choices)
{
    const char *word;
    const char *wrong = mod_acme_arguments_single(&word, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    *choice = mod_acme_arguments_choose(word, choices);
    if (*choice >= 0) {
        return NULL;
    }
    return mod_acme_arguments_refuse(
        cmd, apr_psprintf(cmd->pool, "'%s' is not possible: %s", word, cmd->cmd->errmsg));
}
