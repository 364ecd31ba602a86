/* errors.h - the defined conditions of RFC 6120 as data: 4.9.3 (streams), 6.5 (SASL), 8.3.3 (stanzas). */
#ifndef STANZABUS_ERRORS_H
#define STANZABUS_ERRORS_H

#include "stanzabus/text.h"

/* id, name on the wire, default type (8.3.2), legacy code (XEP-0086) */
#define STANZA_CONDITIONS(X) \
    X(BAD_REQUEST, "bad-request", "modify", 400) \
    X(CONFLICT, "conflict", "cancel", 409) \
    X(FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel", 501) \
    X(FORBIDDEN, "forbidden", "auth", 403) \
    X(GONE, "gone", "cancel", 302) \
    X(INTERNAL_SERVER_ERROR, "internal-server-error", "cancel", 500) \
    X(ITEM_NOT_FOUND, "item-not-found", "cancel", 404) \
    X(JID_MALFORMED, "jid-malformed", "modify", 400) \
    X(NOT_ACCEPTABLE, "not-acceptable", "modify", 406) \
    X(NOT_ALLOWED, "not-allowed", "cancel", 405) \
    X(NOT_AUTHORIZED, "not-authorized", "auth", 401) \
    X(POLICY_VIOLATION, "policy-violation", "modify", 406) \
    X(RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait", 404) \
    X(REDIRECT, "redirect", "modify", 302) \
    X(REGISTRATION_REQUIRED, "registration-required", "auth", 407) \
    X(REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel", 404) \
    X(REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait", 504) \
    X(RESOURCE_CONSTRAINT, "resource-constraint", "wait", 500) \
    X(SERVICE_UNAVAILABLE, "service-unavailable", "cancel", 503) \
    X(SUBSCRIPTION_REQUIRED, "subscription-required", "auth", 407) \
    X(UNDEFINED_CONDITION, "undefined-condition", "cancel", 500) \
    X(UNEXPECTED_REQUEST, "unexpected-request", "wait", 400)

#define STREAM_CONDITIONS(X) \
    X(BAD_FORMAT, "bad-format") X(BAD_NAMESPACE_PREFIX, "bad-namespace-prefix") X(CONFLICT, "conflict") \
    X(CONNECTION_TIMEOUT, "connection-timeout") X(HOST_GONE, "host-gone") X(HOST_UNKNOWN, "host-unknown") \
    X(IMPROPER_ADDRESSING, "improper-addressing") X(INTERNAL_SERVER_ERROR, "internal-server-error") \
    X(INVALID_FROM, "invalid-from") X(INVALID_NAMESPACE, "invalid-namespace") X(INVALID_XML, "invalid-xml") \
    X(NOT_AUTHORIZED, "not-authorized") X(NOT_WELL_FORMED, "not-well-formed") \
    X(POLICY_VIOLATION, "policy-violation") X(REMOTE_CONNECTION_FAILED, "remote-connection-failed") \
    X(RESET, "reset") X(RESOURCE_CONSTRAINT, "resource-constraint") X(RESTRICTED_XML, "restricted-xml") \
    X(SEE_OTHER_HOST, "see-other-host") X(SYSTEM_SHUTDOWN, "system-shutdown") \
    X(UNDEFINED_CONDITION, "undefined-condition") X(UNSUPPORTED_ENCODING, "unsupported-encoding") \
    X(UNSUPPORTED_FEATURE, "unsupported-feature") X(UNSUPPORTED_STANZA_TYPE, "unsupported-stanza-type") \
    X(UNSUPPORTED_VERSION, "unsupported-version")

#define SASL_CONDITIONS(X) \
    X(ABORTED, "aborted") X(ACCOUNT_DISABLED, "account-disabled") X(CREDENTIALS_EXPIRED, "credentials-expired") \
    X(ENCRYPTION_REQUIRED, "encryption-required") X(INCORRECT_ENCODING, "incorrect-encoding") \
    X(INVALID_AUTHZID, "invalid-authzid") X(INVALID_MECHANISM, "invalid-mechanism") \
    X(MALFORMED_REQUEST, "malformed-request") X(MECHANISM_TOO_WEAK, "mechanism-too-weak") \
    X(NOT_AUTHORIZED, "not-authorized") X(TEMPORARY_AUTH_FAILURE, "temporary-auth-failure")

#define ENUM_MEMBER_STANZA(id, ...) STANZA_ERROR_##id,
#define ENUM_MEMBER_STREAM(id, ...) STREAM_ERROR_##id,
#define ENUM_MEMBER_SASL(id, ...) SASL_ERROR_##id,
enum stanza_condition { STANZA_CONDITIONS(ENUM_MEMBER_STANZA) STANZA_ERROR_COUNT };
enum stream_condition { STREAM_CONDITIONS(ENUM_MEMBER_STREAM) STREAM_ERROR_COUNT };
enum sasl_condition { SASL_CONDITIONS(ENUM_MEMBER_SASL) SASL_ERROR_COUNT };
#undef ENUM_MEMBER_STANZA
#undef ENUM_MEMBER_STREAM
#undef ENUM_MEMBER_SASL

const char *stanza_condition_name(enum stanza_condition condition);
const char *stanza_condition_type(enum stanza_condition condition); /* cancel, modify, auth, wait */
int stanza_condition_code(enum stanza_condition condition);         /* XEP-0086 */
int stanza_condition_find(struct text name);                        /* enum value, or -1 */
const char *stream_condition_name(enum stream_condition condition);
const char *sasl_condition_name(enum sasl_condition condition);

#endif
