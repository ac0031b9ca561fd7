//! The binary itself, started, killed and started again on the same data.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use super::database;
use super::peer::eventually;
use super::server::{Answer, with_json};
use crate::api::media;

/// A data directory and database, and the process that serves it now.
pub struct Process {
    pub url: String,
    pub http: reqwest::Client,
    env: Vec<(String, String)>,
    /// Its settings file, where it has one.
    config: Option<PathBuf>,
    child: Option<std::process::Child>,
    /// Where its log goes.
    log: PathBuf,
    dir: Arc<TempDir>,
}

impl Process {
    pub async fn start() -> Process {
        Process::start_with(&[]).await
    }

    /// The same with settings besides (`KITH_…` names).
    pub async fn start_with(settings: &[(&str, &str)]) -> Process {
        let mut process = Process::prepare(settings).await;
        process.run().await;
        process
    }

    /// The same, but it does not run yet.
    pub async fn prepare(settings: &[(&str, &str)]) -> Process {
        let dir = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let url = format!("http://localhost:{port}");
        let mut env = vec![
            ("KITH_DATA_DIR".to_owned(), dir.path().display().to_string()),
            (
                "KITH_DATABASE_URL".to_owned(),
                database::fresh(dir.path()).await,
            ),
            ("KITH_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("KITH_PUBLIC_URL".to_owned(), url.clone()),
            ("KITH_RATE_LIMIT".to_owned(), "false".to_owned()),
            (
                "KITH_FEDERATION_ALLOW_PRIVATE".to_owned(),
                "true".to_owned(),
            ),
            ("KITH_LOG".to_owned(), "warn".to_owned()),
        ];
        for (name, value) in settings {
            set(&mut env, name, value);
        }
        Process {
            url,
            http: client(port),
            env,
            config: None,
            child: None,
            log: dir.path().join(format!("{port}.log")),
            dir: Arc::new(dir),
        }
    }

    /// Another process of the same server, on the same data.
    pub async fn beside(&self) -> Process {
        let port = free_port();
        let mut env = self.env.clone();
        set(&mut env, "KITH_LISTEN", &format!("127.0.0.1:{port}"));
        let mut process = Process {
            url: format!("http://localhost:{port}"),
            http: client(port),
            env,
            config: self.config.clone(),
            child: None,
            log: self.dir.path().join(format!("{port}.log")),
            dir: self.dir.clone(),
        };
        process.run().await;
        process
    }

    /// How many lines of its log hold a text.
    pub fn logged(&self, text: &str) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// Starts the server again and waits until it answers.
    pub async fn run(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("a log");
        let child = self
            .command(&["serve"])
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
        eventually("the server answers", async || {
            self.http
                .get(format!("{}/health", self.url))
                .send()
                .await
                .ok()
                .map(|_| ())
        })
        .await;
    }

    /// The database it works on.
    pub fn database_url(&self) -> &str {
        self.env
            .iter()
            .find(|(name, _)| name == "KITH_DATABASE_URL")
            .map(|(_, url)| url.as_str())
            .expect("it is set")
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it dies");
        child.wait().expect("it is dead");
    }

    /// SIGTERM, and waits until it has ended.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let told = Command::new("kill").arg(child.id().to_string()).status();
        assert!(told.expect("kill runs").success());
        assert!(child.wait().expect("it ends").success(), "it ends well");
    }

    /// SIGHUP, with another settings file in the directory that it runs in.
    pub fn reload(&self, settings: &str) {
        std::fs::write(self.dir.path().join("kith.toml"), settings).expect("a file");
        let id = self.child.as_ref().expect("it runs").id();
        let told = Command::new("kill")
            .args(["-HUP", &id.to_string()])
            .status();
        assert!(told.expect("kill runs").success());
    }

    /// Changes a setting, for commands and the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        set(&mut self.env, name, value);
    }

    /// Has commands and the next start read a settings file.
    pub fn set_config(&mut self, path: PathBuf) {
        self.config = Some(path);
    }

    /// Host and port, as in `@user@domain`.
    pub fn domain(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The data directory.
    pub fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Uploads a picture.
    pub async fn upload(&self, token: &str, bytes: &[u8]) -> Value {
        let request = self
            .http
            .post(format!("{}/api/v2/media", self.url))
            .bearer_auth(token)
            .header("content-type", media::FORM)
            .body(media::form(&[("file", bytes)]));
        Answer::of(request, "a picture".to_owned())
            .await
            .entity("MediaAttachment")
    }

    /// A command that must fail, with one line; gives that line.
    #[track_caller]
    pub fn cli_fails(&self, args: &[&str]) -> String {
        let output = self.cli(args);
        let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert!(!output.status.success(), "{args:?} succeeds");
        assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
        error
    }

    /// A command, ready to be started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KITH_")) {
            command.env_remove(name);
        }
        command
            .args(args)
            .envs(self.env.clone())
            .current_dir(self.dir.path());
        if let Some(path) = &self.config {
            command.arg("--config").arg(path);
        }
        command
    }

    /// Starts a command that goes on until it is told to end.
    pub fn spawn(&self, args: &[&str]) -> std::process::Child {
        self.command(args).spawn().expect("the command starts")
    }

    /// Runs a command beside the server.
    pub fn cli(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the command runs")
    }

    /// The same with something on its standard input.
    pub fn cli_told(&self, args: &[&str], input: &str) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut stdin = child.stdin.take().expect("a standard input");
        stdin.write_all(input.as_bytes()).expect("it is read");
        drop(stdin);
        child.wait_with_output().expect("the command runs")
    }

    /// The same, which must succeed; gives what it printed.
    #[track_caller]
    pub fn cli_ok(&self, args: &[&str]) -> String {
        let output = self.cli(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }

    /// A confirmed user and a token of theirs.
    pub fn person(&self, name: &str) -> String {
        let email = format!("{name}@mail.example");
        self.cli_ok(&[
            "user",
            "create",
            name,
            "--email",
            &email,
            "--password",
            "correct horse battery",
            "--confirmed",
        ]);
        self.cli_ok(&["token", "create", name])
    }

    /// `POST` as nobody.
    pub async fn post_public(&self, path: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}{path}", self.url));
        Answer::of(with_json(request, body), path.to_owned()).await
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        let request = self
            .http
            .get(format!("{}{path}", self.url))
            .bearer_auth(token);
        Answer::of(request, path.to_owned()).await
    }

    pub async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(token, Method::POST, path, body).await
    }

    pub async fn send(&self, token: &str, method: Method, path: &str, body: &Value) -> Answer {
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(token);
        Answer::of(with_json(request, body), path.to_owned()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

pub fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    free.local_addr().expect("an address").port()
}

fn client(port: u16) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .resolve("localhost", ([127, 0, 0, 1], port).into())
        .build()
        .expect("an HTTP client")
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: &str) {
    env.retain(|(known, _)| known != name);
    env.push((name.to_owned(), value.to_owned()));
}
