/* Tests of acme_dns_update_exec: programs written for other tools, used as they are.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include "acme/acme_dns_update_exec.h"
#include "acme/acme_time.h"
#include "unit/fake_env.h"
#include "unit/patience.h"

/* A name and its wildcard: one domain, two values, one of which looks like an option. */
static const acme_txt_t plain = {.domain = "example.org",
                                 .name = "_acme-challenge.example.org",
                                 .value = "0D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs",
                                 .token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
                                 .key_authorization =
                                     "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.thumb"};
static const acme_txt_t wildcard = {.domain = "example.org",
                                    .name = "_acme-challenge.example.org",
                                    .value = "-rf-lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs",
                                    .token = "-token-DGyRejmCefe7v4NfDGDKfA",
                                    .key_authorization = "-token-DGyRejmCefe7v4NfDGDKfA.thumb"};

typedef struct {
    fake_env_t *world;
    char *zone;
    acme_dns_update_exec_config_t config;
    acme_dns_update_t *update;
} house_t;

static apr_array_header_t *words(apr_pool_t *pool, ...)
{
    apr_array_header_t *list = apr_array_make(pool, 4, sizeof(const char *));
    va_list args;
    va_start(args, pool);
    for (const char *word; (word = va_arg(args, const char *)) != NULL;) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    va_end(args);
    return list;
}

static char *hook(const char *name, apr_pool_t *pool)
{
    char *path = realpath(apr_pstrcat(pool, TEST_DATA_DIR "/hooks/", name, NULL), NULL);
    assert_non_null(path);
    char *copy = apr_pstrdup(pool, path);
    free(path);
    return copy;
}

/* To be moved no more once it is open: the way keeps a pointer to the configuration. */
static house_t *make_house(acme_dns_style_t style, apr_pool_t *pool)
{
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    house->world = fake_env_create(1, pool);
    house->zone = scratch_create(pool);
    house->config.env = fake_env(house->world);
    house->config.runner = acme_program_runner_create(fake_env(house->world), pool);
    house->config.style = style;
    house->config.credentials = words(pool, apr_pstrcat(pool, "ZONE=", house->zone, NULL), NULL);
    return house;
}

static void open_house(house_t *house, apr_pool_t *pool)
{
    assert_well(acme_dns_update_exec_create(&house->update, &house->config, pool));
}

/* A house with a program of its own. */
static house_t *house_with(acme_dns_style_t style, const char *script, apr_pool_t *pool)
{
    house_t *house = make_house(style, pool);
    char *path = apr_pstrcat(pool, house->zone, "/hook.sh", NULL);
    scratch_write(house->zone, "hook.sh", script, pool);
    assert_int_equal(0, chmod(path, 0755));
    house->config.command = words(pool, path, "-x", NULL);
    open_house(house, pool);
    return house;
}

static acme_err_t *add(const house_t *house, const acme_txt_t *txt, apr_pool_t *pool)
{
    return house->update->add(house->update->baton, txt, pool);
}

static acme_err_t *take_away(const house_t *house, const acme_txt_t *txt, apr_pool_t *pool)
{
    return house->update->remove(house->update->baton, txt, pool);
}

static acme_err_t *poll_once(int *is_done, const house_t *house, const acme_txt_t *txt,
                             apr_pool_t *pool)
{
    apr_time_t poll_at;
    return house->update->poll(is_done, &poll_at, house->update->baton, txt, pool);
}

static acme_err_t *finish(const house_t *house, const acme_txt_t *txt, apr_pool_t *pool)
{
    for (int i = 0; i < PATIENCE; i++) {
        int is_done;
        acme_err_t *err = poll_once(&is_done, house, txt, pool);
        if (is_done) {
            return err;
        }
        assert_null(err);
        patience_pause();
    }
    fail_msg("not done after half a minute");
    return NULL;
}

/* How many records the zone has at the name. */
static int records(const house_t *house, apr_pool_t *pool)
{
    int count = scratch_count(house->zone, plain.name, pool);
    return count < 0 ? 0 : count;
}

