//! The services of `docker/compose.scale.yaml` on this machine, started as it says.
//!
//! What they are called with and the environment that they have are read there; only addresses and
//! directories are others. Images are stood in for by the programs of this machine, the object store by
//! s3s-fs.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::peer::eventually;
use super::process::free_port;
use super::s3;
use crate::project::deployed::{compose, environment};

/// Of Kith's processes besides: the peer is on this machine as well, and the load is heavier than people are.
const BESIDES: [(&str, &str); 3] = [
    ("KITH_FEDERATION_ALLOW_PRIVATE", "true"),
    ("KITH_RATE_LIMIT", "false"),
    ("KITH_LOG", "warn"),
];

/// All services, and the directories of their volumes.
pub struct Stack {
    services: BTreeMap<String, Service>,
    http: reqwest::Client,
    _dir: TempDir,
}

struct Service {
    kind: Kind,
    port: u16,
    program: Vec<String>,
    env: Vec<(String, String)>,
    /// Where it works.
    dir: PathBuf,
    log: PathBuf,
    /// What says whether it is well, where it is told.
    health: Vec<String>,
    /// Whom it waits for.
    after: Vec<String>,
    child: Option<Child>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server,
    Worker,
    Postgres,
    Redis,
    Store,
    Nginx,
}

impl Stack {
    /// Starts everything.
    pub async fn up() -> Stack {
        // In memory where that is possible: nothing here has to outlive the machine.
        let memory = Path::new("/dev/shm");
        let dir = match tempfile::tempdir_in(memory) {
            Ok(dir) => dir,
            Err(_) => tempfile::tempdir().expect("a directory"),
        };
        open_to_all(dir.path());
        let file = compose("compose.scale.yaml");
        let named = file["services"].as_object().expect("services");
        let ports: BTreeMap<&str, u16> = (named.keys())
            .map(|name| (name.as_str(), free_port()))
            .collect();
        let front = format!("http://localhost:{}", ports["nginx"]);
        let written = Written {
            variables: BTreeMap::from([
                ("KITH_PUBLIC_URL", front),
                ("POSTGRES_PASSWORD", "of-the-tests".to_owned()),
                ("KITH_S3_ACCESS_KEY", s3::ACCESS.to_owned()),
                ("KITH_S3_SECRET_KEY", s3::SECRET.to_owned()),
            ]),
            ports,
            dir: dir.path(),
        };
        let services = (named.iter())
            .map(|(name, service)| (name.clone(), written.service(name, service)))
            .collect();
        let port = written.ports["nginx"];
        let http = reqwest::Client::builder()
            .no_proxy()
            .resolve("localhost", ([127, 0, 0, 1], port).into())
            .build()
            .expect("an HTTP client");
        let mut stack = Stack {
            services,
            http,
            _dir: dir,
        };
        let mut waiting: Vec<String> = stack.services.keys().cloned().collect();
        while !waiting.is_empty() {
            let next = waiting.iter().position(|name| {
                let after = &stack.services[name].after;
                after.iter().all(|other| !waiting.contains(other))
            });
            let name = waiting.remove(next.expect("nobody waits for themselves"));
            stack.start(&name).await;
        }
        stack
    }

    /// Where clients go.
    pub fn front(&self) -> String {
        format!("http://localhost:{}", self.services["nginx"].port)
    }

    /// For what goes there.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The names of those that are of some kind: `serve`, `worker` or the service's own.
    pub fn named(&self, word: &str) -> Vec<String> {
        let found = self.services.keys().filter(|name| name.starts_with(word));
        found.cloned().collect()
    }

    /// Starts a service, again when it ends at once as Docker would, and waits until it is well.
    pub async fn start(&mut self, name: &str) {
        let service = self.services.get_mut(name).expect("a service");
        let http = &self.http;
        eventually(&format!("{name} is well"), async || {
            let runs = match &mut service.child {
                Some(child) => child.try_wait().expect("a child").is_none(),
                None => false,
            };
            if !runs {
                service.child = Some(service.spawn());
            }
            service.is_well(http).await.then_some(())
        })
        .await;
    }

    /// `kill -9`, its children included.
    pub fn kill(&mut self, name: &str) {
        self.services.get_mut(name).expect("a service").kill();
    }

