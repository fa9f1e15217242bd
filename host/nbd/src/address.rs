//! Where an export is listened for: "unix:/path" or "tcp:ADDRESS:PORT".

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use capstan_domain::Failure;

/// Bytes of a path that the kernel takes for a socket.
const SOCKET_PATH_MAX: usize = 107;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket, for the host's user alone. Absolute.
    Unix(PathBuf),
    /// Port 0 takes a free one.
    Tcp(SocketAddr),
}

impl FromStr for Address {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::invalid(format!("\"{}\" is no address to listen on: {why}", text.escape_default()))
                .with_code("address")
                .with_next_step("Write unix:/PATH or tcp:ADDRESS:PORT.")
        };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return match path.as_os_str().len() {
                _ if !path.is_absolute() => Err(wrong("the path of a socket is absolute")),
                length if length > SOCKET_PATH_MAX => Err(wrong("the path of a socket has at most 107 bytes")),
                _ => Ok(Self::Unix(path)),
            };
        }
        let tcp = text.strip_prefix("tcp:").ok_or_else(|| wrong("it begins with neither unix: nor tcp:"))?;
        tcp.parse().map(Self::Tcp).map_err(|_| wrong("behind tcp: stand an IP address and a port"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_is_read() {
        for text in ["unix:/run/x.sock", "tcp:127.0.0.1:10809", "tcp:[::1]:0"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("unix:/{}", "x".repeat(SOCKET_PATH_MAX));
        for text in ["", "unix:", "unix:x", "tcp:", "tcp:localhost:1", "tcp:127.0.0.1", "tcp:127.0.0.1:70000", "/x", &long] {
            assert_eq!(text.parse::<Address>().unwrap_err().code.as_deref(), Some("address"), "{text}");
        }
    }
}
