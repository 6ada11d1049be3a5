/* A mail server that takes every mail and keeps none: the other end of the benchmarks' connections.
 *
 * One thread, epoll, edge-triggered. It offers PIPELINING, answers in order, and can wait before the reply to a final
 * dot (-d MS), on each connection by itself, as a server does that scans or stores. What it saw stands in a small file
 * that others map (-s FILE: connections, mails, bytes, first MAIL, last 250; 64-bit, native order, times of the
 * monotonic clock in ns), and with -l FILE each copy is written down as "Message-ID TAB recipient".
 *
 *     sink -s FILE [-l FILE] [-d MS] [-p PORT]      listens on 127.0.0.1 only, prints its port
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { IN_SIZE = 1 << 17, OUT_SIZE = 1 << 14, MOST = 4096, HEAD = 8192, EVENTS = 256, ADDRESS = 320 };

struct seen {
    volatile uint64_t connections, mails, bytes, first_ns, last_ns;
};

enum state { COMMAND, DATA, HELD };

struct connection {
    int fd;
    enum state state;
    unsigned generation;
    int closing, fresh; /* fresh: no byte of this mail's content was looked at yet */
    size_t from, to, out;
    size_t head;
    char recipient[ADDRESS];
    char input[IN_SIZE], output[OUT_SIZE], header[HEAD];
};

struct due {
    uint64_t at;
    struct connection *connection;
    unsigned generation;
};

static struct seen *seen;
static FILE *copies;
static uint64_t delay_ns;
static int loop, timer;
static volatile sig_atomic_t stopping;
/* All delays are alike, so what began first is due first: a ring is enough. */
static struct due ring[MOST];
static size_t ring_from, ring_count;

static void stop(int number) {
    (void)number;
    stopping = 1;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void flush_output(struct connection *one) {
    size_t done = 0;
    while (done < one->out) {
        ssize_t n = write(one->fd, one->output + done, one->out - done);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EINTR)
            continue;
        else
            break;
    }
    memmove(one->output, one->output + done, one->out - done);
    one->out -= done;
}

static void say(struct connection *one, const char *text) {
    size_t length = strlen(text);
    if (one->out + length > OUT_SIZE)
        flush_output(one);
    if (one->out + length > OUT_SIZE) {
        one->closing = 1; /* somebody who never reads */
        return;
    }
    memcpy(one->output + one->out, text, length);
    one->out += length;
}

static void arm(void) {
    struct itimerspec when = {0};
    if (ring_count) {
        when.it_value.tv_sec = (time_t)(ring[ring_from].at / 1000000000u);
        when.it_value.tv_nsec = (long)(ring[ring_from].at % 1000000000u);
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void accepted(struct connection *one) {
    say(one, "250 2.0.0 Ok\r\n");
    one->state = COMMAND;
    seen->mails++;
    seen->last_ns = now_ns();
}

static void write_down(struct connection *one) {
    char *line = one->header, *end = one->header + one->head;
    const char *id = "", *id_end = id;
    while (line < end) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next || next - line < 2)
            break;
        if (next - line > 11 && !strncasecmp(line, "Message-ID:", 11)) {
            id = line + 11;
            while (id < next && *id == ' ')
                id++;
            id_end = next[-1] == '\r' ? next - 1 : next;
            break;
        }
        line = next + 1;
    }
    fprintf(copies, "%.*s\t%s\n", (int)(id_end - id), id, one->recipient);
}

static void finish_mail(struct connection *one) {
    if (copies)
        write_down(one);
    if (!delay_ns) {
        accepted(one);
        return;
    }
    one->state = HELD;
    if (ring_count == MOST) {
        one->closing = 1;
        return;
    }
    ring[(ring_from + ring_count++) % MOST] = (struct due){now_ns() + delay_ns, one, one->generation};
    if (ring_count == 1)
        arm();
}

static void keep_head(struct connection *one, const char *part, size_t length) {
    if (!copies || one->head == HEAD)
        return;
    if (length > HEAD - one->head)
        length = HEAD - one->head;
    memcpy(one->header + one->head, part, length);
    one->head += length;
}

/* Returns whether there may be more to do with what has come in. */
static int take_data(struct connection *one) {
    char *start = one->input + one->from;
    size_t length = one->to - one->from;
    if (one->fresh && length >= 3 && !memcmp(start, ".\r\n", 3)) {
        one->from += 3;
        finish_mail(one);
        return 1;
    }
    char *end = memmem(start, length, "\r\n.\r\n", 5);
    size_t used = end ? (size_t)(end - start) + 5 : length > 4 ? length - 4 : 0;
    if (used)
        one->fresh = 0;
    keep_head(one, start, used);
    seen->bytes += used;
    one->from += used;
    if (end)
        finish_mail(one);
    return end != NULL;
}

static void keep_recipient(struct connection *one, const char *line, size_t length) {
    const char *open = memchr(line, '<', length);
    const char *close = open ? memchr(open, '>', length - (size_t)(open - line)) : NULL;
    size_t size = close ? (size_t)(close - open) - 1 : 0;
    if (size >= ADDRESS)
        size = ADDRESS - 1;
    if (size)
        memcpy(one->recipient, open + 1, size);
    one->recipient[size] = 0;
}