static void set_and_clean_up(const house_t *house, apr_pool_t *pool)
{
    assert_well(add(house, &plain, pool));
    assert_well(add(house, &wildcard, pool));
    assert_well(finish(house, &wildcard, pool));
    assert_well(finish(house, &plain, pool));
    assert_int_equal(2, records(house, pool));
    assert_true(S_ISREG(
        scratch_stat(house->zone, apr_pstrcat(pool, plain.name, "/", wildcard.value, NULL), pool)
            .st_mode));
    assert_well(take_away(house, &plain, pool));
    assert_well(finish(house, &plain, pool));
    assert_int_equal(
        house->config.style == ACME_DNS_STYLE_MOD_MD && house->config.mod_md_version != 2 ? 0 : 1,
        records(house, pool));
    assert_well(take_away(house, &wildcard, pool));
    assert_well(finish(house, &wildcard, pool));
    assert_int_equal(0, records(house, pool));
    assert_int_equal(0, fake_env_logged(house->world, ACME_LOG_WARNING, NULL));
}

static void a_program_for_mod_md(void **state)
{
    apr_pool_t *pool = *state;
    for (int version = 0; version <= 2; version++) {
        house_t *house = make_house(ACME_DNS_STYLE_MOD_MD, pool);
        house->config.mod_md_version = version;
        house->config.credentials = NULL;
        house->config.command = words(pool, hook("mod_md.sh", pool), house->zone, NULL);
        open_house(house, pool);
        set_and_clean_up(house, pool);
    }
}

static void programs_for_certbot(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house(ACME_DNS_STYLE_CERTBOT, pool);
    house->config.command = words(pool, hook("certbot.sh", pool), NULL);
    house->config.cleanup = words(pool, hook("certbot-cleanup.sh", pool), NULL);
    open_house(house, pool);
    set_and_clean_up(house, pool);
}

static void one_program_for(acme_dns_style_t style, const char *name, apr_pool_t *pool)
{
    house_t *house = make_house(style, pool);
    house->config.command = words(pool, hook(name, pool), NULL);
    open_house(house, pool);
    set_and_clean_up(house, pool);
}

static void a_program_for_dehydrated(void **state)
{
    one_program_for(ACME_DNS_STYLE_DEHYDRATED, "dehydrated.sh", *state);
}

static void a_program_for_lego(void **state)
{
    one_program_for(ACME_DNS_STYLE_LEGO, "lego.sh", *state);
}

static void a_program_for_uacme(void **state)
{
    one_program_for(ACME_DNS_STYLE_UACME, "uacme.sh", *state);
}

static void a_file_of_acme_sh(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house(ACME_DNS_STYLE_ACME_SH, pool);
    house->config.command = words(pool, hook("dnsapi/dns_folder.sh", pool), NULL);
    house->config.credentials = words(pool, apr_pstrcat(pool, "FOLDER_Zone=", house->zone, NULL),
                                      "FOLDER_Token=s3cret-token", NULL);
    open_house(house, pool);
    set_and_clean_up(house, pool);
}

/* As acme.sh is installed: the script in the folder above, with its habits of saving what it is
 * told and of printing its help to whoever says nothing. */
static void acme_sh_itself_is_used_where_it_is(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house(ACME_DNS_STYLE_ACME_SH, pool);
    scratch_write(
        house->zone, "acme.sh",
        "_info() { echo \"real: $*\"; }\n_err() { echo \"real: $*\" >&2; }\n_debug() { :; }\n"
        "_contains() { echo \"$1\" | grep -- \"$2\" >/dev/null; }\n"
        "_setopt() { echo \"$2=$4\" >>\"$1\"; }\n"
        "_save_conf() { _setopt \"$1\" \"$2\" = \"$3\"; }\n"
        "_readaccountconf_mutable() { :; }\n"
        "_saveaccountconf_mutable() { _save_conf \"$LE_WORKING_DIR/account.conf\" "
        "\"SAVED_$1\" \"$2\"; }\n"
        "main() { [ -z \"$1\" ] && echo usage && return; \"$@\"; }\nmain \"$@\"\n",
        pool);
    assert_int_equal(0, mkdir(apr_pstrcat(pool, house->zone, "/dnsapi", NULL), 0755));
    scratch_write(house->zone, "dnsapi/dns_folder.sh",
                  fixture_read("hooks/dnsapi/dns_folder.sh", NULL, pool), pool);
    house->config.command =
        words(pool, apr_pstrcat(pool, house->zone, "/dnsapi/dns_folder.sh", NULL), NULL);
    house->config.credentials = words(pool, apr_pstrcat(pool, "FOLDER_Zone=", house->zone, NULL),
                                      "FOLDER_Token=s3cret-token", NULL);
    open_house(house, pool);
    set_and_clean_up(house, pool);
    assert_int_equal(2, fake_env_logged(house->world, ACME_LOG_DEBUG, "real: Adding"));
    assert_int_equal(0, scratch_stat(house->zone, "account.conf", pool).st_mode);
    house->config.credentials = NULL;
    assert_well(add(house, &plain, pool));
    acme_err_t *err = finish(house, &plain, pool);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_non_null(strstr(err->text, "real: You didn't specify FOLDER_Zone"));
}

