//! The program as a supervisor sees it: it starts from nothing, says where it listens, answers, and goes down when asked.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test's helpers cannot do fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Host {
    child: Child,
    address: String,
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn serve(data: &Path, password: Option<&str>) -> Host {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capstan"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.join("data")).arg("--plugins").arg(data.join("none"));
    command.env_remove("CAPSTAN_ADMIN_USER").env_remove("CAPSTAN_ADMIN_PASSWORD").stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(password) = password {
        command.env("CAPSTAN_ADMIN_USER", "root").env("CAPSTAN_ADMIN_PASSWORD", password);
    }
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}")).to_owned();
    Host { child, address }
}

impl Host {
    /// Status and body.
    fn get(&self, path: &str, authorization: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{authorization}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    fn terminate(&mut self) -> std::process::ExitStatus {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(asked.elapsed() < Duration::from_secs(30), "it did not go down in time");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// `root:right`
const RIGHT: &str = "authorization: Basic cm9vdDpyaWdodA==\r\n";
/// `root:wrong`
const WRONG: &str = "authorization: Basic cm9vdDp3cm9uZw==\r\n";

#[test]
fn it_starts_from_nothing_answers_and_goes_down_when_asked() {
    let data = tempfile::tempdir().unwrap();
    let mut host = serve(data.path(), Some("right"));
    assert_eq!(host.get("/livez", "").0, 200);
    assert_eq!(host.get("/readyz", "").0, 200);
    assert_eq!(host.get("/capstan/v1/plugins", "").0, 401);
    assert_eq!(host.get("/capstan/v1/plugins", WRONG).0, 401);
    let (status, body) = host.get("/capstan/v1/plugins", RIGHT);
    assert_eq!((status, body.contains("\"plugins\":[]")), (200, true), "{body}");
    assert_eq!(host.get("/api/v2/pools", RIGHT).0, 200);
    for document in ["/api/v2/openapi.json", "/api/openapi.json", "/capstan/v1/openapi.json"] {
        assert!(host.get(document, "").1.contains("\"openapi\""), "{document}");
    }
    assert_eq!(host.get("/nothing", "").0, 404);
    let (_, metrics) = host.get("/metrics", "");
    assert!(metrics.contains("capstan_http_requests_total{door=\"admin\",method=\"GET\",status=\"401\"} 2"), "{metrics}");
    assert!(metrics.contains("capstan_plugin_calls_total"), "{metrics}");
    assert!(host.terminate().success());
    // The second start finds the administrator of the first, whatever the environment says.
    let host = serve(data.path(), Some("another"));
    assert_eq!(host.get("/capstan/v1/plugins", RIGHT).0, 200);
}

#[test]
fn without_a_password_one_is_made_up_and_printed_once() {
    let data = tempfile::tempdir().unwrap();
    let mut host = serve(data.path(), None);
    assert!(host.terminate().success());
    let mut printed = String::new();
    host.child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(printed.matches("administrator 'admin' was made with the password").count(), 1, "{printed}");
    let mut host = serve(data.path(), None);
    assert!(host.terminate().success());
    let mut printed = String::new();
    host.child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(!printed.contains("password"), "{printed}");
}

#[test]
fn a_configuration_that_cannot_be_used_is_named_and_the_exit_is_not_zero() {
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("capstan.toml");
    std::fs::write(&config, "[api]\nthreds = 3\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_capstan"))
        .args(["serve", "--data"])
        .arg(data.path().join("data"))
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("capstan.toml") && told.contains("threds"), "{told}");
}
