//! The short notation of inputs and answers in the tables, read into JSON schemas.

use serde_json::{Map, Value, json};

/// A named input.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    pub required: bool,
    pub schema: Value,
}

/// Reads `name, other:int?, list[], choice=a|b?, inner{a, b?}?`, separated by commas.
///
/// A field is a text unless `:` names another type (`int`, `number`, `bool`, `date`, `file`, or an
/// entity), `=` its values, or braces its own fields; `[]` makes a list of it, and `?` at the end
/// says that it may be left out. `page` stands for the parameters of paging.
pub fn fields(text: &str) -> Result<Vec<Field>, String> {
    let mut all = Vec::new();
    for part in parts(text)? {
        match part {
            "page" => {
                for part in ["max_id?", "since_id?", "min_id?", "limit:int?"] {
                    all.push(field(part)?);
                }
            }
            part => all.push(field(part)?),
        }
    }
    Ok(all)
}

/// The text between commas that stand outside of braces.
fn parts(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| format!("braces in {text:?}"))?
            }
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    if depth != 0 {
        return Err(format!("braces in {text:?}"));
    }
    parts.push(text[from..].trim());
    parts.retain(|part| !part.is_empty());
    Ok(parts)
}

fn field(text: &str) -> Result<Field, String> {
    let (rest, required) = match text.strip_suffix('?') {
        Some(rest) => (rest, false),
        None => (text, true),
    };
    let at = rest.find(['[', ':', '{', '=']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(at);
    let proper = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '-');
    if name.is_empty() || !name.chars().all(proper) {
        return Err(format!("{text:?} is no field"));
    }
    let (rest, list) = match rest.strip_prefix("[]") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let schema = if let Some(inner) = rest.strip_prefix('{').and_then(|r| r.strip_suffix('}')) {
        object(inner)?
    } else if let Some(values) = rest.strip_prefix('=') {
        json!({"type": "string", "enum": values.split('|').collect::<Vec<_>>()})
    } else if let Some(kind) = rest.strip_prefix(':') {
        kind_of(kind).ok_or_else(|| format!("{kind:?} is no type"))?
    } else if rest.is_empty() {
        json!({"type": "string"})
    } else {
        return Err(format!("{text:?} is no field"));
    };
    Ok(Field {
        name: name.to_owned(),
        required,
        schema: if list {
            json!({"type": "array", "items": schema})
        } else {
            schema
        },
    })
}

fn kind_of(kind: &str) -> Option<Value> {
    Some(match kind {
        "int" => json!({"type": "integer"}),
        "number" => json!({"type": "number"}),
        "bool" => json!({"type": "boolean"}),
        "date" => json!({"type": "string", "format": "date-time"}),
        "file" => json!({"type": "string", "format": "binary"}),
        entity if entity.starts_with(|c: char| c.is_ascii_uppercase()) => reference(entity),
        _ => return None,
    })
}

fn object(inner: &str) -> Result<Value, String> {
    Ok(object_of(&fields(inner)?))
}

/// An object with these fields.
pub fn object_of(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.clone(), field.schema.clone()))
        .collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name.as_str())
        .collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn reference(entity: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", entity.replace("::", "__"))})
}

/// What a route answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub statuses: Vec<String>,
    pub description: String,
    /// Media type and schema, where there is a body.
    pub body: Option<(String, Value)>,
}

