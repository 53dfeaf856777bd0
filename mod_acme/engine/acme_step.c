/* The steps of an issuance as a table, see acme_step.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_step.h"

#include <stddef.h>
#include <string.h>

#define TO(step) (1u << ACME_STEP_##step)

static const struct {
    const char *name;
    unsigned may_go;
    acme_step_t resume;
} steps[ACME_STEP_COUNT] = {
    [ACME_STEP_ORDER] = {"ORDER", TO(AUTHORIZE) | TO(CLEAN), ACME_STEP_ORDER},
    [ACME_STEP_AUTHORIZE] = {"AUTHORIZE", TO(PUBLISH) | TO(POLL) | TO(EXPLAIN) | TO(CLEAN),
                             ACME_STEP_AUTHORIZE},
    [ACME_STEP_PUBLISH] = {"PUBLISH", TO(RESPOND) | TO(CLEAN), ACME_STEP_AUTHORIZE},
    /* whether the CA heard us is known to the authorization only */
    [ACME_STEP_RESPOND] = {"RESPOND", TO(POLL) | TO(EXPLAIN), ACME_STEP_AUTHORIZE},
    [ACME_STEP_POLL] = {"POLL", TO(FINALIZE) | TO(DOWNLOAD) | TO(EXPLAIN) | TO(CLEAN),
                        ACME_STEP_POLL},
    /* whether the CA got our CSR is known to the order only */
    [ACME_STEP_FINALIZE] = {"FINALIZE", TO(POLL) | TO(EXPLAIN), ACME_STEP_POLL},
    [ACME_STEP_DOWNLOAD] = {"DOWNLOAD", TO(STAGE) | TO(CLEAN), ACME_STEP_DOWNLOAD},
    [ACME_STEP_STAGE] = {"STAGE", TO(CLEAN), ACME_STEP_STAGE},
    [ACME_STEP_EXPLAIN] = {"EXPLAIN", TO(CLEAN), ACME_STEP_EXPLAIN},
    [ACME_STEP_CLEAN] = {"CLEAN", 0, ACME_STEP_CLEAN},
};

const char *acme_step_name(acme_step_t step)
{
    return steps[step].name;
}

int acme_step_parse(acme_step_t *step, const char *name)
{
    for (int i = 0; name != NULL && i < ACME_STEP_COUNT; ++i) {
        if (strcmp(steps[i].name, name) == 0) {
            *step = (acme_step_t)i;
            return 0;
        }
    }
    return -1;
}

int acme_step_may_go(acme_step_t from, acme_step_t to)
{
    return (steps[from].may_go & (1u << to)) != 0;
}

acme_step_t acme_step_resume(acme_step_t step)
{
    return steps[step].resume;
}
