//! The OpenAPI document (3.1), put together from the tables once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::notation::{self, Field};
use super::table::{Row, Served, served};

/// Stands for the server's address until it is known.
const ADDRESS: &str = "https://address.invalid";
const ENTITIES: &str = include_str!("../../../tests/schema/entities.schema.json");
const KITH_ENTITIES: &str = include_str!("../../../tests/schema/kith.schema.json");

/// The document of the server at this address, as JSON.
pub fn json(address: &str) -> String {
    static TEMPLATE: LazyLock<String> = LazyLock::new(|| document().to_string());
    TEMPLATE.replace(ADDRESS, address)
}

/// The whole document. What is wrong with a table's line is said in the line's place: a test
/// looks for it.
fn document() -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags: BTreeMap<&str, Value> = BTreeMap::new();
    let mut scopes: BTreeMap<&str, &str> = BTreeMap::new();
    for route in served() {
        let path = route.path.replace("{*", "{");
        let operations = paths.entry(path).or_default();
        operations.insert(route.method.to_lowercase(), operation(&route));
        if let Some(row) = route.row {
            tags.insert(row.area, json!({"name": row.area}));
            for scope in notation::scopes(row.scope) {
                scopes.insert(scope, "");
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kith",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The Mastodon client API, Kith's own, OAuth 2 and ActivityPub",
            "description": DESCRIPTION,
            "license": {"name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only"},
        },
        "servers": [{"url": ADDRESS}],
        "tags": tags.into_values().collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": errors(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token: of an app, of `POST /api/kith/v1/auth/login`, or of `kith token create`",
                },
                "oauth2": {
                    "type": "oauth2",
                    "flows": {
                        "authorizationCode": {
                            "authorizationUrl": format!("{ADDRESS}/oauth/authorize"),
                            "tokenUrl": format!("{ADDRESS}/oauth/token"),
                            "refreshUrl": format!("{ADDRESS}/oauth/token"),
                            "scopes": scopes,
                        },
                    },
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": "An HTTP signature by an actor's key: draft-cavage, or RFC 9421 with `Signature-Input`",
                },
            },
        },
    })
}

const DESCRIPTION: &str = "Bodies are JSON, forms or multipart alike; in forms, lists are written `name[]` and objects \
`name[field]`. Ids are texts. Lists have `Link` headers that lead to the pages before and after. Every answer of the API \
names its limit in `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, and every answer its request in \
`X-Request-Id`. Errors are `{\"error\": …}`.";

fn operation(route: &Served) -> Value {
    let name: String = route
        .path
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let id = format!("{}{name}", route.method.to_lowercase());
    let Some(row) = route.row else {
        return json!({
            "operationId": id,
            "summary": WRONG,
            "description": "no table of docs/api describes this route",
            "responses": {"200": {"description": ""}},
        });
    };
    let made = parameters(route, row).and_then(|(parameters, body)| {
        let mut operation = json!({
            "operationId": id,
            "summary": row.title,
            "tags": [row.area],
            "responses": responses(route, row, body.is_some())?,
            "security": security(row.scope),
        });
        if !row.scope.is_empty() {
            operation["description"] = json!(format!("Who: {}.", row.scope.trim_end_matches('.')));
        }
        if !parameters.is_empty() {
            operation["parameters"] = json!(parameters);
        }
        if let Some(body) = body {
            operation["requestBody"] = body;
        }
        if row.title.contains("[deprecated]") {
            operation["deprecated"] = json!(true);
        }
        Ok(operation)
    });
    made.unwrap_or_else(|reason| {
        json!({
            "operationId": id,
            "summary": WRONG,
            "description": reason,
            "responses": {"200": {"description": ""}},
        })
    })
}

/// The summary of a route whose line cannot be read.
pub const WRONG: &str = "(not described)";

