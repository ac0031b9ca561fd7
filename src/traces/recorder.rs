//! Turns `tracing`'s spans into those of traces, and hands them over when they end.

use std::borrow::Cow;
use std::fmt::Debug;

use tokio::sync::mpsc;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Counts;
use super::place::Place;
use crate::clock::Clock;
use crate::db::SPANS;
use crate::random::Random;

/// The longest text that a span keeps, in bytes: a stranger may have written it.
const LONGEST: usize = 200;

/// A span's kind, by OTLP's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    pub place: Place,
    pub parent: Option<[u8; 8]>,
    pub name: Cow<'static, str>,
    pub kind: Kind,
    /// Microseconds since the epoch.
    pub began: i64,
    pub ended: i64,
    pub fields: Vec<(&'static str, Value)>,
    pub failed: bool,
}

/// A span that goes on.
#[derive(Debug)]
pub(super) struct Open {
    pub place: Place,
    parent: Option<[u8; 8]>,
    began: i64,
    said: Said,
}

/// What a span's fields say.
#[derive(Debug)]
struct Said {
    name: Cow<'static, str>,
    kind: Kind,
    parent: Option<Place>,
    failed: bool,
    fields: Vec<(&'static str, Value)>,
}

/// The layer that records. What does not fit into its queue is dropped: nobody waits for a collector.
pub struct Recorder {
    queue: mpsc::Sender<Ended>,
    counts: Counts,
    clock: Clock,
    random: Random,
}

impl Recorder {
    pub(super) fn new(
        queue: mpsc::Sender<Ended>,
        counts: Counts,
        clock: Clock,
        random: Random,
    ) -> Recorder {
        Recorder {
            queue,
            counts,
            clock,
            random,
        }
    }
}

impl<S> Layer<S> for Recorder
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut said = Said {
            name: attributes.metadata().name().into(),
            kind: Kind::Internal,
            parent: None,
            failed: false,
            fields: Vec::new(),
        };
        attributes.record(&mut said);
        let around = || {
            let mut scope = span.scope().skip(1);
            scope.find_map(|span| span.extensions().get::<Open>().map(|open| open.place))
        };
        let parent = said.parent.or_else(around);
        // The database is asked all the time: by itself that is no trace.
        if parent.is_none() && attributes.metadata().target() != SPANS {
            return;
        }
        let place = Place {
            trace: parent.map_or_else(|| self.random.bytes(), |parent| parent.trace),
            span: self.random.bytes(),
        };
        span.extensions_mut().insert(Open {
            place,
            parent: parent.map(|parent| parent.span),
            began: self.clock.now_us(),
            said,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut open.said);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let open = context
            .span(&id)
            .and_then(|span| span.extensions_mut().remove::<Open>());
        let Some(open) = open else {
            return;
        };
        let ended = Ended {
            place: open.place,
            parent: open.parent,
            name: open.said.name,
            kind: open.said.kind,
            began: open.began,
            ended: self.clock.now_us().max(open.began),
            fields: open.said.fields,
            failed: open.said.failed,
        };
        if self.queue.try_send(ended).is_err() {
            self.counts.dropped(1);
        }
    }
}

impl Said {
    fn set(&mut self, field: &Field, value: Value) {
        match (field.name(), &value) {
            ("otel.name", Value::Text(name)) => self.name = name.clone().into(),
            ("otel.kind", Value::Text(kind)) => {
                self.kind = match kind.as_str() {
                    "server" => Kind::Server,
                    "client" => Kind::Client,
                    "producer" => Kind::Producer,
                    "consumer" => Kind::Consumer,
                    _ => Kind::Internal,
                }
            }
            ("otel.parent", Value::Text(parent)) => self.parent = Place::parse(parent),
            ("otel.status_code", Value::Text(code)) => self.failed = code == "ERROR",
            (name, _) => {
                let before = self.fields.iter_mut().find(|(known, _)| *known == name);
                match before {
                    Some(before) => before.1 = value,
                    None => self.fields.push((name, value)),
                }
            }
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        let end = value.floor_char_boundary(LONGEST);
        self.set(field, Value::Text(value[..end].to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Number(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(
            field,
            Value::Number(i64::try_from(value).unwrap_or(i64::MAX)),
        );
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Flag(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
