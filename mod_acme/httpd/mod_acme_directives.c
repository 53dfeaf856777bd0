/* The directives: a table, and a function for each that reads its words.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Handlers run in every pass and have no side effects outside of pconf. Words that no directive
 * could have are fatal here; names are only kept, as written, and judged when all is known.
 */
#include "config.h"

#include <string.h>

#include <http_core.h>

#include <apr_file_info.h>
#include <apr_strings.h>

#include "acme/acme_key.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#include "mod_acme_arguments.h"
#include "mod_acme_directives_private.h"

/* ---- what all handlers need */

/* The settings that a directive here is about: those of the section it stands in, or the server's.
 */
mod_acme_settings_t *mod_acme_directives__settings(cmd_parms *cmd)
{
    mod_acme_server_t *server = mod_acme_settings_server(cmd->server);
    mod_acme_settings_t *settings =
        server->section != NULL ? &server->section->settings : &server->settings;
    if (settings->first == NULL) {
        settings->first = cmd->directive;
    }
    return settings;
}

void mod_acme_directives__warn(cmd_parms *cmd, const char *text)
{
    (void)mod_acme_finding_add(mod_acme_settings_raw(cmd->pool)->findings, cmd->directive->filename,
                               cmd->directive->line_num, "%s: %s", cmd->cmd->name, text);
}

/* Why a directive for the whole server may not stand here, or NULL. */
static const char *check_global(cmd_parms *cmd)
{
    if (mod_acme_settings_server(cmd->server)->section != NULL) {
        return mod_acme_arguments_refuse(
            cmd, "it is for the whole server, so write it outside of <ACMEDomain>");
    }
    if (cmd->server->is_virtual) {
        return mod_acme_arguments_refuse(
            cmd, "it is for the whole server, so write it outside of <VirtualHost>");
    }
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

/* The words of a directive for the whole server: exactly one, or at least one. */
const char *mod_acme_directives__global_single(const char **word, cmd_parms *cmd, const char *args)
{
    const char *wrong = check_global(cmd);
    return wrong != NULL ? wrong : mod_acme_arguments_single(word, cmd, args);
}

const char *mod_acme_directives__global_several(const apr_array_header_t **words, cmd_parms *cmd,
                                                const char *args)
{
    const char *wrong = check_global(cmd);
    return wrong != NULL ? wrong : mod_acme_arguments_several(words, cmd, args);
}

/* A member of a record, where the table of directives says at which offset. */
static void *member_of(void *record, const cmd_parms *cmd)
{
    return (char *)record + (apr_size_t)cmd->info;
}

/* One word for *setting; `none` makes that "", which is written all the same, and *word NULL. */
const char *mod_acme_directives__single_or_none(const char **word, const char **setting,
                                                cmd_parms *cmd, const char *args)
{
    const char *wrong = mod_acme_arguments_single(word, cmd, args);
    if (wrong == NULL && mod_acme_words_is_none(*word)) {
        *setting = "";
        *word = NULL;
    }
    return wrong;
}

int mod_acme_directives__has_word(const apr_array_header_t *words, const char *word)
{
    for (int i = 0; i < words->nelts; i++) {
        if (acme_text_equal_nocase(mod_acme_arguments_word(words, i), word)) {
            return 1;
        }
    }
    return 0;
}

/* ---- ACMEDomain, its section, ACMEMembers */

static const char *const member_words[] = {"manual", "auto", NULL};

/* The names among @a words; `auto` and `manual` among them are the setting of ACMEMembers. */
static const apr_array_header_t *take_names(mod_acme_settings_t *settings,
                                            const apr_array_header_t *words, apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, words->nelts, sizeof(const char *));
    for (int i = 0; i < words->nelts; i++) {
        int choice = mod_acme_arguments_choose(mod_acme_arguments_word(words, i), member_words);
        if (choice >= 0) {
            settings->is_auto = choice;
        }
        else {
            APR_ARRAY_PUSH(names, const char *) = mod_acme_arguments_word(words, i);
        }
    }
    return names;
}

static const char *define(mod_acme_definition_t **made, cmd_parms *cmd,
                          const apr_array_header_t *words)
{
    mod_acme_server_t *server = mod_acme_settings_server(cmd->server);
    if (server->section != NULL) {
        return mod_acme_arguments_refuse(
            cmd, "it may not stand inside of <ACMEDomain>; add names by ACMEMember");
    }
    mod_acme_definition_t *definition = apr_pcalloc(cmd->pool, sizeof(*definition));
    mod_acme_settings_clear(&definition->settings);
    definition->names = take_names(&definition->settings, words, cmd->pool);
    definition->server = cmd->server;
    definition->file = cmd->directive->filename;
    definition->line = cmd->directive->line_num;
    server->has_definition = 1;
    APR_ARRAY_PUSH(mod_acme_settings_raw(cmd->pool)->definitions, mod_acme_definition_t *) =
        definition;
    *made = definition;
    return NULL;
}

