//! Spans as OTLP's JSON has them (OTLP 1.x, `ExportTraceServiceRequest`).

use serde_json::{Value as Json, json};

use super::place::hex;
use super::recorder::{Ended, Value};

/// OTLP's number for what failed.
const ERROR: u8 = 2;

/// Who sends: what is the same for all spans of a process.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The domain in `@user@domain`.
    pub domain: String,
    /// Tells processes of one server apart.
    pub instance: [u8; 8],
}

/// The body of a request.
pub fn body(resource: &Resource, spans: &[Ended]) -> String {
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            text("service.name", "kith"),
            text("service.namespace", &resource.domain),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &hex(&resource.instance)),
        ]},
        "scopeSpans": [{
            "scope": {"name": "kith", "version": env!("CARGO_PKG_VERSION")},
            "spans": spans.iter().map(span).collect::<Vec<Json>>(),
        }],
    }]})
    .to_string()
}

fn span(span: &Ended) -> Json {
    let mut json = json!({
        "traceId": hex(&span.place.trace),
        "spanId": hex(&span.place.span),
        "name": span.name,
        "kind": span.kind as u8,
        // 64 bits are strings in protobuf's JSON.
        "startTimeUnixNano": format!("{}000", span.began),
        "endTimeUnixNano": format!("{}000", span.ended),
        "attributes": span.fields.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<Json>>(),
        "status": {},
    });
    if let Some(parent) = &span.parent {
        json["parentSpanId"] = hex(parent).into();
    }
    if span.failed {
        json["status"]["code"] = ERROR.into();
    }
    json
}

fn attribute(key: &str, value: &Value) -> Json {
    match value {
        Value::Text(value) => text(key, value),
        Value::Number(value) => json!({"key": key, "value": {"intValue": value.to_string()}}),
        Value::Flag(value) => json!({"key": key, "value": {"boolValue": value}}),
    }
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::super::recorder::Kind;
    use super::*;

    #[test]
    fn spans_are_written_as_the_protocol_has_them() {
        let resource = Resource {
            domain: "kith.example".to_owned(),
            instance: [7; 8],
        };
        let ended = Ended {
            place: Place {
                trace: [0xab; 16],
                span: [0x01; 8],
            },
            parent: Some([0x02; 8]),
            name: "GET /api/v1/accounts/{id}".into(),
            kind: Kind::Server,
            began: 1_700_000_000_000_001,
            ended: 1_700_000_000_000_900,
            fields: vec![
                ("http.response.status_code", Value::Number(500)),
                ("http.request.method", Value::Text("GET".to_owned())),
                ("error", Value::Flag(true)),
            ],
            failed: true,
        };
        let json: Json = serde_json::from_str(&body(&resource, &[ended])).unwrap();
        let sent = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(
            *sent,
            json!({
                "traceId": "abababababababababababababababab",
                "spanId": "0101010101010101",
                "parentSpanId": "0202020202020202",
                "name": "GET /api/v1/accounts/{id}",
                "kind": 2,
                "startTimeUnixNano": "1700000000000001000",
                "endTimeUnixNano": "1700000000000900000",
                "attributes": [
                    {"key": "http.response.status_code", "value": {"intValue": "500"}},
                    {"key": "http.request.method", "value": {"stringValue": "GET"}},
                    {"key": "error", "value": {"boolValue": true}},
                ],
                "status": {"code": 2},
            })
        );
        let about = &json["resourceSpans"][0]["resource"]["attributes"];
        assert_eq!(about[0], text("service.name", "kith"));
        assert_eq!(about[1], text("service.namespace", "kith.example"));
    }
}