/// Reads `Entity`, `Array of Entity`, `{a, b:int}`, `[{a}]`, `Empty`, `text/html What it is`, each
/// with other statuses than 200 before it (`200,202 Entity`); after a redirect or a status without
/// a body stands what it means.
pub fn answer(text: &str) -> Result<Answer, String> {
    let head = text.split(' ').next().unwrap_or_default();
    let numbers = head.bytes().all(|b| b.is_ascii_digit() || b == b',') && !head.is_empty();
    let (statuses, rest) = if numbers {
        let statuses = head.split(',').map(str::to_owned).collect();
        (statuses, text[head.len()..].trim())
    } else {
        (vec!["200".to_owned()], text.trim())
    };
    let as_json = |schema| Some(("application/json".to_owned(), schema));
    let word = rest.split(' ').next().unwrap_or_default();
    let (description, body) = if rest == "Empty" {
        (
            "Done".to_owned(),
            as_json(json!({"type": "object", "maxProperties": 0})),
        )
    } else if let Some(entity) = rest.strip_prefix("Array of ") {
        let items = match entity {
            "String" => json!({"type": "string"}),
            entity => reference(entity),
        };
        (
            format!("A list of {entity}"),
            as_json(json!({"type": "array", "items": items})),
        )
    } else if let Some(inner) = rest.strip_prefix("[{").and_then(|r| r.strip_suffix("}]")) {
        let schema = json!({"type": "array", "items": object(inner)?});
        ("A list".to_owned(), as_json(schema))
    } else if let Some(inner) = rest.strip_prefix('{').and_then(|r| r.strip_suffix('}')) {
        ("An object".to_owned(), as_json(object(inner)?))
    } else if word.contains('/') {
        let what = rest[word.len()..].trim();
        let schema = if word.ends_with("json") {
            json!({"type": "object"})
        } else {
            json!({"type": "string"})
        };
        (what.to_owned(), Some((word.to_owned(), schema)))
    } else if numbers && rest.contains(' ') {
        (rest.to_owned(), None)
    } else if word == rest && rest.starts_with(|c: char| c.is_ascii_uppercase()) {
        (rest.replace("::", " "), as_json(reference(rest)))
    } else {
        return Err(format!("{text:?} is no answer"));
    };
    Ok(Answer {
        statuses,
        description,
        body,
    })
}

/// The scopes that a text names: every one of them where several are, or one of them.
pub fn scopes(text: &str) -> Vec<&str> {
    text.split([' ', '+', ',', '.', '(', ')'])
        .filter(|word| {
            let top = word.split(':').next().unwrap_or_default();
            matches!(top, "read" | "write" | "follow" | "push" | "profile")
                || word.starts_with("admin:")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_read_with_their_types() {
        let all =
            fields("q, limit:int?, ids[], kind=a|b?, poll{options[], expires_in:int}?").unwrap();
        let names: Vec<_> = all.iter().map(|f| (f.name.as_str(), f.required)).collect();
        let expected = [
            ("q", true),
            ("limit", false),
            ("ids", true),
            ("kind", false),
            ("poll", false),
        ];
        assert_eq!(names, expected);
        assert_eq!(all[1].schema, json!({"type": "integer"}));
        assert_eq!(
            all[2].schema,
            json!({"type": "array", "items": {"type": "string"}})
        );
        assert_eq!(all[3].schema, json!({"type": "string", "enum": ["a", "b"]}));
        assert_eq!(all[4].schema["required"], json!(["options", "expires_in"]));
        assert_eq!(fields("page").unwrap().len(), 4);
        assert_eq!(fields("").unwrap(), []);
        for bad in ["a b", "a:thing", "a{b", "a}b", "=x", "a[]b"] {
            assert!(fields(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers_are_read_with_their_statuses() {
        let read = |text| answer(text).unwrap();
        let list = read("Array of Trends::Link").body.unwrap().1;
        assert_eq!(list["items"]["$ref"], "#/components/schemas/Trends__Link");
        assert_eq!(read("200,202 MediaAttachment").statuses, ["200", "202"]);
        assert_eq!(read("302 Back to the app").body, None);
        assert_eq!(read("text/html The page").body.unwrap().0, "text/html");
        assert_eq!(read("[{a:int}]").body.unwrap().1["type"], "array");
        assert_eq!(read("202 Empty").body.unwrap().1["maxProperties"], 0);
        assert!(answer("who knows").is_err());
    }

    #[test]
    fn scopes_are_found_in_texts() {
        assert_eq!(
            scopes("User token + write:blocks or follow"),
            ["write:blocks", "follow"]
        );
        assert_eq!(
            scopes("User token + admin:read:accounts"),
            ["admin:read:accounts"]
        );
        assert!(scopes("Public").is_empty());
    }
}