static int take_command(struct connection *one) {
    char *start = one->input + one->from;
    size_t length = one->to - one->from;
    char *end = memchr(start, '\n', length);
    if (!end) {
        if (length == IN_SIZE)
            one->closing = 1;
        return 0;
    }
    size_t used = (size_t)(end - start) + 1;
    one->from += used;
    if (!strncasecmp(start, "MAIL", 4)) {
        if (!seen->first_ns)
            seen->first_ns = now_ns();
        say(one, "250 2.1.0 Ok\r\n");
    } else if (!strncasecmp(start, "RCPT", 4)) {
        if (copies)
            keep_recipient(one, start, used);
        say(one, "250 2.1.5 Ok\r\n");
    } else if (!strncasecmp(start, "DATA", 4)) {
        one->state = DATA;
        one->fresh = 1;
        one->head = 0;
        say(one, "354 End data with <CR><LF>.<CR><LF>\r\n");
    } else if (!strncasecmp(start, "EHLO", 4)) {
        say(one, "250-sink.invalid\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n"
                 "250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n");
    } else if (!strncasecmp(start, "QUIT", 4)) {
        say(one, "221 2.0.0 Bye\r\n");
        one->closing = 1;
    } else if (!strncasecmp(start, "HELO", 4) || !strncasecmp(start, "RSET", 4) || !strncasecmp(start, "NOOP", 4)) {
        say(one, "250 2.0.0 Ok\r\n");
    } else {
        say(one, "502 5.5.2 Not known here\r\n");
    }
    return 1;
}

static void leave(struct connection *one) {
    close(one->fd);
    one->generation++; /* what still waits in the ring for this connection is void */
    one->fd = -1;
}

static void serve(struct connection *one) {
    for (;;) {
        int more = 1;
        while (more && !one->closing && one->state != HELD && one->from < one->to)
            more = one->state == DATA ? take_data(one) : take_command(one);
        if (one->out)
            flush_output(one);
        if (one->closing) {
            leave(one);
            return;
        }
        if (one->state == HELD)
            return; /* what comes in meanwhile waits in the socket */
        if (one->from == one->to)
            one->from = one->to = 0;
        else if (one->from) {
            memmove(one->input, one->input + one->from, one->to - one->from);
            one->to -= one->from;
            one->from = 0;
        }
        ssize_t n = read(one->fd, one->input + one->to, IN_SIZE - one->to);
        if (n > 0)
            one->to += (size_t)n;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        else if (n < 0 && errno == EINTR)
            continue;
        else {
            leave(one);
            return;
        }
    }
}

static void release_due(void) {
    uint64_t expirations, now = now_ns();
    if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
        fail("timer");
    while (ring_count && ring[ring_from].at <= now) {
        struct due one = ring[ring_from];
        ring_from = (ring_from + 1) % MOST;
        ring_count--;
        if (one.connection->generation == one.generation && one.connection->fd >= 0) {
            accepted(one.connection);
            serve(one.connection);
        }
    }
    arm();
}

static void welcome(int listener, struct connection **all) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        size_t at = 0;
        while (at < MOST && all[at] && all[at]->fd >= 0)
            at++;
        if (at == MOST || (!all[at] && !(all[at] = calloc(1, sizeof **all)))) {
            close(fd);
            continue;
        }
        struct connection *one = all[at];
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        one->fd = fd;
        one->state = COMMAND;
        one->closing = 0;
        one->from = one->to = one->out = one->head = 0;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = one};
        epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
        seen->connections++;
        say(one, "220 sink.invalid ESMTP\r\n");
        serve(one);
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, size) || listen(fd, 1024))
        fail("listen");
    getsockname(fd, (struct sockaddr *)&here, &size);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    return fd;
}

static void map_seen(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *seen))
        fail(path);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (seen == MAP_FAILED)
        fail(path);
    close(fd);
}

int main(int count, char **words) {
    static struct connection *all[MOST];
    struct epoll_event events[EVENTS];
    struct sigaction quiet = {.sa_handler = SIG_IGN}, end = {.sa_handler = stop};
    int port = 0, option;
    while ((option = getopt(count, words, "p:d:s:l:")) != -1) {
        if (option == 'p')
            port = atoi(optarg);
        else if (option == 'd')
            delay_ns = (uint64_t)(atof(optarg) * 1e6);
        else if (option == 's')
            map_seen(optarg);
        else if (option == 'l' && !(copies = fopen(optarg, "w")))
            fail(optarg);
        else if (option == '?')
            return 2;
    }
    if (!seen) {
        fputs("usage: sink -s FILE [-l FILE] [-d MS] [-p PORT]\n", stderr);
        return 2;
    }
    sigaction(SIGPIPE, &quiet, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGINT, &end, NULL);
    loop = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int listener = listen_on(port);
    struct epoll_event ready = {.events = EPOLLIN, .data.ptr = &listener}, tick = {.events = EPOLLIN, .data.ptr = &timer};
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &ready);
    epoll_ctl(loop, EPOLL_CTL_ADD, timer, &tick);
    while (!stopping) {
        int n = epoll_wait(loop, events, EVENTS, 1000);
        for (int at = 0; at < n; at++) {
            if (events[at].data.ptr == &listener)
                welcome(listener, all);
            else if (events[at].data.ptr == &timer)
                release_due();
            else if (((struct connection *)events[at].data.ptr)->fd >= 0)
                serve(events[at].data.ptr);
        }
    }
    if (copies)
        fclose(copies);
    return 0;
}