static const char *check_bare(cmd_parms *cmd, const mod_acme_definition_t *definition)
{
    if (definition->names->nelts > 0 || cmd->server->is_virtual) {
        return NULL;
    }
    return mod_acme_arguments_refuse(
        cmd, "write the names; only inside of <VirtualHost> they may be left out");
}

static const char *set_domain(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    mod_acme_definition_t *definition;
    const char *wrong = define(&definition, cmd, mod_acme_arguments_split(cmd, args));
    return wrong != NULL ? wrong : check_bare(cmd, definition);
}

/* Other modules' directives would be applied to the server around, which is not what is meant. */
static const char *check_children(cmd_parms *cmd)
{
    const ap_directive_t *child = cmd->directive->first_child;
    for (; child != NULL; child = child->next) {
        if (ap_cstr_casecmpn(child->directive, "ACME", 4) != 0 &&
            ap_cstr_casecmpn(child->directive, "<ACME", 5) != 0) {
            return apr_psprintf(cmd->pool, "%s on line %d does not belong into %s>",
                                child->directive, child->line_num, cmd->cmd->name);
        }
    }
    return NULL;
}

static const char *set_section(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *end = ap_strrchr_c(args, '>');
    if (end == NULL) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, "> directive missing closing '>'", NULL);
    }
    const apr_array_header_t *words = mod_acme_arguments_split(
        cmd, apr_pstrmemdup(cmd->temp_pool, args, (apr_size_t)(end - args)));
    mod_acme_definition_t *definition;
    const char *wrong = check_children(cmd);
    wrong = wrong != NULL ? wrong : define(&definition, cmd, words);
    if (wrong != NULL) {
        return wrong;
    }
    mod_acme_server_t *server = mod_acme_settings_server(cmd->server);
    ap_directive_t *here = cmd->directive;
    server->section = definition;
    wrong = ap_walk_config(here->first_child, cmd, cmd->context);
    server->section = NULL;
    if (wrong != NULL) {
        return wrong;
    }
    cmd->directive = here;
    return check_bare(cmd, definition);
}

static const char *set_members(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    mod_acme_settings_t *settings = mod_acme_directives__settings(cmd);
    const apr_array_header_t *names = take_names(settings, words, cmd->pool);
    mod_acme_definition_t *section = mod_acme_settings_server(cmd->server)->section;
    if (section != NULL) {
        section->names = apr_array_append(cmd->pool, section->names, names);
    }
    else if (names->nelts > 0 || words->nelts > 1) {
        return mod_acme_arguments_refuse(
            cmd, "outside of <ACMEDomain> write auto or manual; names belong into "
                 "ACMEDomain");
    }
    return NULL;
}

/* ---- settings of domains */

/* A certificate is for the names of one domain, so it stands near them. */
static const char *set_given_file(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    if (!cmd->server->is_virtual && mod_acme_settings_server(cmd->server)->section == NULL) {
        return mod_acme_arguments_refuse(
            cmd, "it is for one domain, so write it inside of <ACMEDomain>");
    }
    const char *wrong = mod_acme_arguments_single(&word, cmd, args);
    const char *path = wrong == NULL ? ap_server_root_relative(cmd->pool, word) : NULL;
    if (wrong != NULL || path == NULL) {
        return wrong != NULL ? wrong : mod_acme_arguments_refuse(cmd, "this is not a path");
    }
    apr_array_header_t **files = member_of(mod_acme_directives__settings(cmd), cmd);
    if (*files == NULL) {
        *files = apr_array_make(cmd->pool, 1, sizeof(mod_acme_given_file_t));
    }
    APR_ARRAY_PUSH(*files, mod_acme_given_file_t) =
        (mod_acme_given_file_t){path, cmd->directive->filename, cmd->directive->line_num};
    return NULL;
}

/* The certificates of a host stand in one slot per class of keys; a second one would hide the
 * first.
 */
static int has_slot(const apr_array_header_t *specs, acme_key_type_t type)
{
    for (int i = 0; i < specs->nelts; i++) {
        if (acme_key_type_same_slot(APR_ARRAY_IDX(specs, i, acme_key_spec_t).type, type)) {
            return 1;
        }
    }
    return 0;
}

