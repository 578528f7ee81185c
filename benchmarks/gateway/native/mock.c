// A mock of an OpenAI-compatible upstream: one thread, epoll, loopback only.
//
//   mock PORT          (0 picks a free port; "listening on PORT" is printed either way)
//
// POST to any path answers a chat completion, as JSON or, with "stream":true, as server-sent events.
// GET answers a list of models. How to answer is read from the "user" field when that holds options,
// else from the model name, e.g. "mock-n200-d20-t50":
//   n<count>  content chunks (20)          d<ms>  gap between chunks (0: flood)
//   t<ms>     wait before the first byte   s<bytes>  padding in every chunk
//   e<status> answer with that HTTP error  x<count>  cut the connection after that many chunks
//   o1        letters at the end of every chunk, 1 to 16 of them, as OpenAI hides its chunks' lengths
// Every content chunk carries "T@<CLOCK_MONOTONIC nanoseconds>", so that a client on the same machine
// can tell how long forwarding took.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_PAD = 65000, BATCH = 512 };
static const uint64_t MS = 1000000, LATE = 50000000;

enum wait { NOTHING, JSON, STREAM_HEAD, STREAM };

struct buffer {
    char* data;
    size_t start, end, size;
};

struct conn {
    struct buffer in, out;
    enum wait wait;
    int slot;  // place in the list of connections that wait for the clock, or -1
    int chunks, sent, cut_after, pad, usage, obfuscated;
    uint64_t gap, due;
};

static struct conn* conns[MAX_FD];
static int timed[MAX_FD], timed_count;
static int epoll_fd;
static char padding[MAX_PAD + 1];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void reserve(struct buffer* b, size_t more) {
    if (b->end + more + 1 <= b->size) return;
    b->size = (b->end + more) * 2 + 4096;
    b->data = realloc(b->data, b->size);
    if (!b->data) abort();
}

static void append(struct buffer* b, const char* data, size_t length) {
    reserve(b, length);
    memcpy(b->data + b->end, data, length);
    b->end += length;
}

static void append_text(struct buffer* b, const char* text) { append(b, text, strlen(text)); }

__attribute__((format(printf, 2, 3))) static void append_format(struct buffer* b, const char* format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(b, text, (size_t)length);
}

static void wait_for_clock(int fd) {
    struct conn* c = conns[fd];
    if (c->slot >= 0) return;
    c->slot = timed_count;
    timed[timed_count++] = fd;
}

static void stop_waiting(int fd) {
    struct conn* c = conns[fd];
    if (c->slot < 0) return;
    int last = timed[--timed_count];
    timed[c->slot] = last;
    conns[last]->slot = c->slot;
    c->slot = -1;
}

static void drop(int fd) {
    struct conn* c = conns[fd];
    stop_waiting(fd);
    close(fd);
    free(c->in.data);
    free(c->out.data);
    free(c);
    conns[fd] = NULL;
}

static void watch(int fd, uint32_t events, int operation) {
    struct epoll_event e = {.events = events, .data.fd = fd};
    epoll_ctl(epoll_fd, operation, fd, &e);
}

// Writes what is buffered: 0 when all went, 1 when the socket is full, -1 when the connection is gone.
static int flush(int fd) {
    struct conn* c = conns[fd];
    while (c->out.start < c->out.end) {
        ssize_t n = write(fd, c->out.data + c->out.start, c->out.end - c->out.start);
        if (n < 0) {
            if (errno == EAGAIN) {
                watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
                return 1;
            }
            drop(fd);
            return -1;
        }
        c->out.start += (size_t)n;
    }
    c->out.start = c->out.end = 0;
    return 0;
}

static void answer(struct conn* c, int status, const char* extra, const char* body) {
    append_format(&c->out,
                  "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nx-request-id: req_mock\r\n%s"
                  "Content-Length: %zu\r\n\r\n",
                  status, status == 200 ? "OK" : "Mock", extra, strlen(body));
    append_text(&c->out, body);
}

static void answer_json(struct conn* c) {
    answer(
        c, 200, "",
        "{\"id\":\"chatcmpl-mock0123456789abcdef\",\"object\":\"chat.completion\",\"created\":1700000000,"
        "\"model\":\"mock\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
        "\"Hello! This is a mock answer of a few dozen words, so that the body is about as large as a short "
        "real answer would be. It carries no meaning, it is only there to be forwarded, parsed and counted "
        "by "
        "the thing under test.\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":48,"
        "\"total_tokens\":60,\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}},"
        "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\"}");
}

static void answer_error(struct conn* c, int status) {
    char body[256];
    snprintf(body, sizeof body,
             "{\"error\":{\"message\":\"mock error %d\",\"type\":\"mock_error\",\"param\":null,"
             "\"code\":\"mock_%d\"}}",
             status, status);
    answer(c, status, status == 429 ? "Retry-After: 1\r\n" : "", body);
}