    /// Whether one of Kith's servers says that requests are to be sent to it.
    pub async fn is_ready(&self, name: &str) -> bool {
        self.services[name].is_well(&self.http).await
    }

    /// The process that runs as a service; `None` when it has ended.
    pub fn process(&mut self, name: &str) -> Option<u32> {
        let child = self.services.get_mut(name)?.child.as_mut()?;
        let runs = child.try_wait().expect("a child").is_none();
        runs.then(|| child.id())
    }

    /// Runs a command as `docker compose exec serve1 kith …` would; gives what it printed.
    pub fn cli(&self, args: &[&str]) -> String {
        let mut command = self.services["serve1"].command(&owned(args));
        let output = command.output().expect("the command runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {error}");
        let said = String::from_utf8(output.stdout).expect("text");
        said.trim().to_owned()
    }

    /// A confirmed user and a token of theirs.
    pub fn person(&self, name: &str) -> String {
        let email = format!("{name}@mail.example");
        let password = ["--password", "correct horse battery", "--confirmed"];
        let made = ["user", "create", name, "--email", &email];
        self.cli(&[&made[..], &password].concat());
        self.cli(&["token", "create", name])
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&text| text.to_owned()).collect()
}

impl Drop for Stack {
    fn drop(&mut self) {
        for (name, service) in &mut self.services {
            service.kill();
            if std::thread::panicking() {
                let log = std::fs::read_to_string(&service.log).unwrap_or_default();
                eprintln!("--- {name}\n{log}");
            }
        }
    }
}

/// What the file says, and what of it is other here.
struct Written<'a> {
    variables: BTreeMap<&'static str, String>,
    /// Of each service.
    ports: BTreeMap<&'a str, u16>,
    dir: &'a Path,
}