/// Parameters, and the body where there is one.
fn parameters(route: &Served, row: &Row) -> Result<(Vec<Value>, Option<Value>), String> {
    let mut fields = if row.input == "@activity" {
        Vec::new()
    } else {
        notation::fields(row.input)?
    };
    let mut parameters = Vec::new();
    for name in route
        .path
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
    {
        let name = name.trim_start_matches('*');
        let known = fields.iter().position(|field| field.name == name);
        let schema = known.map_or_else(|| json!({"type": "string"}), |at| fields.remove(at).schema);
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    if row.input == "@activity" {
        let body = json!({
            "required": true,
            "content": {"application/activity+json": {"schema": {"type": "object", "required": ["id", "type", "actor"]}}},
        });
        return Ok((parameters, Some(body)));
    }
    if matches!(route.method, "GET" | "DELETE") {
        parameters.extend(fields.iter().map(query));
        return Ok((parameters, None));
    }
    if route.method == "POST" && row.path == "/api/v1/statuses" {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": {"type": "string"},
            "description": "A second request with the same key within an hour posts nothing, and answers with the first one's status",
        }));
    }
    if fields.is_empty() {
        return Ok((parameters, None));
    }
    let schema = notation::object_of(&fields);
    let files = fields
        .iter()
        .any(|field| field.schema["format"] == "binary");
    let required = fields.iter().any(|field| field.required);
    let mut content = json!({"multipart/form-data": {"schema": schema}});
    if !files {
        content["application/json"] = json!({"schema": schema});
        content["application/x-www-form-urlencoded"] = json!({"schema": schema});
    }
    Ok((
        parameters,
        Some(json!({"required": required, "content": content})),
    ))
}

fn query(field: &Field) -> Value {
    let list = field.schema["type"] == "array";
    let name = if list {
        format!("{}[]", field.name)
    } else {
        field.name.clone()
    };
    json!({
        "name": name,
        "in": "query",
        "required": field.required,
        "schema": field.schema,
    })
}

fn responses(route: &Served, row: &Row, has_body: bool) -> Result<Value, String> {
    let answer =
        notation::answer(row.answer).map_err(|reason| format!("{}: {reason}", row.path))?;
    let mut all = Map::new();
    for status in &answer.statuses {
        let mut response = json!({"description": answer.description});
        if let Some((kind, schema)) = &answer.body {
            response["content"] = json!({kind: {"schema": schema}});
        }
        if row.input.contains("page") && row.path.starts_with("/api/") {
            response["headers"] = json!({"Link": {"schema": {"type": "string"}, "description": "The pages before and after"}});
        }
        all.insert(status.clone(), response);
    }
    let mut error = |status: &str, name: &str| {
        all.insert(
            status.to_owned(),
            json!({"$ref": format!("#/components/responses/{name}")}),
        );
    };
    let token = row.scope.contains("token") || row.scope.starts_with("User");
    if token {
        error("401", "Unauthorized");
        error("403", "Forbidden");
    }
    if row.scope.contains("HTTP signature") {
        error("401", "Unauthorized");
    }
    if route.path.contains('{') {
        error("404", "NotFound");
    }
    if row.area == "activitypub" && route.method == "GET" {
        error("410", "Gone");
    }
    if has_body && route.path.starts_with("/api/") {
        error("400", "BadRequest");
        error("422", "Invalid");
    }
    if route.path.starts_with("/api/") {
        error("429", "TooMany");
    }
    Ok(Value::Object(all))
}

fn security(scope: &str) -> Value {
    let mut ways = Vec::new();
    if scope.starts_with("Public") || scope.starts_with("Loopback") {
        ways.push(json!({}));
    }
    if scope.contains("HTTP signature") {
        ways.push(json!({"signature": []}));
    }
    let scopes = notation::scopes(scope);
    if scope.contains("token") || scope.starts_with("User") {
        ways.push(json!({"bearer": []}));
        if scope.contains(" or ") {
            ways.extend(scopes.iter().map(|scope| json!({"oauth2": [scope]})));
        } else {
            ways.push(json!({"oauth2": scopes}));
        }
    }
    Value::Array(ways)
}

