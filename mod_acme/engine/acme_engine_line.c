/* The order of work: who begins when not all can begin at once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is due stands in line at its CA until it is called: those that count for the account's limit
 * in one line, which moves as the budget allows, those that do not in another. Each line is ordered
 * by rank (acme_policy_rank), and within it by who ends first, in the backlog by who has failed
 * least, so that those who always fail are in nobody's way. As long as domains have not been
 * looked at, only as many are called as would be if all of them came first. Who is called is looked
 * at once more, since things may have changed, and begins. Names whose own limit is reached stand
 * in no line: they are looked at again when that has room, and are in nobody's way.
 */
#include "acme_engine_private.h"

#include <limits.h>

#include "acme/acme_policy.h"
#include "acme/acme_time.h"

/** What waits is counted so often, and told in the log so often. */
#define COUNT_EVERY ACME_TIME_MINUTE
#define TELL_EVERY ACME_TIME_DAY

/** Where all tokens belong to orders that wait for the CA itself, it is looked again after this
 * time. */
#define LOOK_AGAIN ACME_TIME_MINUTE

static int comes_first(const void *a, const void *b)
{
    const entry_t *one = a;
    const entry_t *other = b;
    if (one->want.rank != other->want.rank) {
        return one->want.rank < other->want.rank;
    }
    if (one->want.key != other->want.key) {
        return one->want.key < other->want.key;
    }
    return one->domain->index < other->domain->index;
}

static int *place_of(void *entry)
{
    return &((entry_t *)entry)->line_place;
}

void acme_engine__open_gate(acme_engine_t *engine, acme_session_t *session)
{
    gate_t *gate = apr_pcalloc(engine->pool, sizeof(*gate));
    gate->session = session;
    for (int i = 0; i < LINES; ++i) {
        acme_heap_init(&gate->lines[i].heap, 8, comes_first, place_of, engine->pool);
        gate->lines[i].gate = gate;
        gate->lines[i].is_counted = i == 0;
    }
    APR_ARRAY_PUSH(engine->gates, gate_t *) = gate;
}

static gate_t *gate_of(const acme_engine_t *engine, const acme_session_t *session)
{
    int i = 0;
    while (APR_ARRAY_IDX(engine->gates, i, gate_t *)->session != session) {
        ++i;
    }
    return APR_ARRAY_IDX(engine->gates, i, gate_t *);
}

/* ---- runs ---- */

void acme_engine__has_begun(acme_engine_t *engine, entry_t *entry, acme_issuance_t *run)
{
    entry->run = run;
    ++gate_of(engine, acme_issuance_session(run))->runs;
}

void acme_engine__has_ended(acme_engine_t *engine, entry_t *entry)
{
    --gate_of(engine, acme_issuance_session(entry->run))->runs;
    entry->run = NULL;
}

/* ---- standing in line ---- */

/* For whom the last tokens are kept. */
static int is_urgent(const entry_t *entry)
{
    return entry->domain->is_new || entry->want.rank == ACME_RANK_WARN;
}

static void insert(line_t *line, entry_t *entry)
{
    acme_heap_insert(&line->heap, entry);
    line->changes += entry->want.rank == ACME_RANK_CHANGE;
    entry->line = line;
}

static void take_out(line_t *line, entry_t *entry)
{
    acme_heap_remove(&line->heap, entry);
    line->changes -= entry->want.rank == ACME_RANK_CHANGE;
}

static void release(acme_engine_t *engine, entry_t *entry)
{
    if (entry->held_by != NULL) {
        acme_bucket_hold(entry->held_by, -1);
        --gate_of(engine, entry->want.session)->held;
        entry->held_by = NULL;
    }
}

int acme_engine__leave(acme_engine_t *engine, entry_t *entry)
{
    int was_called = entry->is_called;
    if (was_called) {
        --entry->line->called;
    }
    else if (entry->line != NULL) {
        take_out(entry->line, entry);
    }
    release(engine, entry);
    entry->is_called = 0;
    entry->line = NULL;
    return was_called;
}

