/* The same cases written against libzmq in C: what no binding can be faster than.
 *
 * Without arguments it serves the protocol of worker.py on standard input. Names of cases are
 * those of the Python modules; run.py refuses names that it does not know.
 *
 *     about                    about {"libzmq": "4.3.4"}
 *     cases                    names, separated by tabs
 *     measure 1000 CASE NAME   ok SECONDS... | missing REASON
 *
 * An ipc socket is a file of the working directory.
 *
 * `limit push ADDRESS SIZE` and `limit pull ADDRESS SIZE` are the ends of devices.py's cases.
 * Whatever fails ends the program with a message.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#define MAX_SIZE (1 << 20)
#define MAX_POLLED 1000
#define ADDRESS_SIZE 256
#define LENT 0 /* instead of a number of parts: one part, not copied */
#define MUST(expression)                                                                           \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            fprintf(stderr, "limit.c:%d: %s: %s\n", __LINE__, #expression, zmq_strerror(errno));   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

typedef struct Case Case;
struct Case {
    const char* name;
    void (*open)(const Case*);
    int (*measure)(const Case*, long iterations, double* figures); /* how many figures */
    size_t size;
    int count; /* parts of a message, or sockets in a poll */
    const char* transport;
};

static char buffer[MAX_SIZE];
static void* context;
static void *a, *b;
static void* polled[MAX_POLLED];
static zmq_pollitem_t items[MAX_POLLED];
static int polled_count;
static pid_t children[2];
static int child_count;
static int order_pipe = -1; /* to whoever sends */
static pthread_t sender;
static int sender_runs;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int high_water_mark(size_t size) /* as in peer.py */
{
    size_t mark = (16u << 20) / size;
    return mark < 16 ? 16 : mark > 1000 ? 1000 : (int)mark;
}

static void set_int(void* socket, int option, int value)
{
    MUST(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static void* new_socket(void* in_context, int type, size_t size)
{
    void* socket = zmq_socket(in_context, type);
    MUST(socket != NULL);
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_SNDHWM, high_water_mark(size));
    set_int(socket, ZMQ_RCVHWM, high_water_mark(size));
    return socket;
}

static void bind_somewhere(void* socket, const char* transport, char* address)
{
    size_t length = ADDRESS_SIZE;
    if (strcmp(transport, "tcp") == 0) {
        strcpy(address, "tcp://127.0.0.1:*");
    } else if (strcmp(transport, "ipc") == 0) {
        strcpy(address, "ipc://limit.ipc");
    } else {
        strcpy(address, "inproc://limit");
    }
    MUST(zmq_bind(socket, address) == 0);
    MUST(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, address, &length) == 0);
}

/* Ends what the last case has opened; a socket's ipc file outlives it. */
static void close_case(void)
{
    while (child_count > 0) {
        kill(children[--child_count], SIGKILL);
        waitpid(children[child_count], NULL, 0);
    }
    if (order_pipe >= 0) {
        close(order_pipe);
        order_pipe = -1;
    }
    if (sender_runs) {
        pthread_join(sender, NULL);
        sender_runs = 0;
    }
    while (polled_count > 0) {
        zmq_close(polled[--polled_count]);
    }
    if (a != NULL) {
        zmq_close(a);
    }
    if (b != NULL) {
        zmq_close(b);
    }
    a = b = NULL;
    if (context != NULL) {
        zmq_ctx_term(context);
        context = NULL;
    }
    unlink("limit.ipc");
}

/* Moves the calling thread where run.py wants the other end of a case. */
static void move_other_end(void)
{
#ifdef __linux__
    const char* processor = getenv("CPPYZMQ_BENCHMARK_OTHER_PROCESSOR");
    if (processor != NULL) {
        cpu_set_t processors;
        CPU_ZERO(&processors);
        CPU_SET((size_t)atoi(processor), &processors);
        MUST(sched_setaffinity(0, sizeof processors, &processors) == 0);
    }
#endif
}

/* Forks before there is a context, since libzmq does not survive a fork. */
static pid_t fork_child(void)
{
    pid_t child;
    fflush(stdout); /* else its text would be written twice */
    MUST(context == NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        move_other_end();
        return 0;
    }
    children[child_count++] = child;
    return child;
}

/* --- one thread: calls ------------------------------------------------------------- */

static void open_nothing(const Case* given)
{
    (void)given;
}

