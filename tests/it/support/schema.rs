//! Every entity that a test sees is held against the Mastodon API's schemas, and Kith's own
//! (`Kith::Chat` is `Kith__Chat`).

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

static SCHEMAS: LazyLock<Value> = LazyLock::new(|| {
    let parse = |text| serde_json::from_str::<Value>(text).expect("schemas parse");
    let mut schemas = parse(include_str!("../../schema/entities.schema.json"));
    let mut own = parse(include_str!("../../schema/kith.schema.json"));
    let defs = schemas["$defs"].as_object_mut().expect("definitions");
    defs.append(own["$defs"].as_object_mut().expect("definitions"));
    schemas
});

/// Fails unless the value is an entity of that name (`Admin::Account` is `Admin__Account`).
#[track_caller]
pub fn check(entity: &str, value: &Value) {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, std::sync::Arc<Validator>>>> =
        LazyLock::new(Mutex::default);
    let validator = VALIDATORS
        .lock()
        .expect("no test panics in here")
        .entry(entity.to_owned())
        .or_insert_with(|| {
            let entity = &entity.replace("::", "__");
            assert!(
                SCHEMAS["$defs"].get(entity).is_some(),
                "no schema of {entity}"
            );
            let mut schema = SCHEMAS.clone();
            schema["$ref"] = json!(format!("#/$defs/{entity}"));
            std::sync::Arc::new(jsonschema::validator_for(&schema).expect("the schema is one"))
        })
        .clone();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "not a {entity}: {errors:#?}\n{value:#}");
}
