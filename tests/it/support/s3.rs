//! An object store of its own: s3s-fs, which keeps objects as files of their names.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::peer::eventually;

pub const ACCESS: &str = "kith-of-the-tests";
pub const SECRET: &str = "a secret of the tests";
const BUCKET: &str = "media";

/// The program.
pub fn binary() -> String {
    std::env::var("KITH_TEST_S3S").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/s3s-fs/bin/s3s-fs").to_owned()
    })
}

/// The store; it ends when it is dropped.
pub struct S3 {
    dir: TempDir,
    port: u16,
    child: Option<Child>,
}

impl S3 {
    pub async fn start() -> S3 {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join(BUCKET)).expect("a bucket");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut store = S3 {
            dir,
            port,
            child: None,
        };
        store.run().await;
        store
    }

    /// Starts it again.
    pub async fn run(&mut self) {
        let binary = binary();
        let child = Command::new(&binary)
            .args(["--host", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--access-key", ACCESS, "--secret-key", SECRET])
            .arg(self.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{binary} (tests/run.sh sees to it): {e}"));
        self.child = Some(child);
        let port = self.port;
        eventually("the store answers", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .ok()
                .map(drop)
        })
        .await;
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it dies");
        child.wait().expect("it is dead");
    }

    /// Has it say nothing any more, though it takes connections; or speak again.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let told = Command::new("kill").args([signal, &pid]).status();
        assert!(told.expect("kill runs").success());
        // The signal is with the process at once, and with the last of its threads a little later.
        let stopped = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('T'))
        };
        let all = || {
            let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
            tasks.flatten().all(|task| stopped(task) == frozen)
        };
        while !all() {
            std::thread::yield_now();
        }
    }

    pub fn url(&self) -> String {
        format!(
            "s3://{BUCKET}?endpoint=http://127.0.0.1:{}&region=eu-1&path_style=true",
            self.port
        )
    }

    /// The same store under another address, `HOST:PORT`.
    pub fn url_at(&self, address: &str) -> String {
        self.url().replace(&self.address(), address)
    }

    /// Where an object would be had without leave.
    pub fn object_url(&self, key: &str) -> String {
        format!("http://127.0.0.1:{}/{BUCKET}/{key}", self.port)
    }

    /// The file of an object.
    pub fn object(&self, key: &str) -> PathBuf {
        self.dir.path().join(BUCKET).join(key)
    }

    /// An object that was written so long ago that no row of it can be on its way.
    pub fn put_old(&self, key: &str, content: &[u8]) {
        let path = self.object(key);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("it is made");
        std::fs::write(&path, content).expect("it is written");
        let written = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 3600);
        let file = std::fs::File::options().write(true).open(path);
        file.and_then(|file| file.set_modified(written))
            .expect("it is old");
    }

    /// For a server.
    pub fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("KITH_STORAGE_URL", self.url()),
            ("KITH_S3_ACCESS_KEY", ACCESS.to_owned()),
            ("KITH_S3_SECRET_KEY", SECRET.to_owned()),
        ]
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

/// What stands between a server and the store, and can be shut when so much has passed.
pub struct Gate {
    port: u16,
    state: Arc<watch::Sender<Passing>>,
}

#[derive(Debug, Clone, Copy)]
struct Passing {
    /// Bytes that went to the store, and how many may.
    gone: usize,
    most: usize,
    /// Counts when what passes is cut off.
    cut: usize,
}

impl Gate {
    pub async fn before(store: &S3) -> Gate {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(watch::Sender::new(Passing {
            gone: 0,
            most: usize::MAX,
            cut: 0,
        }));
        let (passing, there) = (state.clone(), store.port);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, there, passing.clone()));
            }
        });
        Gate { port, state }
    }

    /// Where a server finds the store behind it.
    pub fn url(&self, store: &S3) -> String {
        let address = format!("127.0.0.1:{}", self.port);
        store.url().replace(&store.address(), &address)
    }

    /// Lets so many bytes pass to the store, and no more.
    pub fn shut_after(&self, bytes: usize) {
        self.state.send_modify(|state| {
            state.gone = 0;
            state.most = bytes;
        });
    }

    /// Whether something waits before it.
    pub fn is_shut(&self) -> bool {
        let state = *self.state.borrow();
        state.gone >= state.most
    }

    /// Cuts off what waits, and lets everything pass from then on.
    pub fn open(&self) {
        self.state.send_modify(|state| {
            state.most = usize::MAX;
            state.cut += 1;
        });
    }
}

/// Carries one connection, until one of its ends or the gate ends it.
async fn pass(mut here: TcpStream, port: u16, state: Arc<watch::Sender<Passing>>) {
    let mut seen = state.subscribe();
    let cut = seen.borrow_and_update().cut;
    let Ok(mut there) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let (mut from, mut back) = here.split();
    let (mut answers, mut to) = there.split();
    let going = async {
        let mut bytes = vec![0; 64 << 10];
        let mut shut = state.subscribe();
        loop {
            let Ok(read @ 1..) = from.read(&mut bytes).await else {
                return;
            };
            state.send_modify(|state| state.gone += read);
            let _ = shut.wait_for(|state| state.gone < state.most).await;
            if to.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = going => {}
        _ = tokio::io::copy(&mut answers, &mut back) => {}
        _ = seen.wait_for(|state| state.cut > cut) => {}
    }
}
