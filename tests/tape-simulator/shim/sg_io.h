#ifndef SG_IO_H
#define SG_IO_H
#include <scsi/sg.h>

/* Bytes of data of one command; the kernel's limit is a host adapter's. */
enum { MOST_DATA = 16 << 20 };

/* The ioctl of that name on a connection. Hidden: the program may have a function of that name. */
__attribute__((visibility("hidden"))) int sg_io(int fd, sg_io_hdr_t *header);

#endif
