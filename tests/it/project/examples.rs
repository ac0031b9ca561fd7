//! The examples of `docs/api/*.md` are tried: each page in order, against a server of its own.
//!
//! An example is a fenced `http` block: a request (line, headers, JSON body), then, after a line
//! `HTTP 200`, what it is answered with.
//!
//! ````text
//! ```http
//! POST /api/v1/statuses
//! Authorization: Bearer {alice}
//!
//! {"status": "Hello"}
//!
//! HTTP 200
//!
//! {"id": "{hello}", "content": "<p>Hello</p>", "account": {"username": "alice"}, "uri": "…"}
//! ```
//! ````
//!
//! - The answer may hold more than the example names; a list has as many items as the example's,
//!   or more where its last is `"…"`. `"…"` stands for any value, `"{name}"` for one that is kept
//!   as `name` from then on, or has to be the one that is kept. Without a body nothing is compared
//!   but the status.
//! - `{name}` in a request is replaced by what is kept. Without a `Content-Type`, a body is JSON.
//!
//! HTML comments on a line of their own, which readers of the page do not see, set the scene. (Within
//! one that begins with `<!--` alone, examples are tried as anywhere.)
//!
//! - `<!-- people: alice bob -->`: users, whose tokens are kept as `alice`, their ids as `alice_id`.
//! - `<!-- letter: code -->`: the code of the newest letter, once there is another one than before.
//! - `<!-- totp: password secret -->`: keeps the one-time password of a secret.
//! - `<!-- pass: 60 -->`: that many seconds pass.
//! - `<!-- settings: KITH_REGISTRATION=closed -->`: of the server; stands first.
//! - `<!-- eventually -->`: the next example is asked again until it is answered so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::support::mail::letters;
use crate::support::{Answer, Server};

/// What stands for anything.
const ANY: &str = "…";
/// How often an answer that is to come is asked for.
const TRIES: usize = 200;

struct Example {
    /// Where it begins.
    line: usize,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
    /// Empty: not compared.
    answer: String,
}

enum Part {
    Comment(usize, String),
    Example(Example),
}

