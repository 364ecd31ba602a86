/* sm_resume.h - a resumption that is under way (sm_resume.c). */
#ifndef STANZABUS_SESSION_SM_RESUME_H
#define STANZABUS_SESSION_SM_RESUME_H

#include "gateway/session/session_state.h"

struct resumption { /* of a session's negotiation */
    char *uid;
    stream_resumed_fn *fn;
    struct buffer answer; /* <resumed/> or <failed/> */
    uint64_t handled;     /* h as Redis has it, when has_handled */
    uint32_t h;           /* the client's */
    bool has_handled;
};
void resumption_free(struct resumption **resumption);

#endif