static const char *set_private_keys(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    const char *wrong = mod_acme_arguments_several(&words, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    apr_array_header_t *specs = apr_array_make(cmd->pool, 2, sizeof(acme_key_spec_t));
    for (int i = 0; i < words->nelts;) {
        acme_key_spec_t spec;
        wrong =
            mod_acme_arguments_say(cmd, acme_key_spec_parse(&spec, (const char *const *)words->elts,
                                                            words->nelts, &i, cmd->pool));
        if (wrong != NULL) {
            return wrong;
        }
        if (has_slot(specs, spec.type)) {
            mod_acme_directives__warn(
                cmd, apr_psprintf(cmd->pool,
                                  "a host can have one RSA and one EC certificate; %s is left out",
                                  acme_key_spec_text(&spec, cmd->pool)));
        }
        else {
            APR_ARRAY_PUSH(specs, acme_key_spec_t) = spec;
        }
    }
    mod_acme_directives__settings(cmd)->key_specs = specs;
    return NULL;
}

static const char *set_window(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    const char *wrong = mod_acme_arguments_single(&word, cmd, args);
    return wrong != NULL
               ? wrong
               : mod_acme_arguments_say(
                     cmd, acme_window_parse(member_of(mod_acme_directives__settings(cmd), cmd),
                                            word, cmd->pool));
}

static const char *set_renew_mode(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    static const char *const choices[] = {
        [ACME_RENEW_MANUAL] = "manual",
        [ACME_RENEW_AUTO] = "auto",
        [ACME_RENEW_ALWAYS] = "always",
        NULL,
    };
    return mod_acme_arguments_choice(&mod_acme_directives__settings(cmd)->renew_mode, cmd, args,
                                     choices);
}

const char *const mod_acme_directives__off_on[] = {"off", "on", NULL};

static const char *set_domain_switch(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    return mod_acme_arguments_choice(member_of(mod_acme_directives__settings(cmd), cmd), cmd, args,
                                     mod_acme_directives__off_on);
}

/* A name, or none; "" undoes what stands around. */
static const char *set_name(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    const char *wrong = mod_acme_arguments_single(&word, cmd, args);
    if (wrong == NULL) {
        const char **name = member_of(mod_acme_directives__settings(cmd), cmd);
        *name = mod_acme_words_is_none(word) ? "" : word;
    }
    return wrong;
}

/* ---- settings of the whole server */

static const char *set_store_dir(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    const char *wrong = mod_acme_directives__global_single(&word, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    const char *path = ap_server_root_relative(cmd->pool, word);
    if (path == NULL) {
        return mod_acme_arguments_refuse(cmd, "this is not a path");
    }
    mod_acme_settings_raw(cmd->pool)->global.store_dir = path;
    return NULL;
}

static const char *set_port_map(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words;
    const char *wrong = mod_acme_directives__global_several(&words, cmd, args);
    if (wrong == NULL && words->nelts > 2) {
        wrong = mod_acme_arguments_refuse(cmd, cmd->cmd->errmsg);
    }
    mod_acme_ports_t *ports = &mod_acme_settings_raw(cmd->pool)->global.ports;
    for (int i = 0; wrong == NULL && i < words->nelts; i++) {
        wrong = mod_acme_arguments_say(
            cmd, mod_acme_words_port(ports, mod_acme_arguments_word(words, i), cmd->pool));
    }
    return wrong;
}

static const char *set_duration(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    apr_interval_time_t *span = member_of(&mod_acme_settings_raw(cmd->pool)->global, cmd);
    const char *wrong = mod_acme_directives__global_single(&word, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    acme_err_t *err = acme_time_parse_duration(span, word, "s", cmd->pool);
    if (err == NULL && *span < ACME_TIME_SECOND) {
        return mod_acme_arguments_refuse(
            cmd, apr_psprintf(cmd->pool, "it must be at least %s",
                              acme_time_duration(ACME_TIME_SECOND, cmd->pool)));
    }
    return mod_acme_arguments_say(cmd, err);
}

/* More is a slip of the finger. */
#define COUNT_MAX 1000000

static const char *set_count(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const char *word;
    int *count = member_of(&mod_acme_settings_raw(cmd->pool)->global, cmd);
    const char *wrong = mod_acme_directives__global_single(&word, cmd, args);
    if (wrong != NULL) {
        return wrong;
    }
    char *end;
    apr_int64_t number = apr_strtoi64(word, &end, 10);
    if (*end != '\0' || number < 1 || number > COUNT_MAX) {
        return mod_acme_arguments_refuse(
            cmd, apr_psprintf(cmd->pool, "'%s' is not possible: write a number from 1 to %d", word,
                              COUNT_MAX));
    }
    *count = (int)number;
    return NULL;
}

static const char *read_global_choice(int *choice, cmd_parms *cmd, const char *args,
                                      const char *const *choices)
{
    const char *wrong = check_global(cmd);
    return wrong != NULL ? wrong : mod_acme_arguments_choice(choice, cmd, args, choices);
}

static const char *set_server_switch(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    return read_global_choice(member_of(&mod_acme_settings_raw(cmd->pool)->global, cmd), cmd, args,
                              mod_acme_directives__off_on);
}

static const char *set_match_names(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    static const char *const choices[] = {"servernames", "all", NULL};
    return read_global_choice(&mod_acme_settings_raw(cmd->pool)->global.match_aliases, cmd, args,
                              choices);
}

static const char *set_placeholder(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    static const char *const choices[] = {
        [MOD_ACME_PLACEHOLDER_UNAVAILABLE] = "unavailable",
        [MOD_ACME_PLACEHOLDER_SERVE] = "serve",
        NULL,
    };
    int choice = 0;
    const char *wrong = read_global_choice(&choice, cmd, args, choices);
    if (wrong == NULL) {
        mod_acme_settings_raw(cmd->pool)->global.placeholder = (mod_acme_placeholder_t)choice;
    }
    return wrong;
}

static const char *set_activation(cmd_parms *cmd, void *unused, const char *args)
{
    (void)unused;
    const apr_array_header_t *words = mod_acme_arguments_split(cmd, args);
    const char *wrong = check_global(cmd);
    if (wrong != NULL) {
        return wrong;
    }
    return mod_acme_arguments_say(
        cmd, mod_acme_words_activation(&mod_acme_settings_raw(cmd->pool)->global.activation,
                                       words->nelts, (const char *const *)words->elts, cmd->pool));
}

#define DIRECTIVE(name, handler, help) AP_INIT_RAW_ARGS(name, handler, NULL, RSRC_CONF, help)
/* The handler stores into this member of the settings of a domain, or of those of the whole server.
 */
#define OF_DOMAIN(name, handler, member, help)                                                     \
    AP_INIT_RAW_ARGS(name, handler, (void *)APR_OFFSETOF(mod_acme_settings_t, member), RSRC_CONF,  \
                     help)
#define OF_SERVER(name, handler, member, help)                                                     \
    AP_INIT_RAW_ARGS(name, handler, (void *)APR_OFFSETOF(mod_acme_global_t, member), RSRC_CONF,    \
                     help)

const command_rec mod_acme_directives[] = {
    DIRECTIVE("ACMEDomain", set_domain,
              "names of one certificate, and auto or manual; none inside of <VirtualHost>"),
    DIRECTIVE("<ACMEDomain", set_section, "names of one certificate, with settings inside"),
    DIRECTIVE("<ACMEDomainSet", set_section, "names of one certificate, with settings inside"),
    DIRECTIVE("ACMEMember", set_members, "more names, auto or manual"),
    DIRECTIVE("ACMEMembers", set_members, "more names, auto or manual"),
    DIRECTIVE("ACMECertificateAuthority", mod_acme_directives__set_ca,
              "letsencrypt, letsencrypt-staging or the URL of a CA's directory; more for when it "
              "fails"),
    DIRECTIVE("ACMEStagingRetry", mod_acme_directives__set_staging_retry,
              "on, off or the URL of the directory of the CA's test environment, where it is tried "
              "next after a failed validation"),
    DIRECTIVE("ACMECertificateAgreement", mod_acme_directives__set_agreement,
              "accepted, or the URL of the CA's terms of service that you agree to"),
    DIRECTIVE("ACMEContactEmail", mod_acme_directives__set_contact,
              "mail addresses that the CA may write to, or none"),
    DIRECTIVE("ACMEExternalAccountBinding", mod_acme_directives__set_external_account_binding,
              "KEYID HMAC or FILE, each followed by alg=HS256|HS384|HS512 or not, or none"),
    DIRECTIVE("ACMEAccountKeyFile", mod_acme_directives__set_account_key_file,
              "a PEM file with the private key of the account to use, or none"),
    DIRECTIVE("ACMERateLimits", mod_acme_directives__set_rate_limits,
              "off, or a share such as 25%, orders=300/3h, domain=50/7d, set=5/7d"),
    DIRECTIVE("ACMECACertificateFile", mod_acme_directives__set_ca_certificate_file,
              "a PEM file that verifies the CA's server, or none"),
    DIRECTIVE("ACMEHttpProxy", mod_acme_directives__set_proxy,
              "the URL of an HTTP proxy to the CA, or none"),
    DIRECTIVE("ACMEPrivateKeys", set_private_keys,
              "kinds of keys: Default, P-256, P-384, RSA [bits]"),
    OF_DOMAIN("ACMECertificateFile", set_given_file, certificate_files,
              "a PEM file with a certificate, and those of its issuers, to use until there is one "
              "of ours"),
    OF_DOMAIN("ACMECertificateKeyFile", set_given_file, key_files,
              "the PEM file with the key for ACMECertificateFile"),
    OF_DOMAIN("ACMERenewWindow", set_window, renew_window,
              "renew when less than this is left: a percentage or a duration"),
    OF_DOMAIN("ACMEWarnWindow", set_window, warn_window,
              "warn when less than this is left: a percentage or a duration"),
    DIRECTIVE("ACMERenewMode", set_renew_mode, "auto, always or manual"),
    OF_DOMAIN("ACMERenewViaARI", set_domain_switch, via_ari,
              "on or off: the CA is asked when it suggests to renew (RFC 9773)"),
    OF_DOMAIN("ACMEPreferredChain", set_name, preferred_chain,
              "the name of the issuer at the end of the chain to choose, or none"),
    OF_DOMAIN("ACMEProfile", set_name, profile,
              "the name of a profile that the CA offers, or none"),
    OF_DOMAIN("ACMEProfileMandatory", set_domain_switch, is_profile_mandatory,
              "on or off: nothing is ordered from a CA that does not offer the profile"),
    OF_DOMAIN("ACMEDropFailing", set_domain_switch, is_dropping,
              "on or off: orders go without a name that fails again and again"),
    OF_DOMAIN("ACMEMustStaple", set_domain_switch, must_staple,
              "on or off: certificates say that they are to be stapled (RFC 7633)"),
    DIRECTIVE("ACMECAChallenges", mod_acme_directives__set_challenges,
              "types of challenges, best first"),
    DIRECTIVE("ACMEChallengeDns01", mod_acme_directives__set_challenge_dns01,
              "rfc2136 [server=HOST] [key=FILE] [zone=ZONE], exec [style=STYLE] [credentials=FILE] "
              "[cleanup=PROGRAM] PROGRAM [ARGUMENT ...], a PROGRAM alone, manual, or none"),
    DIRECTIVE("ACMEChallengeHttp01", mod_acme_directives__set_challenge_http01,
              "self, webroot DIR, exec [style=STYLE] [credentials=FILE] PROGRAM [ARGUMENT ...], or "
              "manual [wait=DURATION]"),
    DIRECTIVE("ACMEDns01Wait", mod_acme_directives__set_dns01_wait,
              "[timeout=DURATION] [settle=DURATION] [servers=authoritative|resolver|none]"),
    DIRECTIVE("ACMEDnsResolver", mod_acme_directives__set_dns_resolver,
              "addresses of resolvers, each with :port or not"),
    DIRECTIVE("ACMEDnsPort", mod_acme_directives__set_dns_port,
              "the port of name servers that are asked directly"),
    DIRECTIVE("ACMEStoreDir", set_store_dir, "the folder for certificates, keys and accounts"),
    DIRECTIVE("ACMEPortMap", set_port_map,
              "http:<port> and https:<port>, the local ports that the CA reaches as 80 and 443"),
    OF_SERVER("ACMERetryDelay", set_duration, retry_delay,
              "the first delay after a failure, a duration"),
    OF_SERVER("ACMERetryFailover", set_count, retry_failover,
              "the number of errors after which the next CA is asked"),
    OF_SERVER("ACMECheckInterval", set_duration, check_interval,
              "the time between checks, a duration"),
    OF_SERVER("ACMEBaseServer", set_server_switch, has_base_server,
              "on or off: the base server is a host too"),
    OF_SERVER("ACMEHttp01Stateless", set_server_switch, is_stateless,
              "on or off: any http-01 token for a managed name is answered"),
    DIRECTIVE("ACMEMatchNames", set_match_names, "all or servernames"),
    OF_SERVER("ACMEStrict", set_server_switch, is_strict,
              "on or off: what is wrong with names is an error"),
    OF_SERVER("ACMEPreflight", set_server_switch, has_preflight,
              "on or off: before a first order, look whether the CA can come through"),
    DIRECTIVE("ACMEPlaceholder", set_placeholder, "unavailable or serve"),
    DIRECTIVE("ACMEActivation", set_activation,
              "live, graceful [interval=1h] [window=HH:MM-HH:MM] or manual"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL},
};
