//! A plain HTTP/1.1 client: what it costs is not the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Run;

/// A kept connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address)
            .await
            .expect("the server listens");
        stream.set_nodelay(true).expect("a socket option");
        Connection {
            stream,
            buffer: Vec::with_capacity(1 << 16),
        }
    }

    /// Sends a request as it is and reads the answer: status and length of the body.
    pub async fn send(&mut self, request: &[u8]) -> (u16, usize) {
        self.stream
            .write_all(request)
            .await
            .expect("the request goes out");
        self.buffer.clear();
        let (head, length) = loop {
            let read = self
                .stream
                .read_buf(&mut self.buffer)
                .await
                .expect("an answer");
            assert!(read > 0, "the server hung up");
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).to_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.trim().parse().expect("a length"));
                break (end + 4, length);
            }
        };
        while self.buffer.len() < head + length {
            let read = self
                .stream
                .read_buf(&mut self.buffer)
                .await
                .expect("a body");
            assert!(read > 0, "the server hung up");
        }
        let status = std::str::from_utf8(&self.buffer[9..12]).expect("a status");
        (status.parse().expect("a status"), length)
    }

    pub fn body(&self) -> &[u8] {
        let head = find(&self.buffer, b"\r\n\r\n").map_or(0, |end| end + 4);
        &self.buffer[head..]
    }

    /// What a request, which must succeed, is answered with.
    pub async fn json(&mut self, request: &[u8]) -> Value {
        let (status, _) = self.send(request).await;
        let body = self.body();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
        serde_json::from_slice(body).expect("JSON")
    }

    /// A whole list of statuses, page after page.
    pub async fn list(&mut self, host: &str, path: &str, token: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut from = String::new();
        loop {
            let request = get(host, &format!("{path}?limit=40{from}"), token);
            let Value::Array(page) = self.json(&request).await else {
                panic!("{path} is no list");
            };
            let Some(last) = page.last() else {
                return all;
            };
            from = format!("&max_id={}", last["id"].as_str().expect("an id"));
            all.extend(page);
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A request without a body.
pub fn get(host: &str, path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// A request with a JSON body.
pub fn post(host: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends requests over so many connections, each waiting for its answer; all must be answered
/// with `status`.
pub async fn load(address: &str, connections: usize, status: u16, requests: Vec<Vec<u8>>) -> Run {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await);
    }
    let began = Instant::now();
    for mut connection in open {
        let (requests, next) = (requests.clone(), next.clone());
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent = Instant::now();
                let (got, _) = connection.send(request).await;
                assert_eq!(
                    got,
                    status,
                    "{}",
                    String::from_utf8_lossy(connection.body())
                );
                latencies.push(sent.elapsed().as_secs_f64() * 1000.0);
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("a connection's task"));
    }
    Run::new(began, latencies)
}
