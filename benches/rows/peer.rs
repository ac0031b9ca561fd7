//! Inboxes elsewhere: they answer 202 and count, or do not answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// How often each path was posted to, over all hosts.
pub type Counts = Arc<Mutex<HashMap<String, usize>>>;

/// Listens on `hosts` loopback addresses, one port; gives the port.
pub async fn listen(hosts: u8, delay: Duration, counts: Counts) -> u16 {
    listen_and_hang(hosts, 0, delay, counts).await
}

/// The same, and on `hanging` further addresses, where nothing is ever answered.
pub async fn listen_and_hang(hosts: u8, hanging: u8, delay: Duration, counts: Counts) -> u16 {
    let first = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = first.local_addr().expect("an address").port();
    let mut listeners = vec![first];
    for host in 2..=hosts {
        listeners.push(
            TcpListener::bind((format!("127.0.0.{host}"), port))
                .await
                .expect("a port"),
        );
    }
    for host in hosts + 1..=hosts + hanging {
        let listener = TcpListener::bind((format!("127.0.0.{host}"), port))
            .await
            .expect("a port");
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
    }
    for listener in listeners {
        let counts = counts.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let counts = counts.clone();
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let mut buffer: Vec<u8> = Vec::new();
                    loop {
                        let Some((path, used)) = request(&buffer) else {
                            match stream.read_buf(&mut buffer).await {
                                Ok(read) if read > 0 => continue,
                                _ => return,
                            }
                        };
                        buffer.drain(..used);
                        tokio::time::sleep(delay).await;
                        *counts.lock().expect("counts").entry(path).or_insert(0) += 1;
                        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
    }
    port
}

/// The first whole request: its path, and how many bytes it takes.
fn request(buffer: &[u8]) -> Option<(String, usize)> {
    let end = buffer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&buffer[..end]).ok()?;
    let length: usize = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        })
        .map_or(0, |length| length.trim().parse().unwrap_or(0));
    let used = end + 4 + length;
    (buffer.len() >= used).then(|| (head.split(' ').nth(1).unwrap_or_default().to_owned(), used))
}
