//! Hostile peers on loopback, each test named after what it tries.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const SHORT: Duration = Duration::from_millis(250);
const LIMITS: Limits = Limits {
    requests: 20,
    bytes: 10_000_000,
    depth: 2,
    time: Duration::from_secs(20),
};

/// A server that reads one request's head and lets `answer` do what it wants with the stream.
async fn serve<F>(answer: impl Fn(String, TcpStream) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let head = String::from_utf8(head).unwrap();
            tokio::spawn(answer(head, stream));
        }
    });
    address
}

/// A server that answers everything with these bytes.
async fn serve_bytes(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = Arc::new(bytes.into());
    serve(move |_, mut stream| {
        let bytes = Arc::clone(&bytes);
        async move {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

fn url(address: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("http://{address}{path}")).unwrap()
}

fn loose() -> Client {
    Client::new(&Options {
        allow_private: true,
        ..Options::default()
    })
    .unwrap()
}

/// Allows nothing but public addresses, and the given server.
fn strict(exempt: &[SocketAddr]) -> Client {
    let mut guard = Guard::new(false);
    guard.exempt = exempt.to_vec();
    Client::with_guard(&Options::default(), guard).unwrap()
}

fn short() -> GetOptions<'static> {
    GetOptions {
        timeout: SHORT,
        max_bytes: 1000,
        ..GetOptions::default()
    }
}

async fn get(client: &Client, url: &Url, options: &GetOptions<'_>) -> Result<Response, FetchError> {
    let started = Instant::now();
    let result = client.get(url, options, &Budget::new(LIMITS)).await;
    assert!(started.elapsed() < Duration::from_secs(3));
    result
}

#[tokio::test]
async fn a_plain_answer() {
    let seen = Arc::new(Mutex::new(String::new()));
    let heads = Arc::clone(&seen);
    let address = serve(move |head, mut stream| {
        *heads.lock().unwrap() = head;
        async move {
            let answer = "HTTP/1.1 404 Not Found\r\nx-a: b\r\ncontent-length: 2\r\n\r\nhi";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let options = GetOptions {
        accept: "application/activity+json",
        ..short()
    };
    let budget = Budget::new(LIMITS);
    let page = url(address, "/a?b#c");
    let answer = loose().get(&page, &options, &budget).await.unwrap();
    assert_eq!(answer.status, 404);
    assert_eq!(&answer.body[..], b"hi");
    assert_eq!(answer.headers["x-a"], "b");
    assert_eq!(answer.url, url(address, "/a?b"));
    assert_eq!(budget.bytes_left(), LIMITS.bytes - 2);
    assert_eq!(budget.requests_left(), LIMITS.requests - 1);
    let head = seen.lock().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /a?b http/1.1\r\n"), "{head}");
    assert!(head.contains("accept: application/activity+json\r\n"));
    assert!(head.contains("user-agent: kith/"));
    for absent in ["cookie", "referer", "authorization"] {
        assert!(!head.contains(absent), "{head}");
    }
}

#[tokio::test]
async fn every_hop_is_signed_anew() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let address = serve(move |head, mut stream| {
        let answer = if head.starts_with("GET /a ") {
            "HTTP/1.1 302 Found\r\nlocation: /b#frag\r\nset-cookie: c=d\r\ncontent-length: 0\r\n\r\n"
        } else {
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
        };
        seen.lock().unwrap().push(head);
        async move {
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    let sign = |url: &Url| {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("for {}", url.path())).unwrap();
        headers.insert("signature", value);
        headers.insert("host", HeaderValue::from_static("lies.example"));
        headers
    };
    let options = GetOptions {
        sign: Some(&sign),
        ..short()
    };
    let answer = get(&loose(), &url(address, "/a"), &options).await.unwrap();
    assert_eq!(answer.url, url(address, "/b"));
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 2);
    assert!(heads[0].contains("signature: for /a\r\n"), "{}", heads[0]);
    assert!(heads[1].contains("signature: for /b\r\n"), "{}", heads[1]);
    assert!(!heads[1].contains("cookie"));
    assert!(!heads[1].contains("lies.example"));
}

#[tokio::test]
async fn redirect_loop() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let address = serve(move |_, mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let answer = "HTTP/1.1 301 Moved\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::TooManyRedirects)));
    assert_eq!(count.load(Ordering::SeqCst), 4);

    let budget = Budget::new(Limits {
        requests: 2,
        ..LIMITS
    });
    let result = loose().get(&url(address, "/"), &short(), &budget).await;
    assert!(matches!(
        result,
        Err(FetchError::OverBudget(Exceeded::Requests))
    ));
    assert_eq!(count.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn redirect_into_the_private_network() {
    let reached = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reached);
    let inside = serve(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {}
    })
    .await;
    for (target, refusal) in [
        (format!("http://{inside}/"), Refusal::Scheme),
        (format!("https://{inside}/"), Refusal::Address),
        (
            format!("https://localhost:{}/", inside.port()),
            Refusal::Address,
        ),
        (format!("//127.1:{}/", inside.port()), Refusal::Scheme),
        ("https://169.254.169.254/".into(), Refusal::Address),
        ("https://[::1]/".into(), Refusal::Address),
        ("https://u:p@a.example/".into(), Refusal::Credentials),
        ("file:///etc/passwd".into(), Refusal::Scheme),
    ] {
        let answer = format!("HTTP/1.1 302 F\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        let outside = serve_bytes(answer).await;
        let result = get(&strict(&[outside]), &url(outside, "/"), &short()).await;
        match result {
            Err(FetchError::Refused(found)) => assert_eq!(found, refusal, "{target}"),
            other => panic!("{target}: {other:?}"),
        }
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn private_addresses_and_names() {
    let address = serve_bytes("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let client = strict(&[]);
    for target in [
        format!("http://{address}/"),
        format!("https://{address}/"),
        format!("https://localhost:{}/", address.port()),
    ] {
        let target = Url::parse(&target).unwrap();
        let result = get(&client, &target, &short()).await;
        assert!(matches!(result, Err(FetchError::Refused(_))), "{target}");
        let result = client
            .post(&target, HeaderMap::new(), Bytes::new(), SHORT, 10)
            .await;
        assert!(matches!(result, Err(FetchError::Refused(_))), "{target}");
    }
    let target = Url::parse(&format!("http://localhost:{}/", address.port())).unwrap();
    assert!(get(&loose(), &target, &short()).await.is_ok());
}

#[tokio::test]
async fn redirect_without_a_target_is_an_answer() {
    for (answer, ok) in [
        ("HTTP/1.1 302 F\r\ncontent-length: 0\r\n\r\n", true),
        ("HTTP/1.1 304 N\r\nlocation: /x\r\n\r\n", true),
        (
            "HTTP/1.1 302 F\r\nlocation: http://[\r\ncontent-length: 0\r\n\r\n",
            false,
        ),
    ] {
        let address = serve_bytes(answer).await;
        let result = get(&loose(), &url(address, "/"), &short()).await;
        assert_eq!(result.is_ok(), ok, "{result:?}");
    }
}

#[tokio::test]
async fn endless_body() {
    let address = serve(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::TooLarge(1000))));

    let budget = Budget::new(Limits {
        bytes: 100,
        ..LIMITS
    });
    let options = GetOptions {
        max_bytes: u64::MAX,
        ..short()
    };
    let result = loose().get(&url(address, "/"), &options, &budget).await;
    assert!(matches!(
        result,
        Err(FetchError::OverBudget(Exceeded::Bytes))
    ));
}

#[tokio::test]
async fn slow_body() {
    let address = serve(|_, mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n")
            .await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::Timeout)), "{result:?}");

    let budget = Budget::new(Limits {
        time: Duration::from_millis(100),
        ..LIMITS
    });
    let result = loose().get(&url(address, "/"), &short(), &budget).await;
    assert!(matches!(
        result,
        Err(FetchError::OverBudget(Exceeded::Time))
    ));
}

#[tokio::test]
async fn silence_before_and_after_the_head() {
    for head in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    ] {
        let address = serve(move |_, mut stream| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            tokio::time::sleep(Duration::from_secs(30)).await;
        })
        .await;
        let result = get(&loose(), &url(address, "/"), &short()).await;
        assert!(matches!(result, Err(FetchError::Timeout)), "{result:?}");
    }
}

#[tokio::test]
async fn endless_interim_answers() {
    let address = serve(|_, mut stream| async move {
        while stream.write_all(b"HTTP/1.1 102 P\r\n\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert!(
        matches!(result, Err(FetchError::Timeout | FetchError::Protocol(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn lying_content_length() {
    // Too large by its own account: not even begun.
    let address = serve_bytes("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nx").await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::TooLarge(1000))));
    // Shorter than announced.
    let address = serve_bytes("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nxy").await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::Protocol(_))), "{result:?}");
    // Longer than announced: the rest is ignored.
    let address = serve_bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nxyzzz").await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert_eq!(&result.unwrap().body[..], b"xy");
    // Nonsense.
    let address = serve_bytes("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nx").await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::Protocol(_))), "{result:?}");
}

/// Gzip of zeros in one fixed-Huffman block: 13 bits for every 258 bytes.
fn gzip_bomb(matches: usize) -> Vec<u8> {
    let mut bits: Vec<u8> = vec![1, 1, 0];
    // Literal 0 is code 0x30, most significant bit first.
    bits.extend([0, 0, 1, 1, 0, 0, 0, 0]);
    for _ in 0..matches {
        // Length 258 is symbol 285, code 0xc5; distance 1 is code 0.
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }
    bits.extend([0; 7]);
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for byte in bits.chunks(8) {
        out.push(byte.iter().rev().fold(0, |sum, bit| sum << 1 | bit));
    }
    out
}

fn gzip_answer(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn gzip_bombs() {
    let bomb = gzip_bomb(40_000);
    assert!(bomb.len() < 70_000);
    let address = serve_bytes(gzip_answer(&bomb)).await;
    let options = GetOptions {
        max_bytes: 1_000_000,
        ..short()
    };
    let result = get(&loose(), &url(address, "/"), &options).await;
    assert!(matches!(result, Err(FetchError::TooLarge(1_000_000))));
    // The same compression within the limit is read: 1 + 10 * 258 zeros, then the checksum.
    let mut body = gzip_bomb(10);
    let mut crc = u32::MAX;
    for _ in 0..2581 {
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    body.extend((!crc).to_le_bytes());
    body.extend(2581_u32.to_le_bytes());
    let address = serve_bytes(gzip_answer(&body)).await;
    let answer = get(&loose(), &url(address, "/"), &options).await.unwrap();
    assert_eq!(&answer.body[..], vec![0; 2581]);
    // Not gzip at all.
    let address = serve_bytes(gzip_answer(b"hello")).await;
    let result = get(&loose(), &url(address, "/"), &options).await;
    assert!(matches!(result, Err(FetchError::Protocol(_))), "{result:?}");
}

#[tokio::test]
async fn broken_connections() {
    let client = loose();
    // Reset before and within the answer.
    for head in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nx"] {
        let address = serve(move |_, mut stream| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.set_zero_linger();
        })
        .await;
        let result = get(&client, &url(address, "/"), &short()).await;
        assert!(matches!(result, Err(FetchError::Protocol(_))), "{result:?}");
    }
    let address = serve_bytes("SSH-2.0-OpenSSH_9.9\r\n").await;
    let result = get(&client, &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::Protocol(_))), "{result:?}");
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let result = get(&client, &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::Connect(_))), "{result:?}");
    // TLS with somebody who does not speak it.
    let address = serve_bytes("HTTP/1.1 400 Bad\r\n\r\n\r\n\r\n").await;
    let target = Url::parse(&format!("https://{address}/")).unwrap();
    let result = get(&client, &target, &short()).await;
    assert!(
        matches!(result, Err(FetchError::Connect(_) | FetchError::Timeout)),
        "{result:?}"
    );
}