// Routers that discover their models ask for this list, and then accept only the names in it.
static void answer_models(struct conn* c) {
    static const char* names[] = {"mock",          "mock-n20-d0",   "mock-n200-d20",
                                  "mock-n200-d10", "mock-n200-d5",  "mock-n200-d2",
                                  "mock-n200-d0",  "mock-n2000-d0", "mock-n25-d200"};
    struct buffer body = {0};
    append_text(&body, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        append_format(&body,
                      "%s{\"id\":\"%s\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"mock\","
                      "\"max_model_len\":8192}",
                      i ? "," : "", names[i]);
    append_text(&body, "],\"status\":\"ok\",\"model_path\":\"mock\",\"is_generation\":true}");
    body.data[body.end] = 0;
    answer(c, 200, "", body.data);
    free(body.data);
}

static void stream_head(struct conn* c) {
    append_text(
        &c->out,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
        "x-request-id: req_mock\r\nTransfer-Encoding: chunked\r\n\r\n");
}

#define EVENT                                                                               \
    "data: {\"id\":\"chatcmpl-mock0123456789abcdef\",\"object\":\"chat.completion.chunk\"," \
    "\"created\":1700000000,\"model\":\"mock\",\"service_tier\":\"default\","               \
    "\"system_fingerprint\":\"fp_mock\",\"choices\":"

static void http_chunk(struct conn* c, const char* data, size_t length) {
    append_format(&c->out, "%zx\r\n", length);
    append(&c->out, data, length);
    append(&c->out, "\r\n", 2);
}

static void stream_event(struct conn* c) {
    char event[MAX_PAD + 1024], end[64] = "";
    int length;
    if (c->obfuscated) snprintf(end, sizeof end, ",\"obfuscation\":\"%.*s\"", 1 + rand() % 16, padding);
    if (c->sent < c->chunks) {
        length = snprintf(event, sizeof event,
                          EVENT
                          "[{\"index\":0,\"delta\":{%s\"content\":\"T@%llu %.*s\"},\"logprobs\":null,"
                          "\"finish_reason\":null}]%s}\n\n",
                          c->sent ? "" : "\"role\":\"assistant\",", (unsigned long long)now(), c->pad, padding,
                          end);
        http_chunk(c, event, (size_t)length);
        c->sent++;
        return;
    }
    static const char stop[] =
        EVENT "[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n";
    http_chunk(c, stop, sizeof stop - 1);
    if (c->usage) {
        length = snprintf(event, sizeof event,
                          EVENT
                          "[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":%d,"
                          "\"total_tokens\":%d}}\n\n",
                          c->chunks, c->chunks + 12);
        http_chunk(c, event, (size_t)length);
    }
    http_chunk(c, "data: [DONE]\n\n", 14);
    append(&c->out, "0\r\n\r\n", 5);
    c->wait = NOTHING;
}

static int option(const char* text, const char* end, char key, int otherwise) {
    for (const char* p = text; p + 2 < end; p++)
        if (p[0] == '-' && p[1] == key && p[2] >= '0' && p[2] <= '9') return atoi(p + 2);
    return otherwise;
}

// Finds the first string value of a top-level looking key: [*from, *to), or an empty range.
static void find_string(const char* body, const char* end, const char* key, const char** from,
                        const char** to) {
    *from = *to = "";
    const char* k = memmem(body, (size_t)(end - body), key, strlen(key));
    if (!k) return;
    k += strlen(key);
    const char* open = memchr(k, '"', (size_t)(end - k));
    if (!open) return;
    const char* close = memchr(open + 1, '"', (size_t)(end - open - 1));
    *from = open + 1;
    *to = close ? close : end;
}

static int asks(const char* body, const char* end, const char* compact, const char* spaced) {
    size_t length = (size_t)(end - body);
    return memmem(body, length, compact, strlen(compact)) || memmem(body, length, spaced, strlen(spaced));
}

static void serve_chat(int fd, const char* body, const char* end) {
    struct conn* c = conns[fd];
    const char *from, *to, *user_from, *user_to;
    find_string(body, end, "\"model\":", &from, &to);
    find_string(body, end, "\"user\":", &user_from, &user_to);
    if (memchr(user_from, '-', (size_t)(user_to - user_from))) from = user_from, to = user_to;
    int status = option(from, to, 'e', 0), first_byte = option(from, to, 't', 0);
    c->chunks = option(from, to, 'n', 20);
    c->gap = (uint64_t)option(from, to, 'd', 0) * MS;
    c->cut_after = option(from, to, 'x', 0);
    c->pad = option(from, to, 's', 0);
    c->obfuscated = option(from, to, 'o', 0);
    if (c->pad > MAX_PAD) c->pad = MAX_PAD;
    c->usage = asks(body, end, "\"include_usage\":true", "\"include_usage\": true");
    c->sent = 0;
    if (status) {
        answer_error(c, status);
    } else if (asks(body, end, "\"stream\":true", "\"stream\": true")) {
        c->due = now() + (uint64_t)first_byte * MS;
        c->wait = STREAM_HEAD;
        if (!first_byte) {
            stream_head(c);
            stream_event(c);
            c->wait = STREAM;
            c->due = now() + c->gap;
        }
        wait_for_clock(fd);
    } else if (first_byte) {
        c->wait = JSON;
        c->due = now() + (uint64_t)first_byte * MS;
        wait_for_clock(fd);
    } else {
        answer_json(c);
    }
}

// Length of the whole request at the front of the buffer, or 0 while it is incomplete.
static size_t request_length(struct buffer* in, size_t* head) {
    char* end = memmem(in->data, in->end, "\r\n\r\n", 4);
    if (!end) return 0;
    *head = (size_t)(end - in->data) + 4;
    end[2] = 0;  // bounds the searches to the header
    const char* length = strcasestr(in->data, "content-length:");
    const char* chunked = strcasestr(in->data, "transfer-encoding: chunked");
    end[2] = '\r';
    size_t total = *head;
    if (length) {
        total += (size_t)atol(length + 15);
    } else if (chunked) {
        char* last = memmem(in->data + *head - 2, in->end - *head + 2, "\r\n0\r\n\r\n", 7);
        if (!last) return 0;
        total = (size_t)(last - in->data) + 7;
    }
    return in->end < total ? 0 : total;
}

static void serve(int fd) {
    struct conn* c = conns[fd];
    size_t head, total;
    while (c->wait == NOTHING && (total = request_length(&c->in, &head))) {
        if (c->in.data[0] == 'P')
            serve_chat(fd, c->in.data + head, c->in.data + total);
        else
            answer_models(c);
        memmove(c->in.data, c->in.data + total, c->in.end - total);
        c->in.end -= total;
        if (flush(fd) < 0) return;
    }
}

static void receive(int fd) {
    struct conn* c = conns[fd];
    for (;;) {
        reserve(&c->in, 65536);
        ssize_t n = read(fd, c->in.data + c->in.end, c->in.size - c->in.end - 1);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) {
            drop(fd);
            return;
        }
        c->in.end += (size_t)n;
        if (n < 1024) break;
    }
    serve(fd);
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        conns[fd] = calloc(1, sizeof(struct conn));
        if (!conns[fd]) abort();
        conns[fd]->slot = -1;
        watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
}

