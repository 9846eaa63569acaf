//! GET /admin/openapi.json: drawn up from the route table and from the types that handlers read and answer, so it says
//! what is served and nothing else.

use super::table::{Access, AdminRoute, TABLE};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Where it is found. It needs no token: it says nothing of what is kept.
pub const PATH: &str = "/admin/openapi.json";

/// An error.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Error {
    error: ErrorBody,
}

/// What is wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ErrorBody {
    /// Stable; listed in docs/errors.md.
    code: String,
    /// For people.
    message: String,
    /// The field that is wrong, as a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// The whole document, OpenAPI 3.1.
pub fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let error = generator.subschema_for::<Error>();
    let mut paths: Map<String, Value> = Map::new();
    for route in TABLE {
        let operation = operation(route, &json!(error), &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tuisong, the operator's API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "How to use it: docs/admin.md. Times are epoch milliseconds.",
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &AdminRoute, error: &Value, generator: &mut SchemaGenerator) -> Value {
    let content = |schema: &Value| json!({ "application/json": { "schema": schema } });
    let answer = json!((route.answer)(generator));
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let input = route.input.map(|input| json!(input(generator)));
    let mut operation = json!({
        "summary": route.summary,
        "responses": {
            route.status.as_str(): { "description": "Done", "content": content(&answer) },
            "default": { "description": "Not done", "content": content(error) },
        },
    });
    match input {
        Some(input) if route.method == http::Method::GET => parameters.extend(query(&input, generator)),
        Some(input) => operation["requestBody"] = json!({ "required": true, "content": content(&input) }),
        None => {}
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if route.access == Access::AppOwner {
        operation["description"] = "The token of the app in the path opens it, too.".into();
    }
    operation
}

/// The fields of a query's type as parameters.
fn query(input: &Value, generator: &SchemaGenerator) -> Vec<Value> {
    let name = input["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
    let definition = generator.definitions().get(name).cloned().unwrap_or_default();
    let fields = definition["properties"].as_object().cloned().unwrap_or_default();
    let parameter = |(name, schema): (String, Value)| json!({ "name": name, "in": "query", "description": schema["description"], "schema": schema });
    fields.into_iter().map(parameter).collect()
}
