// A load client for OpenAI- and Anthropic-compatible endpoints: one thread, epoll, loopback only.
//
//   load -p PORT -b BODY [-b BODY …] [options]
//     -p PORT     where to connect              -H PATH     request path (/v1/chat/completions)
//     -b FILE     request body; several are sent in turn    -x HEADER   one more request header
//     -c COUNT    connections (1)               -n COUNT    stop after so many requests
//     -w SECONDS  warm-up (0.5)                 -d SECONDS  measured time (3)
//     -r SECONDS  spread the first requests over this time, so that streams don't march in step
//     -N COUNT    chunks that every stream must carry; -1 says that answers are not streamed
//
// "measuring" and "measured" go to standard error where the measured time begins and ends, so that the
// caller can read CPU clocks at those moments. One line of JSON goes to standard output. Requests that are
// under way at the end are abandoned; they count as "stalled" when nothing arrived for 3 s.
//
// A stream succeeds when it ends with its dialect's own end mark after COUNT chunks that carry the mock's
// time stamps; another answer succeeds when it holds the mock's text.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BODIES = 256, MAX_HEAD = 32768, BATCH = 256 };
static const uint64_t STALLED = 3000000000ULL;

enum state { HEAD, SIZED, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, UNTIL_CLOSE };

struct bytes {
    char* data;
    size_t length, size;
};

struct samples {
    uint64_t* values;
    size_t count, size;
};

struct conn {
    int fd, next_body;
    enum state state;
    int status, close_after, finished;
    long chunks;
    size_t remaining, to_write, written;
    uint64_t begun, first, last;
    struct bytes head, line;
    const struct bytes* request;
};

static struct bytes requests[MAX_BODIES];
static int request_count, port, epoll_fd;
static long expected_chunks = -1, sent, max_requests = -1;
static uint64_t measure_from, measure_to;
static struct samples latencies, first_chunks, forwards;
static long answered, bad_status, bad_body, cut, no_end, short_streams, connect_errors, chunks, events, alive;
static long statuses[600];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void sample(struct samples* s, uint64_t value) {
    if (s->count == s->size) {
        s->size = s->size ? s->size * 2 : 4096;
        s->values = realloc(s->values, s->size * sizeof *s->values);
        if (!s->values) abort();
    }
    s->values[s->count++] = value;
}

static int ascending(const void* a, const void* b) {
    uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const struct samples* s, double p) {
    return s->count ? (double)s->values[(size_t)(p * (double)(s->count - 1) + 0.5)] / 1e6 : 0;
}

static void append(struct bytes* b, const char* data, size_t length) {
    if (b->length + length + 1 > b->size) {
        b->size = (b->length + length) * 2 + 1024;
        b->data = realloc(b->data, b->size);
        if (!b->data) abort();
    }
    memcpy(b->data + b->length, data, length);
    b->length += length;
    b->data[b->length] = 0;
}

static int contains(const struct bytes* b, const char* text) {
    return b->length && memmem(b->data, b->length, text, strlen(text)) != NULL;
}

static void watch(struct conn* c, uint32_t what, int operation) {
    struct epoll_event e = {.events = what, .data.ptr = c};
    epoll_ctl(epoll_fd, operation, c->fd, &e);
}

static void open_connection(struct conn* c) {
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (void*)&address, sizeof address) && ++connect_errors > 1000) {
        perror("connect");
        exit(1);
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    watch(c, EPOLLIN, EPOLL_CTL_ADD);
}

static void write_request(struct conn* c) {
    while (c->written < c->to_write) {
        ssize_t n = write(c->fd, c->request->data + c->written, c->to_write - c->written);
        if (n < 0) {
            if (errno == EAGAIN) watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;  // any other error shows itself as a closed connection in the next read
        }
        c->written += (size_t)n;
    }
}

static void begin(struct conn* c) {
    uint64_t t = now();
    if (t >= measure_to || (max_requests >= 0 && sent >= max_requests)) {
        close(c->fd);
        c->fd = -1;
        alive--;
        return;
    }
    sent++;
    c->request = &requests[c->next_body];
    c->next_body = (c->next_body + 1) % request_count;
    c->state = HEAD;
    c->head.length = c->line.length = 0;
    c->chunks = c->finished = c->status = c->close_after = 0;
    c->begun = c->last = t;
    c->first = 0;
    c->written = 0;
    c->to_write = c->request->length;
    write_request(c);
}

static void finish(struct conn* c, uint64_t t, int was_cut) {
    if (t >= measure_from && t < measure_to) {
        statuses[c->status > 0 && c->status < 600 ? c->status : 0]++;
        int streamed = expected_chunks >= 0;
        if (was_cut)
            cut++;
        else if (c->status != 200)
            bad_status++;
        else if (streamed && !c->finished)
            no_end++;
        else if (streamed && c->chunks != expected_chunks)
            short_streams++;
        else if (!streamed && !contains(&c->line, "mock answer"))
            bad_body++;
        else {
            answered++;
            if (c->begun >= measure_from) sample(&latencies, t - c->begun);
        }
    }
    if (c->close_after || was_cut) {
        close(c->fd);
        open_connection(c);
    }
    begin(c);
}

