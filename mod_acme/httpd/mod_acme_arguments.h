/* The arguments of a directive as a list of words, and the sentences that refuse them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a function returns as `const char *` is why httpd refuses the directive, beginning with its
 * name, or NULL. Everything lives in cmd->pool.
 */
#ifndef MOD_ACME_ARGUMENTS_H
#define MOD_ACME_ARGUMENTS_H

#include <httpd.h>
#include <http_config.h>

#include <apr_tables.h>

#include "acme/acme_err.h"

/** The words of @a args; const char *. Unlike httpd's own splitting it has no limit of 64. */
apr_array_header_t *mod_acme_arguments_split(cmd_parms *cmd, const char *args);

/** The word at @a i. */
const char *mod_acme_arguments_word(const apr_array_header_t *words, int i);

/** @a err or @a why, for httpd to print. NULL stays NULL. */
const char *mod_acme_arguments_say(cmd_parms *cmd, const acme_err_t *err);
const char *mod_acme_arguments_refuse(cmd_parms *cmd, const char *why);

/** Reads the words of @a args, at least one. */
const char *mod_acme_arguments_several(const apr_array_header_t **words, cmd_parms *cmd,
                                       const char *args);

/** Reads exactly one word of @a args. */
const char *mod_acme_arguments_single(const char **word, cmd_parms *cmd, const char *args);

/** The place of @a word among @a choices (ended by NULL; any case), or -1. */
int mod_acme_arguments_choose(const char *word, const char *const *choices);

/** Reads exactly one word, which must be one of @a choices; *choice is its place. */
const char *mod_acme_arguments_choice(int *choice, cmd_parms *cmd, const char *args,
                                      const char *const *choices);

#endif