#[tokio::test]
async fn huge_heads() {
    let address = serve(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream
            .write_all(b"x-filler: yyyyyyyyyyyy\r\n")
            .await
            .is_ok()
        {}
    })
    .await;
    let result = get(&loose(), &url(address, "/"), &short()).await;
    assert!(matches!(result, Err(FetchError::Protocol(_))), "{result:?}");
}

#[tokio::test]
async fn downloads_go_to_a_writer_under_the_same_limits() {
    let address = serve_bytes(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    .await;
    let client = loose();
    let budget = Budget::new(LIMITS);
    for (max_bytes, expected) in [(5, Some(5)), (4, None)] {
        let options = GetOptions {
            max_bytes,
            ..short()
        };
        let page = url(address, "/");
        let mut download = client.get_stream(&page, &options, &budget).await.unwrap();
        assert_eq!(download.status, 200);
        let mut file = std::io::Cursor::new(Vec::new());
        let copied = download.copy_to(&mut file).await;
        assert_eq!(copied.ok(), expected);
        if expected.is_some() {
            assert_eq!(file.into_inner(), b"abcde");
        }
    }
}

async fn post(address: SocketAddr) -> Result<Response, FetchError> {
    let mut headers = HeaderMap::new();
    headers.insert("signature", HeaderValue::from_static("s"));
    headers.insert("content-length", HeaderValue::from_static("99"));
    let started = Instant::now();
    let body = Bytes::from_static(b"{}");
    let answer = loose()
        .post(&url(address, "/inbox"), headers, body, SHORT, 10)
        .await;
    assert!(started.elapsed() < Duration::from_secs(3));
    answer
}

#[tokio::test]
async fn posts_do_not_follow_redirects() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let address = serve(move |head, mut stream| {
        seen.lock().unwrap().push(head);
        async move {
            let answer = "HTTP/1.1 307 T\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    assert_eq!(post(address).await.unwrap().status, 307);
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with("POST /inbox HTTP/1.1\r\n"));
    assert!(heads[0].contains("content-length: 2\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("signature: s\r\n"));
}

#[tokio::test]
async fn an_answer_to_a_post_counts_once_its_head_is_there() {
    // Endless, silent and broken bodies.
    for (kind, expected) in [("endless", 10), ("silent", 1), ("broken", 1)] {
        let address = serve(move |_, mut stream| async move {
            let head = b"HTTP/1.1 202 Accepted\r\ncontent-length: 100000\r\n\r\nx";
            let _ = stream.write_all(head).await;
            match kind {
                "endless" => while stream.write_all(&[b'x'; 999]).await.is_ok() {},
                "silent" => tokio::time::sleep(Duration::from_secs(30)).await,
                _ => {}
            }
        })
        .await;
        let answer = post(address).await.unwrap();
        assert_eq!(answer.status, 202);
        assert_eq!(answer.body.len(), expected, "{kind}");
    }
    let address = serve(|_, stream| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(stream);
    })
    .await;
    assert!(matches!(post(address).await, Err(FetchError::Timeout)));
}
