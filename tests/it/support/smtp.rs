//! A mail server that others wrote: aiosmtpd, as `tests/peers/smtp/sink.py` runs it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::peer::eventually;

/// A running one. It ends when it is dropped.
pub struct Sink {
    pub port: u16,
    got: Arc<Mutex<Vec<Value>>>,
    child: Child,
}

/// A port where nothing listens yet.
pub fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    free.local_addr().expect("an address").port()
}

/// The Python that has aiosmtpd, and apkit.
pub fn python() -> PathBuf {
    match std::env::var_os("KITH_TEST_PYTHON") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin/python"),
    }
}

impl Sink {
    /// Starts one on a port, with arguments of the script.
    pub async fn start(port: u16, arguments: &[&str]) -> Sink {
        let python = python();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smtp/sink.py");
        let mut child = Command::new(&python)
            .arg(script)
            .arg(port.to_string())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{} does not start: {error}; tests/run.sh makes it, KITH_TEST_PYTHON names another",
                    python.display()
                )
            });
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let got: Arc<Mutex<Vec<Value>>> = Arc::default();
        let lines = got.clone();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).expect("a line of JSON");
                lines.lock().expect("no panic in here").push(value);
            }
        });
        let mut sink = Sink { port, got, child };
        eventually("the mail server listens", async || {
            if let Some(status) = sink.child.try_wait().expect("a child") {
                panic!("the mail server ended: {status}: is aiosmtpd installed?");
            }
            (!sink.got.lock().expect("no panic in here").is_empty()).then_some(())
        })
        .await;
        sink
    }

    /// What came, oldest first.
    pub fn messages(&self) -> Vec<Value> {
        let got = self.got.lock().expect("no panic in here");
        got.iter().skip(1).cloned().collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