impl Written<'_> {
    fn service(&self, name: &str, service: &Value) -> Service {
        let image = service["image"].as_str().expect("an image");
        let words = |key: &str| -> Vec<String> {
            let list = service[key].as_array().into_iter().flatten();
            list.map(|word| word.as_str().expect("a text").to_owned())
                .collect()
        };
        let command = words("command");
        let kind = match image.split(':').next().expect("a name") {
            "kith" if command[0] == "serve" => Kind::Server,
            "kith" if command[0] == "worker" => Kind::Worker,
            "postgres" => Kind::Postgres,
            "redis" => Kind::Redis,
            "minio/minio" => Kind::Store,
            "nginx" => Kind::Nginx,
            other => panic!("nothing stands in for {other} as {name}"),
        };
        let dir = self.volume(name, service);
        let port = self.ports[name];
        let mut env: Vec<(String, String)> = environment(service)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), self.addressed(&self.filled(value))))
            .collect();
        let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
        let path = |name: &str| dir.join(name).display().to_string();
        let at = port.to_string();
        let program: Vec<String> = match kind {
            Kind::Server | Kind::Worker => {
                set("KITH_LISTEN", format!("127.0.0.1:{port}"));
                set("KITH_DATA_DIR", dir.display().to_string());
                for (name, value) in BESIDES {
                    set(name, value.to_owned());
                }
                [&[env!("CARGO_BIN_EXE_kith").to_owned()][..], &command].concat()
            }
            Kind::Postgres => {
                // For what looks whether it is well.
                set("PGHOST", "127.0.0.1".to_owned());
                set("PGPORT", at.clone());
                let cluster = path("cluster");
                let sockets = format!("unix_socket_directories={}", dir.display());
                // What a process has written outlives it: only a machine that is lost needs fsync.
                let args = ["-D", &cluster, "-p", &at, "-c", &sockets, "-c", "fsync=off"];
                [&[server_of_postgres("postgres")][..], &owned(&args)[..]].concat()
            }
            Kind::Redis => {
                let args = ["--port", &at, "--dir", &path("")];
                [&command[..], &owned(&args)].concat()
            }
            Kind::Store => {
                let bin = std::env::var("PATH").unwrap_or_default();
                set("PATH", format!("{}:{bin}", self.stand_in(port).display()));
                let inside = |word: String| word.replace("/data", &dir.display().to_string());
                words("entrypoint").into_iter().map(inside).collect()
            }
            Kind::Nginx => {
                let log = path("error.log");
                let args = ["-e", &log, "-c", &self.site(service, &dir, port)];
                [&[nginx()][..], &owned(&args)[..]].concat()
            }
        };
        let after = match &service["depends_on"] {
            Value::Array(list) => list
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect(),
            Value::Object(map) => map.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let health = service["healthcheck"]["test"].as_array();
        let health: Vec<String> = (health.into_iter().flatten())
            .map(|word| word.as_str().expect("a text").to_owned())
            .collect();
        let service = Service {
            kind,
            port,
            program,
            env,
            dir,
            log: self.dir.join(format!("{name}.log")),
            health,
            after,
            child: None,
        };
        if kind == Kind::Postgres {
            service.make_cluster();
        }
        service
    }

    /// The directory of the first volume, which services may share; one of the service's own where it
    /// has none.
    fn volume(&self, name: &str, service: &Value) -> PathBuf {
        let volumes = service["volumes"].as_array().into_iter().flatten();
        let named = volumes
            .filter_map(|volume| volume.as_str()?.split_once(':'))
            .find(|(from, _)| !from.starts_with('.'));
        let dir = self.dir.join(match named {
            Some((volume, _)) => format!("volume-{volume}"),
            None => name.to_owned(),
        });
        std::fs::create_dir_all(&dir).expect("a directory");
        dir
    }

    /// `${NAME}`, with what follows the name where it is not set, as compose fills it in.
    fn filled(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (inside, after) = after.split_once('}').expect("it ends");
            let (name, default) = inside.split_once(':').unwrap_or((inside, "-"));
            filled.push_str(before);
            match (self.variables.get(name), default.strip_prefix('-')) {
                (Some(value), _) => filled.push_str(value),
                (None, Some(default)) => filled.push_str(default),
                (None, None) => panic!("{name} is to be set"),
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// With the addresses of services in the place of their names and the ports that they have inside.
    fn addressed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, port) in &self.ports {
            for before in ["//", "@", "server "] {
                let named = format!("{before}{name}");
                let Some(at) = text.find(&named) else {
                    continue;
                };
                let rest = &text[at + named.len()..];
                let inside = match rest.strip_prefix(':') {
                    Some(rest) => 1 + rest.chars().take_while(char::is_ascii_digit).count(),
                    None if rest.is_empty() || rest.starts_with('/') => 0,
                    // Another's name begins alike.
                    None => continue,
                };
                let end = at + named.len() + inside;
                text.replace_range(at..end, &format!("{before}127.0.0.1:{port}"));
            }
        }
        text
    }

    /// A directory with a `minio` that is s3s-fs, with the same keys and the same directory.
    fn stand_in(&self, port: u16) -> PathBuf {
        let bin = self.dir.join("bin");
        std::fs::create_dir_all(&bin).expect("a directory");
        let script = format!(
            "#!/bin/sh\nexec {} --host 127.0.0.1 --port {port} --access-key \"$MINIO_ROOT_USER\" \
             --secret-key \"$MINIO_ROOT_PASSWORD\" \"$2\"\n",
            s3::binary()
        );
        let path = bin.join("minio");
        std::fs::write(&path, script).expect("a script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("it may be run");
        bin
    }

    /// The configuration that is mounted, within what the image has around it; its path.
    fn site(&self, service: &Value, dir: &Path, port: u16) -> String {
        let volumes = service["volumes"].as_array().expect("volumes");
        let mounted = volumes[0].as_str().and_then(|v| v.split_once(':'));
        let (from, to) = mounted.expect("a configuration");
        assert_eq!(to, "/etc/nginx/conf.d/default.conf:ro");
        let docker = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker");
        let site = std::fs::read_to_string(docker.join(from)).expect("it is there");
        // One upstream a line.
        let site: Vec<String> = site.lines().map(|line| self.addressed(line)).collect();
        let inside = service["ports"][0]
            .as_str()
            .and_then(|p| p.rsplit(':').next());
        let listen = format!("listen {};", inside.expect("a port"));
        let site = site.join("\n");
        assert!(site.contains(&listen), "{listen}");
        let site = site.replace(&listen, &format!("listen 127.0.0.1:{port};"));
        let at = |name: &str| dir.join(name).display().to_string();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
            .collect();
        let whole = format!(
            "daemon off;\nworker_processes 1;\npid {};\nerror_log {} warn;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{site}}}\n",
            at("pid"),
            at("error.log")
        );
        std::fs::write(dir.join("nginx.conf"), whole).expect("a configuration");
        at("nginx.conf")
    }
}