/* Writes what it is called with, one line for each argument and variable. */
static house_t *house_with_notary(acme_dns_style_t style, apr_pool_t *pool)
{
    return house_with(style,
                      "#!/bin/sh\n{ printf '%s\\n' \"$@\"; env | grep -v -E "
                      "'^(PWD|SHLVL|OLDPWD|_|PATH|LANG)=' | sort; } >\"${0%/*}/called\"\n",
                      pool);
}

static const char *called_with(acme_dns_style_t style, int is_removal, const char *credentials,
                               apr_pool_t *pool)
{
    house_t *house = house_with_notary(style, pool);
    house->config.credentials = credentials != NULL ? words(pool, credentials, NULL) : NULL;
    acme_txt_t txt = plain;
    txt.name = "x.delegated.example.net";
    assert_well(is_removal ? take_away(house, &txt, pool) : add(house, &txt, pool));
    assert_well(finish(house, &txt, pool));
    return scratch_read(house->zone, "called", pool);
}

static void conventions_are_kept_to_the_letter(void **state)
{
    apr_pool_t *pool = *state;
    const char *const domain = "example.org\n";
    const char *const token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA\n";
    const char *const value = "0D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs\n";
    assert_string_equal(apr_pstrcat(pool, "-x\nsetup\n", domain, value, NULL),
                        called_with(ACME_DNS_STYLE_MOD_MD, 0, NULL, pool));
    assert_string_equal(apr_pstrcat(pool, "-x\nteardown\n", domain, NULL),
                        called_with(ACME_DNS_STYLE_MOD_MD, 1, NULL, pool));
    assert_string_equal(apr_pstrcat(pool, "-x\ndeploy_challenge\n", domain, token, value, NULL),
                        called_with(ACME_DNS_STYLE_DEHYDRATED, 0, NULL, pool));
    assert_string_equal(apr_pstrcat(pool, "-x\nclean_challenge\n", domain, token, value, NULL),
                        called_with(ACME_DNS_STYLE_DEHYDRATED, 1, NULL, pool));
    assert_string_equal(
        apr_pstrcat(pool, "-x\npresent\nx.delegated.example.net.\n", value, "API_KEY=1234\n", NULL),
        called_with(ACME_DNS_STYLE_LEGO, 0, "API_KEY=1234", pool));
    assert_string_equal(apr_pstrcat(pool, "-x\ncleanup\n--\n", domain, token,
                                    "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.thumb\n"
                                    "EXEC_MODE=RAW\n",
                                    NULL),
                        called_with(ACME_DNS_STYLE_LEGO, 1, "EXEC_MODE=RAW", pool));
    assert_string_equal(apr_pstrcat(pool, "-x\nbegin\ndns-01\n", domain, token, value,
                                    "UACME_AUTH=", value, "UACME_IDENT=", domain,
                                    "UACME_METHOD=begin\nUACME_TOKEN=", token,
                                    "UACME_TYPE=dns-01\n", NULL),
                        called_with(ACME_DNS_STYLE_UACME, 0, NULL, pool));
    const char *certbot =
        apr_pstrcat(pool, "CERTBOT_DOMAIN=", domain, "CERTBOT_IDENTIFIER=", domain,
                    "CERTBOT_REMAINING_CHALLENGES=0\nCERTBOT_VALIDATION=", value, NULL);
    const char *all = apr_pstrcat(pool, "-x\nCERTBOT_ALL_DOMAINS=", domain,
                                  "CERTBOT_ALL_IDENTIFIERS=", domain, NULL);
    assert_string_equal(apr_pstrcat(pool, all, certbot, NULL),
                        called_with(ACME_DNS_STYLE_CERTBOT, 0, "CERTBOT_VALIDATION=no", pool));
    assert_string_equal(apr_pstrcat(pool, all, "CERTBOT_AUTH_OUTPUT=\n", certbot, NULL),
                        called_with(ACME_DNS_STYLE_CERTBOT, 1, NULL, pool));
}

#define HTTP_ANSWER "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.thumb"

