/* SG_IO over a connection to the simulator. Framing: src/shim/frame.rs. */
#define _GNU_SOURCE
#include "sg_io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little-endian");

enum { MOST_PARTS = 1024 };
/* Milliseconds: of a command without a time of its own, and for the rest of a frame that has begun. */
enum { DEFAULT_TIMEOUT = 60000, FRAME_PATIENCE = 30000 };
enum { CHECK_CONDITION = 2, DRIVER_SENSE = 8, HOST_NO_CONNECT = 1, HOST_TIME_OUT = 3 };
enum { KIND_COMMAND = 1, KIND_ABANDON = 2 };
/* A flag that the C library's header does not have. */
enum { MAPPED_DATA = 4 };
enum { DIRECTION_NONE = 0, DIRECTION_OUT = 1, DIRECTION_IN = 2 };

struct request {
    uint32_t length, tag;
    uint8_t kind, cdb_length, direction, zero;
    uint32_t data_length;
};

struct answer {
    uint32_t length, tag;
    uint8_t status, sense_length, zero[2];
    uint32_t data_length;
};

enum outcome { DONE, LATE, GONE };

/* ---- one command at a time on a connection, however many descriptors it has ---- */

struct turn {
    struct turn *next;
    uint64_t connection;
    unsigned users;
    pthread_mutex_t taken;
};
static struct turn *turns;
static pthread_mutex_t turns_lock = PTHREAD_MUTEX_INITIALIZER;

static struct turn *take_turn(int fd)
{
    uint64_t connection;
    socklen_t length = sizeof connection;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &connection, &length))
        return NULL;
    pthread_mutex_lock(&turns_lock);
    struct turn *turn = turns;
    while (turn && turn->connection != connection)
        turn = turn->next;
    if (!turn && (turn = calloc(1, sizeof *turn))) {
        turn->connection = connection;
        pthread_mutex_init(&turn->taken, NULL);
        turn->next = turns;
        turns = turn;
    }
    if (turn)
        turn->users++;
    pthread_mutex_unlock(&turns_lock);
    if (turn)
        pthread_mutex_lock(&turn->taken);
    return turn;
}

static void give_turn(struct turn *turn)
{
    pthread_mutex_unlock(&turn->taken);
    pthread_mutex_lock(&turns_lock);
    if (!--turn->users) {
        struct turn **place = &turns;
        while (*place != turn)
            place = &(*place)->next;
        *place = turn->next;
        pthread_mutex_destroy(&turn->taken);
        free(turn);
    }
    pthread_mutex_unlock(&turns_lock);
}

/* ---- frames ---- */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static enum outcome wait_for(int fd, short event, int64_t until)
{
    for (;;) {
        int64_t left = until - now();
        if (left <= 0)
            return LATE;
        struct pollfd wanted = {.fd = fd, .events = event};
        int ready = poll(&wanted, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (ready > 0)
            return DONE;
        if (ready < 0 && errno != EINTR)
            return GONE;
    }
}

/* Moves all bytes of `parts`, which it consumes. `moved` counts them. */
static enum outcome move(int fd, struct iovec *parts, size_t count, int sending, int64_t until, size_t *moved)
{
    for (;;) {
        while (count && !parts->iov_len)
            parts++, count--;
        if (!count)
            return DONE;
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count < IOV_MAX ? count : IOV_MAX};
        int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
        ssize_t bytes = sending ? sendmsg(fd, &message, flags) : recvmsg(fd, &message, flags);
        if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            enum outcome outcome = wait_for(fd, sending ? POLLOUT : POLLIN, until);
            if (outcome != DONE)
                return outcome;
            continue;
        }
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes <= 0)
            return GONE;
        *moved += (size_t)bytes;
        while (bytes > 0) {
            size_t part = (size_t)bytes < parts->iov_len ? (size_t)bytes : parts->iov_len;
            parts->iov_base = (char *)parts->iov_base + part;
            parts->iov_len -= part;
            bytes -= (ssize_t)part;
            if (!parts->iov_len)
                parts++, count--;
        }
    }
}

static enum outcome receive(int fd, void *to, size_t length, int64_t until, size_t *moved)
{
    struct iovec part = {to, length};
    return move(fd, &part, 1, 0, until, moved);
}

/* The rest of a frame that has begun; one that does not come ends the connection. */
static enum outcome receive_rest(int fd, void *to, size_t length)
{
    size_t moved = 0;
    return receive(fd, to, length, now() + FRAME_PATIENCE, &moved) == DONE ? DONE : GONE;
}

static enum outcome pass_over(int fd, size_t length)
{
    char unwanted[4096];
    while (length) {
        size_t part = length < sizeof unwanted ? length : sizeof unwanted;
        if (receive_rest(fd, unwanted, part) != DONE)
            return GONE;
        length -= part;
    }
    return DONE;
}

/* ---- SG_IO ---- */

struct command {
    sg_io_hdr_t *header;
    /* Data of either direction: the first parts are left to the frame. */
    struct iovec parts[MOST_PARTS + 2];
    size_t count, length;
    uint8_t direction;
};