static void open_pair(const Case* given)
{
    context = zmq_ctx_new();
    a = new_socket(context, ZMQ_PAIR, given->size ? given->size : 1);
    b = new_socket(context, ZMQ_PAIR, given->size ? given->size : 1);
    MUST(zmq_bind(a, "inproc://pair") == 0);
    MUST(zmq_connect(b, "inproc://pair") == 0);
}

static void open_pair_with_message(const Case* given)
{
    open_pair(given);
    MUST(zmq_send(a, "waiting", 7, 0) == 7);
}

static void open_identified(const Case* given)
{
    (void)given;
    context = zmq_ctx_new();
    a = new_socket(context, ZMQ_DEALER, 1);
    MUST(zmq_setsockopt(a, ZMQ_ROUTING_ID, "routing!", 8) == 0);
}

static void open_polled(const Case* given)
{
    char name[16];
    int index;
    context = zmq_ctx_new();
    MUST(zmq_ctx_set(context, ZMQ_MAX_SOCKETS, given->count + 10) == 0);
    a = new_socket(context, ZMQ_ROUTER, 1);
    MUST(zmq_bind(a, "inproc://polled") == 0);
    for (index = 0; index < given->count; ++index) {
        void* socket = new_socket(context, ZMQ_DEALER, 1);
        polled[polled_count++] = socket;
        sprintf(name, "%d", index + 1);
        MUST(zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, strlen(name)) == 0);
        MUST(zmq_connect(socket, "inproc://polled") == 0);
        items[index].socket = socket;
        items[index].events = ZMQ_POLLIN;
    }
    MUST(zmq_poll(items, given->count, 0) == 0);
    items[0].events = ZMQ_POLLIN;
    if (given->size) { /* one is ready */
        zmq_pollitem_t router = {a, 0, ZMQ_POLLIN, 0};
        zmq_poll(&router, 1, 0);
        MUST(zmq_send(a, name, strlen(name), ZMQ_SNDMORE) >= 0);
        MUST(zmq_send(a, "waiting", 7, 0) == 7);
        MUST(zmq_poll(items, given->count, 100) == 1);
    }
}

