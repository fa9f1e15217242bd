/* SCSI generic devices (/dev/sgN, major 21) where the kernel has none: a library for LD_PRELOAD.
 *
 * CAPSTAN_SG_DIRECTORY names a directory of Unix sockets sg0, sg1, ... A program that opens one of them gets a connection that
 * looks like a character device to the calls of the stat family and takes the ioctls SG_IO (interface 3), SG_GET_VERSION_NUM,
 * SG_GET_RESERVED_SIZE and SG_SET_RESERVED_SIZE. Nothing is kept about a descriptor: one is known by the name of the socket at
 * its other end, so dup, close, fcntl and exec are the kernel's. Framing: src/shim/frame.rs.
 *
 * What it does not see: system calls made without the C library, read and write of sg's older interface, and two processes that
 * use one open descriptor at the same time. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <scsi/sg.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one structure serves both names");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little-endian");

enum { MAJOR = 21, VERSION = 30536 };
/* Bytes of data of one command; the kernel's limit is a host adapter's. */
enum { MOST_DATA = 16 << 20, MOST_PARTS = 1024 };
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

/* The function of that name which would be called without this library. */
#define NEXT(name)                                                      \
    ({                                                                  \
        static __typeof__(&name) found;                                 \
        __typeof__(&name) next = __atomic_load_n(&found, __ATOMIC_RELAXED); \
        if (!next) {                                                    \
            next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);          \
            __atomic_store_n(&found, next, __ATOMIC_RELAXED);           \
        }                                                               \
        next;                                                           \
    })

/* The directory without symbolic links; empty where there is none. */
static char directory[PATH_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void look(void)
{
    const char *named = getenv("CAPSTAN_SG_DIRECTORY");
    if (!named || !realpath(named, directory))
        directory[0] = 0;
}

/* N of a path "<directory>/sgN"; -1: it is none. */
static int number_of(const char *path)
{
    pthread_once(&once, look);
    size_t length = strlen(directory);
    if (!length || strncmp(path, directory, length) || strncmp(path + length, "/sg", 3))
        return -1;
    const char *digits = path + length + 3;
    char *end;
    if (*digits < '0' || *digits > '9')
        return -1;
    long number = strtol(digits, &end, 10);
    return *end || number > 0xfffff ? -1 : (int)number;
}

/* That of a path as a program names it; `real` has room for PATH_MAX bytes. */
static int number_at(int at, const char *path, char *real)
{
    char through[PATH_MAX];
    int error = errno, number = -1;
    if (at != AT_FDCWD && path[0] != '/') {
        int length = snprintf(through, sizeof through, "/proc/self/fd/%d/%s", at, path);
        path = length > 0 && (size_t)length < sizeof through ? through : "";
    }
    if (realpath(path, real))
        number = number_of(real);
    errno = error;
    return number;
}

/* That of an open descriptor. */
static int number_behind(int fd)
{
    struct sockaddr_un peer = {0};
    socklen_t length = sizeof peer - 1;
    int error = errno, number = -1;
    if (!getpeername(fd, (struct sockaddr *)&peer, &length) && peer.sun_family == AF_UNIX)
        number = number_of(peer.sun_path);
    errno = error;
    return number;
}

/* ---- opening ---- */

static int connected(const char *path, int flags)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | (flags & O_CLOEXEC ? SOCK_CLOEXEC : 0), 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        /* As of a device whose hardware has gone. */
        errno = ENXIO;
        return -1;
    }
    if (flags & O_NONBLOCK)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* After the kernel refused to open a socket. */
