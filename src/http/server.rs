//! Listening, and ending well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::config::Listen;

/// How long requests in flight may take to finish once the server is told to end.
const DRAIN: Duration = Duration::from_secs(20);

/// A socket that is listened on.
pub enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// The address of whoever connected; a Unix socket's peer is the proxy in front.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, NoDelay>> for Peer {
    fn connect_info(stream: IncomingStream<'_, NoDelay>) -> Peer {
        Peer(*stream.remote_addr())
    }
}

/// TCP without Nagle's delay: answers are written whole.
struct NoDelay(TcpListener);

impl axum::serve::Listener for NoDelay {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.0).await;
        let _ = stream.set_nodelay(true);
        (stream, address)
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(_: IncomingStream<'_, UnixListener>) -> Peer {
        Peer(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

impl Bound {
    /// The TCP address, where it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Bound::Tcp(listener) => listener.local_addr().ok(),
            Bound::Unix(..) => None,
        }
    }
}

/// Takes the address; the error is one line for an admin.
pub async fn bind(listen: &Listen) -> Result<Bound, String> {
    match listen {
        Listen::Tcp(address) => TcpListener::bind(address)
            .await
            .map(Bound::Tcp)
            .map_err(|e| format!("cannot listen on {address}: {e}")),
        Listen::Unix(path) => {
            // What a server that died left behind is in the way; one that lives answers.
            if tokio::net::UnixStream::connect(path).await.is_err() {
                let _ = std::fs::remove_file(path);
            }
            UnixListener::bind(path)
                .map(|listener| Bound::Unix(listener, path.clone()))
                .map_err(|e| format!("cannot listen on unix:{}: {e}", path.display()))
        }
    }
}

/// Serves until `stop`, then lets requests in flight finish.
pub async fn serve(
    bound: Bound,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let shutdown = async move {
        stop.await;
        let _ = stopping.send(true);
    };
    let serving = async {
        match bound {
            Bound::Tcp(listener) => {
                let listener = NoDelay(listener);
                let service = router.into_make_service_with_connect_info::<Peer>();
                axum::serve(listener, service)
                    .with_graceful_shutdown(shutdown)
                    .await
            }
            Bound::Unix(listener, path) => {
                let service = router.into_make_service_with_connect_info::<Peer>();
                let served = axum::serve(listener, service)
                    .with_graceful_shutdown(shutdown)
                    .await;
                let _ = std::fs::remove_file(path);
                served
            }
        }
    };
    let overdue = async {
        let _ = stopped.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served,
        () = overdue => {
            tracing::warn!("some requests did not finish in time");
            Ok(())
        }
    }
}