static int measure_send_recv(const Case* given, long iterations, double* figures)
{
    double started = now();
    long index;
    for (index = 0; index < iterations; ++index) {
        MUST(zmq_send(a, buffer, given->size, 0) >= 0);
        MUST(zmq_recv(b, buffer, sizeof buffer, 0) >= 0);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static void keep(void* data, void* hint)
{
    (void)data;
    (void)hint;
}

static void lend(void* socket, size_t size)
{
    zmq_msg_t message;
    MUST(zmq_msg_init_data(&message, buffer, size, keep, NULL) == 0);
    MUST(zmq_msg_send(&message, socket, 0) >= 0);
}

static int measure_zero_copy(const Case* given, long iterations, double* figures)
{
    double started = now();
    long index;
    for (index = 0; index < iterations; ++index) {
        zmq_msg_t message;
        lend(a, given->size);
        MUST(zmq_msg_init(&message) == 0);
        MUST(zmq_msg_recv(&message, b, 0) >= 0);
        zmq_msg_close(&message);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static int measure_into_message(const Case* given, long iterations, double* figures)
{
    double started = now();
    long index;
    for (index = 0; index < iterations; ++index) {
        zmq_msg_t message;
        MUST(zmq_send(a, buffer, given->size, 0) >= 0);
        MUST(zmq_msg_init(&message) == 0);
        MUST(zmq_msg_recv(&message, b, 0) >= 0);
        zmq_msg_close(&message);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static void send_parts(void* socket, size_t size, int count)
{
    while (count-- > 1) {
        MUST(zmq_send(socket, buffer, size, ZMQ_SNDMORE) >= 0);
    }
    MUST(zmq_send(socket, buffer, size, 0) >= 0);
}

static void receive_parts(void* socket)
{
    zmq_msg_t message;
    int more;
    do {
        MUST(zmq_msg_init(&message) == 0);
        MUST(zmq_msg_recv(&message, socket, 0) >= 0);
        more = zmq_msg_more(&message);
        zmq_msg_close(&message);
    } while (more);
}

static int measure_multipart(const Case* given, long iterations, double* figures)
{
    double started = now();
    long index;
    for (index = 0; index < iterations; ++index) {
        send_parts(a, given->size, given->count);
        receive_parts(b);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static int measure_again(const Case* given, long iterations, double* figures)
{
    double started = now();
    long index;
    (void)given;
    for (index = 0; index < iterations; ++index) {
        MUST(zmq_recv(b, buffer, sizeof buffer, ZMQ_DONTWAIT) == -1 && errno == EAGAIN);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static int measure_get(const Case* given, long iterations, double* figures)
{
    char value[256];
    double started = now();
    long index;
    for (index = 0; index < iterations; ++index) {
        size_t length = given->size;
        MUST(zmq_getsockopt(a, given->count, value, &length) == 0);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static int measure_set(const Case* given, long iterations, double* figures)
{
    double started = now();
    long index;
    for (index = 0; index < iterations; ++index) {
        set_int(a, given->count, 0);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static int measure_socket_poll(const Case* given, long iterations, double* figures)
{
    zmq_pollitem_t item = {b, 0, ZMQ_POLLIN, 0};
    double started = now();
    long index;
    (void)given;
    for (index = 0; index < iterations; ++index) {
        MUST(zmq_poll(&item, 1, 0) >= 0);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static int measure_poll(const Case* given, long iterations, double* figures)
{
    double started = now();
    long index;
    for (index = 0; index < iterations; ++index) {
        MUST(zmq_poll(items, given->count, 0) >= 0);
    }
    figures[0] = (now() - started) / (double)iterations;
    return 1;
}

static void make_and_close(void* in_context)
{
    void* socket = zmq_socket(in_context, ZMQ_PAIR);
    MUST(socket != NULL);
    set_int(socket, ZMQ_LINGER, 0);
    zmq_close(socket);
}

/* libzmq's own thread frees closed sockets later, and slower than they can be made. The end of
 * the context waits for it, and is part of the time. */
static int measure_create(const Case* given, long iterations, double* figures)
{
    double total = 0;
    long left = iterations, count;
    (void)given;
    while (left > 0) {
        void* in_context = zmq_ctx_new();
        double started;
        make_and_close(in_context); /* starts the threads of the context */
        started = now();
        for (count = 0; count < left && count < 500; ++count) {
            make_and_close(in_context);
        }
        zmq_ctx_term(in_context);
        total += now() - started;
        left -= count;
    }
    figures[0] = total / (double)iterations;
    return 1;
}

/* --- two ends: throughput, latency, proxies ---------------------------------------- */

typedef struct {
    void* context;
    char address[ADDRESS_SIZE];
    int orders; /* where the numbers of messages come from; its end ends the sender */
    size_t size;
    int count;
} Sending;

static Sending sending; /* of the thread */

static void* send_orders(void* argument)
{
    const Sending* given = argument;
    void* socket = new_socket(given->context, ZMQ_PUSH, given->size);
    long left;
    MUST(zmq_connect(socket, given->address) == 0);
    while (read(given->orders, &left, sizeof left) == (ssize_t)sizeof left) {
        while (left-- > 0) {
            if (given->count == LENT) {
                lend(socket, given->size);
            } else {
                send_parts(socket, given->size, given->count);
            }
        }
    }
    zmq_close(socket);
    return NULL;
}

static void* push_thread(void* argument)
{
    move_other_end();
    return send_orders(argument);
}

static void run_push_child(const Case* given, int orders)
{
    Sending here = {zmq_ctx_new(), "", orders, given->size, given->count};
    if (read(orders, here.address, ADDRESS_SIZE) == ADDRESS_SIZE) {
        send_orders(&here);
    }
    _exit(0);
}

static void run_reply(void* in_context, const char* address)
{
    void* socket = new_socket(in_context, ZMQ_REP, 16);
    char request[64];
    int length;
    MUST(zmq_connect(socket, address) == 0);
    while ((length = zmq_recv(socket, request, sizeof request, 0)) > 0) {
        MUST(zmq_send(socket, request, (size_t)length, 0) >= 0);
    }
    zmq_close(socket);
}

static void* reply_thread(void* argument)
{
    const Sending* given = argument;
    move_other_end();
    run_reply(given->context, given->address);
    return NULL;
}

/* Makes the pipe for orders, and the child at its other end unless the case is inproc. */
static int start_child(const Case* given, void (*run)(const Case*, int))
{
    int ends[2];
    MUST(pipe(ends) == 0);
    order_pipe = ends[1];
    if (run != NULL && fork_child() == 0) {
        close(ends[1]);
        run(given, ends[0]);
    }
    if (run != NULL) {
        close(ends[0]);
    }
    return ends[0];
}

static void tell(const void* data, size_t size)
{
    MUST(write(order_pipe, data, size) == (ssize_t)size);
}

static void open_stream(const Case* given)
{
    char address[ADDRESS_SIZE] = "";
    int within = strcmp(given->transport, "inproc") == 0;
    int orders = start_child(given, within ? NULL : run_push_child);
    context = zmq_ctx_new();
    a = new_socket(context, ZMQ_PULL, given->size);
    bind_somewhere(a, given->transport, address);
    if (within) {
        sending = (Sending){context, "inproc://limit", orders, given->size, given->count};
        MUST(pthread_create(&sender, NULL, push_thread, &sending) == 0);
        sender_runs = 1;
    } else {
        tell(address, sizeof address);
    }
}

static double receive_stream(void* socket, long iterations, int parts)
{
    double started;
    long index;
    receive_parts(socket);
    started = now();
    if (parts > 1) {
        for (index = 0; index < iterations; ++index) {
            receive_parts(socket);
        }
    } else {
        for (index = 0; index < iterations; ++index) {
            zmq_msg_t message;
            MUST(zmq_msg_init(&message) == 0);
            MUST(zmq_msg_recv(&message, socket, 0) >= 0);
            zmq_msg_close(&message);
        }
    }
    return (now() - started) / (double)iterations;
}

static int measure_stream(const Case* given, long iterations, double* figures)
{
    long order = iterations + 1;
    tell(&order, sizeof order);
    figures[0] = receive_stream(a, iterations, given->count);
    return 1;
}

static void run_reply_child(const Case* given, int orders)
{
    char address[ADDRESS_SIZE];
    (void)given;
    if (read(orders, address, sizeof address) == (ssize_t)sizeof address) {
        run_reply(zmq_ctx_new(), address);
    }
    _exit(0);
}

static void open_round_trip(const Case* given)
{
    char address[ADDRESS_SIZE] = "";
    int within = strcmp(given->transport, "inproc") == 0;
    int unused = start_child(given, within ? NULL : run_reply_child);
    context = zmq_ctx_new();
    a = new_socket(context, ZMQ_REQ, 16);
    bind_somewhere(a, given->transport, address);
    if (within) {
        close(unused);
        sending = (Sending){context, "inproc://limit", -1, 16, 1};
        MUST(pthread_create(&sender, NULL, reply_thread, &sending) == 0);
        pthread_detach(sender); /* ends by the context's end */
    } else {
        tell(address, sizeof address);
    }
}

static int by_value(const void* left, const void* right)
{
    double difference = *(const double*)left - *(const double*)right;
    return (difference > 0) - (difference < 0);
}

static int measure_round_trip(const Case* given, long iterations, double* figures)
{
    double* times = malloc((size_t)iterations * sizeof *times);
    long index, tail = iterations * 99 / 100;
    (void)given;
    MUST(times != NULL);
    for (index = 0; index < iterations; ++index) {
        double started = now();
        MUST(zmq_send(a, buffer, 16, 0) >= 0);
        MUST(zmq_recv(a, buffer, sizeof buffer, 0) >= 0);
        times[index] = now() - started;
    }
    qsort(times, (size_t)iterations, sizeof *times, by_value);
    figures[0] = times[iterations / 2];
    figures[1] = times[tail < iterations ? tail : iterations - 1];
    free(times);
    return 2;
}

/* Binds both ends of a proxy, writes their addresses to `answers`, and runs it. */
static void run_proxy_child(const Case* given, int answers, int in_type, int out_type)
{
    char addresses[2][ADDRESS_SIZE] = {"", ""};
    void* in_context = zmq_ctx_new();
    void* in = new_socket(in_context, in_type, given->size);
    void* out = new_socket(in_context, out_type, given->size);
    void* side = NULL;
    bind_somewhere(in, "tcp", addresses[0]);
    bind_somewhere(out, "tcp", addresses[1]);
    MUST(write(answers, addresses, sizeof addresses) == (ssize_t)sizeof addresses);
    if (given->transport != NULL) { /* "capture" or "steerable" */
        char address[ADDRESS_SIZE];
        side = new_socket(in_context, strcmp(given->transport, "capture") ? ZMQ_PAIR : ZMQ_PUB,
                          given->size);
        bind_somewhere(side, "tcp", address);
    }
    if (given->transport != NULL && strcmp(given->transport, "steerable") == 0) {
        zmq_proxy_steerable(in, out, NULL, side);
    } else {
        zmq_proxy(in, out, side);
    }
    _exit(1);
}

static void start_proxy(const Case* given, int in_type, int out_type,
                        char addresses[2][ADDRESS_SIZE])
{
    int ends[2];
    MUST(pipe(ends) == 0);
    if (fork_child() == 0) {
        run_proxy_child(given, ends[1], in_type, out_type);
    }
    close(ends[1]);
    MUST(read(ends[0], addresses, 2 * ADDRESS_SIZE) == 2 * ADDRESS_SIZE);
    close(ends[0]);
}

static void open_through(const Case* given)
{
    char addresses[2][ADDRESS_SIZE];
    start_proxy(given, ZMQ_PULL, ZMQ_PUSH, addresses);
    start_child(given, run_push_child);
    tell(addresses[0], ADDRESS_SIZE);
    context = zmq_ctx_new();
    a = new_socket(context, ZMQ_PULL, given->size);
    MUST(zmq_connect(a, addresses[1]) == 0);
}

static void open_routed(const Case* given)
{
    char addresses[2][ADDRESS_SIZE];
    start_proxy(given, ZMQ_ROUTER, ZMQ_DEALER, addresses);
    start_child(given, run_reply_child);
    tell(addresses[1], ADDRESS_SIZE);
    context = zmq_ctx_new();
    a = new_socket(context, ZMQ_REQ, 16);
    MUST(zmq_connect(a, addresses[0]) == 0);
}

/* --- the cases --------------------------------------------------------------------- */

#define STREAM(name, size, parts, transport)                                                       \
    {transport " " name, open_stream, measure_stream, size, parts, transport}

#define STREAMS(transport)                                                                         \
    STREAM("10 B", 10, 1, transport), STREAM("100 B", 100, 1, transport),                          \
        STREAM("1 KiB", 1024, 1, transport), STREAM("64 KiB", 1 << 16, 1, transport),              \
        STREAM("1 MiB", 1 << 20, 1, transport), STREAM("3 parts of 100 B", 100, 3, transport),     \
        STREAM("numpy 1 MiB copy=False", 1 << 20, LENT, transport)

#define ROUND_TRIP(transport, processors)                                                          \
    {transport ", " processors, open_round_trip, measure_round_trip, 16, 1, transport}

#define ROUND_TRIPS(transport)                                                                     \
    ROUND_TRIP(transport, "two processors"), ROUND_TRIP(transport, "one processor")

#define POLL(words, count, ready)                                                                  \
    {"Poller of " #count ", " words, open_polled, measure_poll, ready, count, NULL}

#define POLLS(count) POLL("one ready", count, 1), POLL("none ready", count, 0)

static const Case cases[] = {
    {"send+recv 16 B", open_pair, measure_send_recv, 16, 1, NULL},
    {"send+recv 64 B", open_pair, measure_send_recv, 64, 1, NULL},
    {"send+recv 1 KiB", open_pair, measure_send_recv, 1024, 1, NULL},
    {"send+recv copy=False 64 KiB", open_pair, measure_zero_copy, 1 << 16, 1, NULL},
    {"send+recv copy=False 1 MiB", open_pair, measure_zero_copy, 1 << 20, 1, NULL},
    {"send+recv into a Frame 16 B", open_pair, measure_into_message, 16, 1, NULL},
    {"multipart 3 parts", open_pair, measure_multipart, 16, 3, NULL},
    {"multipart 10 parts", open_pair, measure_multipart, 16, 10, NULL},
    {"recv(NOBLOCK) raising Again", open_pair, measure_again, 0, 1, NULL},
    {"getsockopt int", open_pair, measure_get, sizeof(int), ZMQ_RCVTIMEO, NULL},
    {"getsockopt bytes", open_identified, measure_get, 255, ZMQ_ROUTING_ID, NULL},
    {"getsockopt EVENTS", open_pair, measure_get, sizeof(int), ZMQ_EVENTS, NULL},
    {"option attribute read", open_pair, measure_get, sizeof(int), ZMQ_RCVTIMEO, NULL},
    {"option attribute write", open_pair, measure_set, 0, ZMQ_LINGER, NULL},
    {"Socket.poll(0) ready", open_pair_with_message, measure_socket_poll, 0, 1, NULL},
    {"Socket.poll(0) not ready", open_pair, measure_socket_poll, 0, 1, NULL},
    POLLS(1),
    POLLS(2),
    POLLS(10),
    POLLS(100),
    POLLS(1000),
    {"send+recv_into 64 B", open_pair, measure_send_recv, 64, 1, NULL},
    {"socket create+close", open_nothing, measure_create, 0, 1, NULL},
    STREAMS("tcp"),
    STREAMS("ipc"),
    STREAMS("inproc"),
    ROUND_TRIPS("tcp"),
    ROUND_TRIPS("ipc"),
    ROUND_TRIPS("inproc"),
    {"proxy 100 B", open_through, measure_stream, 100, 1, NULL},
    {"proxy alone 100 B", open_through, measure_stream, 100, 1, NULL},
    {"proxy 64 KiB", open_through, measure_stream, 1 << 16, 1, NULL},
    {"proxy alone 64 KiB", open_through, measure_stream, 1 << 16, 1, NULL},
    {"proxy with capture 100 B", open_through, measure_stream, 100, 1, "capture"},
    {"proxy with capture alone 100 B", open_through, measure_stream, 100, 1, "capture"},
    {"proxy_steerable 100 B", open_through, measure_stream, 100, 1, "steerable"},
    {"proxy_steerable alone 100 B", open_through, measure_stream, 100, 1, "steerable"},
    {"REQ/REP through ROUTER-DEALER", open_routed, measure_round_trip, 16, 1, NULL},
};

static const size_t case_count = sizeof cases / sizeof *cases;

static const Case* find(const char* name)
{
    size_t index;
    for (index = 0; index < case_count; ++index) {
        if (strcmp(cases[index].name, name) == 0) {
            return &cases[index];
        }
    }
    return NULL;
}

static void serve(void)
{
    const Case* opened = NULL;
    char line[512], name[256];
    size_t index;
    long iterations;
    int major, minor, patch;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "about\n") == 0) {
            zmq_version(&major, &minor, &patch);
            printf("about {\"libzmq\": \"%d.%d.%d\"}\n", major, minor, patch);
        } else if (strcmp(line, "cases\n") == 0) {
            for (index = 0; index < case_count; ++index) {
                printf("%s%s", index ? "\t" : "", cases[index].name);
            }
            printf("\n");
        } else if (sscanf(line, "measure %ld %255[^\n]", &iterations, name) == 2) {
            const Case* wanted = find(name);
            double figures[2];
            int count, figure;
            if (wanted == NULL) {
                printf("missing not written in C\n");
                fflush(stdout);
                continue;
            }
            if (wanted != opened) {
                close_case();
                wanted->open(wanted);
                opened = wanted;
            }
            count = wanted->measure(wanted, iterations, figures);
            printf("ok");
            for (figure = 0; figure < count; ++figure) {
                printf(" %.12g", figures[figure]);
            }
            printf("\n");
        } else {
            printf("failed what is %s", line);
        }
        fflush(stdout);
    }
    close_case();
}

/* One end of a proxy, at the orders of devices.py. */
static void serve_end(int pushes, const char* address, size_t size)
{
    void* socket;
    long count;
    context = zmq_ctx_new();
    socket = new_socket(context, pushes ? ZMQ_PUSH : ZMQ_PULL, size);
    MUST(zmq_connect(socket, address) == 0);
    printf("ready\n");
    fflush(stdout);
    while (scanf("%ld", &count) == 1) {
        if (pushes) {
            while (count-- > 0) {
                send_parts(socket, size, 1);
            }
        } else {
            printf("%.12g\n", receive_stream(socket, count, 1));
            fflush(stdout);
        }
    }
    zmq_close(socket);
    zmq_ctx_term(context);
}

int main(int argc, char** argv)
{
    memset(buffer, 'x', sizeof buffer);
    if (argc == 4) {
        serve_end(strcmp(argv[1], "push") == 0, argv[2], (size_t)atol(argv[3]));
        return 0;
    }
    serve();
    return 0;
}
