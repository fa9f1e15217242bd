/* Uses sg0 and sg1 of the working directory; one argument says what for. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <scsi/sg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#define HOLD(what)                                                                      \
    do {                                                                                \
        if (!(what)) {                                                                  \
            fprintf(stderr, "line %d: not %s (errno %d)\n", __LINE__, #what, errno);    \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)

enum { TEST_UNIT_READY = 0x00, READ = 0x08, WRITE = 0x0a, INQUIRY = 0x12, WAIT = 0xd0, CUT = 0xd1 };
enum { NO_CONNECT = 1, TIME_OUT = 3 };

static unsigned char sense[64];

static sg_io_hdr_t header(unsigned char *cdb, int direction, void *data, unsigned length)
{
    return (sg_io_hdr_t){.interface_id = 'S', .cmd_len = 6, .cmdp = cdb, .dxfer_direction = direction, .dxferp = data,
                         .dxfer_len = length, .sbp = sense, .mx_sb_len = sizeof sense, .timeout = 5000};
}

static sg_io_hdr_t simple(int fd, unsigned char operation, unsigned char second, unsigned timeout)
{
    unsigned char cdb[6] = {operation, second};
    sg_io_hdr_t command = header(cdb, SG_DXFER_NONE, NULL, 0);
    command.timeout = timeout;
    HOLD(!ioctl(fd, SG_IO, &command));
    return command;
}

static int opened(const char *name)
{
    int fd = open(name, O_RDWR | O_CLOEXEC);
    HOLD(fd >= 0);
    return fd;
}

static sg_io_hdr_t inquire(int fd)
{
    unsigned char cdb[6] = {INQUIRY, 0, 0, 0, 96}, data[96];
    sg_io_hdr_t command = header(cdb, SG_DXFER_FROM_DEV, data, sizeof data);
    HOLD(!ioctl(fd, SG_IO, &command));
    HOLD(command.host_status || !memcmp(data + 8, "CAPSTAN FAKE", 12));
    return command;
}

#define IS_DEVICE(call, seen) \
    HOLD(!(call) && S_ISCHR((seen).st_mode) && major((seen).st_rdev) == 21 && minor((seen).st_rdev) == 1)
#define IS_DEVICE_EXTENDED(call, seen) \
    HOLD(!(call) && S_ISCHR((seen).stx_mode) && (seen).stx_rdev_major == 21 && (seen).stx_rdev_minor == 1)

static void look(void)
{
    struct stat seen;
    struct stat64 seen64;
    struct statx extended;
    int directory = open(".", O_RDONLY | O_DIRECTORY);
    HOLD(directory >= 0);
    int fd = openat(directory, "sg1", O_RDWR);
    HOLD(fd >= 0);
    IS_DEVICE(stat("sg1", &seen), seen);
    IS_DEVICE(lstat("./sg1", &seen), seen);
    IS_DEVICE(stat64("sg1", &seen64), seen64);
    IS_DEVICE(fstat(fd, &seen), seen);
    IS_DEVICE(fstat64(fd, &seen64), seen64);
    IS_DEVICE(fstatat(directory, "sg1", &seen, 0), seen);
    IS_DEVICE(fstatat(fd, "", &seen, AT_EMPTY_PATH), seen);
    IS_DEVICE_EXTENDED(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &extended), extended);
    IS_DEVICE_EXTENDED(statx(AT_FDCWD, "sg1", 0, STATX_BASIC_STATS, &extended), extended);
    HOLD(!symlink("sg1", "changer") && !lstat("changer", &seen) && S_ISLNK(seen.st_mode));
    IS_DEVICE(stat("changer", &seen), seen);
    close(opened("changer"));

    int made = open("file", O_CREAT | O_EXCL | O_RDWR, 0640);
    HOLD(made >= 0 && !fstat(made, &seen) && S_ISREG(seen.st_mode) && (seen.st_mode & 0777) == (0640 & ~022));
    HOLD(!stat(".", &seen) && S_ISDIR(seen.st_mode));
    HOLD(open("sg7", O_RDWR) < 0 && errno == ENOENT);
    int size = 0;
    HOLD(ioctl(made, SG_GET_VERSION_NUM, &size) < 0 && errno == ENOTTY);
}

static void inquiry(void)
{
    int fd = opened("sg0"), number = 0;
    sg_io_hdr_t command = inquire(fd);
    HOLD(!command.status && !command.host_status && !command.driver_status && !command.info && !command.sb_len_wr);
    HOLD(command.resid == 96 - 36);
    HOLD(!ioctl(fd, SG_GET_VERSION_NUM, &number) && number >= 30000);
    number = 1 << 20;
    HOLD(!ioctl(fd, SG_SET_RESERVED_SIZE, &number));
    HOLD(!ioctl(fd, SG_GET_RESERVED_SIZE, &number) && number >= 1 << 20);
}

static void sensed(void)
{
    int fd = opened("sg0");
    sg_io_hdr_t command = simple(fd, TEST_UNIT_READY, 0, 5000);
    HOLD(command.status == 2 && command.masked_status == 1 && command.driver_status == 8 && command.info & SG_INFO_CHECK);
    HOLD(command.sb_len_wr == 18 && (sense[2] & 15) == 6 && sense[12] == 0x29);
    HOLD(!simple(fd, TEST_UNIT_READY, 0, 5000).status);
    unsigned char cdb[6] = {0xff};
    command = header(cdb, SG_DXFER_NONE, NULL, 0);
    command.mx_sb_len = 8;
    sense[8] = 0x55;
    HOLD(!ioctl(fd, SG_IO, &command) && command.sb_len_wr == 8 && sense[8] == 0x55);
}

static void copy(void)
{
    enum { LENGTH = 3000001, MORE = 3100000 };
    int fd = opened("sg0");
    unsigned char *out = malloc(LENGTH), *in = calloc(1, MORE);
    HOLD(out && in);
    for (int at = 0; at < LENGTH; at++)
        out[at] = (unsigned char)(at * 7 % 251);
    unsigned char write[6] = {WRITE, 0, LENGTH >> 16, LENGTH >> 8 & 255, LENGTH & 255};
    unsigned char read[6] = {READ, 0, MORE >> 16, MORE >> 8 & 255, MORE & 255};
    sg_io_hdr_t command = header(write, SG_DXFER_TO_DEV, out, LENGTH);
    HOLD(!ioctl(fd, SG_IO, &command) && !command.status && !command.resid);
    command = header(read, SG_DXFER_FROM_DEV, in, MORE);
    HOLD(!ioctl(fd, SG_IO, &command) && !command.status && command.resid == MORE - LENGTH && !memcmp(in, out, LENGTH));

    memset(in, 0, MORE);
    struct iovec parts[] = {{out, 1}, {out + 1, 99999}, {out + 100000, LENGTH - 100000}};
    command = header(write, SG_DXFER_TO_DEV, parts, LENGTH);
    command.iovec_count = 3;
    HOLD(!ioctl(fd, SG_IO, &command) && !command.status);
    struct iovec halves[] = {{in, 1000000}, {in + 1000000, MORE - 1000000}};
    command = header(read, SG_DXFER_FROM_DEV, halves, MORE);
    command.iovec_count = 2;
    HOLD(!ioctl(fd, SG_IO, &command) && command.resid == MORE - LENGTH && !memcmp(in, out, LENGTH));
    /* No more comes than there is room for. */
    command = header(read, SG_DXFER_FROM_DEV, in, 10);
    in[10] = 0x55;
    HOLD(!ioctl(fd, SG_IO, &command) && !command.resid && in[9] == out[9] && in[10] == 0x55);
}