static void take_line(struct conn* c, uint64_t t) {
    if (c->line.length < 5 || memcmp(c->line.data, "data:", 5)) return;
    int measured = t >= measure_from && t < measure_to;
    events += measured;
    char* stamp = memmem(c->line.data, c->line.length, "T@", 2);
    if (!stamp) {
        if (contains(&c->line, "[DONE]") || contains(&c->line, "\"message_stop\"")) c->finished = 1;
        return;
    }
    c->chunks++;
    uint64_t written = strtoull(stamp + 2, NULL, 10);
    if (measured) {
        chunks++;
        if (t > written) sample(&forwards, t - written);
    }
    if (!c->first) {
        c->first = t;
        if (measured && c->begun >= measure_from) sample(&first_chunks, t - c->begun);
    }
}

static void take_body(struct conn* c, const char* data, size_t length, uint64_t t) {
    if (expected_chunks < 0) {
        append(&c->line, data, length);
        return;
    }
    while (length) {
        const char* end = memchr(data, '\n', length);
        size_t part = end ? (size_t)(end - data) : length;
        append(&c->line, data, part);
        if (!end) return;
        take_line(c, t);
        c->line.length = 0;
        data += part + 1;
        length -= part + 1;
    }
}

// Reads the head; says where the body goes on, or NULL while the head is incomplete.
static const char* take_head(struct conn* c, const char* data, size_t length) {
    size_t before = c->head.length;
    append(&c->head, data, length);
    char* end = strstr(c->head.data, "\r\n\r\n");
    if (!end) return NULL;
    end[2] = 0;
    c->status = c->head.length > 12 ? atoi(c->head.data + 9) : 0;
    char* sized = strcasestr(c->head.data, "\r\ncontent-length:");
    if (strcasestr(c->head.data, "\r\nconnection: close")) c->close_after = 1;
    if (strcasestr(c->head.data, "\r\ntransfer-encoding: chunked")) {
        c->state = CHUNK_SIZE;
        c->remaining = 0;
    } else if (sized) {
        c->state = SIZED;
        c->remaining = (size_t)atol(sized + 17);
    } else {
        c->state = UNTIL_CLOSE;
        c->close_after = 1;
    }
    return data + (size_t)(end - c->head.data) + 4 - before;
}

static int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 32;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static void take(struct conn* c, const char* data, size_t length, uint64_t t) {
    const char* end = data + length;
    while (data < end) {
        size_t part = (size_t)(end - data);
        switch (c->state) {
            case HEAD: {
                const char* body = take_head(c, data, part);
                if (!body) {
                    if (c->head.length > MAX_HEAD) finish(c, t, 1);
                    return;
                }
                data = body;
                if (c->state == SIZED && !c->remaining) {
                    finish(c, t, 0);
                    return;
                }
                break;
            }
            case SIZED:
            case CHUNK:
                if (part > c->remaining) part = c->remaining;
                take_body(c, data, part, t);
                data += part;
                c->remaining -= part;
                if (c->remaining) break;
                if (c->state == SIZED) {
                    finish(c, t, 0);
                    return;
                }
                c->state = CHUNK_END;
                break;
            case CHUNK_SIZE:
                if (hex(*data) >= 0)
                    c->remaining = c->remaining * 16 + (size_t)hex(*data);
                else if (*data == '\n')
                    c->state = c->remaining ? CHUNK : TRAILER;
                data++;
                break;
            case CHUNK_END:
                if (*data++ == '\n') c->state = CHUNK_SIZE;
                break;
            case TRAILER:
                if (*data == '\n' && !c->remaining) {
                    finish(c, t, 0);
                    return;
                }
                if (*data == '\n')
                    c->remaining = 0;
                else if (*data != '\r')
                    c->remaining++;
                data++;
                break;
            case UNTIL_CLOSE: take_body(c, data, part, t); return;
        }
    }
}

static void receive(struct conn* c) {
    static char buffer[262144];
    ssize_t n = read(c->fd, buffer, sizeof buffer);
    uint64_t t = now();
    if (n > 0) {
        c->last = t;
        take(c, buffer, (size_t)n, t);
    } else if (n == 0 || errno != EAGAIN) {
        finish(c, t, c->state != UNTIL_CLOSE);
    }
}

