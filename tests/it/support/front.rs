//! A proxy in front of a server, good or bad: it changes the head of the one request of each
//! connection, then carries bytes both ways.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What it does to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Passes WebSockets on, and adds an address to `X-Forwarded-For`.
    Adds(&'static str),
    /// Passes on what the client says of its address.
    AsItCame,
    /// Passes no `X-Forwarded-For` and no WebSockets on.
    Strips,
}

/// A running one. It ends with the test.
pub struct Front {
    pub url: String,
    manner: Arc<Mutex<Manner>>,
}

impl Front {
    /// In front of a server that listens at an address.
    pub async fn start(server: String) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let manner = Arc::new(Mutex::new(Manner::AsItCame));
        let told = manner.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let manner = *told.lock().expect("no panic in here");
                tokio::spawn(carry(client, server.clone(), manner));
            }
        });
        Front {
            url: format!("http://localhost:{port}"),
            manner,
        }
    }

    /// Changes its manner, from the next connection on.
    pub fn set(&self, manner: Manner) {
        *self.manner.lock().expect("no panic in here") = manner;
    }
}

async fn carry(mut client: TcpStream, server: String, manner: Manner) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut server = TcpStream::connect(server).await?;
    let changed = changed(&head, manner);
    server.write_all(changed.as_bytes()).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// A request's head as it is passed on.
fn changed(head: &str, manner: Manner) -> String {
    let named = |line: &str, name: &str| {
        let known = line.split(':').next().unwrap_or_default();
        known.eq_ignore_ascii_case(name)
    };
    let upgrades = head.lines().any(|line| named(line, "upgrade"));
    let keeps = upgrades && manner != Manner::Strips;
    let mut lines = Vec::new();
    let mut before = None;
    for line in head.trim_end().lines() {
        if named(line, "x-forwarded-for") {
            before = line.split_once(": ").map(|(_, value)| value.to_owned());
        } else if keeps || !(named(line, "connection") || named(line, "upgrade")) {
            lines.push(line.to_owned());
        }
    }
    let forwarded = match manner {
        Manner::Adds(address) => before
            .map(|before| format!("{before}, {address}"))
            .or(Some(address.to_owned())),
        Manner::AsItCame => before,
        Manner::Strips => None,
    };
    lines.extend(forwarded.map(|value| format!("X-Forwarded-For: {value}")));
    if !keeps {
        // One request to a connection: only the first one's head is looked at.
        lines.push("Connection: close".to_owned());
    }
    lines.join("\r\n") + "\r\n\r\n"
}