static void late(void)
{
    int fd = opened("sg0");
    sg_io_hdr_t command = simple(fd, WAIT, 50, 100);
    HOLD(command.host_status == TIME_OUT && command.info & SG_INFO_CHECK && command.duration >= 100 && command.duration < 450);
    /* Behind it, as long as the device is at it. */
    command = inquire(fd);
    HOLD(!command.host_status && command.duration > 100);
    command = simple(fd, WAIT, 20, 5000);
    HOLD(!command.host_status && command.duration >= 190);
}

static void duplicates(void)
{
    int first = opened("sg0"), second = dup(first), third = fcntl(first, F_DUPFD_CLOEXEC, 50);
    HOLD(second >= 0 && third >= 50 && !close(first));
    HOLD(ioctl(first, SG_IO, NULL) < 0 && errno == EBADF);
    HOLD(!inquire(second).status && !close(second) && !inquire(third).status && !close(third));
    int file = open("/dev/null", O_RDWR);
    HOLD(file == first && ioctl(file, SG_IO, NULL) < 0 && errno == ENOTTY);
}

static void cut(void)
{
    int fd = opened("sg0");
    HOLD(simple(fd, CUT, 0, 5000).host_status == NO_CONNECT);
    unsigned char cdb[6] = {TEST_UNIT_READY};
    sg_io_hdr_t command = header(cdb, SG_DXFER_NONE, NULL, 0);
    HOLD(ioctl(fd, SG_IO, &command) < 0 && errno == ENODEV);
    struct stat seen;
    HOLD(!inquire(opened("sg0")).status && !fstat(fd, &seen));
}

