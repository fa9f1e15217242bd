//! The port mapper (RFC 1833, section 3): at which port a program listens.

use crate::rpc::Procedure;
use crate::xdr::{Malformed, Reader, Writer};

/// Where every port mapper listens.
pub const PORT: u16 = 111;
const TCP: u32 = 6;

/// PMAPPROC_GETPORT.
#[derive(Clone, Copy, Debug)]
pub struct GetPort {
    pub program: u32,
    pub version: u32,
}

impl Procedure for GetPort {
    const PROGRAM: u32 = 100_000;
    const VERSION: u32 = 2;
    const NUMBER: u32 = 3;
    const NAME: &'static str = "GETPORT";
    /// None: the program is not registered for TCP.
    type Answer = Option<u16>;

    fn ask(&self, out: &mut Writer) {
        for word in [self.program, self.version, TCP, 0] {
            out.u32(word);
        }
    }

    fn read(answer: &mut Reader<'_>) -> Result<Option<u16>, Malformed> {
        let port = answer.u32("port")?;
        u16::try_from(port).map(|port| Some(port).filter(|port| *port != 0)).map_err(|_| Malformed("port"))
    }
}
