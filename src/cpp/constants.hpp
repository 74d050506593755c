// The tables: every enum name, its value, and the type of every socket option.
// The only list of names; constants.cpp makes the Python enums from it.
//
// A name that repeats a value is an alias and stands after the name it repeats.
#pragma once

#include "core.hpp"

#include <cstddef>

namespace cppyzmq {

// What zmq_getsockopt and zmq_setsockopt exchange for an option.
enum class OptionType { int32, int64, bytes, fd };

struct Row {
    const char* name;
    int value;
    OptionType type = OptionType::int32;
};

// Types of the Python enums that cppzmq has no enum class for.
enum class SocketOption : int {};
enum class Event : int {};
enum class MessageOption : int {};
enum class Errno : int {};
enum class DeviceType : int {};
enum class SecurityMechanism : int {};
enum class NormMode : int {};
enum class ReconnectStop : int {};
enum class RouterNotify : int {};
#if CPPYZMQ_DRAFTS || CPPZMQ_VERSION >= ZMQ_MAKE_VERSION(4, 11, 0)
using PollEvent = zmq::event_flags;
#else
enum class PollEvent : short {};  // cppzmq's event_flags comes with drafts only
#endif

// The type of a socket option; int32 for numbers that are not in the table.
OptionType option_type(int option);

// The number of a socket option by its name, in any case; -1 for other names.
int socket_option_number(PyObject* name);
// Its name; "option" for numbers that are not in the table.
const char* socket_option_name(int option);

// The Python member of an enum for a value, a new reference; a plain int where
// the enum has no such member.
PyObject* socket_type_member(int value);
PyObject* poll_event_member(int value);

inline constexpr Row socket_types[] = {
    {"PAIR", ZMQ_PAIR},     {"PUB", ZMQ_PUB},         {"SUB", ZMQ_SUB},
    {"REQ", ZMQ_REQ},       {"REP", ZMQ_REP},         {"DEALER", ZMQ_DEALER},
    {"ROUTER", ZMQ_ROUTER}, {"PULL", ZMQ_PULL},       {"PUSH", ZMQ_PUSH},
    {"XPUB", ZMQ_XPUB},     {"XSUB", ZMQ_XSUB},       {"STREAM", ZMQ_STREAM},
    {"XREQ", ZMQ_DEALER},   {"XREP", ZMQ_ROUTER},     {"SERVER", ZMQ_SERVER},
    {"CLIENT", ZMQ_CLIENT}, {"RADIO", ZMQ_RADIO},     {"DISH", ZMQ_DISH},
    {"GATHER", ZMQ_GATHER}, {"SCATTER", ZMQ_SCATTER}, {"DGRAM", ZMQ_DGRAM},
    {"PEER", ZMQ_PEER},     {"CHANNEL", ZMQ_CHANNEL},
};

inline constexpr Row socket_options[] = {
    {"HWM", ZMQ_HWM, OptionType::int32},
    {"AFFINITY", ZMQ_AFFINITY, OptionType::int64},
    {"ROUTING_ID", ZMQ_ROUTING_ID, OptionType::bytes},
    {"SUBSCRIBE", ZMQ_SUBSCRIBE, OptionType::bytes},
    {"UNSUBSCRIBE", ZMQ_UNSUBSCRIBE, OptionType::bytes},
    {"RATE", ZMQ_RATE, OptionType::int32},
    {"RECOVERY_IVL", ZMQ_RECOVERY_IVL, OptionType::int32},
    {"SNDBUF", ZMQ_SNDBUF, OptionType::int32},
    {"RCVBUF", ZMQ_RCVBUF, OptionType::int32},
    {"RCVMORE", ZMQ_RCVMORE, OptionType::int32},
    {"FD", ZMQ_FD, OptionType::fd},
    {"EVENTS", ZMQ_EVENTS, OptionType::int32},
    {"TYPE", ZMQ_TYPE, OptionType::int32},
    {"LINGER", ZMQ_LINGER, OptionType::int32},
    {"RECONNECT_IVL", ZMQ_RECONNECT_IVL, OptionType::int32},
    {"BACKLOG", ZMQ_BACKLOG, OptionType::int32},
    {"RECONNECT_IVL_MAX", ZMQ_RECONNECT_IVL_MAX, OptionType::int32},
    {"MAXMSGSIZE", ZMQ_MAXMSGSIZE, OptionType::int64},
    {"SNDHWM", ZMQ_SNDHWM, OptionType::int32},
    {"RCVHWM", ZMQ_RCVHWM, OptionType::int32},
    {"MULTICAST_HOPS", ZMQ_MULTICAST_HOPS, OptionType::int32},
    {"RCVTIMEO", ZMQ_RCVTIMEO, OptionType::int32},
    {"SNDTIMEO", ZMQ_SNDTIMEO, OptionType::int32},
    {"LAST_ENDPOINT", ZMQ_LAST_ENDPOINT, OptionType::bytes},
    {"ROUTER_MANDATORY", ZMQ_ROUTER_MANDATORY, OptionType::int32},
    {"TCP_KEEPALIVE", ZMQ_TCP_KEEPALIVE, OptionType::int32},
    {"TCP_KEEPALIVE_CNT", ZMQ_TCP_KEEPALIVE_CNT, OptionType::int32},
    {"TCP_KEEPALIVE_IDLE", ZMQ_TCP_KEEPALIVE_IDLE, OptionType::int32},
    {"TCP_KEEPALIVE_INTVL", ZMQ_TCP_KEEPALIVE_INTVL, OptionType::int32},
    {"IMMEDIATE", ZMQ_IMMEDIATE, OptionType::int32},
    {"XPUB_VERBOSE", ZMQ_XPUB_VERBOSE, OptionType::int32},
    {"ROUTER_RAW", ZMQ_ROUTER_RAW, OptionType::int32},
    {"IPV6", ZMQ_IPV6, OptionType::int32},
    {"MECHANISM", ZMQ_MECHANISM, OptionType::int32},
    {"PLAIN_SERVER", ZMQ_PLAIN_SERVER, OptionType::int32},
    {"PLAIN_USERNAME", ZMQ_PLAIN_USERNAME, OptionType::bytes},
    {"PLAIN_PASSWORD", ZMQ_PLAIN_PASSWORD, OptionType::bytes},
    {"CURVE_SERVER", ZMQ_CURVE_SERVER, OptionType::int32},
    {"CURVE_PUBLICKEY", ZMQ_CURVE_PUBLICKEY, OptionType::bytes},
    {"CURVE_SECRETKEY", ZMQ_CURVE_SECRETKEY, OptionType::bytes},
    {"CURVE_SERVERKEY", ZMQ_CURVE_SERVERKEY, OptionType::bytes},
    {"PROBE_ROUTER", ZMQ_PROBE_ROUTER, OptionType::int32},
    {"REQ_CORRELATE", ZMQ_REQ_CORRELATE, OptionType::int32},
    {"REQ_RELAXED", ZMQ_REQ_RELAXED, OptionType::int32},
    {"CONFLATE", ZMQ_CONFLATE, OptionType::int32},
    {"ZAP_DOMAIN", ZMQ_ZAP_DOMAIN, OptionType::bytes},
    {"ROUTER_HANDOVER", ZMQ_ROUTER_HANDOVER, OptionType::int32},
    {"TOS", ZMQ_TOS, OptionType::int32},
    {"CONNECT_ROUTING_ID", ZMQ_CONNECT_ROUTING_ID, OptionType::bytes},
    {"GSSAPI_SERVER", ZMQ_GSSAPI_SERVER, OptionType::int32},
    {"GSSAPI_PRINCIPAL", ZMQ_GSSAPI_PRINCIPAL, OptionType::bytes},
    {"GSSAPI_SERVICE_PRINCIPAL", ZMQ_GSSAPI_SERVICE_PRINCIPAL, OptionType::bytes},
    {"GSSAPI_PLAINTEXT", ZMQ_GSSAPI_PLAINTEXT, OptionType::int32},
    {"HANDSHAKE_IVL", ZMQ_HANDSHAKE_IVL, OptionType::int32},
    {"SOCKS_PROXY", ZMQ_SOCKS_PROXY, OptionType::bytes},
    {"XPUB_NODROP", ZMQ_XPUB_NODROP, OptionType::int32},
    {"BLOCKY", ZMQ_BLOCKY, OptionType::int32},
    {"XPUB_MANUAL", ZMQ_XPUB_MANUAL, OptionType::int32},
    {"XPUB_WELCOME_MSG", ZMQ_XPUB_WELCOME_MSG, OptionType::bytes},
    {"STREAM_NOTIFY", ZMQ_STREAM_NOTIFY, OptionType::int32},
    {"INVERT_MATCHING", ZMQ_INVERT_MATCHING, OptionType::int32},
    {"HEARTBEAT_IVL", ZMQ_HEARTBEAT_IVL, OptionType::int32},
    {"HEARTBEAT_TTL", ZMQ_HEARTBEAT_TTL, OptionType::int32},
    {"HEARTBEAT_TIMEOUT", ZMQ_HEARTBEAT_TIMEOUT, OptionType::int32},
    {"XPUB_VERBOSER", ZMQ_XPUB_VERBOSER, OptionType::int32},
    {"CONNECT_TIMEOUT", ZMQ_CONNECT_TIMEOUT, OptionType::int32},
    {"TCP_MAXRT", ZMQ_TCP_MAXRT, OptionType::int32},
    {"THREAD_SAFE", ZMQ_THREAD_SAFE, OptionType::int32},
    {"MULTICAST_MAXTPDU", ZMQ_MULTICAST_MAXTPDU, OptionType::int32},
    {"VMCI_BUFFER_SIZE", ZMQ_VMCI_BUFFER_SIZE, OptionType::int64},
    {"VMCI_BUFFER_MIN_SIZE", ZMQ_VMCI_BUFFER_MIN_SIZE, OptionType::int64},
    {"VMCI_BUFFER_MAX_SIZE", ZMQ_VMCI_BUFFER_MAX_SIZE, OptionType::int64},
    {"VMCI_CONNECT_TIMEOUT", ZMQ_VMCI_CONNECT_TIMEOUT, OptionType::int32},
    {"USE_FD", ZMQ_USE_FD, OptionType::int32},
    {"GSSAPI_PRINCIPAL_NAMETYPE", ZMQ_GSSAPI_PRINCIPAL_NAMETYPE, OptionType::int32},
    {"GSSAPI_SERVICE_PRINCIPAL_NAMETYPE", ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, OptionType::int32},
    {"BINDTODEVICE", ZMQ_BINDTODEVICE, OptionType::bytes},
    {"IDENTITY", ZMQ_ROUTING_ID, OptionType::bytes},
    {"CONNECT_RID", ZMQ_CONNECT_ROUTING_ID, OptionType::bytes},
    {"TCP_ACCEPT_FILTER", ZMQ_TCP_ACCEPT_FILTER, OptionType::bytes},
    {"IPC_FILTER_PID", ZMQ_IPC_FILTER_PID, OptionType::int32},
    {"IPC_FILTER_UID", ZMQ_IPC_FILTER_UID, OptionType::int32},
    {"IPC_FILTER_GID", ZMQ_IPC_FILTER_GID, OptionType::int32},
    {"IPV4ONLY", ZMQ_IPV4ONLY, OptionType::int32},
    {"DELAY_ATTACH_ON_CONNECT", ZMQ_IMMEDIATE, OptionType::int32},
    {"FAIL_UNROUTABLE", ZMQ_ROUTER_MANDATORY, OptionType::int32},
    {"ROUTER_BEHAVIOR", ZMQ_ROUTER_MANDATORY, OptionType::int32},
    {"ZAP_ENFORCE_DOMAIN", ZMQ_ZAP_ENFORCE_DOMAIN, OptionType::int32},
    {"LOOPBACK_FASTPATH", ZMQ_LOOPBACK_FASTPATH, OptionType::int32},
    {"METADATA", ZMQ_METADATA, OptionType::bytes},
    {"MULTICAST_LOOP", ZMQ_MULTICAST_LOOP, OptionType::int32},
    {"ROUTER_NOTIFY", ZMQ_ROUTER_NOTIFY, OptionType::int32},
    {"XPUB_MANUAL_LAST_VALUE", ZMQ_XPUB_MANUAL_LAST_VALUE, OptionType::int32},
    {"SOCKS_USERNAME", ZMQ_SOCKS_USERNAME, OptionType::bytes},
    {"SOCKS_PASSWORD", ZMQ_SOCKS_PASSWORD, OptionType::bytes},
    {"IN_BATCH_SIZE", ZMQ_IN_BATCH_SIZE, OptionType::int32},
    {"OUT_BATCH_SIZE", ZMQ_OUT_BATCH_SIZE, OptionType::int32},
    {"WSS_KEY_PEM", ZMQ_WSS_KEY_PEM, OptionType::bytes},
    {"WSS_CERT_PEM", ZMQ_WSS_CERT_PEM, OptionType::bytes},
    {"WSS_TRUST_PEM", ZMQ_WSS_TRUST_PEM, OptionType::bytes},
    {"WSS_HOSTNAME", ZMQ_WSS_HOSTNAME, OptionType::bytes},
    {"WSS_TRUST_SYSTEM", ZMQ_WSS_TRUST_SYSTEM, OptionType::int32},
    {"ONLY_FIRST_SUBSCRIBE", ZMQ_ONLY_FIRST_SUBSCRIBE, OptionType::int32},
    {"RECONNECT_STOP", ZMQ_RECONNECT_STOP, OptionType::int32},
    {"HELLO_MSG", ZMQ_HELLO_MSG, OptionType::bytes},
    {"DISCONNECT_MSG", ZMQ_DISCONNECT_MSG, OptionType::bytes},
    {"PRIORITY", ZMQ_PRIORITY, OptionType::int32},
    {"BUSY_POLL", ZMQ_BUSY_POLL, OptionType::int32},
    {"HICCUP_MSG", ZMQ_HICCUP_MSG, OptionType::bytes},
    {"XSUB_VERBOSE_UNSUBSCRIBE", ZMQ_XSUB_VERBOSE_UNSUBSCRIBE, OptionType::int32},
    {"TOPICS_COUNT", ZMQ_TOPICS_COUNT, OptionType::int32},
    {"NORM_MODE", ZMQ_NORM_MODE, OptionType::int32},
    {"NORM_UNICAST_NACK", ZMQ_NORM_UNICAST_NACK, OptionType::int32},
    {"NORM_BUFFER_SIZE", ZMQ_NORM_BUFFER_SIZE, OptionType::int32},
    {"NORM_SEGMENT_SIZE", ZMQ_NORM_SEGMENT_SIZE, OptionType::int32},
    {"NORM_BLOCK_SIZE", ZMQ_NORM_BLOCK_SIZE, OptionType::int32},
    {"NORM_NUM_PARITY", ZMQ_NORM_NUM_PARITY, OptionType::int32},
    {"NORM_NUM_AUTOPARITY", ZMQ_NORM_NUM_AUTOPARITY, OptionType::int32},
    {"NORM_PUSH", ZMQ_NORM_PUSH, OptionType::int32},
    {"MONITOR", number::monitor, OptionType::bytes},
};

inline constexpr Row context_options[] = {
    {"IO_THREADS", ZMQ_IO_THREADS},
    {"MAX_SOCKETS", ZMQ_MAX_SOCKETS},
    {"SOCKET_LIMIT", ZMQ_SOCKET_LIMIT},
    {"THREAD_PRIORITY", ZMQ_THREAD_PRIORITY},
    {"THREAD_SCHED_POLICY", ZMQ_THREAD_SCHED_POLICY},
    {"MAX_MSGSZ", ZMQ_MAX_MSGSZ},
    {"MSG_T_SIZE", ZMQ_MSG_T_SIZE},
    {"THREAD_AFFINITY_CPU_ADD", ZMQ_THREAD_AFFINITY_CPU_ADD},
    {"THREAD_AFFINITY_CPU_REMOVE", ZMQ_THREAD_AFFINITY_CPU_REMOVE},
    {"THREAD_NAME_PREFIX", ZMQ_THREAD_NAME_PREFIX},
};

inline constexpr Row events[] = {
    {"PROTOCOL_ERROR_WS_UNSPECIFIED", ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED},
    {"PROTOCOL_ERROR_ZMTP_UNSPECIFIED", ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED},
    {"PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND", ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND},
    {"PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE", ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE},
    {"PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE", ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE},
    {"PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED",
     ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED},
    {"PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE",
     ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE},
    {"PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO",
     ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO},
    {"PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE",
     ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE},
    {"PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR",
     ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR},
    {"PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY",
     ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY},
    {"PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME",
     ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME},
    {"PROTOCOL_ERROR_ZMTP_INVALID_METADATA", ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA},
    {"PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC", ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC},
    {"PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH", ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH},
    {"PROTOCOL_ERROR_ZAP_UNSPECIFIED", ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED},
    {"PROTOCOL_ERROR_ZAP_MALFORMED_REPLY", ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY},
    {"PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID", ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID},
    {"PROTOCOL_ERROR_ZAP_BAD_VERSION", ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION},
    {"PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE},
    {"PROTOCOL_ERROR_ZAP_INVALID_METADATA", ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA},
    {"CONNECTED", ZMQ_EVENT_CONNECTED},
    {"CONNECT_DELAYED", ZMQ_EVENT_CONNECT_DELAYED},
    {"CONNECT_RETRIED", ZMQ_EVENT_CONNECT_RETRIED},
    {"LISTENING", ZMQ_EVENT_LISTENING},
    {"BIND_FAILED", ZMQ_EVENT_BIND_FAILED},
    {"ACCEPTED", ZMQ_EVENT_ACCEPTED},
    {"ACCEPT_FAILED", ZMQ_EVENT_ACCEPT_FAILED},
    {"CLOSED", ZMQ_EVENT_CLOSED},
    {"CLOSE_FAILED", ZMQ_EVENT_CLOSE_FAILED},
    {"DISCONNECTED", ZMQ_EVENT_DISCONNECTED},
    {"MONITOR_STOPPED", ZMQ_EVENT_MONITOR_STOPPED},
    {"HANDSHAKE_FAILED_NO_DETAIL", ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL},
    {"HANDSHAKE_SUCCEEDED", ZMQ_EVENT_HANDSHAKE_SUCCEEDED},
    {"HANDSHAKE_FAILED_PROTOCOL", ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL},
    {"HANDSHAKE_FAILED_AUTH", ZMQ_EVENT_HANDSHAKE_FAILED_AUTH},
    {"ALL_V1", ZMQ_EVENT_ALL_V1},
    {"ALL", ZMQ_EVENT_ALL},
    {"PIPES_STATS", ZMQ_EVENT_PIPES_STATS},
    {"ALL_V2", ZMQ_EVENT_ALL_V2},
};

inline constexpr Row poll_events[] = {
    {"POLLIN", ZMQ_POLLIN},
    {"POLLOUT", ZMQ_POLLOUT},
    {"POLLERR", ZMQ_POLLERR},
    {"POLLPRI", ZMQ_POLLPRI},
};

inline constexpr Row message_options[] = {
    {"MORE", ZMQ_MORE},
    {"SHARED", ZMQ_SHARED},
    {"SRCFD", ZMQ_SRCFD},
    {"PROBE_ROUTER", number::probe_router},
    {"ROUTING_ID", number::routing_id},
    {"GROUP", number::group},
};

inline constexpr Row errnos[] = {
    {"EAGAIN", EAGAIN},
    {"EFAULT", EFAULT},
    {"EINVAL", EINVAL},
    {"ENOTSUP", ENOTSUP},
    {"EPROTONOSUPPORT", EPROTONOSUPPORT},
    {"ENOBUFS", ENOBUFS},
    {"ENETDOWN", ENETDOWN},
    {"EADDRINUSE", EADDRINUSE},
    {"EADDRNOTAVAIL", EADDRNOTAVAIL},
    {"ECONNREFUSED", ECONNREFUSED},
    {"EINPROGRESS", EINPROGRESS},
    {"ENOTSOCK", ENOTSOCK},
    {"EMSGSIZE", EMSGSIZE},
    {"EAFNOSUPPORT", EAFNOSUPPORT},
    {"ENETUNREACH", ENETUNREACH},
    {"ECONNABORTED", ECONNABORTED},
    {"ECONNRESET", ECONNRESET},
    {"ENOTCONN", ENOTCONN},
    {"ETIMEDOUT", ETIMEDOUT},
    {"EHOSTUNREACH", EHOSTUNREACH},
    {"ENETRESET", ENETRESET},
    {"EFSM", EFSM},
    {"ENOCOMPATPROTO", ENOCOMPATPROTO},
    {"ETERM", ETERM},
    {"EMTHREAD", EMTHREAD},
};

inline constexpr Row device_types[] = {
    {"STREAMER", ZMQ_STREAMER},
    {"FORWARDER", ZMQ_FORWARDER},
    {"QUEUE", ZMQ_QUEUE},
};

inline constexpr Row security_mechanisms[] = {
    {"NULL", ZMQ_NULL},
    {"PLAIN", ZMQ_PLAIN},
    {"CURVE", ZMQ_CURVE},
    {"GSSAPI", ZMQ_GSSAPI},
};

inline constexpr Row flags[] = {
    {"DONTWAIT", ZMQ_DONTWAIT},
    {"SNDMORE", ZMQ_SNDMORE},
    {"NOBLOCK", ZMQ_DONTWAIT},
};

inline constexpr Row norm_modes[] = {
    {"FIXED", ZMQ_NORM_FIXED},
    {"CC", ZMQ_NORM_CC},
    {"CCL", ZMQ_NORM_CCL},
    {"CCE", ZMQ_NORM_CCE},
    {"CCE_ECNONLY", ZMQ_NORM_CCE_ECNONLY},
};

inline constexpr Row reconnect_stops[] = {
    {"CONN_REFUSED", ZMQ_RECONNECT_STOP_CONN_REFUSED},
    {"HANDSHAKE_FAILED", ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED},
    {"AFTER_DISCONNECT", 0x4},  // what libzmq 4.3.5 tests; 4.3.4's header says 3
};

inline constexpr Row router_notifies[] = {
    {"CONNECT", ZMQ_NOTIFY_CONNECT},
    {"DISCONNECT", ZMQ_NOTIFY_DISCONNECT},
};

}  // namespace cppyzmq