fn pages() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api");
    let mut pages: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    pages.sort();
    pages
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line == "```http" {
            let block: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```")
                .collect();
            parts.push(Part::Example(example(number + 1, &block)));
        } else if let Some(comment) = line.strip_prefix("<!-- ") {
            let comment = comment.strip_suffix(" -->").unwrap_or(comment);
            parts.push(Part::Comment(number + 1, comment.to_owned()));
        }
    }
    parts
}

fn example(line: usize, block: &[&str]) -> Example {
    let at = block
        .iter()
        .position(|line| line.starts_with("HTTP "))
        .unwrap_or_else(|| panic!("line {line}: an example without its answer"));
    let (asked, answered) = block.split_at(at);
    let blank = |part: &[&str]| part.iter().position(|line| line.trim().is_empty());
    let (head, body) = asked.split_at(blank(asked).unwrap_or(asked.len()));
    let (method, path) = head
        .first()
        .and_then(|first| first.split_once(' '))
        .unwrap_or_else(|| panic!("line {line}: an example without a request line"));
    let status = answered[0][5..].split(' ').next().unwrap();
    Example {
        line,
        method: method.parse().unwrap(),
        path: path.trim().to_owned(),
        headers: head[1..]
            .iter()
            .map(|header| {
                let (name, value) = header.split_once(": ").unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect(),
        body: body.join("\n").trim().to_owned(),
        status: status.parse().unwrap(),
        answer: answered[1..].join("\n").trim().to_owned(),
    }
}

/// What is kept, by name.
type Kept = BTreeMap<String, String>;

fn filled(text: &str, kept: &Kept) -> String {
    let mut text = text.to_owned();
    for (name, value) in kept {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// Says where an answer is not as the example has it; keeps what it names.
fn compare(expected: &Value, found: &Value, at: &str, kept: &mut Kept) -> Result<(), String> {
    let differs = || Err(format!("{at}: {found} instead of {expected}"));
    match (expected, found) {
        (Value::String(any), _) if any == ANY => Ok(()),
        (Value::String(text), _) if text.starts_with('{') && text.ends_with('}') => {
            let name = &text[1..text.len() - 1];
            let value = match found {
                Value::String(value) => value.clone(),
                Value::Null => return differs(),
                other => other.to_string(),
            };
            match kept.get(name) {
                Some(known) if *known != value => Err(format!("{at}: {value} is not {known}")),
                Some(_) => Ok(()),
                None => {
                    kept.insert(name.to_owned(), value);
                    Ok(())
                }
            }
        }
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                let at = format!("{at}.{name}");
                let Some(found) = found.get(name) else {
                    return Err(format!("{at} is missing"));
                };
                compare(value, found, &at, kept)?;
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(found)) => {
            let open = expected.last().is_some_and(|last| last == ANY);
            let named = &expected[..expected.len() - usize::from(open)];
            if found.len() < named.len() || (!open && found.len() > named.len()) {
                return Err(format!("{at} has {} items", found.len()));
            }
            for (n, (expected, found)) in named.iter().zip(found).enumerate() {
                compare(expected, found, &format!("{at}[{n}]"), kept)?;
            }
            Ok(())
        }
        (expected, found) if expected == found => Ok(()),
        _ => differs(),
    }
}

async fn ask(server: &Server, example: &Example, kept: &mut Kept) -> Result<(), String> {
    let url = format!("{}{}", server.url, filled(&example.path, kept));
    let mut request = server.http.request(example.method.clone(), url);
    for (name, value) in &example.headers {
        request = request.header(name, filled(value, kept));
    }
    if !example.body.is_empty() {
        let typed = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        if !example.headers.iter().any(typed) {
            request = request.header("content-type", "application/json");
        }
        request = request.body(filled(&example.body, kept));
    }
    let answer = Answer::of(request, example.path.clone()).await;
    if answer.status != example.status {
        return Err(format!(
            "{} instead of {}: {}",
            answer.status, example.status, answer.text
        ));
    }
    if example.answer.is_empty() {
        return Ok(());
    }
    let expected: Value = serde_json::from_str(&example.answer)
        .map_err(|error| format!("the example's answer is no JSON: {error}"))?;
    let mut kept_now = kept.clone();
    compare(&expected, &answer.json(), "answer", &mut kept_now)
        .map_err(|differs| format!("{differs}\n{}", answer.text))?;
    *kept = kept_now;
    Ok(())
}

/// The other direction of [`kith::totp::base32`].
fn from_base32(text: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let value = letters.iter().position(|l| *l == letter).unwrap();
        held = held << 5 | u32::try_from(value).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

async fn try_out(page: &Path) {
    let name = page.file_name().unwrap().to_str().unwrap();
    let parts = parts(&std::fs::read_to_string(page).unwrap());
    let settings: Vec<(String, String)> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Comment(_, text) => text.strip_prefix("settings: "),
            Part::Example(_) => None,
        })
        .flat_map(str::split_whitespace)
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (&**n, &**v)).collect();
    let server = Server::start_with(&settings).await;
    let mut kept = Kept::from([("domain".to_owned(), server.domain().to_owned())]);
    let (mut seen, mut eventually) = (0, false);
    for part in &parts {
        match part {
            Part::Comment(line, comment) => {
                let (verb, rest) = comment.split_once(':').unwrap_or((comment, ""));
                let words: Vec<&str> = rest.split_whitespace().collect();
                match (verb, words.as_slice()) {
                    ("people", names) => {
                        for name in names {
                            let person = server.person(name).await;
                            kept.insert(format!("{name}_id"), person.id());
                            kept.insert((*name).to_owned(), person.token);
                        }
                    }
                    ("letter", [name]) => {
                        seen += 1;
                        let letter = letters(&server, seen).await.pop().unwrap();
                        kept.insert((*name).to_owned(), letter.code());
                    }
                    ("letter", []) => {
                        seen += 1;
                        letters(&server, seen).await;
                    }
                    ("totp", [name, secret]) => {
                        let step = kith::totp::step_of(server.app.clock.now_ms());
                        let code = kith::totp::code(&from_base32(&kept[*secret]), step);
                        kept.insert((*name).to_owned(), code);
                    }
                    ("pass", [seconds]) => server.pass(seconds.parse::<i64>().unwrap() * 1000),
                    ("eventually", []) => eventually = true,
                    ("settings", _) => {}
                    _ => panic!("{name}, line {line}: {comment:?} is not understood"),
                }
            }
            Part::Example(example) => {
                let mut outcome = ask(&server, example, &mut kept).await;
                for _ in 0..TRIES {
                    if outcome.is_ok() || !eventually {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    outcome = ask(&server, example, &mut kept).await;
                }
                eventually = false;
                if let Err(differs) = outcome {
                    panic!("{name}, line {}: {differs}", example.line);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_documentation_are_answered_as_it_says() {
    let pages = pages();
    assert!(!pages.is_empty());
    for page in pages {
        try_out(&page).await;
    }
}

#[test]
fn an_answer_is_compared_in_what_the_example_names() {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let found = json(r#"{"id": "7", "list": [1, 2], "more": null}"#);
    let mut kept = Kept::new();
    for good in [
        r#"{"id": "{id}"}"#,
        r#"{"id": "{id}", "list": [1, "…"]}"#,
        r#"{"list": [1, 2], "more": null}"#,
        r#"{"more": "…"}"#,
    ] {
        compare(&json(good), &found, "", &mut kept).unwrap();
    }
    assert_eq!(kept["id"], "7");
    for bad in [
        r#"{"list": [1]}"#,
        r#"{"list": [1, 2, 3, "…"]}"#,
        r#"{"none": "…"}"#,
        r#"{"list": "{id}"}"#,
        r#"{"more": "{other}"}"#,
        r#"{"id": 7}"#,
    ] {
        compare(&json(bad), &found, "", &mut kept).unwrap_err();
    }
    assert_eq!(filled("/a/{id}?x={y}", &kept), "/a/7?x={y}");
}