static void *wait_on(void *fd)
{
    sg_io_hdr_t command = simple(*(int *)fd, WAIT, 50, 5000);
    HOLD(!command.host_status);
    return NULL;
}

static void threads(void)
{
    int first = opened("sg0"), second = opened("sg1");
    pthread_t waiting, also;
    HOLD(!pthread_create(&waiting, NULL, wait_on, &first) && !usleep(50000));
    HOLD(inquire(second).duration < 300);
    HOLD(!pthread_create(&also, NULL, wait_on, &first) && !usleep(50000));
    inquire(first);
    HOLD(!pthread_join(waiting, NULL) && !pthread_join(also, NULL));
}

static void refusals(void)
{
    int fd = opened("sg0"), value = -1;
    unsigned char cdb[6] = {INQUIRY}, data[8];
    sg_io_hdr_t command = header(cdb, SG_DXFER_FROM_DEV, data, sizeof data);
    command.interface_id = 'Q';
    HOLD(ioctl(fd, SG_IO, &command) < 0 && errno == ENOSYS);
    command = header(cdb, SG_DXFER_FROM_DEV, data, sizeof data);
    command.cmd_len = 5;
    HOLD(ioctl(fd, SG_IO, &command) < 0 && errno == EMSGSIZE);
    command = header(cdb, SG_DXFER_FROM_DEV, NULL, sizeof data);
    HOLD(ioctl(fd, SG_IO, &command) < 0 && errno == EFAULT);
    command = header(cdb, SG_DXFER_FROM_DEV, data, 1u << 30);
    HOLD(ioctl(fd, SG_IO, &command) < 0 && errno == EINVAL);
    HOLD(ioctl(fd, SG_SET_RESERVED_SIZE, &value) < 0 && errno == EINVAL);
    HOLD(!inquire(fd).status);
}

static void nexuses(void)
{
    int first = opened("sg0"), second = opened("sg0");
    HOLD(simple(first, TEST_UNIT_READY, 0, 5000).status == 2 && simple(second, TEST_UNIT_READY, 0, 5000).status == 2);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"look", look}, {"inquiry", inquiry}, {"sense", sensed}, {"copy", copy}, {"late", late},
                 {"duplicates", duplicates}, {"cut", cut}, {"threads", threads}, {"refusals", refusals}, {"nexuses", nexuses}};
    for (size_t part = 0; count == 2 && part < sizeof parts / sizeof *parts; part++) {
        if (!strcmp(parts[part].name, arguments[1])) {
            parts[part].run();
            return 0;
        }
    }
    return 2;
}
