// The only file that includes zmq.h and zmq.hpp: feature tests, and the
// numbers that an older header, or one without drafts, lacks. A libzmq that does
// not know an option answers EINVAL.
#pragma once

#include <zmq.h>
#include <zmq.hpp>

#if ZMQ_VERSION < ZMQ_MAKE_VERSION(4, 3, 0)
#error "libzmq 4.3 or newer is needed"
#endif
#if CPPZMQ_VERSION < ZMQ_MAKE_VERSION(4, 9, 0)
#error "cppzmq 4.9 or newer is needed"
#endif

#ifdef ZMQ_BUILD_DRAFT_API
#define CPPYZMQ_DRAFTS 1
#else
#define CPPYZMQ_DRAFTS 0
#endif

#ifndef ZMQ_NORM_FIXED
#define ZMQ_NORM_FIXED 0
#endif
#ifndef ZMQ_HWM
#define ZMQ_HWM 1
#endif
#ifndef ZMQ_NORM_CC
#define ZMQ_NORM_CC 1
#endif
#ifndef ZMQ_NOTIFY_CONNECT
#define ZMQ_NOTIFY_CONNECT 1
#endif
#ifndef ZMQ_RECONNECT_STOP_CONN_REFUSED
#define ZMQ_RECONNECT_STOP_CONN_REFUSED 1
#endif
#ifndef ZMQ_NORM_CCL
#define ZMQ_NORM_CCL 2
#endif
#ifndef ZMQ_NOTIFY_DISCONNECT
#define ZMQ_NOTIFY_DISCONNECT 2
#endif
#ifndef ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED
#define ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED 2
#endif
#ifndef ZMQ_NORM_CCE
#define ZMQ_NORM_CCE 3
#endif
#ifndef ZMQ_NORM_CCE_ECNONLY
#define ZMQ_NORM_CCE_ECNONLY 4
#endif
#ifndef ZMQ_SERVER
#define ZMQ_SERVER 12
#endif
#ifndef ZMQ_CLIENT
#define ZMQ_CLIENT 13
#endif
#ifndef ZMQ_RADIO
#define ZMQ_RADIO 14
#endif
#ifndef ZMQ_DISH
#define ZMQ_DISH 15
#endif
#ifndef ZMQ_GATHER
#define ZMQ_GATHER 16
#endif
#ifndef ZMQ_SCATTER
#define ZMQ_SCATTER 17
#endif
#ifndef ZMQ_DGRAM
#define ZMQ_DGRAM 18
#endif
#ifndef ZMQ_PEER
#define ZMQ_PEER 19
#endif
#ifndef ZMQ_CHANNEL
#define ZMQ_CHANNEL 20
#endif
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif
#ifndef ZMQ_LOOPBACK_FASTPATH
#define ZMQ_LOOPBACK_FASTPATH 94
#endif
#ifndef ZMQ_METADATA
#define ZMQ_METADATA 95
#endif
#ifndef ZMQ_MULTICAST_LOOP
#define ZMQ_MULTICAST_LOOP 96
#endif
#ifndef ZMQ_ROUTER_NOTIFY
#define ZMQ_ROUTER_NOTIFY 97
#endif
#ifndef ZMQ_XPUB_MANUAL_LAST_VALUE
#define ZMQ_XPUB_MANUAL_LAST_VALUE 98
#endif
#ifndef ZMQ_SOCKS_USERNAME
#define ZMQ_SOCKS_USERNAME 99
#endif
#ifndef ZMQ_SOCKS_PASSWORD
#define ZMQ_SOCKS_PASSWORD 100
#endif
#ifndef ZMQ_IN_BATCH_SIZE
#define ZMQ_IN_BATCH_SIZE 101
#endif
#ifndef ZMQ_OUT_BATCH_SIZE
#define ZMQ_OUT_BATCH_SIZE 102
#endif
#ifndef ZMQ_WSS_KEY_PEM
#define ZMQ_WSS_KEY_PEM 103
#endif
#ifndef ZMQ_WSS_CERT_PEM
#define ZMQ_WSS_CERT_PEM 104
#endif
#ifndef ZMQ_WSS_TRUST_PEM
#define ZMQ_WSS_TRUST_PEM 105
#endif
#ifndef ZMQ_WSS_HOSTNAME
#define ZMQ_WSS_HOSTNAME 106
#endif
#ifndef ZMQ_WSS_TRUST_SYSTEM
#define ZMQ_WSS_TRUST_SYSTEM 107
#endif
#ifndef ZMQ_ONLY_FIRST_SUBSCRIBE
#define ZMQ_ONLY_FIRST_SUBSCRIBE 108
#endif
#ifndef ZMQ_RECONNECT_STOP
#define ZMQ_RECONNECT_STOP 109
#endif
#ifndef ZMQ_HELLO_MSG
#define ZMQ_HELLO_MSG 110
#endif
#ifndef ZMQ_DISCONNECT_MSG
#define ZMQ_DISCONNECT_MSG 111
#endif
#ifndef ZMQ_PRIORITY
#define ZMQ_PRIORITY 112
#endif
#ifndef ZMQ_BUSY_POLL
#define ZMQ_BUSY_POLL 113
#endif
#ifndef ZMQ_HICCUP_MSG
#define ZMQ_HICCUP_MSG 114
#endif
#ifndef ZMQ_XSUB_VERBOSE_UNSUBSCRIBE
#define ZMQ_XSUB_VERBOSE_UNSUBSCRIBE 115
#endif
#ifndef ZMQ_TOPICS_COUNT
#define ZMQ_TOPICS_COUNT 116
#endif
#ifndef ZMQ_NORM_MODE
#define ZMQ_NORM_MODE 117
#endif
#ifndef ZMQ_NORM_UNICAST_NACK
#define ZMQ_NORM_UNICAST_NACK 118
#endif
#ifndef ZMQ_NORM_BUFFER_SIZE
#define ZMQ_NORM_BUFFER_SIZE 119
#endif
#ifndef ZMQ_NORM_SEGMENT_SIZE
#define ZMQ_NORM_SEGMENT_SIZE 120
#endif
#ifndef ZMQ_NORM_BLOCK_SIZE
#define ZMQ_NORM_BLOCK_SIZE 121
#endif
#ifndef ZMQ_NORM_NUM_PARITY
#define ZMQ_NORM_NUM_PARITY 122
#endif
#ifndef ZMQ_NORM_NUM_AUTOPARITY
#define ZMQ_NORM_NUM_AUTOPARITY 123
#endif
#ifndef ZMQ_NORM_PUSH
#define ZMQ_NORM_PUSH 124
#endif
#ifndef ZMQ_EVENT_ALL_V1
#define ZMQ_EVENT_ALL_V1 0xffff
#endif
#ifndef ZMQ_EVENT_PIPES_STATS
#define ZMQ_EVENT_PIPES_STATS 0x10000
#endif
#ifndef ZMQ_EVENT_ALL_V2
#define ZMQ_EVENT_ALL_V2 0x1ffff
#endif

namespace cppyzmq::number {

// Options that exist here only: the endpoint at which a socket is monitored, and
// the integer form of Frame properties that libzmq has functions for.
inline constexpr int monitor = 0x10001;
inline constexpr int probe_router = 0x10001;
inline constexpr int routing_id = 0x10002;
inline constexpr int group = 0x10003;

}  // namespace cppyzmq::number
