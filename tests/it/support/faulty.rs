//! A peer with something wrong with it: what it does to a connection is told by path, and can
//! be changed at any time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::peer::{Peer, listener};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is read and never answered.
    Hangs,
    /// The connection is reset once the request is there.
    Resets,
    /// Reset in the middle of the head.
    ResetsInHead,
    /// Reset in the middle of the body.
    ResetsInBody,
    /// Something that is no HTTP.
    Babbles,
    /// Says that more comes than does.
    LiesLong,
    /// Says that less comes than does.
    LiesShort,
    /// A chunk whose length is no number.
    BadChunks,
    /// A body without end.
    Endless,
    /// Ten gigabytes, by its own account.
    TenGigabytes,
    /// A redirect to where one is.
    Circles,
    /// 503.
    Busy,
    /// 403.
    Forbids,
    /// 400.
    Refuses,
    /// A byte of the head now and then, for ever.
    DripsHead,
    /// A byte of the body now and then, for ever.
    DripsBody,
    /// The right answer, a few bytes at a time.
    Slow,
}

/// A request that met with a fault: the line and the fault.
pub type Met = (String, Fault);

#[derive(Default)]
struct State {
    /// By the beginning of the path; the newest counts.
    faults: Vec<(String, Fault)>,
    met: Vec<Met>,
}

/// A door with the faults, in front of anything that speaks HTTP.
pub struct Door {
    pub port: u16,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A peer behind such a door.
pub struct Faulty {
    pub peer: Peer,
    door: Door,
}

impl std::ops::Deref for Faulty {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Faulty {
    /// One without faults.
    pub async fn start() -> Faulty {
        let inside = listener().await;
        let door = Door::before(inside.local_addr().expect("an address")).await;
        let peer = Peer::on(inside, format!("http://localhost:{}", door.port));
        Faulty { peer, door }
    }
}

impl Door {
    /// One without faults.
    pub async fn before(inner: SocketAddr) -> Door {
        let door = listener().await;
        let port = door.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = door.accept().await {
                // A client that leaves is none of our troubles.
                tokio::spawn(serve(stream, inner, shared.clone()));
            }
        });
        Door { port, state, task }
    }

    /// From now on this is wrong with every path that begins so.
    pub fn breaks(&self, path: &str, fault: Fault) {
        let mut state = self.state.lock().expect("the state");
        state.faults.insert(0, (path.to_owned(), fault));
    }

    /// All is well again.
    pub fn is_well(&self) {
        self.state.lock().expect("the state").faults.clear();
    }

    /// Requests that met with a fault.
    pub fn met(&self) -> Vec<Met> {
        self.state.lock().expect("the state").met.clone()
    }

    /// How many of them were for paths that begin so.
    pub fn met_on(&self, path: &str) -> usize {
        let met = self.met();
        let on = |line: &String| line.split(' ').nth(1).is_some_and(|p| p.starts_with(path));
        met.iter().filter(|(line, _)| on(line)).count()
    }
}

/// The head and the body of a request.
async fn request(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let mut body = read.split_off(end + 4);
    read.truncate(end);
    let head = String::from_utf8_lossy(&read).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let wanted = name.eq_ignore_ascii_case("content-length");
        wanted.then(|| value.trim().parse().ok())?
    });
    while body.len() < length.unwrap_or(0) {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((head, body))
}

async fn serve(
    mut stream: TcpStream,
    inner: SocketAddr,
    state: Arc<Mutex<State>>,
) -> std::io::Result<()> {
    let (head, body) = request(&mut stream).await?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let fault = {
        let mut state = state.lock().expect("the state");
        let found = state.faults.iter().find(|(on, _)| path.starts_with(on));
        let fault = found.map(|(_, fault)| *fault);
        state.met.extend(fault.map(|fault| (line, fault)));
        fault
    };
    match fault {
        None => stream.write_all(&answer(inner, &head, &body).await?).await,
        Some(Fault::Slow) => {
            let answer = answer(inner, &head, &body).await?;
            for part in answer.chunks(answer.len().div_ceil(20).max(1)) {
                stream.write_all(part).await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        }
        Some(fault) => misbehave(&mut stream, fault, &path, &head).await,
    }
}

/// What the peer itself says.
async fn answer(inner: SocketAddr, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut inside = TcpStream::connect(inner).await?;
    let head = format!("{head}\r\nconnection: close\r\n\r\n");
    inside.write_all(head.as_bytes()).await?;
    inside.write_all(body).await?;
    let mut answer = Vec::new();
    inside.read_to_end(&mut answer).await?;
    Ok(answer)
}

async fn misbehave(
    stream: &mut TcpStream,
    fault: Fault,
    path: &str,
    head: &str,
) -> std::io::Result<()> {
    // A delivery that is answered at all is answered with success.
    let status = if head.starts_with("POST") {
        "202 Accepted"
    } else {
        "200 OK"
    };
    let close = "connection: close\r\n";
    let good = format!("HTTP/1.1 {status}\r\n{close}content-type: application/activity+json\r\n");
    let said = match fault {
        Fault::Hangs => return std::future::pending().await,
        Fault::Resets => return stream.set_zero_linger(),
        Fault::ResetsInHead => "HTTP/1.1 20".to_owned(),
        Fault::ResetsInBody | Fault::LiesLong => {
            format!("{good}content-length: 500\r\n\r\n{{\"id\":")
        }
        Fault::Babbles => "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        Fault::LiesShort => {
            format!("{good}content-length: 6\r\n\r\n{{\"id\": \"http://x.example/\"}}")
        }
        Fault::BadChunks => format!("{good}transfer-encoding: chunked\r\n\r\nZZ\r\nxx\r\n"),
        Fault::Endless => format!("{good}\r\n"),
        Fault::TenGigabytes => format!("{good}content-length: 10000000000\r\n\r\n"),
        Fault::Circles => {
            format!("HTTP/1.1 302 Found\r\n{close}location: {path}\r\ncontent-length: 0\r\n\r\n")
        }
        Fault::Forbids => format!("HTTP/1.1 403 No\r\n{close}content-length: 0\r\n\r\n"),
        Fault::Refuses => format!("HTTP/1.1 400 No\r\n{close}content-length: 0\r\n\r\n"),
        Fault::Busy => format!("HTTP/1.1 503 Busy\r\n{close}content-length: 0\r\n\r\n"),
        Fault::DripsHead => "HTTP/1.1 202 A\r\nx-slow: ".to_owned(),
        Fault::DripsBody => format!("{good}content-length: 1000000\r\n\r\n"),
        Fault::Slow => unreachable!("it answers"),
    };
    stream.write_all(said.as_bytes()).await?;
    match fault {
        Fault::ResetsInHead | Fault::ResetsInBody => {
            stream.flush().await?;
            // Else the reset may overtake what was said.
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.set_zero_linger()?;
        }
        Fault::Endless | Fault::TenGigabytes => loop {
            stream.write_all(&[b' '; 1 << 14]).await?;
        },
        Fault::DripsHead | Fault::DripsBody => loop {
            stream.write_all(b" ").await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        },
        _ => {}
    }
    Ok(())
}