// Serves one connection whose time has come; afterwards it may be gone.
static void tick(int fd, uint64_t t) {
    struct conn* c = conns[fd];
    if (c->wait == JSON) {
        c->wait = NOTHING;
        stop_waiting(fd);
        answer_json(c);
        if (flush(fd) >= 0) serve(fd);
        return;
    }
    if (c->wait == STREAM_HEAD) {
        stream_head(c);
        c->wait = STREAM;
    }
    if (c->cut_after && c->sent >= c->cut_after) {
        drop(fd);
        return;
    }
    stream_event(c);
    c->due += c->gap;
    if (c->due + LATE < t) c->due = t + c->gap;  // after a long stall go on at the old pace, no burst
    int ended = c->wait == NOTHING;
    if (ended) stop_waiting(fd);
    if (flush(fd) == 0 && ended) serve(fd);
}

static struct timespec* time_to_next(struct timespec* storage) {
    uint64_t first = UINT64_MAX, t = now();
    for (int i = 0; i < timed_count; i++) {
        struct conn* c = conns[timed[i]];
        if (c->out.end == c->out.start && c->due < first) first = c->due;
    }
    if (first == UINT64_MAX) return NULL;
    uint64_t wait = first > t ? first - t : 0;
    *storage = (struct timespec){(time_t)(wait / 1000000000ULL), (long)(wait % 1000000000ULL)};
    return storage;
}

int main(int count, char** arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: mock PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    memset(padding, 'x', MAX_PAD);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(arguments[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (void*)&address, size) || listen(listener, 4096)) {
        perror("bind");
        return 1;
    }
    getsockname(listener, (void*)&address, &size);
    printf("listening on %d\n", ntohs(address.sin_port));
    fflush(stdout);
    epoll_fd = epoll_create1(0);
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    struct epoll_event events[BATCH];
    for (;;) {
        struct timespec storage;
        int n = epoll_pwait2(epoll_fd, events, BATCH, time_to_next(&storage), NULL);
        if (n < 0 && errno != EINTR) {
            perror("epoll");
            return 1;
        }
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(listener);
                continue;
            }
            if (conns[fd] && events[i].events & EPOLLOUT) {
                watch(fd, EPOLLIN, EPOLL_CTL_MOD);
                if (flush(fd) == 0 && conns[fd]->wait == NOTHING) serve(fd);
            }
            if (conns[fd] && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(fd);
        }
        uint64_t t = now();
        for (int i = 0; i < timed_count;) {
            int fd = timed[i];
            struct conn* c = conns[fd];
            if (c->out.end == c->out.start && c->due <= t) tick(fd, t);
            if (i < timed_count && timed[i] == fd) i++;  // else another connection moved into its place
        }
    }
}