static int instead(int at, const char *path, int flags)
{
    char real[PATH_MAX];
    if (errno != ENXIO || number_at(at, path, real) < 0)
        return -1;
    return connected(real, flags);
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                      \
    int name(const char *path, int flags, ...)          \
    {                                                   \
        va_list rest;                                   \
        va_start(rest, flags);                          \
        mode_t mode = mode_of(flags, rest);             \
        va_end(rest);                                   \
        int fd = NEXT(name)(path, flags, mode);         \
        return fd < 0 ? instead(AT_FDCWD, path, flags) : fd; \
    }
#define OPENAT(name)                                    \
    int name(int at, const char *path, int flags, ...)  \
    {                                                   \
        va_list rest;                                   \
        va_start(rest, flags);                          \
        mode_t mode = mode_of(flags, rest);             \
        va_end(rest);                                   \
        int fd = NEXT(name)(at, path, flags, mode);     \
        return fd < 0 ? instead(at, path, flags) : fd;  \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* What the C library's headers make of them in programs that are built with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags) { return open64(path, flags); }
int __openat_2(int at, const char *path, int flags) { return openat(at, path, flags); }
int __openat64_2(int at, const char *path, int flags) { return openat64(at, path, flags); }

/* ---- looking ---- */

/* `by_descriptor`: `at` itself is meant. */
static int number_seen(int at, const char *path, int by_descriptor)
{
    char real[PATH_MAX];
    return by_descriptor ? number_behind(at) : number_at(at, path, real);
}

static int shown(int result, struct stat *seen, int at, const char *path, int by_descriptor)
{
    int number;
    if (!result && S_ISSOCK(seen->st_mode) && (number = number_seen(at, path, by_descriptor)) >= 0) {
        seen->st_mode = S_IFCHR | 0660;
        seen->st_rdev = makedev(MAJOR, number);
    }
    return result;
}

#define STAT(name, type) \
    int name(const char *path, type *seen) { return shown(NEXT(name)(path, seen), (struct stat *)seen, AT_FDCWD, path, 0); }
#define FSTAT(name, type) \
    int name(int fd, type *seen) { return shown(NEXT(name)(fd, seen), (struct stat *)seen, fd, "", 1); }
#define FSTATAT(name, type)                                                                  \
    int name(int at, const char *path, type *seen, int flags)                                \
    {                                                                                        \
        int own = flags & AT_EMPTY_PATH && !path[0];                                         \
        return shown(NEXT(name)(at, path, seen, flags), (struct stat *)seen, at, path, own); \
    }
STAT(stat, struct stat)
STAT(stat64, struct stat64)
STAT(lstat, struct stat)
STAT(lstat64, struct stat64)
FSTAT(fstat, struct stat)
FSTAT(fstat64, struct stat64)
FSTATAT(fstatat, struct stat)
FSTATAT(fstatat64, struct stat64)

int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict seen)
{
    int number, result = NEXT(statx)(at, path, flags, mask, seen);
    /* Whether it is there is tried without a path. */
    if (result || !S_ISSOCK(seen->stx_mode))
        return result;
    if ((number = number_seen(at, path, flags & AT_EMPTY_PATH && !path[0])) >= 0) {
        seen->stx_mode = S_IFCHR | 0660;
        seen->stx_rdev_major = MAJOR;
        seen->stx_rdev_minor = (unsigned)number;
    }
    return result;
}

/* ---- one command at a time on a connection, however many descriptors it has ---- */

struct turn {
    struct turn *next;
    ino_t connection;
    unsigned users;
    pthread_mutex_t taken;
};
static struct turn *turns;
static pthread_mutex_t turns_lock = PTHREAD_MUTEX_INITIALIZER;

static struct turn *take_turn(int fd)
{
    struct stat seen;
    if (NEXT(fstat)(fd, &seen))
        return NULL;
    pthread_mutex_lock(&turns_lock);
    struct turn *turn = turns;
    while (turn && turn->connection != seen.st_ino)
        turn = turn->next;
    if (!turn && (turn = calloc(1, sizeof *turn))) {
        turn->connection = seen.st_ino;
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

static int execute(int fd, sg_io_hdr_t *header)
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

int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if ((request & ~0xffUL) != (SG_IO & ~0xffUL) || number_behind(fd) < 0)
        return NEXT(ioctl)(fd, request, argument);
    switch (request) {
    case SG_IO:
        return execute(fd, argument);
    case SG_GET_VERSION_NUM:
        *(int *)argument = VERSION;
        return 0;
    case SG_GET_RESERVED_SIZE:
        *(int *)argument = MOST_DATA;
        return 0;
    case SG_SET_RESERVED_SIZE:
        if (*(int *)argument >= 0)
            return 0;
        errno = EINVAL;
        return -1;
    default:
        errno = EINVAL;
        return -1;
    }
}