/* Names whose own limit is reached: when they may be looked at again; 0: it is not. */
static apr_time_t hold(acme_engine_t *engine, entry_t *entry, apr_time_t now, apr_pool_t *pool)
{
    const want_t *want = &entry->want;
    apr_time_t at = acme_budget_names_at(&entry->held_by, acme_session_budget(want->session),
                                         want->claim, want->names, is_urgent(entry), now, pool);
    if (entry->held_by != NULL) {
        acme_bucket_hold(entry->held_by, 1);
        ++gate_of(engine, want->session)->held;
    }
    return at;
}

apr_time_t acme_engine__wait(acme_engine_t *engine, entry_t *entry, const want_t *want,
                             int was_called, apr_time_t now, apr_pool_t *pool)
{
    int is_its_turn = was_called && entry->want.session == want->session; /* and at no other CA */
    entry->want = *want;
    apr_time_t at = hold(engine, entry, now, pool);
    if (at != 0 || is_its_turn) {
        return at;
    }
    insert(&gate_of(engine, want->session)->lines[want->claim == ACME_CLAIM_FULL ? 0 : 1], entry);
    return ACME_ENGINE_NEVER;
}

/* ---- being called ---- */

/* Each CA has its own: while it is away its runs wait for it, and nobody else does. What is about
 * to end has as much again, since a run may also wait a day for a hand. */
static int run_room(const acme_engine_t *engine, const gate_t *gate, acme_rank_t rank)
{
    int room = engine->config.max_runs - gate->runs;
    room += rank == ACME_RANK_WARN ? engine->config.max_runs : 0;
    for (int i = 0; i < LINES; ++i) {
        room -= gate->lines[i].called;
    }
    return room;
}

/* Tokens that are left for @a entry, who is first in line. */
static int token_room(const line_t *line, const entry_t *entry)
{
    return line->is_counted
               ? acme_session_order_room(line->gate->session, is_urgent(entry)) - line->called
               : INT_MAX;
}

/* When the first in line may be called; @a now if it may. */
static apr_time_t call_at(const acme_engine_t *engine, const line_t *line, const entry_t *first,
                          apr_time_t now)
{
    int runs = run_room(engine, line->gate, first->want.rank);
    int orders = token_room(line, first);
    int is_change = first->want.rank == ACME_RANK_CHANGE;
    if (runs <= 0) {
        return ACME_ENGINE_NEVER; /* a run that ends will wake us */
    }
    if (engine->unlooked > 0) {
        int scarce = engine->unlooked + acme_heap_count(&line->heap);
        return !is_change && runs >= scarce && orders >= scarce ? now : ACME_ENGINE_NEVER;
    }
    if (orders <= 0) {
        apr_time_t at =
            acme_budget_order_at(acme_session_budget(line->gate->session), is_urgent(first), now);
        return at != 0 ? at : now + LOOK_AGAIN;
    }
    return is_change && engine->change_at > now ? engine->change_at : now;
}

static void call(acme_engine_t *engine, line_t *line, entry_t *entry, apr_time_t now)
{
    take_out(line, entry);
    entry->is_called = 1;
    ++line->called;
    if (entry->want.rank == ACME_RANK_CHANGE) {
        engine->change_at = now + acme_policy_change_pause(++engine->changes);
    }
    acme_engine__set_due(engine, entry, now);
}

static void call_line(acme_engine_t *engine, line_t *line, apr_time_t now)
{
    for (;;) {
        entry_t *first = acme_heap_first(&line->heap);
        if (first == NULL || call_at(engine, line, first, now) > now) {
            return;
        }
        call(engine, line, first, now);
    }
}

static line_t *line_at(const acme_engine_t *engine, int i)
{
    return &APR_ARRAY_IDX(engine->gates, i / LINES, gate_t *)->lines[i % LINES];
}

static int lines_of(const acme_engine_t *engine)
{
    return engine->gates->nelts * LINES;
}