/* 0, or what the ioctl fails with. */
static int understand(struct command *command, sg_io_hdr_t *header)
{
    command->header = header;
    command->length = header->dxfer_len;
    command->direction = DIRECTION_NONE;
    if (header->interface_id != 'S')
        return ENOSYS;
    if (!header->cmdp || header->cmd_len < 6)
        return EMSGSIZE;
    if (header->flags & MAPPED_DATA || header->dxfer_len > MOST_DATA || header->iovec_count > MOST_PARTS)
        return EINVAL;
    if (!header->dxfer_len || header->dxfer_direction == SG_DXFER_NONE) {
        command->length = command->count = 0;
        return 0;
    }
    if (!header->dxferp)
        return EFAULT;
    command->direction = header->dxfer_direction == SG_DXFER_TO_DEV ? DIRECTION_OUT : DIRECTION_IN;
    struct iovec whole = {header->dxferp, header->dxfer_len};
    const struct iovec *given = header->iovec_count ? header->dxferp : &whole;
    size_t left = header->dxfer_len, parts = header->iovec_count ? header->iovec_count : 1;
    for (command->count = 0; command->count < parts && left; command->count++) {
        struct iovec part = given[command->count];
        if (part.iov_len > left)
            part.iov_len = left;
        left -= part.iov_len;
        command->parts[2 + command->count] = part;
    }
    return left ? EINVAL : 0;
}

static enum outcome send_command(int fd, struct command *command, uint32_t tag, int64_t until)
{
    sg_io_hdr_t *header = command->header;
    size_t out = command->direction == DIRECTION_OUT ? command->length : 0;
    struct request request = {
        .length = (uint32_t)(sizeof request - sizeof request.length + header->cmd_len + out),
        .tag = tag,
        .kind = KIND_COMMAND,
        .cdb_length = header->cmd_len,
        .direction = command->direction,
        .data_length = (uint32_t)command->length,
    };
    size_t moved = 0;
    command->parts[0] = (struct iovec){&request, sizeof request};
    command->parts[1] = (struct iovec){header->cmdp, header->cmd_len};
    enum outcome outcome = move(fd, command->parts, 2 + (out ? command->count : 0), 1, until, &moved);
    /* Half a frame cannot be taken back. */
    return outcome == LATE && moved ? GONE : outcome;
}

static enum outcome receive_answer(int fd, struct command *command, uint32_t tag, int64_t until)
{
    sg_io_hdr_t *header = command->header;
    struct answer answer;
    for (;;) {
        size_t moved = 0;
        enum outcome outcome = receive(fd, &answer, sizeof answer, until, &moved);
        if (outcome == LATE && moved)
            outcome = receive_rest(fd, (char *)&answer + moved, sizeof answer - moved);
        if (outcome != DONE)
            return outcome;
        size_t rest = sizeof answer - sizeof answer.length;
        if (answer.length != rest + answer.sense_length + answer.data_length)
            return GONE;
        if (answer.tag == tag)
            break;
        /* That of a command whose time was over. */
        if (pass_over(fd, answer.length - rest) != DONE)
            return GONE;
    }
    size_t in = command->direction == DIRECTION_IN ? command->length : 0;
    if (answer.data_length > in)
        return GONE;
    uint8_t sense[UINT8_MAX];
    if (receive_rest(fd, sense, answer.sense_length) != DONE)
        return GONE;
    size_t left = answer.data_length, moved = 0, count;
    for (count = 0; count < command->count && left; count++) {
        struct iovec *part = &command->parts[2 + count];
        if (part->iov_len > left)
            part->iov_len = left;
        left -= part->iov_len;
    }
    if (move(fd, command->parts + 2, count, 0, now() + FRAME_PATIENCE, &moved) != DONE)
        return GONE;
    header->status = answer.status;
    header->masked_status = answer.status >> 1 & 0x1f;
    if (answer.sense_length && answer.status == CHECK_CONDITION) {
        header->driver_status = DRIVER_SENSE;
        header->sb_len_wr = answer.sense_length < header->mx_sb_len ? answer.sense_length : header->mx_sb_len;
        if (header->sbp)
            memcpy(header->sbp, sense, header->sb_len_wr);
        else
            header->sb_len_wr = 0;
    }
    header->resid = (int)(in - (in ? answer.data_length : 0));
    return DONE;
}

static void abandon(int fd, uint32_t tag)
{
    struct request request = {.length = sizeof request - sizeof request.length, .tag = tag, .kind = KIND_ABANDON};
    struct iovec part = {&request, sizeof request};
    size_t moved = 0;
    if (move(fd, &part, 1, 1, now() + FRAME_PATIENCE, &moved) != DONE)
        shutdown(fd, SHUT_RDWR);
}

int sg_io(int fd, sg_io_hdr_t *header)
{
    static uint32_t tags;
    struct command *command = malloc(sizeof *command);
    int error = command ? understand(command, header) : ENOMEM;
    struct turn *turn = error ? NULL : take_turn(fd);
    if (!turn) {
        free(command);
        errno = error ? error : ENODEV;
        return -1;
    }
    int64_t begun = now();
    int64_t allowed = header->timeout ? header->timeout : DEFAULT_TIMEOUT;
    uint32_t tag = __atomic_add_fetch(&tags, 1, __ATOMIC_RELAXED);
    header->status = header->masked_status = header->msg_status = header->sb_len_wr = 0;
    header->host_status = header->driver_status = 0;
    header->resid = (int)command->length;
    enum outcome sent = send_command(fd, command, tag, begun + allowed), outcome = sent;
    if (sent == DONE)
        outcome = receive_answer(fd, command, tag, begun + allowed);
    if (outcome == LATE) {
        header->host_status = HOST_TIME_OUT;
        if (sent == DONE)
            abandon(fd, tag);
    } else if (outcome == GONE) {
        header->host_status = HOST_NO_CONNECT;
        shutdown(fd, SHUT_RDWR);
    }
    header->duration = (unsigned)(now() - begun);
    header->info = header->status || header->host_status || header->driver_status ? SG_INFO_CHECK : SG_INFO_OK;
    give_turn(turn);
    free(command);
    /* A command that was under way ends with the status of its host; one that comes later has no device any more. */
    if (sent == GONE) {
        errno = ENODEV;
        return -1;
    }
    return 0;
}