/// The entities, Mastodon's and Kith's own, as the tests check them.
fn schemas() -> Value {
    let mut schemas = Map::new();
    for entities in [KITH_ENTITIES, ENTITIES] {
        let all: Value = serde_json::from_str(entities).unwrap_or_default();
        if let Some(Value::Object(defs)) = all.get("$defs") {
            schemas.extend(defs.clone());
        }
    }
    let mut schemas = Value::Object(schemas);
    redirect(&mut schemas);
    schemas
}

/// References into the document in place of those into the file they came from.
fn redirect(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref") {
                *target = target.replace("#/$defs/", "#/components/schemas/");
            }
            members.values_mut().for_each(redirect);
        }
        Value::Array(items) => items.iter_mut().for_each(redirect),
        _ => {}
    }
}

fn errors() -> Value {
    let error = |description: &str| {
        json!({
            "description": description,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        })
    };
    json!({
        "BadRequest": error("The request makes no sense"),
        "Unauthorized": error("No token, or one that is no good"),
        "Forbidden": error("The token lacks the scope, or its user may not do this now"),
        "NotFound": error("There is no such thing, or it is not for the one who asks"),
        "Gone": error("It was here, and was deleted"),
        "Invalid": error("Understood, but the values will not do"),
        "TooMany": error("Too many requests; `Retry-After` says how long to wait"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls a function with every `$ref`.
    fn references(value: &Value, found: &mut dyn FnMut(&str)) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found(target);
                }
                members
                    .values()
                    .for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_served_route_is_described() {
        let document = document();
        let mut seen = std::collections::HashSet::new();
        for route in served() {
            let path = route.path.replace("{*", "{");
            let operation = &document["paths"][&path][route.method.to_lowercase()];
            let at = format!("{} {path}", route.method);
            assert_ne!(
                operation["summary"], WRONG,
                "{at}: {}",
                operation["description"]
            );
            assert!(
                seen.insert(operation["operationId"].to_string()),
                "{at} is there twice"
            );
            assert!(
                !operation["responses"].as_object().unwrap().is_empty(),
                "{at}"
            );
            let named: Vec<&str> = path
                .split('{')
                .skip(1)
                .filter_map(|p| p.split('}').next())
                .collect();
            let parameters = operation["parameters"].as_array();
            let given = parameters
                .into_iter()
                .flatten()
                .filter(|p| p["in"] == "path");
            assert_eq!(
                given
                    .map(|p| p["name"].as_str().unwrap())
                    .collect::<Vec<_>>(),
                named,
                "{at}"
            );
        }
        assert!(seen.len() > 90);
    }

    #[test]
    fn what_is_not_served_yet_can_be_read_too() {
        for row in super::super::table::rows() {
            if row.input != "@activity" {
                notation::fields(row.input).unwrap_or_else(|e| panic!("{}: {e}", row.path));
            }
            if !row.answer.is_empty() {
                notation::answer(row.answer).unwrap_or_else(|e| panic!("{}: {e}", row.path));
            }
        }
    }

    #[test]
    fn references_lead_somewhere() {
        let document = document();
        let mut count = 0;
        references(&document, &mut |target| {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
            count += 1;
        });
        assert!(count > 100);
    }

    #[test]
    fn the_address_is_filled_in() {
        let text = json("https://kith.example");
        assert!(!text.contains(ADDRESS));
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["servers"][0]["url"], "https://kith.example");
        let follow = &document["paths"]["/api/v1/accounts/{id}/follow"]["post"];
        assert_eq!(follow["security"][1]["oauth2"][0], "write:follows");
        assert_eq!(
            follow["responses"]["422"]["$ref"],
            "#/components/responses/Invalid"
        );
    }
}
