//! Where in a trace a span is, and how that is handed on to what happens later.

use tracing::{Dispatch, Span};
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

use super::recorder::Open;

/// A span in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub trace: [u8; 16],
    pub span: [u8; 8],
}

impl Place {
    /// Reads a W3C traceparent of version 00.
    pub fn parse(text: &str) -> Option<Place> {
        let mut parts = text.split('-');
        let version = parts.next()?;
        let trace: [u8; 16] = unhex(parts.next()?)?;
        let span: [u8; 8] = unhex(parts.next()?)?;
        let flags = parts.next()?;
        let whole = version == "00" && flags.len() == 2 && parts.next().is_none();
        (whole && trace != [0; 16] && span != [0; 8]).then_some(Place { trace, span })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "00-{}-{}-01", hex(&self.trace), hex(&self.span))
    }
}

/// Bytes as OTLP writes ids.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != 2 * N || !text.bytes().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The span that whoever calls is in, as a traceparent; `None` where no traces are kept.
pub fn current() -> Option<String> {
    of(&Span::current())
}

/// A span, or the nearest around it that is part of a trace, as a traceparent.
pub fn of(span: &Span) -> Option<String> {
    let place = span.with_subscriber(|(id, dispatch)| place_of(id, dispatch))??;
    Some(place.to_string())
}

fn place_of(id: &tracing::span::Id, dispatch: &Dispatch) -> Option<Place> {
    let registry = dispatch.downcast_ref::<Registry>()?;
    let span = registry.span(id)?;
    span.scope()
        .find_map(|span| span.extensions().get::<Open>().map(|open| open.place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparents_are_read_and_written() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let place = Place::parse(text).unwrap();
        assert_eq!(place.span[0], 0xb7);
        assert_eq!(place.to_string(), text);
        for text in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-ä-b7ad6b7169203331-01",
        ] {
            assert_eq!(Place::parse(text), None, "{text:?}");
        }
    }
}
