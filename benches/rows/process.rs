//! O1 and O2: the binary by itself.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::{Connection, get};
use crate::report;

fn start(dir: &Path, port: u16) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kith"))
        .arg("serve")
        .env("KITH_DATA_DIR", dir)
        .env("KITH_LISTEN", format!("127.0.0.1:{port}"))
        .env("KITH_PUBLIC_URL", format!("http://localhost:{port}"))
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts")
}

/// Seconds until the instance entity is answered.
async fn until_answering(port: u16, began: Instant) -> f64 {
    loop {
        if tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
        {
            let mut connection = Connection::open(&format!("127.0.0.1:{port}")).await;
            let request = get("localhost", "/api/v2/instance", "");
            let text = String::from_utf8_lossy(&request).replace("Authorization: Bearer \r\n", "");
            assert_eq!(connection.send(text.as_bytes()).await.0, 200);
            return began.elapsed().as_secs_f64();
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the server does not answer"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Resident memory in MiB.
fn resident(child: &Child) -> f64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("a process");
    let line = status
        .lines()
        .find(|l| l.starts_with("VmRSS:"))
        .expect("a size");
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .expect("a size")
        .parse()
        .expect("a number");
    kib / 1024.0
}

pub async fn start_and_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    for (what, target) in [
        ("new database", "≤ 0.30 s"),
        ("existing database", "≤ 0.10 s"),
    ] {
        let began = Instant::now();
        let mut child = start(dir.path(), port);
        let seconds = until_answering(port, began).await;
        report(
            "O2",
            &format!("start until /api/v2/instance answers, {what}"),
            format!("{seconds:.3} s"),
            target,
        );
        if what == "existing database" {
            tokio::time::sleep(Duration::from_secs(2)).await;
            report(
                "O1",
                "resident memory, idle",
                format!("{:.1} MiB", resident(&child)),
                "≤ 30 MiB",
            );
        }
        child.kill().expect("the server ends");
        child.wait().expect("the server ends");
    }
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_kith"))
        .expect("the binary")
        .len();
    report(
        "O3",
        "binary",
        format!("{:.1} MiB", size as f64 / 1048576.0),
        "≤ 40 MiB",
    );
}
