/* SCSI generic devices (/dev/sgN, major 21) where the kernel has none: a library for LD_PRELOAD.
 *
 * CAPSTAN_SG_DIRECTORY names a directory of Unix sockets sg0, sg1, ... A program that opens one of them gets a connection that
 * looks like a character device to the calls of the stat family and takes the ioctls SG_IO (interface 3), SG_GET_VERSION_NUM,
 * SG_GET_RESERVED_SIZE and SG_SET_RESERVED_SIZE. Nothing is kept about a descriptor: one is known by the name of the socket at
 * its other end, so dup, close, fcntl and exec are the kernel's. Commands: sg_io.c.
 *
 * What it does not see: system calls made without the C library, read and write of sg's older interface, and two processes that
 * use one open descriptor at the same time. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <scsi/sg.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "sg_io.h"

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one structure serves both names");

enum { MAJOR = 21, VERSION = 30536 };

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
        return sg_io(fd, argument);
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
