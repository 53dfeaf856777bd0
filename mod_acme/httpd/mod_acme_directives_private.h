/* What the files of the directives share; the table is in mod_acme_directives.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOD_ACME_DIRECTIVES_PRIVATE_H
#define MOD_ACME_DIRECTIVES_PRIVATE_H

#include "mod_acme_config.h"
#include "mod_acme_settings.h"

/* ---- mod_acme_directives.c: what all handlers need */

/** The settings that a directive here is about: those of the section it stands in, or the server's.
 */
mod_acme_settings_t *mod_acme_directives__settings(cmd_parms *cmd);

/** Warns of @a text, which is no reason not to start. */
void mod_acme_directives__warn(cmd_parms *cmd, const char *text);

/** The words of a directive for the whole server: exactly one, or at least one. */
const char *mod_acme_directives__global_single(const char **word, cmd_parms *cmd, const char *args);
const char *mod_acme_directives__global_several(const apr_array_header_t **words, cmd_parms *cmd,
                                                const char *args);

/** One word for *setting; `none` makes that "", which is written all the same, and *word NULL. */
const char *mod_acme_directives__single_or_none(const char **word, const char **setting,
                                                cmd_parms *cmd, const char *args);

/** Nonzero if @a word is one of @a words (const char *), in any case. */
int mod_acme_directives__has_word(const apr_array_header_t *words, const char *word);

extern const char *const mod_acme_directives__off_on[];

/* ---- mod_acme_directives_ca.c: handlers; NULL, or what is wrong */

const char *mod_acme_directives__set_ca(cmd_parms *cmd, void *unused, const char *args);
const char *mod_acme_directives__set_agreement(cmd_parms *cmd, void *unused, const char *args);
const char *mod_acme_directives__set_contact(cmd_parms *cmd, void *unused, const char *args);
const char *mod_acme_directives__set_external_account_binding(cmd_parms *cmd, void *unused,
                                                              const char *args);
const char *mod_acme_directives__set_account_key_file(cmd_parms *cmd, void *unused,
                                                      const char *args);
const char *mod_acme_directives__set_rate_limits(cmd_parms *cmd, void *unused, const char *args);
const char *mod_acme_directives__set_ca_certificate_file(cmd_parms *cmd, void *unused,
                                                         const char *args);
const char *mod_acme_directives__set_proxy(cmd_parms *cmd, void *unused, const char *args);
const char *mod_acme_directives__set_staging_retry(cmd_parms *cmd, void *unused, const char *args);

/* ---- mod_acme_directives_challenge.c: handlers; NULL, or what is wrong */

const char *mod_acme_directives__set_challenges(cmd_parms *cmd, void *unused, const char *args);
const char *mod_acme_directives__set_challenge_dns01(cmd_parms *cmd, void *unused,
                                                     const char *args);
const char *mod_acme_directives__set_challenge_http01(cmd_parms *cmd, void *unused,
                                                      const char *args);
const char *mod_acme_directives__set_dns01_wait(cmd_parms *cmd, void *unused, const char *args);
const char *mod_acme_directives__set_dns_resolver(cmd_parms *cmd, void *unused, const char *args);
const char *mod_acme_directives__set_dns_port(cmd_parms *cmd, void *unused, const char *args);

#endif