/* The same for http-01. */
static const char *called_for_http(acme_dns_style_t style, int is_removal, apr_pool_t *pool)
{
    house_t *house = house_with_notary(style, pool);
    house->config.credentials = NULL;
    house->config.is_http01 = 1;
    open_house(house, pool);
    acme_txt_t txt = plain;
    txt.name = "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
    txt.value = HTTP_ANSWER;
    assert_well(is_removal ? take_away(house, &txt, pool) : add(house, &txt, pool));
    assert_well(finish(house, &txt, pool));
    return scratch_read(house->zone, "called", pool);
}

static void three_conventions_have_http_01(void **state)
{
    apr_pool_t *pool = *state;
    const char *const words =
        "\nexample.org\nevaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA\n" HTTP_ANSWER "\n";
    assert_string_equal(apr_pstrcat(pool, "-x\ndeploy_challenge", words, NULL),
                        called_for_http(ACME_DNS_STYLE_DEHYDRATED, 0, pool));
    assert_string_equal(apr_pstrcat(pool, "-x\nclean_challenge", words, NULL),
                        called_for_http(ACME_DNS_STYLE_DEHYDRATED, 1, pool));
    assert_string_equal(apr_pstrcat(pool, "-x\nbegin\nhttp-01", words,
                                    "UACME_AUTH=" HTTP_ANSWER "\nUACME_IDENT=example.org\n"
                                    "UACME_METHOD=begin\nUACME_TOKEN="
                                    "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA\n"
                                    "UACME_TYPE=http-01\n",
                                    NULL),
                        called_for_http(ACME_DNS_STYLE_UACME, 0, pool));
    assert_string_equal("-x\nCERTBOT_ALL_DOMAINS=example.org\nCERTBOT_ALL_IDENTIFIERS=example.org\n"
                        "CERTBOT_DOMAIN=example.org\nCERTBOT_IDENTIFIER=example.org\n"
                        "CERTBOT_REMAINING_CHALLENGES=0\n"
                        "CERTBOT_TOKEN=evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA\n"
                        "CERTBOT_VALIDATION=" HTTP_ANSWER "\n",
                        called_for_http(ACME_DNS_STYLE_CERTBOT, 0, pool));
}

static void the_others_have_not(void **state)
{
    apr_pool_t *pool = *state;
    const acme_dns_style_t styles[] = {ACME_DNS_STYLE_MOD_MD, ACME_DNS_STYLE_LEGO,
                                       ACME_DNS_STYLE_ACME_SH};
    for (size_t i = 0; i < sizeof(styles) / sizeof(*styles); i++) {
        house_t *house = make_house(styles[i], pool);
        house->config.is_http01 = 1;
        house->config.command = words(pool, "/bin/true", NULL);
        assert_false(acme_dns_update_exec_has_http01(styles[i]));
        assert_refused(ACME_ERR_CONFIG,
                       acme_dns_update_exec_create(&house->update, &house->config, pool));
    }
}

static void an_error_about_an_answer_speaks_of_no_record(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = house_with(ACME_DNS_STYLE_DEHYDRATED, "#!/bin/sh\nexit 3\n", pool);
    house->config.is_http01 = 1;
    open_house(house, pool);
    assert_well(add(house, &plain, pool));
    acme_err_t *err = finish(house, &plain, pool);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_non_null(strstr(err->text, "while adding the answer "));
}

static void certbot_does_not_mind_the_status(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = house_with(ACME_DNS_STYLE_CERTBOT,
                                "#!/bin/sh\necho ' id 7 '; echo trouble >&2\n"
                                "echo \"<$CERTBOT_AUTH_OUTPUT>\" >\"${0%/*}/heard\"\nexit 1\n",
                                pool);
    assert_well(add(house, &plain, pool));
    assert_well(finish(house, &plain, pool));
    assert_int_equal(1, fake_env_logged(house->world, ACME_LOG_WARNING, "said: \"trouble\""));
    assert_well(take_away(house, &plain, pool));
    assert_well(finish(house, &plain, pool));
    assert_string_equal("<id 7>\n", scratch_read(house->zone, "heard", pool));
}

