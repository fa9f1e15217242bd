//! Linux's generic SCSI driver (`/dev/sg*`): commands by the ioctl SG_IO, version 3 of its interface.
//!
//! Source: `scsi/sg.h` of Linux.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::ptr;
use std::time::Duration;

use capstan_domain::{Failure, Outcome};
use capstan_grants::DeviceGrant;
use libc::{c_int, c_uchar, c_uint, c_ushort, c_void};

use super::answer;
use super::passage::{Direction, Ended, Passage};
use crate::limits;

/// The driver's number among character devices.
const MAJOR: u32 = 21;

const SG_IO: libc::Ioctl = 0x2285;
const SG_SET_RESERVED_SIZE: libc::Ioctl = 0x2275;

const INTERFACE: c_int = b'S' as c_int;
const DIRECTION_NONE: c_int = -1;
const DIRECTION_TO_DEVICE: c_int = -2;
const DIRECTION_FROM_DEVICE: c_int = -3;
/// Without a copy, where the system's administrator allows it (`allow_dio`); with one otherwise.
const FLAG_DIRECT_IO: c_uint = 1;

/// `struct sg_io_hdr`.
#[repr(C)]
struct Header {
    interface_id: c_int,
    dxfer_direction: c_int,
    cmd_len: c_uchar,
    mx_sb_len: c_uchar,
    iovec_count: c_ushort,
    dxfer_len: c_uint,
    dxferp: *mut c_void,
    cmdp: *const c_uchar,
    sbp: *mut c_uchar,
    timeout: c_uint,
    flags: c_uint,
    pack_id: c_int,
    usr_ptr: *mut c_void,
    status: c_uchar,
    masked_status: c_uchar,
    msg_status: c_uchar,
    sb_len_wr: c_uchar,
    host_status: c_ushort,
    driver_status: c_ushort,
    resid: c_int,
    duration: c_uint,
    info: c_uint,
}

/// A request of the driver, with the argument it takes.
enum Request<'a> {
    Io(&'a mut Header),
    Reserve(&'a mut c_int),
}

pub(super) struct Generic {
    file: File,
}

impl Generic {
    /// Opens the granted device. It may be another one than yesterday: who it is, whoever uses it has to ask.
    pub(super) fn open(grant: &DeviceGrant) -> Outcome<Self> {
        let path = grant.path();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            // Somebody else's lock on it is told, not waited for.
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(path)
            .map_err(|cause| answer::closed(path, &cause))?;
        let what = file.metadata().map_err(|cause| answer::closed(path, &cause))?;
        if !what.file_type().is_char_device() || rustix::fs::major(what.rdev()) != MAJOR {
            return Err(Failure::invalid(format!("{path} is no device of the generic SCSI driver"))
                .with_next_step("Name a /dev/sg device: `lsscsi -g` lists them."));
        }
        let device = Self { file };
        // Memory that cannot be set aside is got when it is needed.
        let mut wanted = c_int::try_from(limits::SCSI_RESERVED_BYTES).unwrap_or(c_int::MAX);
        if let Err(cause) = device.control(Request::Reserve(&mut wanted)) {
            tracing::debug!(%path, %cause, "no memory was set aside for a device");
        }
        Ok(device)
    }

    fn control(&self, request: Request<'_>) -> io::Result<()> {
        let (number, argument): (_, *mut c_void) = match request {
            Request::Io(header) => (SG_IO, ptr::from_mut(header).cast()),
            Request::Reserve(bytes) => (SG_SET_RESERVED_SIZE, ptr::from_mut(bytes).cast()),
        };
        #[expect(unsafe_code, reason = "no safe interface gives commands to SCSI devices")]
        // SAFETY: the argument is what the driver takes for this request and lives through the call, and so do the CDB, the sense and the
        // buffer that a header points to, with the lengths it says (`pass`): the driver has let go of all of them when it comes back.
        let result = unsafe { libc::ioctl(self.file.as_raw_fd(), number, argument) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Passage for Generic {
    fn pass(&mut self, cdb: &[u8], direction: Direction, buffer: &mut [u8], timeout: Duration) -> io::Result<Ended> {
        let too_long = |_| io::Error::from_raw_os_error(libc::EMSGSIZE);
        let mut sense = [0; limits::SCSI_SENSE_BYTES as usize];
        let mut header = Header {
            interface_id: INTERFACE,
            dxfer_direction: match direction {
                Direction::None => DIRECTION_NONE,
                Direction::ToDevice => DIRECTION_TO_DEVICE,
                Direction::FromDevice => DIRECTION_FROM_DEVICE,
            },
            cmd_len: c_uchar::try_from(cdb.len()).map_err(too_long)?,
            mx_sb_len: limits::SCSI_SENSE_BYTES,
            iovec_count: 0,
            dxfer_len: c_uint::try_from(buffer.len()).map_err(too_long)?,
            dxferp: buffer.as_mut_ptr().cast(),
            cmdp: cdb.as_ptr(),
            sbp: sense.as_mut_ptr(),
            timeout: c_uint::try_from(timeout.as_millis()).unwrap_or(c_uint::MAX).max(1),
            flags: if direction == Direction::None { 0 } else { FLAG_DIRECT_IO },
            pack_id: 0,
            usr_ptr: ptr::null_mut(),
            status: 0,
            masked_status: 0,
            msg_status: 0,
            sb_len_wr: 0,
            host_status: 0,
            driver_status: 0,
            resid: 0,
            duration: 0,
            info: 0,
        };
        self.control(Request::Io(&mut header))?;
        let left = usize::try_from(header.resid).unwrap_or(0);
        Ok(Ended {
            status: header.status,
            host: header.host_status,
            driver: header.driver_status,
            sense: sense.get(..usize::from(header.sb_len_wr)).unwrap_or(&sense).to_vec(),
            moved: buffer.len().saturating_sub(left),
        })
    }
}

/// From now on signals go to other threads than this. One that came in the middle of a command would have the kernel begin the call anew: the
/// command would be given twice.
pub(super) fn leave_signals_to_others() -> io::Result<()> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    #[expect(unsafe_code, reason = "no safe interface of the crates that are here sets a thread's signals")]
    // SAFETY: the set is filled before it is read, and nothing is asked of the old one.
    let result = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    /// As the kernel has it where pointers have 64 bits.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_header_lies_in_memory_as_the_driver_has_it() {
        assert_eq!(size_of::<Header>(), 88);
        assert_eq!((offset_of!(Header, dxferp), offset_of!(Header, sbp), offset_of!(Header, timeout)), (16, 32, 40));
        assert_eq!((offset_of!(Header, usr_ptr), offset_of!(Header, status), offset_of!(Header, resid)), (56, 64, 72));
    }
}