void acme_engine__call(acme_engine_t *engine)
{
    apr_time_t now = acme_env_now(engine->config.env);
    for (int i = 0; i < lines_of(engine); ++i) {
        call_line(engine, line_at(engine, i), now);
    }
}

apr_time_t acme_engine__call_at(const acme_engine_t *engine)
{
    apr_time_t now = acme_env_now(engine->config.env);
    apr_time_t next = ACME_ENGINE_NEVER;
    for (int i = 0; i < lines_of(engine); ++i) {
        const line_t *line = line_at(engine, i);
        const entry_t *first = acme_heap_first(&line->heap);
        if (first != NULL) {
            next = acme_engine__sooner(next, call_at(engine, line, first, now));
        }
    }
    return next;
}

void acme_engine__send_away(acme_engine_t *engine, const acme_session_t *session)
{
    apr_time_t now = acme_env_now(engine->config.env);
    gate_t *gate = gate_of(engine, session);
    for (int i = 0; i < LINES; ++i) {
        entry_t *first;
        while ((first = acme_heap_first(&gate->lines[i].heap)) != NULL) {
            (void)acme_engine__leave(engine, first);
            acme_engine__set_due(engine, first, now);
        }
    }
}

/* ---- saying so ---- */

/* When all that wait at this gate will have begun, as far as limits go; 0: at once. */
static apr_time_t done_at(const acme_engine_t *engine, const gate_t *gate, apr_time_t now)
{
    int changes = gate->lines[0].changes + gate->lines[1].changes;
    int orders = acme_heap_count(&gate->lines[0].heap) + gate->lines[0].called +
                 acme_session_orders_waiting(gate->session);
    apr_time_t done = acme_budget_done_at(acme_session_budget(gate->session), orders, now);
    if (changes > 0 && engine->change_at > now) {
        apr_time_t changed = engine->change_at + (changes - 1) * ACME_POLICY_CHANGE_PAUSE;
        done = changed > done ? changed : done;
    }
    return done;
}

static void tell_gate(const acme_engine_t *engine, gate_t *gate, int waiting, apr_time_t done,
                      apr_time_t now)
{
    const char *name = acme_session_ca(gate->session)->name;
    if (waiting == 0 && gate->told_at != 0) {
        acme_env_log(engine->config.env, ACME_LOG_NOTICE,
                     "%s: no domain waits for its turn any more", name);
        gate->told_at = 0;
    }
    if (waiting == 0 || done <= now + COUNT_EVERY ||
        (gate->told_at != 0 && now >= gate->told_at && now - gate->told_at < TELL_EVERY)) {
        return;
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    acme_env_log(engine->config.env, ACME_LOG_NOTICE,
                 "%s: %d of %d domains wait for their turn, so that its limits are kept; all will "
                 "have been ordered about %s",
                 name, waiting, engine->count, acme_time_rfc3339(done, pool));
    apr_pool_destroy(pool);
    gate->told_at = now;
}

void acme_engine__tell_waiting(acme_engine_t *engine)
{
    apr_time_t now = acme_env_now(engine->config.env);
    if (engine->unlooked > 0 ||
        (now >= engine->counted_at && now < engine->counted_at + COUNT_EVERY)) {
        return;
    }
    engine->counted_at = now;
    int waiting = 0;
    apr_time_t done = 0;
    for (int i = 0; i < engine->gates->nelts; ++i) {
        gate_t *gate = APR_ARRAY_IDX(engine->gates, i, gate_t *);
        int here = gate->held + acme_heap_count(&gate->lines[0].heap) +
                   acme_heap_count(&gate->lines[1].heap);
        apr_time_t at = here > 0 ? done_at(engine, gate, now) : 0;
        tell_gate(engine, gate, here, at, now);
        waiting += here;
        done = at > done ? at : done;
    }
    if (engine->config.bell != NULL) {
        acme_bell_wait(engine->config.bell, waiting, done);
    }
}