/* The caller keeps what was printed: another process may be the one that cleans up. */
static void certbot_is_told_what_it_printed_by_whoever_kept_it(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = house_with(ACME_DNS_STYLE_CERTBOT,
                                "#!/bin/sh\necho ' id 7 '\n"
                                "echo \"<$CERTBOT_AUTH_OUTPUT>\" >\"${0%/*}/heard\"\n",
                                pool);
    const acme_dns_update_t *update = house->update;
    assert_null(update->printed(update->baton, &plain, pool));
    assert_well(add(house, &plain, pool));
    assert_well(finish(house, &plain, pool));
    const char *printed = update->printed(update->baton, &plain, pool);
    assert_string_equal(" id 7 \n", printed);
    open_house(house, pool); /* as after a restart */
    acme_txt_t kept = plain;
    kept.printed = printed;
    assert_well(take_away(house, &kept, pool));
    assert_well(finish(house, &kept, pool));
    assert_string_equal("<id 7>\n", scratch_read(house->zone, "heard", pool));
}

static void what_has_a_secret_in_it_is_not_handed_out(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = house_with(ACME_DNS_STYLE_CERTBOT, "#!/bin/sh\necho \"$TOKEN\"\n", pool);
    house->config.credentials = words(pool, "TOKEN=s3cret-token", NULL);
    open_house(house, pool);
    assert_well(add(house, &plain, pool));
    assert_well(finish(house, &plain, pool));
    assert_null(house->update->printed(house->update->baton, &plain, pool));
}

static void an_error_says_what_the_program_said(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house =
        house_with(ACME_DNS_STYLE_LEGO,
                   "#!/bin/sh\necho one; echo \"key $TOKEN, pin $PIN\" >&2; exit 3\n", pool);
    house->config.credentials = words(pool, "TOKEN=s3cret-token", "PIN=on", NULL);
    house->config.style = ACME_DNS_STYLE_LEGO;
    open_house(house, pool);
    assert_well(add(house, &plain, pool));
    acme_err_t *err = finish(house, &plain, pool);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_string_equal(
        apr_pstrcat(pool,
                    "example.org: while adding the TXT record _acme-challenge.example.org: the "
                    "program ",
                    house->zone, "/hook.sh ended with status 3; it said: \"one; key ***, pin on\"",
                    NULL),
        err->text);
    for (int i = 0; i < fake_env_lines(house->world); i++) {
        assert_null(strstr(fake_env_line(house->world, i, NULL), "s3cret"));
    }
    assert_well(finish(house, &plain, pool));
}

static void long_words_are_cut(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house =
        house_with(ACME_DNS_STYLE_UACME, "#!/bin/sh\nyes | head -n 9999; echo end; exit 1\n", pool);
    assert_well(add(house, &plain, pool));
    acme_err_t *err = finish(house, &plain, pool);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_true(strlen(err->text) < 700);
    assert_non_null(strstr(err->text, "y; y; end\""));
}

static void what_comes_later_waits_its_turn(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = house_with(ACME_DNS_STYLE_DEHYDRATED,
                                "#!/bin/sh\nsleep 0.1; echo \"$2\" >>\"${0%/*}/calls\"\n", pool);
    assert_well(add(house, &plain, pool));
    assert_well(add(house, &plain, pool));
    assert_well(take_away(house, &plain, pool));
    assert_well(finish(house, &plain, pool));
    assert_string_equal("deploy_challenge\nclean_challenge\n",
                        scratch_read(house->zone, "calls", pool));
    assert_well(add(house, &plain, pool));
    assert_well(take_away(house, &plain, pool));
    assert_well(add(house, &plain, pool));
    assert_well(finish(house, &plain, pool));
    assert_string_equal("deploy_challenge\nclean_challenge\ndeploy_challenge\n",
                        scratch_read(house->zone, "calls", pool));
}

static void a_hook_that_hangs_holds_nobody_else(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = house_with(ACME_DNS_STYLE_MOD_MD,
                                "#!/bin/sh\n[ \"$3\" != hangs.example ] || sleep 1000\n", pool);
    acme_txt_t hangs = plain;
    hangs.domain = "hangs.example";
    hangs.name = "_acme-challenge.hangs.example";
    assert_well(add(house, &hangs, pool));
    for (int i = 0; i < 20; i++) {
        acme_txt_t txt = plain;
        txt.name = apr_psprintf(pool, "_acme-challenge.%d.example", i);
        assert_well(add(house, &txt, pool));
        assert_well(finish(house, &txt, pool));
    }
    int is_done;
    assert_well(poll_once(&is_done, house, &hangs, pool));
    assert_false(is_done);
    fake_env_move(house->world, ACME_DNS_UPDATE_EXEC_LIMIT);
    acme_err_t *err = finish(house, &hangs, pool);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_non_null(strstr(err->text, "hangs.example: while adding"));
    assert_non_null(strstr(err->text, "was killed with its children"));
}