impl Service {
    /// A program with its environment; PostgreSQL's is not to be root's.
    fn run(&self, program: &[String]) -> Command {
        let mut command = Command::new(&program[0]);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KITH_")) {
            command.env_remove(name);
        }
        command
            .args(&program[1..])
            .envs(self.env.iter().cloned())
            .current_dir(&self.dir);
        if let (Kind::Postgres, Some((user, group))) = (self.kind, not_root()) {
            command.uid(user).gid(group);
        }
        command
    }

    /// Kith with other arguments.
    fn command(&self, args: &[String]) -> Command {
        self.run(&[&self.program[..1], args].concat())
    }

    fn spawn(&self) -> Child {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("a log");
        self.run(&self.program)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            // What it starts is to die with it.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("{:?} (tests/run.sh sees to it): {e}", self.program))
    }

    fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = child.wait();
    }

    async fn is_well(&self, http: &reqwest::Client) -> bool {
        let path = match self.kind {
            Kind::Worker => return true,
            Kind::Postgres => {
                let test = &self.health;
                assert_eq!(test[0], "CMD");
                let mut asked = self.run(&test[1..]);
                let asked = asked.stdout(Stdio::null()).stderr(Stdio::null()).status();
                return asked.expect("it runs").success();
            }
            Kind::Redis | Kind::Store => {
                let there = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await;
                return there.is_ok();
            }
            Kind::Server => "/health/ready",
            Kind::Nginx => "/health",
        };
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let answer = http.get(url).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// What PostgreSQL's image does at its first start.
    fn make_cluster(&self) {
        let set = |name: &str| -> String {
            let found = self.env.iter().find(|(known, _)| known == name);
            found.expect("it is set").1.clone()
        };
        if let Some((user, group)) = not_root() {
            std::os::unix::fs::chown(&self.dir, Some(user), Some(group)).expect("it is given away");
        }
        let password = self.dir.join("password");
        std::fs::write(&password, set("POSTGRES_PASSWORD")).expect("a file");
        open_to_all(&password);
        let (initdb, user) = (server_of_postgres("initdb"), set("POSTGRES_USER"));
        let done = |program: &[&str]| {
            let mut command = self.run(&owned(program));
            let output = command.output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program:?}: {said}");
        };
        let (cluster, file) = (self.dir.join("cluster"), password.display().to_string());
        let cluster = cluster.display().to_string();
        done(&[
            &initdb,
            "--pgdata",
            &cluster,
            "--username",
            &user,
            "--pwfile",
            &file,
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]);
        // A server for nobody but this statement.
        let sql = self.dir.join("made.sql");
        let made = format!("CREATE DATABASE {};\n", set("POSTGRES_DB"));
        std::fs::write(&sql, made).expect("a file");
        open_to_all(&sql);
        let alone = server_of_postgres("postgres");
        let mut command = self.run(&owned(&[&alone, "--single", "-D", &cluster, "postgres"]));
        let input = std::fs::File::open(&sql).expect("a file");
        let output = command.stdin(input).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
    }
}

fn open_to_all(path: &Path) {
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("it may be read");
}

/// A user and group in root's place; `None` for who is not root.
fn not_root() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let own = std::fs::metadata("/proc/self").expect("this process");
    if own.uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("users");
    ["postgres", "nobody"].iter().find_map(|wanted| {
        let mut fields = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(wanted)).then_some(fields)
        })?;
        let number = |field: Option<&str>| field?.parse::<u32>().ok();
        let user = number(fields.nth(1))?;
        Some((user, number(fields.next())?))
    })
}

/// A program of PostgreSQL's server, which is not in Debian's `PATH`; the newest version's.
fn server_of_postgres(name: &str) -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let newest = (versions.into_iter().flatten().flatten())
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max();
    match newest {
        Some(version) => format!("/usr/lib/postgresql/{version}/bin/{name}"),
        None => name.to_owned(),
    }
}

fn nginx() -> String {
    match Path::new("/usr/sbin/nginx").exists() {
        true => "/usr/sbin/nginx".to_owned(),
        false => "nginx".to_owned(),
    }
}