static void load_body(const char* path, const char* request_path, const char* headers) {
    struct stat info;
    FILE* file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &info) || request_count == MAX_BODIES) {
        perror(path);
        exit(2);
    }
    char *body = malloc((size_t)info.st_size), *head;
    if (!body || fread(body, 1, (size_t)info.st_size, file) != (size_t)info.st_size) exit(2);
    fclose(file);
    int length = asprintf(&head,
                          "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                          "Accept: */*\r\nUser-Agent: load/1\r\n%sContent-Length: %ld\r\n\r\n",
                          request_path, port, headers, (long)info.st_size);
    struct bytes* request = &requests[request_count++];
    append(request, head, (size_t)length);
    append(request, body, (size_t)info.st_size);
    free(head);
    free(body);
}

static void sort(struct samples* s) { qsort(s->values, s->count, sizeof *s->values, ascending); }

static void print_samples(const char* name, struct samples* s) {
    sort(s);
    printf(",\"%s\":{\"count\":%zu,\"p50\":%.4f,\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f}", name, s->count,
           percentile_ms(s, 0.5), percentile_ms(s, 0.99), percentile_ms(s, 0.999), percentile_ms(s, 1));
}

static void print_report(double seconds, long stalled) {
    printf("{\"seconds\":%.4f,\"sent\":%ld,\"answered\":%ld,\"chunks\":%ld,\"events\":%ld", seconds, sent,
           answered, chunks, events);
    printf(
        ",\"failures\":{\"status\":%ld,\"body\":%ld,\"cut\":%ld,\"no_end\":%ld,\"short\":%ld,\"stalled\":%ld,"
        "\"connect\":%ld}",
        bad_status, bad_body, cut, no_end, short_streams, stalled, connect_errors);
    print_samples("latency_ms", &latencies);
    print_samples("ttft_ms", &first_chunks);
    print_samples("forward_ms", &forwards);
    printf(",\"status\":{");
    const char* comma = "";
    for (int i = 0; i < 600; i++)
        if (statuses[i]) {
            printf("%s\"%d\":%ld", comma, i, statuses[i]);
            comma = ",";
        }
    printf("}}\n");
}

int main(int count, char** arguments) {
    const char *path = "/v1/chat/completions", *bodies[MAX_BODIES];
    char* headers = strdup("");
    double seconds = 3, warm_up = 0.5, ramp = 0;
    int connections = 1, body_count = 0, o;
    signal(SIGPIPE, SIG_IGN);
    while ((o = getopt(count, arguments, "p:H:b:x:c:n:w:d:r:N:")) > 0) {
        char* joined;
        switch (o) {
            case 'p': port = atoi(optarg); break;
            case 'H': path = optarg; break;
            case 'b':
                if (body_count < MAX_BODIES) bodies[body_count++] = optarg;
                break;
            case 'x':
                if (asprintf(&joined, "%s%s\r\n", headers, optarg) < 0) return 1;
                headers = joined;
                break;
            case 'c': connections = atoi(optarg); break;
            case 'n': max_requests = atol(optarg); break;
            case 'w': warm_up = atof(optarg); break;
            case 'd': seconds = atof(optarg); break;
            case 'r': ramp = atof(optarg); break;
            case 'N': expected_chunks = atol(optarg); break;
            default: return 2;
        }
    }
    if (!port || !body_count) {
        fprintf(stderr, "usage: load -p PORT -b BODY …\n");
        return 2;
    }
    for (int i = 0; i < body_count; i++) load_body(bodies[i], path, headers);

    epoll_fd = epoll_create1(0);
    struct conn* conns = calloc((size_t)connections, sizeof *conns);
    if (!conns) abort();
    uint64_t start = now();
    measure_from = start + (uint64_t)(warm_up * 1e9);
    measure_to = measure_from + (uint64_t)(seconds * 1e9);
    alive = connections;
    int opened = 0, phase = 0;
    struct epoll_event ready[BATCH];
    while (alive > 0) {
        uint64_t t = now();
        while (opened < connections && t - start >= (uint64_t)(ramp * 1e9 * opened / connections)) {
            conns[opened].next_body = opened % request_count;
            open_connection(&conns[opened]);
            begin(&conns[opened++]);
        }
        int n = epoll_wait(epoll_fd, ready, BATCH, opened < connections ? 1 : 50);
        t = now();
        if (phase == 0 && t >= measure_from) {
            phase = 1;
            fprintf(stderr, "measuring\n");
        }
        if (t >= measure_to) break;
        for (int i = 0; i < n; i++) {
            struct conn* c = ready[i].data.ptr;
            if (c->fd >= 0 && ready[i].events & EPOLLOUT) {
                watch(c, EPOLLIN, EPOLL_CTL_MOD);
                write_request(c);
            }
            if (c->fd >= 0 && ready[i].events & ~(uint32_t)EPOLLOUT) receive(c);
        }
    }
    uint64_t end = now();
    fprintf(stderr, "measured\n");
    long stalled = 0;
    for (int i = 0; i < opened; i++)
        if (conns[i].fd >= 0 && end - conns[i].last > STALLED) stalled++;
    print_report((double)((end < measure_to ? end : measure_to) - measure_from) / 1e9, stalled);
    return 0;
}