static void what_cannot_run_is_said_at_once(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house(ACME_DNS_STYLE_LEGO, pool);
    house->config.command = words(pool, "/nowhere/hook", NULL);
    open_house(house, pool);
    acme_err_t *err = add(house, &plain, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "/nowhere/hook is not there"));
    assert_well(finish(house, &plain, pool));
    house = make_house(ACME_DNS_STYLE_ACME_SH, pool);
    house->config.command = words(pool, "/nowhere/dns_x.sh", NULL);
    open_house(house, pool);
    assert_refused(ACME_ERR_CONFIG, add(house, &plain, pool));
}

static void a_pool_that_goes_ends_what_runs(void **state)
{
    apr_pool_t *pool = *state;
    apr_pool_t *inner;
    assert_int_equal(0, apr_pool_create(&inner, pool));
    house_t *house = house_with(ACME_DNS_STYLE_LEGO, "#!/bin/sh\nsleep 1000\n", pool);
    acme_dns_update_t *update;
    assert_well(acme_dns_update_exec_create(&update, &house->config, inner));
    assert_well(update->add(update->baton, &plain, pool));
    apr_pool_destroy(inner);
}

static void refuses_what_is_no_command(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house(ACME_DNS_STYLE_ACME_SH, pool);
    const char *const wrong[] = {"dns_cf.sh", "/x/cf.sh", "/x/dns_.sh", "/x/dns_c-f.sh",
                                 "/x/dns_cf"};
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        house->config.command = words(pool, wrong[i], NULL);
        assert_refused(ACME_ERR_CONFIG,
                       acme_dns_update_exec_create(&house->update, &house->config, pool));
    }
    house->config.command = words(pool, "/x/dns_cf.sh", "more", NULL);
    assert_refused(ACME_ERR_CONFIG,
                   acme_dns_update_exec_create(&house->update, &house->config, pool));
    house->config.style = ACME_DNS_STYLE_CERTBOT;
    house->config.cleanup = words(pool, "cleanup.sh", NULL);
    assert_refused(ACME_ERR_CONFIG,
                   acme_dns_update_exec_create(&house->update, &house->config, pool));
}

static void styles_have_words(void **state)
{
    apr_pool_t *pool = *state;
    acme_dns_style_t style;
    assert_well(acme_dns_update_exec_style(&style, "mod_md", pool));
    assert_int_equal(ACME_DNS_STYLE_MOD_MD, style);
    assert_well(acme_dns_update_exec_style(&style, "acme.sh", pool));
    assert_int_equal(ACME_DNS_STYLE_ACME_SH, style);
    acme_err_t *err = acme_dns_update_exec_style(&style, "getssl", pool);
    assert_refused(ACME_ERR_INPUT, err);
    assert_string_equal(
        "\"getssl\" is no style of programs; there are mod_md, certbot, dehydrated, "
        "lego, acme.sh, uacme",
        err->text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_program_for_mod_md),
        FIXTURE_TEST(programs_for_certbot),
        FIXTURE_TEST(a_program_for_dehydrated),
        FIXTURE_TEST(a_program_for_lego),
        FIXTURE_TEST(a_program_for_uacme),
        FIXTURE_TEST(a_file_of_acme_sh),
        FIXTURE_TEST(acme_sh_itself_is_used_where_it_is),
        FIXTURE_TEST(conventions_are_kept_to_the_letter),
        FIXTURE_TEST(three_conventions_have_http_01),
        FIXTURE_TEST(the_others_have_not),
        FIXTURE_TEST(an_error_about_an_answer_speaks_of_no_record),
        FIXTURE_TEST(certbot_does_not_mind_the_status),
        FIXTURE_TEST(certbot_is_told_what_it_printed_by_whoever_kept_it),
        FIXTURE_TEST(what_has_a_secret_in_it_is_not_handed_out),
        FIXTURE_TEST(an_error_says_what_the_program_said),
        FIXTURE_TEST(long_words_are_cut),
        FIXTURE_TEST(what_comes_later_waits_its_turn),
        FIXTURE_TEST(a_hook_that_hangs_holds_nobody_else),
        FIXTURE_TEST(what_cannot_run_is_said_at_once),
        FIXTURE_TEST(a_pool_that_goes_ends_what_runs),
        FIXTURE_TEST(refuses_what_is_no_command),
        FIXTURE_TEST(styles_have_words),
    };
    return fixture_run(tests);
}
